//! The units: what systemd's own tools say of them, and the daemon in their sandbox, started by systemd itself.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::crowd::{Crowd, SIZE};
use crate::machine::{Machine, install};
use crate::support::wire::{Answer, Wire};
use crate::support::{bytes, eventually, filename, sha1};

/// The most that `systemd-analyze security` may say.
const EXPOSURE: f64 = 1.5;

/// Runs `systemd-analyze`; `None`, with a line that says so: it is not here.
fn analyze(args: &[&str]) -> Option<(bool, String)> {
    let Ok(output) = Command::new("systemd-analyze").args(args).output() else {
        assert_ne!(std::env::var("RESUMED_TEST_CLIENTS").as_deref(), Ok("all"), "no systemd-analyze");
        eprintln!("left out: no systemd-analyze");
        return None;
    };
    let said = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8(said).unwrap()))
}

#[test]
fn systemd_has_nothing_to_say_of_the_units() {
    let root = tempfile::tempdir().unwrap();
    install(root.path());
    // What units of any system refer to.
    let units = root.path().join("usr/lib/systemd/system");
    for unit in ["sysinit.target", "basic.target", "sockets.target", "multi-user.target", "shutdown.target"] {
        fs::write(units.join(unit), "[Unit]\nDescription=one of systemd's own\nDefaultDependencies=no\n")
            .unwrap();
    }
    for unit in ["network.target", "paths.target", "timers.target", "system.slice", "-.mount"] {
        let more = if unit == "-.mount" { "[Mount]\nWhat=none\nWhere=/\n" } else { "" };
        fs::write(units.join(unit), format!("[Unit]\nDefaultDependencies=no\n{more}")).unwrap();
    }
    fs::create_dir(root.path().join("bin")).unwrap();
    fs::copy("/bin/true", root.path().join("bin/sh")).unwrap();
    let flag = format!("--root={}", root.path().display());
    for unit in ["resumed.service", "resumed.socket"] {
        let Some((is_fine, said)) = analyze(&["verify", "--man=no", &flag, unit]) else { return };
        assert!(is_fine && said.is_empty(), "{unit}: {said}");
    }
}

#[test]
fn the_sandbox_is_tight() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/resumed.service");
    let Some((_, said)) = analyze(&["security", "--offline=true", "--no-pager", unit.to_str().unwrap()])
    else {
        return;
    };
    let (_, score) = said.split_once("exposure level for resumed.service: ").expect(&said);
    let score: f64 = score.split(' ').next().unwrap().parse().unwrap();
    assert!(score <= EXPOSURE, "{said}");
    eprintln!("exposure {score}:");
    said.lines().filter(|line| line.starts_with('✗')).for_each(|line| eprintln!("{}", line.trim()));
}

/// An address of this machine for each process, and a port for each test, because the network is shared.
pub(crate) fn address(test: u16) -> String {
    // (Process numbers have 22 bits.)
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    format!("127.{}.{middle}.{low}:{}", 64 + high, 8080 + test)
}

