//! The settings file that is installed: each setting is in it with its default and with the text that `--help` has.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const FILE: &str = "systemd/resumed.toml";

const HEAD: &str = "\
# Settings of resumed, see resumed(8). What is commented out says what holds without it.
# `systemctl reload resumed` takes changes over; the journal says what needs a restart.
";

/// What stands for settings that have no default.
const EXAMPLES: [(&str, &str); 10] = [
    ("admin-listen", "[\"127.0.0.1:9180\"]"),
    ("tls-cert", "\"credential:tls.crt\""),
    ("tls-key", "\"credential:tls.key\""),
    ("public-url", "\"https://up.example.com\""),
    ("trusted-proxy", "[\"unix\", \"10.0.0.0/8\"]"),
    ("token-file", "\"credential:tokens\""),
    ("permit-key", "[\"credential:permits.pem\"]"),
    ("permit-audience", "\"uploads\""),
    ("resumable-prefix", "\"upload\""),
    ("resumable-scope", "\"header:X-User\""),
];

/// What a service needs.
const SET: [(&str, &str); 1] = [("data-dir", "\"/var/lib/resumed\"")];

fn resumed(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_resumed"));
    let output = command.args(args).env_clear().output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The headings of `--help`, each with its flags and their texts, without what is in brackets.
fn help() -> Vec<(String, Vec<(String, String)>)> {
    let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for line in resumed(&["--help"]).lines() {
        if let Some(heading) = line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            sections.push((heading.to_owned(), Vec::new()));
        } else if let Some(flag) = line.strip_prefix("      --") {
            let (flag, text) = flag.split_once("  ").unwrap_or((flag, ""));
            let key = flag.split(' ').next().unwrap().to_owned();
            sections.last_mut().unwrap().1.push((key, text.trim().to_owned()));
        } else if line.starts_with("       ")
            && let Some((_, text)) = sections.last_mut().and_then(|(_, flags)| flags.last_mut())
        {
            text.push(' ');
            text.push_str(line.trim());
        }
    }
    for (_, text) in sections.iter_mut().flat_map(|(_, flags)| flags) {
        for bracket in [" [default: ", " [env: ", "[default: ", "[env: "] {
            *text = text.split(bracket).next().unwrap().trim().to_owned();
        }
    }
    sections
}

/// The values that hold when nothing is set; `None` for those that have none.
fn defaults() -> BTreeMap<String, Option<String>> {
    let report = resumed(&["check-config"]);
    let lines = report.lines().map(|line| match line.strip_prefix("# ") {
        Some(unset) => (unset.strip_suffix(" is not set").unwrap().to_owned(), None),
        None => {
            let (key, value) = line.strip_suffix("# default").unwrap().split_once(" = ").unwrap();
            (key.to_owned(), Some(value.trim().to_owned()))
        }
    });
    lines.collect()
}

/// A text in comments of at most this many columns.
fn comment(text: &str) -> String {
    let mut lines = vec!["#".to_owned()];
    for word in text.split_whitespace() {
        if lines.last().unwrap().len() + 1 + word.len() > 100 {
            lines.push("#".to_owned());
        }
        let line = lines.last_mut().unwrap();
        line.push(' ');
        line.push_str(word);
    }
    lines.join("\n") + "\n"
}

/// The file as it has to be.
fn expected() -> String {
    let look = |table: &[(&str, &str)], key: &str| {
        table.iter().find(|(known, _)| *known == key).map(|(_, value)| (*value).to_owned())
    };
    let defaults = defaults();
    let mut file = HEAD.to_owned();
    let mut written = 0;
    for (heading, flags) in help() {
        let flags = flags.into_iter().filter(|(key, _)| defaults.contains_key(key));
        for (index, (key, text)) in flags.enumerate() {
            if index == 0 {
                file.push_str(&format!("\n\n##### {heading}\n"));
            }
            file.push('\n');
            file.push_str(&comment(&text));
            let line = match (look(&SET, &key), &defaults[&key]) {
                (Some(value), Some(default)) => {
                    format!("# Without it: {default}\n{key} = {value}\n")
                }
                (_, Some(default)) => format!("#{key} = {default}\n"),
                (_, None) => {
                    let example = look(&EXAMPLES, &key).unwrap_or_else(|| {
                        panic!("{key} has no default: give an example for {FILE} in EXAMPLES")
                    });
                    format!("# Not set; for example:\n#{key} = {example}\n")
                }
            };
            file.push_str(&line);
            written += 1;
        }
    }
    assert_eq!(written, defaults.len(), "--help and check-config know the same settings");
    file
}

fn path() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)
}

#[test]
fn the_example_says_what_help_says() {
    let expected = expected();
    if std::env::var_os("RESUMED_TEST_WRITE").is_some() {
        std::fs::write(path(), &expected).unwrap();
    }
    let file = std::fs::read_to_string(path()).unwrap();
    for (line, (is, should)) in file.lines().zip(expected.lines()).enumerate() {
        assert_eq!(is, should, "{FILE}:{}; RESUMED_TEST_WRITE=1 writes it anew", line + 1);
    }
    assert!(file == expected, "{FILE} is too short or too long; RESUMED_TEST_WRITE=1 writes it anew");
}

#[test]
fn every_line_of_the_example_can_be_used() {
    let file = std::fs::read_to_string(path()).unwrap();
    let is_setting = |line: &str| {
        let key = line.split(" = ").next().unwrap();
        line.contains(" = ") && key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let used: String = file
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| is_setting(rest)).unwrap_or(line).to_owned() + "\n")
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("resumed.toml");
    std::fs::write(&path, used).unwrap();
    let report = resumed(&["check-config", "--config", path.to_str().unwrap()]);
    // What the manager hands over can't be looked at here, and that is said below the settings.
    for line in report.lines().filter(|line| !line.contains("was not looked at")) {
        assert!(line.contains(&format!("# {}:", path.display())), "{line} is not from the file");
    }
}
