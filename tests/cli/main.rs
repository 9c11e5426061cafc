//! The command line as people meet it: the real binary, its flags, its variables and its file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers fail the test that calls them")]

mod help;
mod refusals;
mod settings;

use std::fs;
use std::process::{Command, Output};

/// The flags that are settings, in the order of the help.
const SETTINGS: [&str; 36] = [
    "listen",
    "admin-listen",
    "tls-cert",
    "tls-key",
    "base-path",
    "public-url",
    "trusted-proxy",
    "data-dir",
    "layout",
    "durability",
    "reserve",
    "max-size",
    "expire-after",
    "verify",
    "no-download",
    "no-termination",
    "no-concatenation",
    "token-file",
    "permit-key",
    "permit-audience",
    "resumable-path",
    "resumable-prefix",
    "resumable-scope",
    "resumable-expire-after",
    "cors-origin",
    "cors-credentials",
    "header-timeout",
    "idle-timeout",
    "min-rate",
    "max-connections",
    "max-connections-per-peer",
    "max-creations-per-client",
    "max-appends-per-client",
    "shutdown-timeout",
    "log-level",
    "log-format",
];

/// `resumed` in a directory of its own, with nothing in its environment.
struct Resumed {
    dir: tempfile::TempDir,
    variables: Vec<(&'static str, &'static str)>,
}

fn resumed() -> Resumed {
    Resumed { dir: tempfile::tempdir().unwrap(), variables: Vec::new() }
}

impl Resumed {
    fn with_variable(mut self, name: &'static str, value: &'static str) -> Self {
        self.variables.push((name, value));
        self
    }

    fn with_file(self, text: &str) -> Self {
        fs::write(self.dir.path().join("resumed.toml"), text).unwrap();
        self.with_variable("RESUMED_CONFIG", "resumed.toml")
    }

    fn run(&self, args: &[&str]) -> Output {
        let variables = self.variables.iter().copied();
        Command::new(env!("CARGO_BIN_EXE_resumed"))
            .args(args)
            .env_clear()
            .envs(variables)
            .current_dir(self.dir.path())
            .output()
            .unwrap()
    }

    /// The lines of `resumed check-config`.
    fn settings(&self, flags: &[&str]) -> String {
        let output = self.run(&[&["check-config"], flags].concat());
        assert_eq!(text(&output.stderr), "", "{flags:?}");
        assert_eq!(output.status.code(), Some(0), "{flags:?}");
        text(&output.stdout)
    }

    /// The line of `resumed check-config` about one setting, its spaces made one.
    fn setting(&self, key: &str, flags: &[&str]) -> String {
        let settings = self.settings(flags);
        let line = settings.lines().find(|line| line.starts_with(&format!("{key} = ")));
        line.unwrap_or_else(|| panic!("no {key} in\n{settings}"))
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// The one line with which a command line is refused, without `resumed: `.
    fn refusal(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
        let stderr = text(&output.stderr);
        let line = stderr.strip_suffix('\n').unwrap();
        assert!(!line.contains('\n'), "more than one line for {args:?}:\n{stderr}");
        line.strip_prefix("resumed: ").unwrap().to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
