//! systemd itself, in namespaces of its own: see machine.sh. What is installed there is what the package installs.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

/// A machine that runs until it is dropped.
pub(crate) struct Machine {
    child: Child,
    dir: tempfile::TempDir,
    /// systemd, as this machine sees it.
    init: u32,
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Puts what `Cargo.toml` says of the package below a directory: the binary, its settings and its units.
pub(crate) fn install(tree: &Path) {
    let put = |source: &Path, target: &str, mode: u32| {
        let path = tree.join(target).join(source.file_name().unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(source, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let manifest: toml::Table = fs::read_to_string(repository().join("Cargo.toml")).unwrap().parse().unwrap();
    let assets = manifest["package"]["metadata"]["deb"]["assets"].as_array().unwrap();
    for asset in assets {
        let text = |index: usize| asset[index].as_str().unwrap();
        let (source, target, mode) = (text(0), text(1), u32::from_str_radix(text(2), 8).unwrap());
        if source == "target/release/resumed" {
            put(Path::new(env!("CARGO_BIN_EXE_resumed")), target, mode);
        } else if target.starts_with("etc/") {
            put(&repository().join(source), target, mode);
        }
    }
    // cargo-deb finds the units by their names.
    for unit in ["resumed.service", "resumed.socket"] {
        put(&repository().join("systemd").join(unit), "usr/lib/systemd/system", 0o644);
    }
}

impl Machine {
    /// Boots a machine that has what the package installs, and these files. `None`, with a line that says why: this one can't.
    pub(crate) fn boot(files: &[(&str, &str)]) -> Option<Self> {
        Self::boot_with(install, files)
    }

    /// Boots a machine that has these files.
    pub(crate) fn boot_bare(files: &[(&str, &str)]) -> Option<Self> {
        Self::boot_with(|_| (), files)
    }

    fn boot_with(install: impl Fn(&Path), files: &[(&str, &str)]) -> Option<Self> {
        let is_root = rustix::process::geteuid().is_root();
        let has_tools = Path::new("/lib/systemd/systemd").exists() && Path::new("/usr/bin/nsenter").exists();
        if !is_root || !has_tools {
            eprintln!("left out: a machine for systemd (it needs root, systemd and nsenter)");
            return None;
        }
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let tree = dir.path().join("tree");
        install(&tree);
        for (name, text) in files {
            let path = tree.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        fs::create_dir(dir.path().join("shared")).unwrap();
        fs::create_dir(dir.path().join("lib")).unwrap();
        fs::write(dir.path().join("console"), "").unwrap();

        let mut command = Command::new("unshare");
        command.args(["--mount", "--"]).arg(repository().join("tests/systemd/machine.sh")).arg(dir.path());
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut machine = Self { child: command.spawn().unwrap(), dir, init: 0 };
        let deadline = Instant::now() + PATIENCE;
        while !machine.is_up() {
            if machine.has_failed() {
                drop(machine.child.stdin.take());
                let mut said = String::new();
                let _ = machine.child.stderr.take().unwrap().read_to_string(&mut said);
                // A container without the right to make namespaces. CI has it.
                assert_ne!(std::env::var("RESUMED_TEST_CLIENTS").as_deref(), Ok("all"), "{said}");
                eprintln!("left out: a machine for systemd ({})", said.trim());
                return None;
            }
            assert!(Instant::now() < deadline, "systemd does not come up\n{}", machine.console());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(machine)
    }

    fn is_up(&mut self) -> bool {
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        let outer = read(self.dir.path().join("pid")).trim().to_owned();
        let children = read(PathBuf::from(format!("/proc/{outer}/task/{outer}/children")));
        let Some(init) = children.split_whitespace().next().and_then(|pid| pid.parse().ok()) else {
            return false;
        };
        self.init = init;
        // Before, it is still a shell outside.
        read(PathBuf::from(format!("/proc/{init}/comm"))).trim() == "systemd"
            && self.command(&["systemctl", "is-active", "machine.target"]).output().unwrap().status.success()
    }

    /// Whether it has ended before it was up.
    fn has_failed(&mut self) -> bool {
        let outer = fs::read_to_string(self.dir.path().join("pid")).unwrap_or_default();
        let is_gone = !outer.is_empty() && !Path::new("/proc").join(outer.trim()).join("exe").exists();
        is_gone || self.child.try_wait().unwrap().is_some()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.init.to_string()]);
        command.args(["--mount", "--pid", "--ipc", "--uts", "--cgroup", "--root", "--wd", "--"]);
        command.args(args).env_clear().env("PATH", "/usr/sbin:/usr/bin").stdin(Stdio::null());
        command
    }

    /// Runs a command in the machine.
    pub(crate) fn try_run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a command in the machine that has to succeed, and answers what it says.
    #[track_caller]
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.try_run(args);
        let said = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "{args:?}: {said}\n{}", self.journal());
        String::from_utf8_lossy(&stdout).trim().to_owned()
    }

    /// A property of the service.
    #[track_caller]
    pub(crate) fn property(&self, name: &str) -> String {
        self.run(&["systemctl", "show", "--value", "--property", name, "resumed.service"])
    }

    /// What the service has said.
    pub(crate) fn journal(&self) -> String {
        let args = ["journalctl", "--no-pager", "--output=short-monotonic", "--unit=resumed.service"];
        String::from_utf8_lossy(&self.try_run(&args).stdout).into_owned()
    }

    fn console(&self) -> String {
        fs::read_to_string(self.dir.path().join("console")).unwrap_or_default()
    }

    /// Writes a file in the machine.
    pub(crate) fn write(&self, path: &str, text: &str) {
        fs::write(self.shared("written"), text).unwrap();
        self.run(&["sh", "-c", "mkdir -p \"${1%/*}\" && cp /shared/written \"$1\"", "sh", path]);
    }

    /// Lays this over the service and starts it anew.
    pub(crate) fn edit(&self, drop_in: &str) {
        self.write("/etc/systemd/system/resumed.service.d/override.conf", drop_in);
        self.run(&["systemctl", "daemon-reload"]);
        self.run(&["systemctl", "restart", "resumed.service"]);
    }

    /// A path of the machine as this one sees it.
    pub(crate) fn inside(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    /// A file that the machine has in its /shared.
    pub(crate) fn shared(&self, name: &str) -> PathBuf {
        self.dir.path().join("shared").join(name)
    }

    /// /var/lib of the machine.
    pub(crate) fn var_lib(&self) -> PathBuf {
        self.dir.path().join("lib")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It tidies up when its input ends.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
