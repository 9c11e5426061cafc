//! Who may do what: every rule on every verb of every protocol.

mod limits;
mod permits;

use std::fmt::Write as _;
use std::fs;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, refusal};
use crate::support::data_dir::DataDir;
use crate::support::wire::Answer;
use crate::support::{eventually, filename};

const ALICE: &str = "alice-0123456789abcdef";
const BOB: &str = "bob-0123456789abcdef";
const NAMELESS: &str = "nameless-0123456789abcdef";
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// A daemon that knows the tokens and takes permits signed with the secret.
fn guarded(flags: &[&str]) -> Daemon {
    let data = DataDir::new();
    let (tokens, secret) = (data.beside("tokens"), data.beside("secret"));
    fs::write(&tokens, format!("# name token\nalice {ALICE}\nbob {BOB}\n{NAMELESS}\n")).unwrap();
    fs::write(&secret, SECRET).unwrap();
    let rules = ["--token-file", tokens.to_str().unwrap(), "--permit-key", secret.to_str().unwrap()];
    Daemon::start_on(data, &[&rules[..], flags].concat())
}

/// A moment this many seconds from now, as a permit has it.
fn at(seconds: i64) -> i64 {
    jiff::Timestamp::now().as_second() + seconds
}

fn permit(claims: Value) -> String {
    encode(&Header::new(Algorithm::HS256), &claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

fn bearer(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\n") }
}

/// Sends a request with a token.
fn ask(daemon: &Daemon, token: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    daemon.ask(method, path, &format!("{}{headers}", bearer(token)), body)
}

#[track_caller]
fn create(daemon: &Daemon, token: &str, headers: &str) -> String {
    let answer = ask(daemon, token, "POST", daemon.base(), headers, b"").expect(201);
    answer.header("location").unwrap().to_owned()
}

const OCTETS: &str = "Content-Type: application/offset+octet-stream";

fn chunk_path(name: &str, number: u32) -> String {
    format!(
        "/resumable_upload?resumableChunkNumber={number}&resumableChunkSize=5&resumableTotalSize=10\
         &resumableTotalChunks=2&resumableCurrentChunkSize=5&resumableIdentifier={name}&resumableFilename={name}"
    )
}

/// Alice's uploads, made anew for each row, because deleting one is a column.
struct Alices {
    half: String,
    gone: String,
    whole: String,
    parts: [String; 2],
}

impl Alices {
    fn new(daemon: &Daemon) -> Self {
        let upload = |headers: &str, body: &[u8]| {
            let headers = format!("Upload-Length: {}\n{OCTETS}\n{headers}", body.len());
            let answer = ask(daemon, ALICE, "POST", daemon.base(), &headers, body).expect(201);
            answer.header("location").unwrap().to_owned()
        };
        let partial = "Upload-Concat: partial";
        Self {
            half: create(daemon, ALICE, "Upload-Length: 10"),
            gone: create(daemon, ALICE, "Upload-Length: 10"),
            whole: upload(&filename("whole.txt"), b"hello"),
            parts: [upload(partial, b"abc"), upload(partial, b"def")],
        }
    }
}

/// What is answered to whoever brings this token, for each verb on Alice's uploads and for what he begins himself.
fn row(daemon: &Daemon, token: &str, name: &str) -> Vec<(&'static str, u16)> {
    let alices = Alices::new(daemon);
    let base = daemon.base();
    let status = |method: &str, path: &str, headers: &str, body: &[u8]| {
        ask(daemon, token, method, path, headers, body).status
    };
    let [first, second] = &alices.parts;
    let concat = format!("Upload-Concat: final;{first} {second}");
    let with_upload = format!("Upload-Length: 5\n{OCTETS}");
    let append = format!("Upload-Offset: 0\n{OCTETS}");
    let tunnelled = format!("X-HTTP-Method-Override: PATCH\nUpload-Offset: 5\n{OCTETS}");
    vec![
        ("OPTIONS", status("OPTIONS", base, "", b"")),
        ("POST", status("POST", base, "Upload-Length: 5", b"")),
        ("POST with bytes", status("POST", base, &with_upload, b"hello")),
        ("POST final", status("POST", base, &concat, b"")),
        ("HEAD", status("HEAD", &alices.half, "", b"")),
        ("PATCH", status("PATCH", &alices.half, &append, b"hello")),
        ("POST as PATCH", status("POST", &alices.half, &tunnelled, b"world")),
        ("GET", status("GET", &alices.whole, "", b"")),
        ("DELETE", status("DELETE", &alices.gone, "", b"")),
        ("DELETE finished", status("DELETE", &alices.whole, "", b"")),
        ("rjs OPTIONS", status("OPTIONS", "/resumable_upload", "", b"")),
        ("rjs GET", status("GET", &chunk_path(name, 1), "", b"")),
        ("rjs POST", status("POST", &chunk_path(name, 1), "", b"hello")),
        ("rjs PUT", status("PUT", &chunk_path(name, 2), "Content-Length: 5", b"world")),
        ("rjs PATCH", status("PATCH", &chunk_path(name, 2), "", b"world")),
        ("no upload", status("HEAD", &format!("{base}nothing"), "", b"")),
        ("page", status("GET", "/config.json", "", b"")),
    ]
}

#[test]
fn every_rule_holds_on_every_verb() {
    let daemon = guarded(&[]);
    let (alice, soon) = (json!("alice"), at(300));
    let permit_of = |ops: Value| permit(json!({ "sub": alice, "exp": soon, "ops": ops }));
    let unsigned = {
        // {"alg":"none","typ":"JWT"}, and claims that would allow all.
        let part = |value: Value| base64_url(value.to_string().as_bytes());
        format!(
            "{}.{}.",
            part(json!({ "alg": "none", "typ": "JWT" })),
            part(json!({ "sub": "alice", "exp": soon }))
        )
    };
    let other_key = EncodingKey::from_secret(b"another secret of thirty-two byte");
    let forged =
        encode(&Header::new(Algorithm::HS256), &json!({ "sub": "alice", "exp": soon }), &other_key).unwrap();
    let rows = [
        ("nothing", String::new()),
        ("a wrong token", "alice-0123456789abcdeX".to_owned()),
        ("the owner's token", ALICE.to_owned()),
        ("another's token", BOB.to_owned()),
        ("a token without a name", NAMELESS.to_owned()),
        ("permit to upload", permit(json!({ "sub": alice, "exp": soon }))),
        ("permit: create", permit_of(json!(["create"]))),
        ("permit: append", permit_of(json!(["append"]))),
        ("permit: read", permit_of(json!(["read"]))),
        ("permit: delete", permit_of(json!(["delete"]))),
        ("permit for all", permit_of(json!(["create", "append", "read", "delete"]))),
        ("permit for nothing", permit_of(json!([]))),
        (
            "another's permit",
            permit(json!({ "sub": "bob", "exp": soon, "ops": ["append", "read", "delete"] })),
        ),
        ("permit, expired", permit(json!({ "sub": alice, "exp": at(-300) }))),
        ("permit, not yet", permit(json!({ "sub": alice, "exp": soon, "nbf": at(200) }))),
        ("permit for ever", permit(json!({ "sub": alice }))),
        ("permit for others", permit(json!({ "sub": alice, "exp": soon, "aud": "elsewhere" }))),
        ("permit, unsigned", unsigned),
        ("permit, forged", forged),
    ];
    // In the order of the columns: tus, then Resumable.js, then what is nobody's.
    let refused = [401; 15].into_iter().chain([401, 200]).collect::<Vec<u16>>();
    let expected = |who: &str| -> Vec<u16> {
        match who {
            "the owner's token" | "permit for all" => {
                vec![204, 201, 201, 201, 200, 204, 204, 200, 204, 204, 204, 204, 200, 200, 200, 404, 200]
            }
            // Other people's uploads are not there.
            "another's token" | "a token without a name" => {
                vec![204, 201, 201, 400, 404, 404, 404, 404, 404, 404, 204, 204, 200, 200, 200, 404, 200]
            }
            "another's permit" => {
                vec![204, 403, 403, 403, 404, 404, 404, 404, 404, 404, 204, 204, 403, 403, 403, 404, 200]
            }
            "permit to upload" => {
                vec![204, 201, 201, 201, 200, 204, 204, 403, 403, 403, 204, 204, 200, 200, 200, 404, 200]
            }
            "permit: create" => {
                vec![204, 201, 403, 201, 403, 403, 403, 403, 403, 403, 204, 403, 403, 403, 403, 404, 200]
            }
            "permit: append" => {
                vec![204, 403, 403, 403, 200, 204, 204, 403, 403, 403, 204, 204, 403, 403, 403, 404, 200]
            }
            "permit: read" => {
                vec![204, 403, 403, 403, 200, 403, 403, 200, 403, 403, 204, 204, 403, 403, 403, 404, 200]
            }
            "permit: delete" => {
                vec![204, 403, 403, 403, 403, 403, 403, 403, 204, 204, 204, 403, 403, 403, 403, 404, 200]
            }
            "permit for nothing" => {
                vec![204, 403, 403, 403, 403, 403, 403, 403, 403, 403, 204, 403, 403, 403, 403, 404, 200]
            }
            _ => refused.clone(),
        }
    };
    let (mut matrix, mut wrong) = (String::new(), String::new());
    for (number, (who, token)) in rows.iter().enumerate() {
        let row = row(&daemon, token, &format!("file{number}"));
        if number == 0 {
            let columns: Vec<&str> = row.iter().map(|(column, _)| *column).collect();
            writeln!(matrix, "| {:<22} | {} |", "", columns.join(" | ")).unwrap();
        }
        let statuses: Vec<u16> = row.iter().map(|(_, status)| *status).collect();
        let cells: Vec<String> = statuses.iter().map(ToString::to_string).collect();
        writeln!(matrix, "| {who:<22} | {} |", cells.join(" | ")).unwrap();
        for ((column, status), expected) in row.iter().zip(expected(who)) {
            if *status != expected {
                writeln!(wrong, "{who}, {column}: {status} and not {expected}").unwrap();
            }
        }
    }
    println!("{matrix}");
    assert!(wrong.is_empty(), "{wrong}\n{matrix}");
}

fn base64_url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn a_refusal_says_what_to_do_and_changes_nothing() {
    let daemon = guarded(&[]);
    let upload = create(&daemon, ALICE, "Upload-Length: 10");
    let answer = daemon.ask(
        "PATCH",
        &upload,
        &format!("Upload-Offset: 0\n{OCTETS}\nOrigin: https://a.example"),
        b"hello",
    );
    let answer = answer.expect_code(401, "ERR_UNAUTHORIZED");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"resumed\""));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "a page can read why");
    assert_eq!(answer.header("tus-resumable"), Some("1.0.0"));
    let expired = permit(json!({ "sub": "alice", "exp": at(-300) }));
    let answer = ask(&daemon, &expired, "HEAD", &upload, "", b"").expect(401);
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"resumed\", error=\"invalid_token\""));
    let answer = ask(&daemon, &expired, "DELETE", &upload, "", b"");
    assert!(answer.text().ends_with("is not accepted: it has expired\n"), "{}", answer.text());
    assert_eq!(ask(&daemon, ALICE, "HEAD", &upload, "", b"").expect(200).offset(), Some(0));
    // A browser's question before the request brings no token.
    let asks = "Origin: https://a.example\nAccess-Control-Request-Method: PATCH\nAccess-Control-Request-Headers: authorization";
    let answer = daemon.ask("OPTIONS", &upload, asks, b"").expect(204);
    assert!(answer.header("access-control-allow-headers").unwrap().contains("Authorization"));
    for odd in
        ["Authorization: Basic YWxpY2U6eA==", "Authorization: Bearer", &format!("{0}{0}", bearer(ALICE))]
    {
        daemon.ask("HEAD", &upload, odd, b"").expect(401);
    }
    assert!(!daemon.log().contains("0123456789abcdef"), "tokens do not stand in the log:\n{}", daemon.log());
}

