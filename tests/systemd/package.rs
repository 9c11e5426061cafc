//! The Debian package: what is in it, and that it works where it is installed.
//!
//! It is made as `make deb` makes it, but of the binary that is under test.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::crowd::{Crowd, SIZE};
use crate::machine::Machine;
use crate::support::{bytes, eventually};
use crate::units::{address, drop_ins};

/// Where each file lies in the package, with its mode.
const FILES: [(&str, u32); 19] = [
    ("etc/resumed/resumed.toml", 0o644),
    ("usr/bin/resumed", 0o755),
    ("usr/lib/systemd/system/resumed.service", 0o644),
    ("usr/lib/systemd/system/resumed.socket", 0o644),
    ("usr/share/bash-completion/completions/resumed", 0o644),
    ("usr/share/doc/resumed/CHANGELOG.md", 0o644),
    ("usr/share/doc/resumed/README.md", 0o644),
    ("usr/share/doc/resumed/changelog.Debian.gz", 0o644),
    ("usr/share/doc/resumed/copyright", 0o644),
    ("usr/share/doc/resumed/docs/access.md", 0o644),
    ("usr/share/doc/resumed/docs/alerts.yaml", 0o644),
    ("usr/share/doc/resumed/docs/dashboard.json", 0o644),
    ("usr/share/doc/resumed/docs/durability.md", 0o644),
    ("usr/share/doc/resumed/docs/metrics.md", 0o644),
    ("usr/share/doc/resumed/docs/service.md", 0o644),
    ("usr/share/doc/resumed/docs/sidecar.md", 0o644),
    ("usr/share/fish/vendor_completions.d/resumed.fish", 0o644),
    ("usr/share/man/man8/resumed.8.gz", 0o644),
    ("usr/share/zsh/vendor-completions/_resumed", 0o644),
];

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn has_tools() -> bool {
    let missing = ["cargo-deb", "dpkg-deb", "strip", "gzip"]
        .into_iter()
        .find(|tool| Command::new(tool).arg("--version").output().is_err());
    let Some(missing) = missing else { return true };
    assert_ne!(std::env::var("RESUMED_TEST_CLIENTS").as_deref(), Ok("all"), "no {missing}");
    eprintln!("left out: no {missing}");
    false
}

/// All files below a directory.
fn below(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                assert_eq!(
                    path.metadata().unwrap().permissions().mode() & 0o7777,
                    0o755,
                    "{}",
                    path.display()
                );
                dirs.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Makes the package in a directory.
fn make(dir: &Path) -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (release, package) = (dir.join("release"), dir.join("resumed.deb"));
    fs::create_dir(&release).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_resumed"), release.join("resumed")).unwrap();
    let mut generate = Command::new(repository.join("packaging/generate"));
    run(generate.arg(release.join("resumed")).arg(release.join("generated")));
    let mut cargo_deb = Command::new("cargo-deb");
    cargo_deb.args(["--no-build", "--strip", "--fast", "--output"]).arg(&package);
    let output = cargo_deb.current_dir(repository).env("CARGO_TARGET_DIR", dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !said.contains("warning"), "{said}");
    package
}

