//! Where settings come from: flags, variables, a file and defaults; and what `check-config` shows of them.

use std::fs;
use std::path::Path;

use crate::{resumed, text};

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
    // What the service manager hands over to the daemon alone can't be looked at here, and that is said.
    let report = resumed.settings(&[
        "--token-file=credential:tokens",
        "--permit-key=credential:permits",
        "--tls-cert=credential:crt",
        "--tls-key=credential:key",
    ]);
    let lines: String = ["crt", "key", "tokens", "permits"]
        .map(|name| format!("# credential:{name} was not looked at: it is there for the service alone\n"))
        .concat();
    assert!(report.ends_with(&lines), "{report}");
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
fn checking_touches_nothing() {
    let resumed = resumed();
    resumed.settings(&["--data-dir", "data", "--listen", "unix:socket"]);
    let left: Vec<_> = fs::read_dir(Path::new(resumed.dir.path())).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
