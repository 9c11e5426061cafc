//! TLS, as curl and openssl meet it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::support::daemon::{Daemon, Manager, id, refusal, refusal_under};
use crate::support::data_dir::DataDir;
use crate::support::tls::{certificate, has_tools};
use crate::support::wire::Wire;
use crate::support::{PATIENCE, bytes, filename};

/// A daemon with a certificate that is called `tls` and lies beside its data directory.
fn start(flags: &[&str]) -> Daemon {
    let data = DataDir::new();
    certificate(&data.beside(""), "tls");
    let flags = [&["--tls-cert", "tls.crt", "--tls-key", "tls.key"], flags].concat();
    Daemon::start_on(data, &flags)
}

impl Daemon {
    /// Runs curl on a path of the daemon: whether it went well, and what it said.
    fn curl(&self, certificate: &str, path: &str, args: &[&str]) -> (bool, String) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--max-time", "30", "--cacert"]).arg(self.beside(certificate));
        curl.args(["--header", "Tus-Resumable: 1.0.0"]).args(args);
        let output = curl.arg(format!("https://{}{path}", self.address())).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Shakes hands by openssl: whether it went well, and what it said.
    fn openssl(&self, args: &[&str]) -> (bool, String) {
        let mut openssl = Command::new("openssl");
        openssl.args(["s_client", "-connect", self.address(), "-CAfile"]).arg(self.beside("tls.crt"));
        let output = openssl.args(["-verify_return_error"]).args(args).stdin(Stdio::null()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    #[track_caller]
    fn is_trusted(&self, certificate: &str) -> bool {
        let (is_fine, said) = self.curl(certificate, "/files/", &["--request", "OPTIONS"]);
        assert!(is_fine || said.contains("certificate"), "{said}");
        is_fine
    }
}

#[test]
fn an_upload_over_either_version_arrives() {
    if !has_tools() {
        return;
    }
    let daemon = start(&[]);
    let body = bytes(3_000_000);
    fs::write(daemon.beside("body"), &body).unwrap();
    for (flag, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let length = format!("Upload-Length: {}", body.len());
        let metadata = filename(format!("{version}.bin"));
        let created = daemon.curl(
            "tls.crt",
            "/files/",
            &[flag, "--include", "--request", "POST", "--header", &length, "--header", &metadata],
        );
        let location = created.1.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().trim();
        // A path is of the scheme that the client used.
        assert!(location.starts_with("/files/"), "{location}");
        let data = format!("@{}", daemon.beside("body").display());
        let (is_fine, said) = daemon.curl(
            "tls.crt",
            location,
            &[
                flag,
                "--request",
                "PATCH",
                "--header",
                "Upload-Offset: 0",
                "--header",
                "Content-Type: application/offset+octet-stream",
                "--data-binary",
                &data,
                "--write-out",
                "%{http_version} %{http_code}",
            ],
        );
        assert!(is_fine, "{said}");
        assert_eq!(said, format!("{version} 204"));
        assert!(daemon.files()[&format!("{version}.bin")] == body, "the bytes are the client's");
        let fetched = daemon.beside("fetched");
        let (is_fine, said) =
            daemon.curl("tls.crt", location, &[flag, "--output", fetched.to_str().unwrap()]);
        assert!(is_fine, "{said}");
        assert!(fs::read(fetched).unwrap() == body, "and back");
    }
}

#[test]
fn the_handshake_offers_what_is_good_and_nothing_old() {
    if !has_tools() {
        return;
    }
    let daemon = start(&[]);
    for (args, is_fine, what) in [
        (&["-alpn", "h2,http/1.1"][..], true, "ALPN protocol: h2"),
        (&["-alpn", "http/1.1"], true, "ALPN protocol: http/1.1"),
        (&["-tls1_3"], true, "TLSv1.3"),
        (&["-tls1_2"], true, "TLSv1.2"),
        (&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], false, "alert"),
        (&["-alpn", "spdy/3"], false, "no application protocol"),
    ] {
        let (went_well, said) = daemon.openssl(args);
        assert_eq!(went_well, is_fine, "{args:?}\n{said}");
        assert!(said.contains(what), "{args:?}\n{said}");
    }
}

#[test]
fn a_unix_socket_stays_plain() {
    if !has_tools() {
        return;
    }
    let data = DataDir::new();
    certificate(&data.beside(""), "tls");
    let path = data.beside("plain.sock");
    let unix = format!("unix:{}", path.display());
    let flags =
        ["--listen", "127.0.0.1:0", "--listen", &unix, "--tls-cert", "tls.crt", "--tls-key", "tls.key"];
    let daemon = Daemon::start_on(data, &flags);
    let mut wire = Wire::unix(UnixStream::connect(&path).unwrap());
    wire.send_head("OPTIONS", "/files/", "", None);
    wire.answer().expect(204);
    assert!(daemon.is_trusted("tls.crt"));
}

#[test]
fn who_stalls_in_the_handshake_is_let_go_and_hinders_nobody() {
    if !has_tools() {
        return;
    }
    let daemon = start(&["--header-timeout", "2s"]);
    // (a record that announces 512 bytes, and some of them)
    let beginnings: [&[u8]; 3] = [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"];
    let mut stalled: Vec<TcpStream> = beginnings
        .iter()
        .cycle()
        .take(30)
        .map(|beginning| {
            let mut socket = TcpStream::connect(daemon.address()).unwrap();
            socket.write_all(beginning).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket
        })
        .collect();
    assert!(daemon.is_trusted("tls.crt"), "nobody waits for them");
    for socket in &mut stalled {
        assert_eq!(socket.read_to_end(&mut Vec::new()).unwrap(), 0);
    }
    daemon.wait_for_log("the TLS handshake takes too long");
}

#[test]
fn who_speaks_no_tls_is_sent_away() {
    if !has_tools() {
        return;
    }
    let daemon = start(&[]);
    let mut wire = Wire::tcp(TcpStream::connect(daemon.address()).unwrap());
    wire.send_head("OPTIONS", "/files/", "", None);
    let said = wire.until_closed();
    assert!(!said.contains("HTTP"), "{said:?}");
    daemon.wait_for_log("no TLS connection");
    assert!(daemon.is_trusted("tls.crt"));
}

#[test]
fn a_running_upload_is_saved_when_the_daemon_stops() {
    if !has_tools() {
        return;
    }
    let daemon = start(&[]);
    let (_, created) =
        daemon.curl("tls.crt", "/files/", &["-i", "--request", "POST", "--header", "Upload-Length: 1000000"]);
    let upload = created.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().trim().to_owned();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-quiet", "-connect", daemon.address()]);
    let openssl = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let head = crate::support::wire::head("PATCH", &upload, "Upload-Offset: 0", Some(1_000_000));
    let mut stdin = openssl.stdin.as_ref().unwrap();
    stdin.write_all(head.as_bytes()).unwrap();
    stdin.write_all(&bytes(300_000)).unwrap();
    daemon.wait_for_data(&upload, 300_000);
    daemon.signal(Signal::TERM);
    let answer = openssl.wait_with_output().unwrap().stdout;
    assert!(answer.starts_with(b"HTTP/1.1 503 "), "{}", String::from_utf8_lossy(&answer));
    let (status, log, data) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(data.sidecar(id(&upload))["offset"], 300_000);
}

#[test]
fn a_renewed_certificate_is_taken_over_and_a_bad_one_is_not() {
    if !has_tools() {
        return;
    }
    let daemon = start(&[]);
    let dir = daemon.beside("");
    let (new_cert, new_key) = certificate(&dir, "new");
    fs::copy(dir.join("tls.crt"), dir.join("old.crt")).unwrap();
    let read_again = |expected: &str| {
        let before = daemon.log().len();
        daemon.signal(Signal::HUP);
        crate::support::eventually(expected, || daemon.log()[before..].contains(expected));
    };
    let nothing = "not reloaded, nothing has changed: --tls-";
    let put = |name: &str, from: &Path| fs::copy(from, dir.join(name)).unwrap();

    put("tls.crt", &new_cert);
    read_again(&format!("{nothing}key: tls.key: does not belong to the certificate in tls.crt"));
    assert!(daemon.is_trusted("old.crt"));
    fs::write(dir.join("tls.crt"), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    read_again(&format!("{nothing}cert: tls.crt: is damaged"));
    fs::write(dir.join("tls.crt"), "").unwrap();
    read_again(&format!("{nothing}cert: tls.crt: holds no certificate"));
    put("tls.crt", &new_cert);
    put("tls.key", &new_cert);
    read_again(&format!("{nothing}key: tls.key: holds no private key"));
    fs::remove_file(dir.join("tls.key")).unwrap();
    read_again(&format!("{nothing}key: tls.key: can't be read: No such file"));
    assert!(daemon.is_trusted("old.crt") && !daemon.is_trusted("new.crt"));

    put("tls.key", &new_key);
    read_again("new connections get another certificate now");
    assert!(daemon.is_trusted("new.crt") && !daemon.is_trusted("old.crt"));
    read_again("INFO reloaded changed=0");
    assert_eq!(daemon.log().matches("another certificate").count(), 1);
}

#[test]
fn a_running_upload_goes_on_while_the_certificate_changes() {
    if !has_tools() {
        return;
    }
    let daemon = start(&[]);
    let dir = daemon.beside("");
    fs::copy(dir.join("tls.crt"), dir.join("old.crt")).unwrap();
    let (new_cert, new_key) = certificate(&dir, "new");
    let body = bytes(2_000_000);
    let length = format!("Upload-Length: {}", body.len());
    let metadata = filename("through.bin");
    let (_, created) = daemon.curl(
        "tls.crt",
        "/files/",
        &["--include", "--request", "POST", "--header", &length, "--header", &metadata],
    );
    let upload = created.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().trim().to_owned();
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-quiet", "-connect", daemon.address()]);
    let openssl = openssl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let head =
        crate::support::wire::head("PATCH", &upload, "Upload-Offset: 0\nConnection: close", Some(body.len()));
    let mut stdin = openssl.stdin.as_ref().unwrap();
    stdin.write_all(head.as_bytes()).unwrap();
    stdin.write_all(&body[..700_000]).unwrap();
    daemon.wait_for_data(&upload, 700_000);

    fs::copy(new_cert, dir.join("tls.crt")).unwrap();
    fs::copy(new_key, dir.join("tls.key")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("new connections get another certificate now");
    assert!(daemon.is_trusted("new.crt") && !daemon.is_trusted("old.crt"));

    stdin.write_all(&body[700_000..]).unwrap();
    let answer = openssl.wait_with_output().unwrap().stdout;
    assert!(answer.starts_with(b"HTTP/1.1 204 "), "{}", String::from_utf8_lossy(&answer));
    assert!(daemon.files()["through.bin"] == body);
}

#[test]
fn a_pair_that_can_not_be_used_is_named_at_the_start() {
    if !has_tools() {
        return;
    }
    let data = DataDir::new();
    let dir = data.beside("");
    certificate(&dir, "good");
    certificate(&dir, "other");
    let mut openssl = Command::new("openssl");
    openssl.args(["pkey", "-aes256", "-passout", "pass:secret", "-in"]).arg(dir.join("good.key"));
    assert!(openssl.arg("-out").arg(dir.join("locked.key")).output().unwrap().status.success());
    fs::write(dir.join("empty"), "").unwrap();
    fs::write(dir.join("damaged"), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n").unwrap();
    fs::write(dir.join("no.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let at = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    for (cert, key, flag, wrong) in [
        ("good.crt", "other.key", "key", "other.key: does not belong to the certificate in "),
        (
            "good.crt",
            "locked.key",
            "key",
            "locked.key: holds no private key in PEM form that has no password",
        ),
        ("good.crt", "good.crt", "key", "good.crt: holds no private key"),
        ("good.crt", "missing", "key", "missing: can't be read: No such file"),
        ("empty", "good.key", "cert", "empty: holds no certificate in PEM form"),
        ("damaged", "good.key", "cert", "damaged: is damaged: "),
        ("no.crt", "good.key", "cert", "no.crt: "),
        ("missing", "good.key", "cert", "missing: can't be read: No such file"),
    ] {
        let flags = ["--listen", "127.0.0.1:0", "--tls-cert", &at(cert), "--tls-key", &at(key)];
        let (code, said) = refusal(&data, &flags);
        assert_eq!(code, Some(1), "{said}");
        let line = format!("can't use TLS: --tls-{flag}: {}", dir.join(wrong).display());
        assert!(said.contains(&line), "{line} is not in\n{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}

#[test]
fn credentials_of_the_service_manager_are_found_by_name() {
    if !has_tools() {
        return;
    }
    let flags = ["--tls-cert", "credential:tls.crt", "--tls-key", "credential:tls.key"];
    let data = DataDir::new();
    certificate(&data.beside(""), "tls");
    let directory = data.beside("").to_str().unwrap().to_owned();
    let manager = Manager { variables: vec![("CREDENTIALS_DIRECTORY", directory)], ..Manager::default() };
    let daemon = Daemon::start_under(data, &flags, &manager);
    assert!(daemon.is_trusted("tls.crt"));

    let flags = [&flags[..], &["--listen", "127.0.0.1:0"]].concat();
    let (code, said) = refusal(&DataDir::new(), &flags);
    assert_eq!(code, Some(1));
    let wrong = "can't use TLS: --tls-cert: credential:tls.crt: can't be read: the service manager has handed over no \
                 credentials";
    assert!(said.contains(wrong), "{said}");
    let nowhere = vec![("CREDENTIALS_DIRECTORY", "/nowhere".to_owned())];
    let (code, said) =
        refusal_under(&DataDir::new(), &flags, &Manager { variables: nowhere, ..Manager::default() });
    assert_eq!(code, Some(1));
    assert!(said.contains("credential:tls.crt: can't be read: No such file"), "{said}");
}

#[test]
fn whether_there_is_tls_can_not_change_while_the_daemon_runs() {
    if !has_tools() {
        return;
    }
    let data = DataDir::new();
    certificate(&data.beside(""), "tls");
    let file = data.beside("resumed.toml");
    fs::write(&file, "").unwrap();
    let daemon = Daemon::start_on(data, &["--config", "resumed.toml"]);
    fs::write(&file, "tls-cert = 'tls.crt'\ntls-key = 'tls.key'").unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for_log("tls-cert needs a restart: it is not set until then");
    daemon.wait_for_log("tls-key needs a restart: it is not set until then");
    daemon.ask("OPTIONS", "/files/", "", b"").expect(204);
}