#[test]
fn an_owner_is_the_same_by_token_and_by_permit_and_after_a_restart() {
    let daemon = guarded(&[]);
    let by_permit = permit(json!({ "sub": "alice", "exp": at(300) }));
    let upload = create(&daemon, &by_permit, "Upload-Length: 10");
    let append = format!("Upload-Offset: 0\n{OCTETS}");
    ask(&daemon, ALICE, "PATCH", &upload, &append, b"hello").expect(204);
    let id = upload.rsplit('/').next().unwrap();
    assert_eq!(daemon.sidecar(id)["owner"], "alice");
    let tokens = daemon.beside("tokens");
    let daemon = Daemon::start_on(daemon.kill(), &["--token-file", tokens.to_str().unwrap()]);
    ask(&daemon, BOB, "HEAD", &upload, "", b"").expect(404);
    assert_eq!(ask(&daemon, ALICE, "HEAD", &upload, "", b"").expect(200).offset(), Some(5));
    ask(&daemon, &by_permit, "HEAD", &upload, "", b"").expect(401);
    // Two people's equal names are two uploads.
    let path = chunk_path("same", 1);
    ask(&daemon, ALICE, "POST", &path, "", b"hello").expect(200);
    ask(&daemon, BOB, "GET", &path, "", b"").expect(204);
    ask(&daemon, ALICE, "GET", &path, "", b"").expect(200);
}

