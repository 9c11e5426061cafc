//! Certificates, made by openssl when a test needs them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether the tools are here. Where CI has installed them, a missing one is a failure.
pub(crate) fn has_tools() -> bool {
    let missing =
        ["openssl", "curl"].into_iter().find(|tool| Command::new(tool).arg("--version").output().is_err());
    let Some(missing) = missing else { return true };
    assert_ne!(std::env::var("RESUMED_TEST_CLIENTS").as_deref(), Ok("all"), "no {missing}");
    eprintln!("left out: no {missing}");
    false
}

/// Makes a certificate for localhost that vouches for itself, and its key.
pub(crate) fn certificate(dir: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (cert, key) = (dir.join(format!("{name}.crt")), dir.join(format!("{name}.key")));
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]);
    openssl.args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    let output = openssl.arg("-out").arg(&cert).arg("-keyout").arg(&key).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (cert, key)
}
