//! Permits: how they are signed, what they limit, and what is said of those that are not accepted.

use std::fs;
use std::path::Path;
use std::process::Command;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use super::{OCTETS, SECRET, ask, at, base64_url, create, guarded, permit};
use crate::support::daemon::{Daemon, refusal};
use crate::support::data_dir::DataDir;
use crate::support::{base64, bytes};

fn base64_decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

#[test]
fn a_permit_limits_the_size() {
    let daemon = guarded(&["--max-size", "1000"]);
    let small = permit(json!({ "sub": "alice", "exp": at(300), "max_size": 10 }));
    let large = permit(json!({ "sub": "alice", "exp": at(300), "max_size": 5000 }));
    let base = daemon.base().to_owned();
    let code = "ERR_MAX_SIZE_EXCEEDED";
    let refused = ask(&daemon, &small, "POST", &base, "Upload-Length: 11", b"").expect_code(413, code);
    assert!(refused.text().contains("larger than the 10 bytes that are allowed"), "{}", refused.text());
    ask(&daemon, &small, "POST", &base, "Upload-Length: 10", b"").expect(201);
    ask(&daemon, &large, "POST", &base, "Upload-Length: 1001", b"").expect_code(413, code);
    let part = create(&daemon, &small, "Upload-Defer-Length: 1\nUpload-Concat: partial");
    let concat = format!("Upload-Concat: final;{part} {part}");
    ask(&daemon, &small, "POST", &base, &concat, b"").expect_code(400, "ERR_INVALID_CONCAT");
    let deferred = create(&daemon, &small, "Upload-Defer-Length: 1");
    let append = format!("Upload-Offset: 0\n{OCTETS}");
    ask(&daemon, &small, "PATCH", &deferred, &append, &bytes(11)).expect_code(413, code);
    ask(&daemon, &small, "PATCH", &deferred, &append, &bytes(10)).expect(204);
}