#[test]
fn tokens_are_read_again_on_request() {
    let daemon = guarded(&[]);
    let upload = create(&daemon, ALICE, "Upload-Length: 5");
    let tokens = daemon.beside("tokens");
    fs::write(&tokens, "alice short\n").unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("line 1: a token has 16 characters or more");
    ask(&daemon, ALICE, "HEAD", &upload, "", b"").expect(200);
    fs::write(&tokens, "alice a-new-token-0123456789\n").unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("reloaded changed=0");
    assert_eq!(daemon.log().matches("tokens and keys were read again").count(), 1, "{}", daemon.log());
    ask(&daemon, ALICE, "HEAD", &upload, "", b"").expect(401);
    ask(&daemon, "a-new-token-0123456789", "HEAD", &upload, "", b"").expect(200);

    let reloaded = || daemon.log().matches("reloaded changed=0").count();
    daemon.signal(Signal::HUP);
    eventually("it is read again", || reloaded() == 2);
    fs::write(daemon.beside("secret"), b"another-secret-of-32-or-more-characters").unwrap();
    daemon.signal(Signal::HUP);
    eventually("it is read again", || reloaded() == 3);
    // Said when they were other ones, and only then.
    assert_eq!(daemon.log().matches("tokens and keys were read again").count(), 2, "{}", daemon.log());
}

