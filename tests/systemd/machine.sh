#!/bin/sh
# Boots systemd in namespaces of its own: a small machine whose /usr and /etc are this one's with a tree laid over it. It
# shares nothing but the network; what it writes is in memory and goes with it. Needs root.
#
#   machine.sh DIR     DIR/tree is laid over, DIR/console is where systemd writes to, DIR/shared and DIR/lib are /shared
#                      and /var/lib; DIR/pid names the process above systemd. It runs until its input ends
set -eu
dir=$1

case ${2:-outside} in
outside)
    # A group of its own, so that systemd manages that and nothing else.
    mkdir -p "$dir/cgroup"
    mount --make-rprivate /
    mount -t cgroup2 cgroup2 "$dir/cgroup"
    group=$dir/cgroup/resumed-test-$$
    mkdir "$group"
    # This shell stays outside, to tidy up.
    sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$group" \
        unshare --mount --pid --ipc --uts --cgroup --fork --kill-child -- "$0" "$dir" inside </dev/null &
    echo $! >"$dir/pid"
    # Its input ends when the test does, however that ends.
    cat >/dev/null
    kill -KILL $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && break
        sleep 0.2
    done
    ;;
inside)
    root=$dir/root
    mkdir -p "$root"
    mount -t tmpfs -o mode=755 tmpfs "$root"
    cd "$root"
    mkdir -p usr etc/systemd/system var/lib var/log var/tmp run tmp proc sys dev root home srv shared old
    for name in bin lib lib64 sbin; do ln -s usr/$name $name; done
    chmod 1777 tmp var/tmp
    mkdir -p "$dir/tree/usr" "$dir/tree/etc" layer/upper layer/work
    mount -t overlay -o "lowerdir=$dir/tree/usr:/usr,upperdir=layer/upper,workdir=layer/work" overlay usr
    # What keeps packages from starting anything in a container's image.
    rm -f usr/sbin/policy-rc.d
    cp -a "$dir/tree/etc/." etc/
    echo 'root:x:0:0:root:/root:/bin/sh' >etc/passwd
    printf 'root:x:0:\nwww-data:x:33:\n' >etc/group
    printf 'passwd: files systemd\ngroup: files systemd\n' >etc/nsswitch.conf
    echo 0123456789abcdef0123456789abcdef >etc/machine-id

    mount -t proc proc proc
    mount -t sysfs -o ro sysfs sys
    # The kernel is everybody's.
    mount --bind proc/sys proc/sys
    mount -o remount,bind,ro proc/sys
    mount -t tmpfs -o mode=755 tmpfs sys/fs/cgroup
    mount -t cgroup2 cgroup2 sys/fs/cgroup
    mount -t tmpfs -o mode=755 tmpfs dev
    for name in null zero full random urandom tty; do
        touch dev/$name
        mount --bind /dev/$name dev/$name
    done
    mkdir dev/shm dev/pts
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
    ln -s pts/ptmx dev/ptmx
    touch dev/console
    mount --bind "$dir/console" dev/console
    mount --bind "$dir/shared" shared
    mount --bind "$dir/lib" var/lib
    # Only what is under test, and the journal.
    cat >etc/systemd/system/machine.target <<'UNIT'
[Unit]
DefaultDependencies=no
Requires=systemd-journald.service systemd-journald.socket
After=systemd-journald.service
UNIT
    for name in sysinit basic; do
        printf '[Unit]\nDefaultDependencies=no\n' >etc/systemd/system/$name.target
    done
    for unit in usr/lib/systemd/system/sysinit.target.wants/*; do
        case $unit in *journal*) ;; *) ln -s /dev/null "etc/systemd/system/${unit##*/}" ;; esac
    done

    pivot_root . old
    umount -l old
    # As on a machine that has booted: what systemd mounts for a service, it mounts from inside another namespace.
    mount --make-rshared /
    exec env -i container=test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --unit=machine.target \
        --log-target=console --show-status=no
    ;;
esac