/// A key pair made by openssl: the private key for the test, the path of the public one for the daemon.
fn key_pair(dir: &Path, algorithm: &[&str]) -> (Vec<u8>, String) {
    let (private, public) = (dir.join("private.pem"), dir.join("public.pem"));
    let run = |args: &[&str]| {
        let output = Command::new("openssl").args(args).output().expect("openssl is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    run(&[&["genpkey", "-out", private.to_str().unwrap(), "-algorithm"], algorithm].concat());
    run(&["pkey", "-in", private.to_str().unwrap(), "-pubout", "-out", public.to_str().unwrap()]);
    (fs::read(private).unwrap(), public.to_str().unwrap().to_owned())
}

#[test]
fn permits_are_signed_by_public_keys_too() {
    let data = DataDir::new();
    let (ec_dir, ed_dir) = (data.beside("ec"), data.beside("ed"));
    fs::create_dir_all(&ec_dir).unwrap();
    fs::create_dir_all(&ed_dir).unwrap();
    let (ec, ec_public) = key_pair(&ec_dir, &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let (ed, ed_public) = key_pair(&ed_dir, &["ed25519"]);
    let flags = ["--permit-key", &ec_public, "--permit-key", &ed_public, "--permit-audience", "uploads"];
    let daemon = Daemon::start_on(data, &flags);
    let claims = json!({ "sub": "alice", "exp": at(300), "aud": "uploads" });
    let es256 =
        encode(&Header::new(Algorithm::ES256), &claims, &EncodingKey::from_ec_pem(&ec).unwrap()).unwrap();
    let eddsa =
        encode(&Header::new(Algorithm::EdDSA), &claims, &EncodingKey::from_ed_pem(&ed).unwrap()).unwrap();
    let upload = create(&daemon, &es256, "Upload-Length: 5");
    ask(&daemon, &eddsa, "PATCH", &upload, &format!("Upload-Offset: 0\n{OCTETS}"), b"hello").expect(204);

    // The public key is no secret, so it must not be taken for one.
    let public = fs::read(&ec_public).unwrap();
    let confused =
        encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(&public)).unwrap();
    ask(&daemon, &confused, "HEAD", &upload, "", b"").expect(401);
    // And nobody comes in who was meant for somebody else.
    for claims in [
        json!({ "sub": "alice", "exp": at(300) }),
        json!({ "sub": "alice", "exp": at(300), "aud": "elsewhere" }),
        json!({ "exp": at(300), "aud": "uploads" }),
        json!({ "sub": "", "exp": at(300), "aud": "uploads" }),
    ] {
        let token =
            encode(&Header::new(Algorithm::EdDSA), &claims, &EncodingKey::from_ed_pem(&ed).unwrap()).unwrap();
        ask(&daemon, &token, "HEAD", &upload, "", b"").expect(401);
    }
}

#[test]
fn a_public_key_in_another_form_is_no_secret() {
    let data = DataDir::new();
    let dir = data.beside("keys");
    fs::create_dir_all(&dir).unwrap();
    let (_, path) = key_pair(&dir, &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let pem = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let line = lines.concat();
    let der = base64_decoded(&line);
    let hex: Vec<String> = der.iter().map(|byte| format!("{byte:02X}")).collect();
    let frame = "is a public key without its frame; put it between -----BEGIN PUBLIC KEY----- and \
                 -----END PUBLIC KEY-----";
    let ssh = "AAAAC3NzaC1lZDI1NTE5AAAAIHVwbG9hZHNhcmVyZXN1bWVkd2hlcmV0aGV5c3RvcHBlZA==";
    let key = data.beside("key");
    for (text, says) in [
        (line.clone().into_bytes(), frame),
        (format!("{line}\n").into_bytes(), frame),
        (format!("{}\r\n", lines.join("\r\n")).into_bytes(), frame),
        (format!("\"{line}\"").into_bytes(), frame),
        (line.trim_end_matches('=').as_bytes().to_vec(), frame),
        (base64_url(&der).into_bytes(), frame),
        (hex.concat().into_bytes(), frame),
        (hex.join(":").to_lowercase().into_bytes(), frame),
        (der, frame),
        (base64(&pem).into_bytes(), "is a key in PEM form in an encoding of its own; decode it once"),
        (ssh.as_bytes().to_vec(), "is a public key of OpenSSH; give one in PEM form"),
    ] {
        fs::write(&key, &text).unwrap();
        let (code, said) = refusal(&data, &["--permit-key", key.to_str().unwrap()]);
        assert_eq!(code, Some(1), "{said}");
        assert!(
            said.trim_end().ends_with(&format!("key: {says}")),
            "{}: {said}",
            String::from_utf8_lossy(&text)
        );
    }
}

#[test]
fn a_permit_that_is_not_accepted_says_what_is_odd_about_it() {
    let daemon = guarded(&[]);
    let with = |name: &str, value: Value| {
        let mut claims = json!({ "sub": "alice", "exp": at(300) });
        claims[name] = value;
        permit(claims)
    };
    let mut critical = Header::new(Algorithm::HS256);
    critical.crit = Some(vec!["b64".to_owned()]);
    let claims = json!({ "sub": "alice", "exp": at(300) });
    let critical = encode(&critical, &claims, &EncodingKey::from_secret(SECRET)).unwrap();
    create(&daemon, &with("aud", Value::Null), "Upload-Length: 5");
    let elsewhere = "it is meant for another server";
    for (permit, says) in [
        (critical, "it demands in its header (crit) what is not known here"),
        (with("aud", json!("uploads")), elsewhere),
        (with("aud", json!(["uploads"])), elsewhere),
        (with("aud", json!([])), elsewhere),
        (with("aud", json!(5)), elsewhere),
        (with("aud", json!({ "is": "uploads" })), elsewhere),
        (with("exp", json!("2100-01-01")), "the claim exp is missing or no number"),
        (with("exp", Value::Null), "the claim exp is missing or no number"),
        (permit(json!({ "sub": "alice" })), "the claim exp is missing or no number"),
        (with("nbf", json!("2000-01-01")), "the claim nbf is no number"),
        (with("nbf", json!(at(300))), "it is not valid yet"),
        (with("sub", json!("")), "it lacks the claim sub"),
    ] {
        let answer = ask(&daemon, &permit, "POST", daemon.base(), "Upload-Length: 5", b"");
        let text = answer.expect_code(401, "ERR_UNAUTHORIZED").text();
        assert!(text.ends_with(&format!("is not accepted: {says}\n")), "{says}: {text}");
    }
}