#[test]
fn rules_that_cannot_be_used_are_told_at_the_start() {
    let data = DataDir::new();
    let file = data.beside("file");
    let path = file.to_str().unwrap();
    for (text, flags, says) in [
        ("", ["--token-file", path], "holds no token"),
        ("short", ["--permit-key", path], "is neither a public key in PEM form nor a secret"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVwbG9hZHM= a", ["--permit-key", path], "nor a secret"),
        (
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\",\"y\":\"AAAA\"}",
            ["--permit-key", path],
            "nor a secret",
        ),
        (
            "\u{feff}-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
            ["--permit-key", path],
            "nor a secret",
        ),
        ("-----BEGIN CERTIFICATE-----\n", ["--permit-key", path], "is a certificate"),
        ("-----BEGIN PRIVATE KEY-----\n", ["--permit-key", path], "is a private key"),
        (
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            ["--permit-key", path],
            "is no public key",
        ),
        (
            "",
            ["--token-file", "credential:tokens"],
            "can't be read: the service manager has handed over no credentials",
        ),
    ] {
        fs::write(&file, text).unwrap();
        let (code, said) = refusal(&data, &flags);
        assert_eq!(code, Some(1), "{said}");
        let [flag, file] = flags;
        assert!(
            said.contains(&format!("can't decide who may do what: {flag}: {file}: ")) && said.contains(says),
            "{said}"
        );
    }
}

#[test]
fn an_address_that_others_reach_is_warned_of() {
    let says = "whoever reaches this address can upload, read and delete";
    Daemon::start(&["--listen", "0.0.0.0:0"]).wait_for_log(says);
    let (near, guarded) = (Daemon::start(&[]), guarded(&["--listen", "0.0.0.0:0"]));
    for daemon in [near, guarded] {
        // It is the last that is said at the start.
        daemon.wait_for_log("took stock");
        assert!(!daemon.log().contains(says), "{}", daemon.log());
    }
}

#[test]
fn the_page_is_for_everybody_also_where_it_lives_among_the_uploads() {
    let daemon = guarded(&["--base-path", "/"]);
    daemon.ask("GET", "/", "", b"").expect(200);
    daemon.ask("GET", "/config.json", "", b"").expect(200);
    daemon.ask("POST", "/", "Upload-Length: 5", b"").expect_code(401, "ERR_UNAUTHORIZED");
    let upload = create(&daemon, ALICE, "Upload-Length: 5");
    daemon.ask("GET", &upload, "", b"").expect_code(401, "ERR_UNAUTHORIZED");
}

#[test]
fn figures_beside_uploads_are_for_those_who_may_do_everything() {
    let daemon = guarded(&["--admin-listen", "same"]);
    daemon.ask("GET", "/metrics", "", b"").expect(401);
    ask(&daemon, ALICE, "GET", "/metrics", "", b"").expect(200);
    // Who may upload, or nothing at all, need not know how much others do.
    let permit_for = |ops: Value| permit(json!({ "sub": "alice", "exp": at(300), "ops": ops }));
    let all = json!(["create", "append", "read", "delete"]);
    for (ops, status) in
        [(Value::Null, 403), (json!([]), 403), (json!(["create", "append", "read"]), 403), (all, 200)]
    {
        ask(&daemon, &permit_for(ops), "GET", "/metrics", "", b"").expect(status);
    }
    let refused = ask(&daemon, &permit_for(json!([])), "GET", "/metrics", "", b"");
    refused.expect_code(403, "ERR_FORBIDDEN");
    daemon.ask("GET", "/healthz", "", b"").expect(200);
    daemon.ask("GET", "/readyz", "", b"").expect(200);
}