#[test]
fn the_package_has_what_a_service_needs() {
    if !has_tools() {
        return;
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let package = make(dir.path());

    let root = dir.path().join("root");
    run(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&root));
    assert_eq!(below(&root), FILES.map(|(file, _)| file.to_owned()));
    for (file, mode) in FILES {
        let path = root.join(file);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, mode, "{file}");
        if file.ends_with(".gz") {
            assert!(!run(Command::new("gzip").arg("-dc").arg(path)).is_empty(), "{file}");
        }
    }

    let copyright = fs::read_to_string(root.join("usr/share/doc/resumed/copyright")).unwrap();
    assert!(copyright.contains("License: Expat or Apache-2.0"), "{copyright}");

    // Each program that a unit starts is in the package, or in one that every system has.
    let unit = fs::read_to_string(root.join("usr/lib/systemd/system/resumed.service")).unwrap();
    let starts = unit.lines().filter_map(|line| line.strip_prefix("Exec")?.split_once('='));
    for (_, command) in starts {
        let program = command.split(' ').next().unwrap();
        assert!(program == "/bin/sh" || root.join(&program[1..]).exists(), "{program}");
    }
    let version = run(Command::new(root.join("usr/bin/resumed")).arg("--version"));
    assert_eq!(version.trim(), concat!("resumed ", env!("CARGO_PKG_VERSION")));
    // The settings that are installed are ones that it takes.
    let settings = root.join("etc/resumed/resumed.toml");
    let report =
        run(Command::new(root.join("usr/bin/resumed")).arg("check-config").arg("--config").arg(settings));
    assert!(report.contains("data-dir = \"/var/lib/resumed\""), "{report}");

    let field =
        |name: &str| run(Command::new("dpkg-deb").arg("--field").arg(&package).arg(name)).trim().to_owned();
    assert_eq!(field("Package"), "resumed");
    assert_eq!(field("Version"), concat!(env!("CARGO_PKG_VERSION"), "-1"));
    assert!(field("Depends").contains("libc6"), "{}", field("Depends"));

    // Debian asks before it replaces settings, and starts what it has installed.
    let control = dir.path().join("control");
    run(Command::new("dpkg-deb").arg("--control").arg(&package).arg(&control));
    let read = |name: &str| fs::read_to_string(control.join(name)).unwrap();
    assert_eq!(read("conffiles").trim(), "/etc/resumed/resumed.toml");
    for unit in ["resumed.service", "resumed.socket"] {
        assert!(
            read("postinst").contains(&format!("deb-systemd-helper enable {unit}")),
            "{}",
            read("postinst")
        );
        assert!(read("prerm").contains(unit), "{}", read("prerm"));
    }
}

#[test]
fn an_upgrade_refuses_nobody_and_a_removal_keeps_the_uploads() {
    const CLIENTS: usize = 4;
    if !has_tools() {
        return;
    }
    let address = address(5);
    let files = drop_ins(&address);
    let Some(machine) = Machine::boot_bare(&files.each_ref().map(|(name, text)| (*name, text.as_str())))
    else {
        return;
    };
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    fs::copy(make(dir.path()), machine.shared("resumed.deb")).unwrap();
    machine.run(&[
        "sh",
        "-c",
        "mkdir -p /var/lib/dpkg/info /var/lib/dpkg/updates; touch /var/lib/dpkg/status",
    ]);
    // (This machine has the libraries, but no record of their packages.)
    let install = || machine.run(&["dpkg", "--force-depends", "--install", "/shared/resumed.deb"]);
    let is_enabled = |unit: &str| machine.try_run(&["systemctl", "is-enabled", unit]).status.success();

    install();
    assert_eq!(machine.property("ActiveState"), "active", "{}", machine.journal());
    assert!(is_enabled("resumed.service") && is_enabled("resumed.socket"));
    machine.run(&["sh", "-c", "echo 'log-level = \"debug\"' >>/etc/resumed/resumed.toml"]);

    let crowd = Crowd::new(address.clone());
    let first = machine.property("MainPID");
    thread::scope(|scope| {
        let crowd = &crowd;
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || crowd.upload(client))).collect();
        eventually("uploads run", || crowd.finished() >= CLIENTS);
        install();
        assert_ne!(machine.property("MainPID"), first);
        crowd.send_home();
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    let settings = machine.run(&["tail", "-n", "1", "/etc/resumed/resumed.toml"]);
    assert_eq!(settings, "log-level = \"debug\"", "what somebody wrote stays");

    machine.run(&["dpkg", "--remove", "resumed"]);
    assert_eq!(machine.try_run(&["systemctl", "is-active", "resumed.service"]).stdout, b"inactive\n");
    assert!(TcpStream::connect(&address).is_err());
    machine.run(&["dpkg", "--purge", "resumed"]);
    assert!(!machine.try_run(&["test", "-e", "/etc/resumed/resumed.toml"]).status.success());
    let files = machine.var_lib().join("private/resumed/files");
    for name in crowd.names() {
        assert!(fs::read(files.join(&name)).unwrap() == bytes(SIZE), "{name} is what was sent");
    }
    eprintln!("an upgrade under {CLIENTS} clients: {crowd}");
}