/// Units of this test's own, laid over those that are installed: where it listens; and a system call that the filter does not
/// have is no error that somebody may get over, but the end.
pub(crate) fn drop_ins(address: &str) -> [(&'static str, String); 2] {
    [
        (
            "etc/systemd/system/resumed.socket.d/address.conf",
            format!("[Socket]\nListenStream=\nListenStream={address}\nListenStream=/shared/proxy.sock\n"),
        ),
        (
            "etc/systemd/system/resumed.service.d/strict.conf",
            "[Service]\nSystemCallErrorNumber=kill\n".to_owned(),
        ),
    ]
}

pub(crate) fn boot(address: &str) -> Option<Machine> {
    let files = drop_ins(address);
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Machine::boot(&files)
}

fn ask(address: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut wire = Wire::tcp(TcpStream::connect(address).unwrap());
    let len = (!body.is_empty() || ["POST", "PATCH"].contains(&method)).then_some(body.len());
    wire.send_head(method, path, headers, len);
    wire.send(body);
    wire.answer()
}

/// Something of everything that the daemon does with its disk.
fn a_bit_of_everything(address: &str) {
    let body = bytes(300_000);
    let create = |headers: &str, body: &[u8]| {
        let octets = if body.is_empty() { "" } else { "Content-Type: application/offset+octet-stream\n" };
        let answer = ask(address, "POST", "/files/", &format!("{octets}{headers}"), body).expect(201);
        answer.header("Location").unwrap().to_owned()
    };
    // With a checksum, and in two appends.
    let upload = create(&format!("Upload-Length: 300000\n{}", filename("tus.bin")), b"");
    for (from, to) in [(0, 100_000), (100_000, 300_000)] {
        let part = &body[from..to];
        let headers = format!("Upload-Offset: {from}\nUpload-Checksum: {}", sha1(part));
        ask(address, "PATCH", &upload, &headers, part).expect(204);
    }
    assert_eq!(ask(address, "GET", &upload, "Range: bytes=100-199", b"").expect(206).body, body[100..200]);
    // From parts.
    let parts = [&body[..120_000], &body[120_000..]]
        .map(|part| create(&format!("Upload-Concat: partial\nUpload-Length: {}", part.len()), part));
    create(&format!("Upload-Concat: final;{} {}\n{}", parts[0], parts[1], filename("whole.bin")), b"");
    // Taken back.
    let upload = create("Upload-Length: 300000", &body[..1000]);
    ask(address, "DELETE", &upload, "", b"").expect(204);
    ask(address, "HEAD", &upload, "", b"").expect(404);
    // In chunks, the last one first.
    for (number, part) in [(2, &body[150_000..]), (1, &body[..150_000])] {
        let path = format!(
            "/resumable_upload?resumableIdentifier=r&resumableFilename=chunks.bin&resumableTotalSize=300000\
             &resumableChunkSize=150000&resumableTotalChunks=2&resumableChunkNumber={number}\
             &resumableCurrentChunkSize=150000"
        );
        ask(address, "POST", &path, "Content-Type: application/octet-stream", part).expect(200);
    }
}

#[test]
fn the_daemon_lives_in_its_sandbox() {
    let address = address(1);
    let Some(machine) = boot(&address) else { return };
    // The first connection starts it.
    machine.run(&["systemctl", "start", "resumed.socket"]);
    assert_eq!(machine.property("ActiveState"), "inactive");
    ask(&address, "OPTIONS", "/files/", "", b"").expect(204);
    assert_eq!(machine.property("ActiveState"), "active");
    eventually("systemd knows", || machine.property("StatusText").starts_with("Serving: "));
    let by_socket = std::os::unix::net::UnixStream::connect(machine.shared("proxy.sock")).unwrap();
    let mut wire = Wire::unix(by_socket);
    wire.send_head("OPTIONS", "/files/", "", None);
    wire.answer().expect(204);

    // It is nobody, has nothing, and sees nothing of others.
    let pid = machine.property("MainPID");
    let status = machine.run(&["cat", &format!("/proc/{pid}/status")]);
    for line in ["NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000", "CapEff:\t0000000000000000"] {
        assert!(status.contains(line), "{line} is not in\n{status}");
    }
    assert!(!status.contains("Uid:\t0"), "{status}");
    let mounts = machine.run(&["cat", &format!("/proc/{pid}/mountinfo")]);
    let options = |place: &str| {
        let line = mounts.lines().rev().find(|line| line.split(' ').nth(4) == Some(place));
        line.unwrap_or_else(|| panic!("{place} is no mount in\n{mounts}"))
            .split(' ')
            .nth(5)
            .unwrap()
            .to_owned()
    };
    for (place, is) in [
        ("/", "ro"),
        ("/usr", "ro"),
        ("/var/lib/private/resumed", "rw"),
        // What was uploaded can't be run.
        ("/var/lib/private/resumed", "noexec"),
        ("/tmp", "noexec"),
    ] {
        assert!(
            options(place).split(',').any(|option| option == is),
            "{place}: {}\n{mounts}",
            options(place)
        );
    }

    a_bit_of_everything(&address);
    assert_eq!(machine.property("MainPID"), pid, "it made no call that it may not\n{}", machine.journal());
    let files = machine.var_lib().join("private/resumed/files");
    for name in ["tus.bin", "whole.bin", "chunks.bin"] {
        assert!(fs::read(files.join(name)).unwrap() == bytes(300_000), "{name}");
    }

    // A change of the settings, first a wrong one.
    for (settings, is_fine, limit) in
        [("max-size = 'much'", false, None), ("max-size = 5000", true, Some("5000"))]
    {
        set(&machine, settings);
        let reload = machine.try_run(&["systemctl", "reload", "resumed.service"]);
        assert_eq!(reload.status.success(), is_fine, "{}", machine.journal());
        eventually("the daemon has the limit", || {
            ask(&address, "OPTIONS", "/files/", "", b"").header("Tus-Max-Size") == limit
        });
    }
    assert!(machine.journal().contains("/etc/resumed/resumed.toml:"), "{}", machine.journal());
    assert_eq!(machine.property("MainPID"), pid);

    machine.run(&["systemctl", "stop", "resumed.socket", "resumed.service"]);
    assert_eq!(machine.property("Result"), "success", "{}", machine.journal());
    assert_eq!(machine.property("NRestarts"), "0");
}

/// Changes the settings of the machine.
fn set(machine: &Machine, settings: &str) {
    let script = "echo \"$1\" >/etc/resumed/resumed.toml";
    machine.run(&["sh", "-c", script, "sh", &format!("data-dir = '/var/lib/resumed'\n{settings}")]);
}

#[test]
fn wrong_settings_are_not_tried_for_ever_and_a_daemon_that_hangs_is_replaced() {
    let address = address(3);
    let Some(machine) = boot(&address) else { return };
    set(&machine, "max-size = 'much'");
    let start = machine.try_run(&["systemctl", "start", "resumed.service"]);
    assert!(!start.status.success());
    assert_eq!((machine.property("ExecMainStatus"), machine.property("NRestarts")), ("2".into(), "0".into()));
    // Somebody knocks all the same.
    let state = || machine.run(&["systemctl", "show", "--value", "--property=ActiveState", "resumed.socket"]);
    eventually("systemd has had enough", || {
        drop(TcpStream::connect(&address));
        state() == "failed"
    });
    set(&machine, "");
    machine.run(&["systemctl", "restart", "resumed.service"]);
    ask(&address, "OPTIONS", "/files/", "", b"").expect(204);

    machine.edit("[Service]\nWatchdogSec=3\nTimeoutAbortSec=1\n");
    let pid = machine.property("MainPID");
    machine.run(&["kill", "-STOP", &pid]);
    eventually("it has been replaced", || machine.property("NRestarts") != "0");
    ask(&address, "OPTIONS", "/files/", "", b"").expect(204);
    assert_ne!(machine.property("MainPID"), pid);
    let journal = machine.run(&["journalctl", "--no-pager", "--output=cat", "--unit=resumed.service"]);
    assert!(
        !journal.contains('\x1b') && !journal.contains("<6>"),
        "the journal takes priorities off: {journal}"
    );
}

#[test]
fn systemctl_restart_is_a_pause_and_nothing_else() {
    const CLIENTS: usize = 6;
    const RESTARTS: usize = 4;
    let address = address(2);
    let Some(machine) = boot(&address) else { return };
    machine.run(&["systemctl", "start", "resumed.service"]);
    let crowd = Crowd::new(address);
    thread::scope(|scope| {
        let crowd = &crowd;
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || crowd.upload(client))).collect();
        for restart in 1..=RESTARTS {
            let before = crowd.finished();
            eventually("uploads run", || crowd.finished() >= before + CLIENTS);
            thread::sleep(Duration::from_millis(200));
            if restart == RESTARTS {
                // It starts again by itself.
                machine.run(&["systemctl", "kill", "--signal=KILL", "resumed.service"]);
            } else {
                machine.run(&["systemctl", "restart", "resumed.service"]);
            }
        }
        crowd.send_home();
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    assert_eq!(machine.property("NRestarts"), "1", "{}", machine.journal());
    let files = machine.var_lib().join("private/resumed/files");
    let names = fs::read_dir(&files).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut there: Vec<_> = names.collect();
    there.sort();
    assert_eq!(there, crowd.names());
    for name in there {
        assert!(fs::read(files.join(&name)).unwrap() == bytes(SIZE), "{name:?} is what was sent");
    }
    eprintln!("{RESTARTS} restarts by systemd under {CLIENTS} clients, one of them after SIGKILL: {crowd}");
}
