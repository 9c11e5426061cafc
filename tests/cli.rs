//! The command line as people meet it: the real binary, its flags, its variables and its file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "the helpers fail the test that calls them")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

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

#[test]
fn without_anything_the_defaults_are_in_force() {
    assert_eq!(
        resumed().settings(&[]),
        r#"listen = ["127.0.0.1:8080"]           # default
# admin-listen is not set
# tls-cert is not set
# tls-key is not set
base-path = "/files/"                 # default
# public-url is not set
# trusted-proxy is not set
data-dir = "./data"                   # default
layout = "{filename}"                 # default
durability = "strict"                 # default
reserve = "64MiB"                     # default
max-size = "none"                     # default
expire-after = "24h"                  # default
verify = false                        # default
no-download = false                   # default
no-termination = false                # default
no-concatenation = false              # default
# token-file is not set
# permit-key is not set
# permit-audience is not set
resumable-path = "/resumable_upload"  # default
# resumable-prefix is not set
# resumable-scope is not set
resumable-expire-after = "6h"         # default
cors-origin = ["*"]                   # default
cors-credentials = false              # default
header-timeout = "10s"                # default
idle-timeout = "60s"                  # default
min-rate = "30B"                      # default
max-connections = 10000               # default
max-connections-per-peer = 256        # default
max-creations-per-client = "none"     # default
max-appends-per-client = "none"       # default
shutdown-timeout = "20s"              # default
log-level = "info"                    # default
log-format = "text"                   # default
"#
    );
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = r#"
max-size = "1GB"
listen = ["127.0.0.1:1", "unix:/run/resumed.sock"]
durability = "relaxed"
max-connections = 10
no-download = true
"#;
    let cases = [
        // key, its variable, a flag, then what is in force with all three, with variable and file, with the file
        ("max-size", "2GB", &["--max-size", "3GB"][..], [r#""3GB""#, r#""2GB""#, r#""1GB""#], 2),
        (
            "listen",
            "127.0.0.1:2,[::1]:2",
            &["--listen", "127.0.0.1:3", "--listen", "localhost:3"],
            [
                r#"["127.0.0.1:3", "localhost:3"]"#,
                r#"["127.0.0.1:2", "[::1]:2"]"#,
                r#"["127.0.0.1:1", "unix:/run/resumed.sock"]"#,
            ],
            3,
        ),
        (
            "durability",
            "strict",
            &["--durability=relaxed"],
            [r#""relaxed""#, r#""strict""#, r#""relaxed""#],
            4,
        ),
        ("max-connections", "20", &["--max-connections", "30"], ["30", "20", "10"], 5),
        ("no-download", "false", &["--no-download"], ["true", "false", "true"], 6),
    ];
    for (key, variable, flags, [all, without_flag, file_only], line) in cases {
        let name = &*format!("RESUMED_{}", key.to_uppercase().replace('-', "_")).leak();
        let resumed = resumed().with_file(file);
        assert_eq!(resumed.setting(key, &[]), format!("{key} = {file_only} # resumed.toml:{line}"));
        let resumed = resumed.with_variable(name, variable);
        assert_eq!(resumed.setting(key, &[]), format!("{key} = {without_flag} # environment"));
        assert_eq!(resumed.setting(key, flags), format!("{key} = {all} # flag"));
    }
}

#[test]
fn every_flag_is_a_variable_and_a_key_of_the_file() {
    for line in resumed().settings(&[]).lines().filter(|line| !line.starts_with('#')) {
        let resumed = resumed().with_file(line);
        let key = line.split(' ').next().unwrap();
        let (setting, _) = line.rsplit_once('#').unwrap();
        assert_eq!(resumed.setting(key, &[]), format!("{}# resumed.toml:1", squeezed(setting)));
    }
    let resumed = resumed().with_file("public-url = 'https://a.example'\ntrusted-proxy = '10.0.0.0/8'");
    assert_eq!(resumed.setting("public-url", &[]), r#"public-url = "https://a.example" # resumed.toml:1"#);
    assert_eq!(resumed.setting("trusted-proxy", &[]), r#"trusted-proxy = ["10.0.0.0/8"] # resumed.toml:2"#);
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().map(|word| format!("{word} ")).collect()
}

#[test]
fn the_report_is_a_file_with_the_same_settings() {
    let flags = [
        "--listen=unix:/run/a \"b\".sock",
        "--public-url=https://a.example/up",
        "--trusted-proxy=10.0.0.0/8,unix",
        "--max-size=1048576",
        "--no-termination",
        "--cors-origin=https://*.a.example",
        "--cors-credentials",
        "--log-level=info,resumed=debug",
    ];
    let report = resumed().settings(&flags);
    let values = |report: &str| -> Vec<String> {
        report
            .lines()
            .map(|line| line.rsplit_once("  #").map_or(line, |(value, _)| value).trim().to_owned())
            .collect()
    };
    assert_eq!(values(&resumed().with_file(&report).settings(&[])), values(&report));
}

#[test]
fn the_flag_names_a_file_as_well_as_the_variable() {
    let resumed = resumed();
    fs::write(resumed.dir.path().join("a.toml"), "max-size = 5").unwrap();
    assert_eq!(resumed.setting("max-size", &["--config", "a.toml"]), "max-size = 5 # a.toml:1");
}

#[test]
fn a_wrong_value_is_told_in_one_line() {
    for (flag, value, line) in [
        (
            "listen",
            "8080",
            r#""8080" is not an address; give IP:PORT such as 0.0.0.0:8080 or [::1]:8080, HOST:PORT, or unix:/PATH"#,
        ),
        (
            "tls-cert",
            "credential:../key",
            r#""credential:../key" is not the name of a credential; give one such as credential:tls.crt"#,
        ),
        ("listen", "unix:", r#""unix:" lacks the path; give one such as unix:/run/resumed.sock"#),
        ("base-path", "/a?b", r#""/a?b" holds a query or fragment; give only a path such as /files/"#),
        ("base-path", "/../etc", r#""/../etc" has an empty, . or .. segment; give a path such as /files/"#),
        (
            "public-url",
            "up.example.com",
            r#""up.example.com" is not a public URL; give http:// or https:// with a host, such as https://up.example.com"#,
        ),
        (
            "public-url",
            "https://me:secret@a",
            r#""https://me:secret@a" holds a user name; every client would be told it, so leave it out"#,
        ),
        (
            "trusted-proxy",
            "10.0.0.0/99",
            r#""10.0.0.0/99" is not a network; give one such as 10.0.0.0/8, an IP address, or unix"#,
        ),
        ("data-dir", "", "needs a value; see --data-dir in resumed --help"),
        (
            "layout",
            "../{filename}",
            r#""../{filename}" leaves the data directory or hides in it; give a relative path without empty parts and leading dots"#,
        ),
        (
            "layout",
            "{user}/{id}",
            r#""{user}/{id}" has the unknown placeholder {user}; use {filename} {stem} {ext} {id} {year} {month} {day} {hour}"#,
        ),
        (
            "layout",
            "{year}",
            r#""{year}" gives every upload the same name; use {filename}, {stem} or {id} in it"#,
        ),
        ("durability", "lax", r#""lax" is not known; give strict or relaxed"#),
        (
            "max-size",
            "10 apples",
            r#""10 apples" is not a size; give bytes or a size such as 500MB or 10GiB, or none"#,
        ),
        ("max-size", "0", r#""0" would refuse every upload; give none for no limit"#),
        ("max-size", "9000000TiB", r#""9000000TiB" is too large; a file holds at most 8EiB"#),
        (
            "expire-after",
            "soon",
            r#""soon" is not a duration; give a number with its unit such as 90m or 7d, or never"#,
        ),
        ("expire-after", "0s", r#""0s" would expire every upload at once; give never to keep them"#),
        (
            "cors-origin",
            "https://a.example/",
            r#""https://a.example/" is not an origin; give scheme, host and port only, such as https://example.com or https://*.example.com, or *"#,
        ),
        (
            "header-timeout",
            "10",
            r#""10" is not a duration; give a number with its unit such as 500ms, 10s or 2m"#,
        ),
        ("idle-timeout", "0s", r#""0s" leaves no time at all; give more than 0s, such as 10s or 2m"#),
        (
            "max-connections",
            "0",
            r#""0" is not a number of connections; give a whole number from 1 to 1000000"#,
        ),
        (
            "max-connections-per-peer",
            "few",
            r#""few" is not a number of connections; give a whole number from 1 to 1000000, or none"#,
        ),
        ("reserve", "10%", r#""10%" is not a size; give bytes or a size such as 500MB or 10GiB, or none"#),
        ("shutdown-timeout", "900years", r#""900years" is too long; give at most 100years"#),
        (
            "log-level",
            "loud",
            r#""loud" is not a log level; give error, warn, info, debug or trace, or a filter such as info,resumed=debug"#,
        ),
        ("log-format", "xml", r#""xml" is not known; give text or json"#),
    ] {
        let typed = format!("--{flag}={value}");
        assert_eq!(resumed().refusal(&[&typed]), format!("--{flag}: {line}"));
        assert_eq!(resumed().refusal(&["check-config", &typed]), format!("--{flag}: {line}"));

        let variable = &*format!("RESUMED_{}", flag.to_uppercase().replace('-', "_")).leak();
        let in_environment = resumed().with_variable(variable, value.to_owned().leak());
        assert_eq!(in_environment.refusal(&[]), format!("{variable}: {line}"));

        let in_file = resumed().with_file(&format!("# first line\n{flag} = '{value}'"));
        assert_eq!(in_file.refusal(&[]), format!("resumed.toml:2: {flag}: {line}"));
    }
}

#[test]
fn switches_are_true_or_false_in_the_environment_and_the_file() {
    for switch in ["verify", "no-download", "no-termination", "no-concatenation"] {
        let variable = &*format!("RESUMED_{}", switch.to_uppercase().replace('-', "_")).leak();
        for (value, is_on) in
            [("1", "true"), ("true", "true"), ("on", "true"), ("0", "false"), ("False", "false")]
        {
            let resumed = resumed().with_variable(variable, value);
            assert_eq!(resumed.setting(switch, &[]), format!("{switch} = {is_on} # environment"));
        }
        let line = format!(r#"{variable}: "maybe" is not a switch; give true or false"#);
        assert_eq!(resumed().with_variable(variable, "maybe").refusal(&[]), line);
        let line = format!("resumed.toml:1: {switch}: a string does not fit; give true or false");
        assert_eq!(resumed().with_file(&format!("{switch} = 'true'")).refusal(&[]), line);
    }
}

#[test]
fn files_that_the_settings_name_are_looked_at() {
    let resumed = resumed();
    for flags in [
        &["check-config", "--token-file=missing"][..],
        &["check-config", "--permit-key=missing"],
        &["check-config", "--tls-cert=missing", "--tls-key=missing"],
    ] {
        let output = resumed.run(flags);
        let said = text(&output.stderr);
        assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(1), ""), "{said}");
        assert!(said.contains("missing: can't be read: No such file or directory"), "{said}");
    }
    // What the service manager hands over to the daemon alone can't be looked at here.
    resumed.settings(&["--token-file=credential:tokens"]);
}

#[test]
fn variables_that_are_no_settings_are_told() {
    let resumed = resumed().with_variable("RESUMED_MAXSIZE", "1GiB").with_variable("RESUMED_TEST_XYZ", "1");
    let report = resumed.settings(&[]);
    assert!(report.contains("max-size = \"none\""), "{report}");
    let warnings = "# the variable RESUMED_MAXSIZE is no setting; did you mean RESUMED_MAX_SIZE?\n\
                    # the variable RESUMED_TEST_XYZ is no setting\n";
    assert!(report.ends_with(warnings), "{report}");
}

#[test]
fn a_wrong_line_of_the_file_is_named() {
    for (file, line) in [
        ("max-sise = 5", "1: unknown key \"max-sise\"; did you mean max-size?"),
        ("\nmax_size = 5", "2: unknown key \"max_size\"; did you mean max-size?"),
        (
            "frobnicate = 5",
            "1: unknown key \"frobnicate\"; keys are named like the flags, see resumed --help",
        ),
        ("config = 'x'", "1: unknown key \"config\"; keys are named like the flags, see resumed --help"),
        (
            "[uploads]\nmax-size = 5",
            "1: [uploads] is not known; the file has no sections, only keys such as max-size = \"10GiB\"",
        ),
        ("listen = true", "1: listen: true or false does not fit; give a string or a list of strings"),
        ("listen = []", "1: listen: the list is empty; leave the key out for the default"),
        (
            "listen = ['[::1]:1', 1.5]",
            "1: listen: a fraction does not fit; give a string or a list of strings",
        ),
        ("max-size = ['1']", "1: max-size: a list does not fit; give a string or a whole number"),
        ("no-download = 1", "1: no-download: this number does not fit; give true or false"),
        (
            "listen = [\n  '[::1]:1',\n  'x',\n]",
            "3: listen: \"x\" is not an address; give IP:PORT such as 0.0.0.0:8080 or [::1]:8080, HOST:PORT, or unix:/PATH",
        ),
        ("layout = '{id}'\nlayout = '{id}'", "2: duplicate key"),
    ] {
        assert_eq!(resumed().with_file(file).refusal(&[]), format!("resumed.toml:{line}"), "{file}");
    }
    let syntax = resumed().with_file("layout = '{id}'\nmax-size 5").refusal(&[]);
    assert!(syntax.starts_with("resumed.toml:2: "), "{syntax}");
}

#[test]
fn a_file_that_cannot_be_read_is_named_by_who_named_it() {
    let missing = r#"cannot read "missing.toml": No such file or directory (os error 2)"#;
    assert_eq!(resumed().refusal(&["--config", "missing.toml"]), format!("--config: {missing}"));
    let resumed = resumed().with_variable("RESUMED_CONFIG", "missing.toml");
    assert_eq!(resumed.refusal(&[]), format!("RESUMED_CONFIG: {missing}"));
}

#[test]
fn contradictions_are_told_in_one_line() {
    let unsafe_line = "is not safe while every origin is allowed; list the origins with --cors-origin";
    for (flags, line) in [
        (&["--cors-credentials"][..], format!("--cors-credentials: {unsafe_line}")),
        (
            &["--cors-origin=*", "--cors-origin=https://a.example"],
            "--cors-origin: * already allows every origin; give it alone, or only the others".to_owned(),
        ),
        (&["--tls-cert=a"], "--tls-cert: needs the key that belongs to it; give --tls-key".to_owned()),
        (&["--tls-key=a"], "--tls-key: needs the certificate that it belongs to; give --tls-cert".to_owned()),
        (
            &["--listen=[::1]:80", "--listen=[0:0::1]:80"],
            r#"--listen: "[::1]:80" is given twice; give each address once"#.to_owned(),
        ),
    ] {
        assert_eq!(resumed().refusal(flags), line);
    }
    let in_environment = resumed().with_variable("RESUMED_CORS_CREDENTIALS", "1");
    assert_eq!(in_environment.refusal(&[]), format!("RESUMED_CORS_CREDENTIALS: {unsafe_line}"));
    let in_file = resumed().with_file("cors-credentials = true");
    assert_eq!(in_file.refusal(&[]), format!("resumed.toml:1: cors-credentials: {unsafe_line}"));
}

#[test]
fn mistyped_commands_and_flags_are_told_in_one_line() {
    for (args, line) in [
        (&["--lsten", "x"][..], "--lsten: unknown flag; did you mean --listen?"),
        (&["--xyzzy"], "--xyzzy: unknown flag; see resumed --help"),
        (&["-x"], "-x: unknown flag; see resumed --help"),
        (&["check-conf"], "check-conf: unknown command; did you mean check-config?"),
        (&["frobnicate"], "frobnicate: unknown command; see resumed --help"),
        (&["check-config", "now"], "now: unknown command; see resumed --help"),
        (&["--max-size"], "--max-size: needs a value; see --max-size in resumed --help"),
        (&["--no-download=true"], "--no-download: takes no value; leave out =true"),
        (&["--data-dir=a", "--data-dir=b"], "--data-dir: is given twice; give it once"),
        (
            &["--data-dir=a", "check-config"],
            "check-config: comes before its flags; write resumed check-config [OPTIONS]",
        ),
        (
            &["--max-size=a\nb"],
            r#"--max-size: "a\nb" is not a size; give bytes or a size such as 500MB or 10GiB, or none"#,
        ),
    ] {
        assert_eq!(resumed().refusal(args), line);
    }
}

#[cfg(unix)]
#[test]
fn bytes_that_are_no_text_are_refused_and_paths_may_have_them() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

    let run = |variable: &str| {
        Command::new(env!("CARGO_BIN_EXE_resumed"))
            .arg("check-config")
            .env_clear()
            .env("RESUMED_DATA_DIR", OsStr::from_bytes(b"d\xff"))
            .env(variable, OsStr::from_bytes(b"x\xff"))
            .output()
            .unwrap()
    };
    let output = run("RESUMED_LAYOUT");
    assert_eq!(text(&output.stderr), "resumed: RESUMED_LAYOUT: the value is not valid UTF-8\n");
    assert_eq!(run("UNRELATED").status.code(), Some(0));
}

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

#[test]
fn checking_touches_nothing() {
    let resumed = resumed();
    resumed.settings(&["--data-dir", "data", "--listen", "unix:socket"]);
    let left: Vec<_> = fs::read_dir(Path::new(resumed.dir.path())).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
