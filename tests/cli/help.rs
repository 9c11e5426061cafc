//! Help, the manual page and completions: made of the same texts.

use std::fs;
use std::path::Path;

use crate::{SETTINGS, resumed, text};

#[test]
fn help_names_every_flag_and_every_variable() {
    for command in [&["--help"][..], &["check-config", "--help"]] {
        let output = resumed().run(command);
        assert_eq!(output.status.code(), Some(0));
        let help = text(&output.stdout);
        for flag in SETTINGS.into_iter().chain(["config"]) {
            let variable = flag.to_uppercase().replace('-', "_");
            assert!(help.contains(&format!("--{flag} ")), "--{flag} is not in\n{help}");
            assert!(
                help.contains(&format!("[env: RESUMED_{variable}]")),
                "RESUMED_{variable} is not in\n{help}"
            );
        }
        assert!(help.lines().all(|line| line.chars().count() <= 100), "a line is too long in\n{help}");
        assert!(help.lines().count() <= 130, "{} lines", help.lines().count());
    }
    let short = text(&resumed().run(&["-h"]).stdout);
    assert!(!short.contains("[env:") && short.contains("[default: 127.0.0.1:8080]"), "{short}");
    assert!(short.lines().count() <= 90, "{short}");
}

/// The words of a text, whatever the breaks of its lines.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_manual_page_says_what_help_says() {
    let page = text(&resumed().run(&["man"]).stdout);
    // Without what only troff reads.
    let plain = page
        .replace("\\-", "-")
        .replace("\\fB", "")
        .replace("\\fI", "")
        .replace("\\fR", "")
        .replace("\\*(Aq", "'");
    let plain = words(&plain.lines().filter(|line| !line.starts_with('.')).collect::<Vec<_>>().join(" "));
    for command in [&["--help"][..], &["list", "--help"], &["show", "--help"], &["fsck", "--help"]] {
        let help = text(&resumed().run(command).stdout);
        // One flag and its text after the other; the columns between are two spaces or more.
        let flags = help.split("\n      --").skip(1);
        for flag in flags.map(|flag| flag.split_once("  ").unwrap_or((flag, ""))) {
            let described = words(flag.1.split("\n\n").next().unwrap());
            assert!(plain.contains(&described), "{described:?} of --{} is not in\n{plain}", flag.0);
        }
    }
    let help = text(&resumed().run(&["--help"]).stdout);
    let (_, below) = help.split_once("\n\nWithout a command").unwrap();
    assert!(
        plain.contains(&words(&format!("Without a command{below}"))),
        "what stands below the flags, in\n{plain}"
    );
    assert!(plain.contains("HUP Reads the settings again, and the files that they name."), "{plain}");
    assert!(plain.contains("8 fsck could not look"), "{plain}");
    for section in ["SIGNALS", "FILES", "EXIT STATUS", "RESUMED FSCK"] {
        assert!(
            page.contains(&format!(".SH \"{section}\"")) || page.contains(&format!(".SH {section}")),
            "{section}"
        );
    }
}

#[test]
fn completions_know_every_flag_and_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = text(&resumed().run(&["completions", shell]).stdout);
        for word in SETTINGS.into_iter().chain(["check-config", "fsck", "repair", "older-than"]) {
            assert!(script.contains(word), "{word} is not in the completions of {shell}");
        }
    }
    assert_eq!(
        resumed().refusal(&["completions", "tcsh"]),
        "SHELL: \"tcsh\" is not known; give bash, elvish, fish, powershell or zsh"
    );
}

#[test]
fn the_readme_names_only_flags_that_there_are() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let help: String = [&["--help"][..], &["list", "--help"], &["expire", "--help"], &["fsck", "--help"]]
        .map(|command| text(&resumed().run(command).stdout))
        .concat();
    let flags = readme
        .split("--")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default());
    let others = ["", "release", "data-binary"];
    for flag in flags.filter(|flag| !others.contains(&flag.trim_matches('-'))) {
        assert!(help.contains(&format!("--{flag}")), "README.md speaks of --{flag}");
    }
}

#[test]
fn help_and_version_need_no_valid_settings() {
    let resumed =
        resumed().with_variable("RESUMED_MAX_SIZE", "wrong").with_variable("RESUMED_CONFIG", "missing.toml");
    for flag in ["-h", "--help", "-V", "--version"] {
        let output = resumed.run(&[flag]);
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{flag}");
    }
    let version = format!("resumed {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&resumed.run(&["--version"]).stdout), version);
}
