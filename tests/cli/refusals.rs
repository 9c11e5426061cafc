//! What is wrong, in one line.

use std::process::Command;

use crate::{resumed, text};

const ID: &str = "3f0c1d2e4b5a69788796a5b4c3d2e1f0";

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
        (
            &["check-config", "now"],
            "now: check-config takes nothing but flags; see resumed check-config --help",
        ),
        (&["expire", "extra"], "extra: expire takes nothing but flags; see resumed expire --help"),
        (&["show", ID, "extra"], "extra: is one too many; see resumed show --help"),
        (&["list", "--max-size", "5"], "--max-size: list has no such flag; see resumed list --help"),
        (&["list", "--listen=x"], "--listen: list has no such flag; see resumed list --help"),
        (&["rm", "--older-than", "1d"], "--older-than: rm has no such flag; see resumed rm --help"),
        (&["list", "--jsno"], "--jsno: unknown flag; did you mean --json?"),
        (&["--verify", "frobnicate"], "frobnicate: unknown command; see resumed --help"),
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
