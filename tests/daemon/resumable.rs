//! Resumable.js: chunks in any order, several at once, the same one twice, and both doors.

use std::sync::Arc;
use std::thread;

use serde_json::Value;

use crate::support::daemon::{Daemon, id};
use crate::support::wire::Answer;
use crate::support::{base64, bytes, eventually};

/// A file cut as the client does it: the last chunk is the larger one.
pub(crate) struct File {
    identifier: &'static str,
    name: &'static str,
    pub(crate) bytes: Vec<u8>,
    chunk: usize,
    /// As many as the client makes of it, if it is another one.
    count: Option<usize>,
}

impl File {
    pub(crate) fn new(identifier: &'static str, name: &'static str, len: usize, chunk: usize) -> Self {
        Self { identifier, name, bytes: bytes(len), chunk, count: None }
    }

    fn count(&self) -> usize {
        self.count.unwrap_or((self.bytes.len() / self.chunk).max(1))
    }

    pub(crate) fn part(&self, number: usize) -> &[u8] {
        let end = if number == self.count() { self.bytes.len() } else { number * self.chunk };
        &self.bytes[(number - 1) * self.chunk..end]
    }

    fn question(&self) -> String {
        format!(
            "/resumable_upload?resumableIdentifier={}&resumableFilename={}&resumableTotalSize={}",
            self.identifier,
            self.name,
            self.bytes.len()
        )
    }

    pub(crate) fn path(&self, number: usize) -> String {
        format!(
            "{}&resumableChunkNumber={number}&resumableChunkSize={}&resumableTotalChunks={}&resumableCurrentChunkSize={}",
            self.question(),
            self.chunk,
            self.count(),
            self.part(number).len()
        )
    }

    pub(crate) fn put(&self, daemon: &Daemon, number: usize) -> Answer {
        daemon.ask("POST", &self.path(number), OCTET, self.part(number))
    }

    pub(crate) fn has(&self, daemon: &Daemon, number: usize) -> bool {
        match daemon.ask("GET", &self.path(number), "", b"").status {
            200 => true,
            204 => false,
            other => panic!("asked for chunk {number}: {other}"),
        }
    }

    fn status(&self, daemon: &Daemon) -> Value {
        serde_json::from_str(&daemon.ask("GET", &self.question(), "", b"").expect(200).text()).unwrap()
    }
}

pub(crate) const OCTET: &str = "Content-Type: application/octet-stream";

#[test]
fn chunks_come_in_any_order_and_the_last_one_publishes() {
    let daemon = Daemon::start(&[]);
    let file = File::new("7-a", "a.bin", 75_000, 10_000);
    assert_eq!(file.status(&daemon)["status"], "not_found");
    for (done, number) in [3, 7, 1, 2, 6, 4].into_iter().enumerate() {
        assert!(!file.has(&daemon, number));
        file.put(&daemon, number).expect(200);
        assert!(file.has(&daemon, number));
        assert_eq!(file.status(&daemon)["chunks_present"], done + 1);
        assert!(daemon.files().is_empty());
    }
    file.put(&daemon, 5).expect(200);
    assert_eq!(daemon.files()["a.bin"], file.bytes);
    let status = file.status(&daemon);
    assert_eq!((&status["status"], &status["size"]), (&"complete".into(), &75_000.into()));
    assert_eq!(daemon.ask("GET", status["url"].as_str().unwrap(), "", b"").expect(200).body, file.bytes);
    // A client that did not hear the last answer asks and sends once more; there is still one file.
    assert!(file.has(&daemon, 5));
    file.put(&daemon, 5).expect(200);
    assert_eq!(daemon.files().len(), 1);
}

#[test]
fn all_chunks_at_once_and_each_of_them_twice_make_one_file() {
    let daemon = Arc::new(Daemon::start(&[]));
    let file = Arc::new(File::new("16-b", "b.bin", 1_600_000, 100_000));
    let requests: Vec<_> = (0..32)
        .map(|n| {
            let (daemon, file) = (Arc::clone(&daemon), Arc::clone(&file));
            thread::spawn(move || (n % 16 + 1, file.put(&daemon, n % 16 + 1).status))
        })
        .collect();
    let answers: Vec<_> = requests.into_iter().map(|request| request.join().unwrap()).collect();
    // Whoever lost its place is told to come again; one of the two has not.
    assert!(answers.iter().all(|(_, status)| [200, 423].contains(status)), "{answers:?}");
    assert!((1..=16).all(|number| answers.contains(&(number, 200))), "{answers:?}");
    eventually("the file is there", || daemon.files().contains_key("b.bin"));
    assert_eq!(daemon.files().into_iter().collect::<Vec<_>>(), [("b.bin".to_owned(), file.bytes.clone())]);
}

#[test]
fn chunks_that_are_under_way_together_are_all_taken() {
    let daemon = Daemon::start(&[]);
    let file = File::new("6-l", "l.bin", 60_000, 10_000);
    let mut wires: Vec<_> = (1..=6)
        .map(|number| {
            let mut wire = daemon.connect();
            wire.send_head(
                "POST",
                &file.path(number),
                &format!("{OCTET}\nExpect: 100-continue"),
                Some(10_000),
            );
            // It is asked for its bytes when it has its place.
            wire.answer().expect(100);
            wire.send(&file.part(number)[..9_999]);
            wire
        })
        .collect();
    assert!((1..=6).all(|number| !file.has(&daemon, number)));
    for (index, wire) in wires.iter_mut().enumerate().rev() {
        let number = index + 1;
        wire.send(&file.part(number)[9_999..]);
        wire.answer().expect(200);
        assert!(file.has(&daemon, number));
    }
    assert_eq!(daemon.files()["l.bin"], file.bytes);
}

#[test]
fn a_chunk_that_was_cut_is_not_there() {
    let daemon = Daemon::start(&[]);
    let file = File::new("3-c", "c.bin", 30_000, 10_000);
    file.put(&daemon, 1).expect(200);
    let mut wire = daemon.connect();
    wire.send_head("POST", &file.path(2), OCTET, Some(10_000));
    wire.send(&file.part(2)[..9_999]);
    wire.reset();
    assert!(!file.has(&daemon, 2));
    file.put(&daemon, 3).expect(200);
    assert!(daemon.files().is_empty());
    file.put(&daemon, 2).expect(200);
    assert_eq!(daemon.files()["c.bin"], file.bytes);
}

#[test]
fn chunks_survive_a_kill_and_a_restart() {
    let daemon = Daemon::start(&[]);
    let file = File::new("4-d", "d.bin", 40_000, 10_000);
    file.put(&daemon, 4).expect(200);
    file.put(&daemon, 2).expect(200);
    let daemon = Daemon::start_on(daemon.kill(), &[]);
    assert_eq!([1, 2, 3, 4].map(|number| file.has(&daemon, number)), [false, true, false, true]);
    file.put(&daemon, 1).expect(200);
    file.put(&daemon, 3).expect(200);
    assert_eq!(daemon.files()["d.bin"], file.bytes);
}

#[test]
fn what_contradicts_is_refused_and_changes_nothing() {
    let daemon = Daemon::start(&[]);
    let file = File::new("3-e", "e.bin", 30_000, 10_000);
    let good = file.path(2);
    // Nothing has been said before that it could contradict.
    for path in [
        good.replace("ChunkNumber=2", "ChunkNumber=0"),
        good.replace("ChunkNumber=2", "ChunkNumber=4"),
        good.replace("TotalChunks=3", "TotalChunks=9"),
        good.replace("ChunkSize=10000", "ChunkSize=0"),
        good.replace("CurrentChunkSize=10000", "CurrentChunkSize=9"),
    ] {
        daemon.ask("POST", &path, OCTET, file.part(2)).expect(400);
        assert!(daemon.uploads().is_empty(), "{path}");
    }
    file.put(&daemon, 1).expect(200);
    for (path, body) in [
        (good.replace("ChunkNumber=2", "ChunkNumber=0"), file.part(2)),
        (good.replace("ChunkNumber=2", "ChunkNumber=4"), file.part(2)),
        (good.replace("ChunkNumber=2", "ChunkNumber=x"), file.part(2)),
        (good.replace("TotalChunks=3", "TotalChunks=9"), file.part(2)),
        (good.replace("ChunkSize=10000", "ChunkSize=15000"), file.part(2)),
        (good.replace("ChunkSize=10000", "ChunkSize=0"), file.part(2)),
        (good.replace("CurrentChunkSize=10000", "CurrentChunkSize=9"), file.part(2)),
        (good.replace("resumableIdentifier=3-e", "resumableIdentifier="), file.part(2)),
        // Right in itself, but cut otherwise than the first chunk was.
        (
            good.replace("ChunkSize=10000", "ChunkSize=15000").replace("TotalChunks=3", "TotalChunks=2"),
            &file.bytes[15_000..],
        ),
        (good.clone(), &file.part(2)[..9_999]),
        (good.clone(), &file.bytes[..10_001]),
    ] {
        let answer = daemon.ask("POST", &path, OCTET, body);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert!(answer.code().starts_with("ERR_"), "{}", answer.text());
        assert_eq!([1, 2, 3].map(|number| file.has(&daemon, number)), [true, false, false], "{path}");
    }
}

#[test]
fn forms_and_base64_and_the_relatives_are_understood() {
    let daemon = Daemon::start(&["--resumable-prefix", "up_"]);
    let form = |fields: &[(&str, &str)], file: &str| {
        let mut body = String::new();
        for (name, value) in fields {
            body += &format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body + &format!("--B\r\nContent-Disposition: form-data; name=\"file\"{file}\r\n--B--\r\n")
    };
    for (prefix, name) in [("resumable", "r.txt"), ("flow", "f.txt"), ("", "s.txt"), ("up_", "u.txt")] {
        let spell = |key: &str| match prefix {
            "" => key[..1].to_lowercase() + &key[1..],
            prefix => format!("{prefix}{key}"),
        };
        let keys =
            ["ChunkNumber", "ChunkSize", "TotalSize", "TotalChunks", "Identifier", "Filename"].map(spell);
        let values = ["1", "10", "5", "1", name, name];
        let fields: Vec<_> = keys.iter().map(String::as_str).zip(values).collect();
        let body =
            form(&fields, "; filename=\"blob\"\r\nContent-Type: application/octet-stream\r\n\r\nhello");
        let answer = daemon.ask(
            "POST",
            "/resumable_upload",
            "Content-Type: multipart/form-data; boundary=B",
            body.as_bytes(),
        );
        answer.expect(200);
        assert_eq!(daemon.files()[name], b"hello");
    }
    let file = File::new("1-g", "g.bin", 5_000, 10_000);
    let url = format!("data:application/octet-stream;base64,{}", base64(&file.bytes));
    let body = form(&[], &format!("\r\n\r\n{url}"));
    daemon
        .ask("POST", &file.path(1), "Content-Type: multipart/form-data; boundary=B", body.as_bytes())
        .expect(200);
    assert_eq!(daemon.files()["g.bin"], file.bytes);
}

#[test]
fn a_digest_is_checked_before_the_file_is_published() {
    use sha1::Digest as _;
    let daemon = Daemon::start(&["--verify"]);
    let file = File::new("2-i", "i.bin", 20_000, 10_000);
    let path = |number, digest: &[u8]| {
        let digest = base64(digest).replace('+', "%2B").replace('=', "%3D");
        format!("{}&resumableDigest=sha1:{digest}", file.path(number))
    };
    let wrong = sha1::Sha1::digest(b"something else");
    daemon.ask("POST", &path(1, &wrong), OCTET, file.part(1)).expect(200);
    daemon.ask("POST", &path(2, &wrong), OCTET, file.part(2)).expect_code(415, "ERR_DIGEST_MISMATCH");
    assert!(daemon.files().is_empty() && daemon.uploads().is_empty());
    // It may have come with any chunk, and need not with the one that is the last.
    let mut wire = daemon.connect();
    wire.send_head("POST", &file.path(2), &format!("{OCTET}\nExpect: 100-continue"), Some(10_000));
    wire.answer().expect(100);
    daemon.ask("POST", &path(1, &wrong), OCTET, file.part(1)).expect(200);
    wire.send(file.part(2));
    wire.answer().expect_code(415, "ERR_DIGEST_MISMATCH");
    assert!(daemon.files().is_empty() && daemon.uploads().is_empty());
    let right = sha1::Sha1::digest(&file.bytes);
    for number in [2, 1] {
        daemon.ask("POST", &path(number, &right), OCTET, file.part(number)).expect(200);
    }
    assert_eq!(daemon.files()["i.bin"], file.bytes);
}

#[test]
fn people_with_equal_names_are_told_apart() {
    let daemon = Daemon::start(&["--resumable-scope", "header:X-User"]);
    let file = File::new("1-j", "j.bin", 5_000, 10_000);
    daemon.ask("POST", &file.path(1), OCTET, file.part(1)).expect_code(403, "ERR_NO_SCOPE");
    for user in ["anna", "bert"] {
        let whose = format!("X-User: {user}");
        daemon.ask("GET", &file.path(1), &whose, b"").expect(204);
        daemon.ask("POST", &file.path(1), &format!("{OCTET}\n{whose}"), file.part(1)).expect(200);
    }
    assert_eq!(daemon.files().into_keys().collect::<Vec<_>>(), ["j (2).bin", "j.bin"]);
    // Her own identifier and name, and another size: that is not the file she began.
    let longer = File::new("1-j", "j.bin", 6_000, 10_000);
    daemon
        .ask("POST", &longer.path(1), &format!("{OCTET}\nX-User: anna"), longer.part(1))
        .expect_code(400, "ERR_CONTRADICTION");
    daemon.ask("GET", &longer.path(1), "X-User: anna", b"").expect(204);
}

#[test]
fn a_scope_is_found_among_bytes_that_are_no_ascii() {
    let file = File::new("1-m", "m.bin", 5_000, 10_000);
    for (scope, header, hers, still_hers, his) in [
        ("cookie:sid", "Cookie", "name=Jörg; sid=x", "sid=x", "sid=y; name=Jörg"),
        ("cookie:sid", "Cookie", "a=b; sid=Jörg", "sid=Jörg; name=Jürg", "sid=Jürg"),
        ("header:X-User", "X-User", "Jörg", "Jörg", "Jürg"),
    ] {
        let daemon = Daemon::start(&["--resumable-scope", scope]);
        let put = daemon.ask("POST", &file.path(1), &format!("{OCTET}\n{header}: {hers}"), file.part(1));
        assert_eq!(put.status, 200, "{scope}, {hers}: {}", put.text());
        daemon.ask("GET", &file.path(1), &format!("{header}: {still_hers}"), b"").expect(200);
        daemon.ask("GET", &file.path(1), &format!("{header}: {his}"), b"").expect(204);
    }
    // Not even UTF-8.
    let daemon = Daemon::start(&["--resumable-scope", "header:X-User"]);
    let ask = |method: &str, user: &[u8]| {
        let head = format!("{method} {} HTTP/1.1\r\nHost: x\r\nContent-Length: ", file.path(1));
        let body = if method == "POST" { file.part(1) } else { b"" };
        let mut wire = daemon.connect();
        wire.send(head);
        wire.send(format!("{}\r\nX-User: ", body.len()));
        wire.send(user);
        wire.send("\r\n\r\n");
        wire.send(body);
        wire.answer().status
    };
    assert_eq!(ask("POST", b"J\xf6rg"), 200);
    let asked = [&b"J\xf6rg"[..], b"J\xfcrg", b"4af67267"].map(|user| ask("GET", user));
    assert_eq!(asked, [200, 204, 204]);
    let daemon = Daemon::start(&["--resumable-scope", "query:who"]);
    let of = |user: &str| format!("{}&who={user}", file.path(1));
    daemon.ask("POST", &of("J%F6rg"), OCTET, file.part(1)).expect(200);
    let asked = ["J%F6rg", "J%FCrg", "J%EF%BF%BDrg", "J%25F6rg"].map(of);
    assert_eq!(asked.map(|path| daemon.ask("GET", &path, "", b"").status), [200, 204, 204, 204]);
}

#[test]
fn who_does_not_say_whose_it_is_hears_where_to_say_it() {
    let file = File::new("1-n", "n.bin", 5_000, 10_000);
    for (scope, place) in [
        ("cookie:sid", "in the cookie sid"),
        ("header:X-User", "in the header x-user"),
        ("query:who", "in the query parameter who"),
    ] {
        let daemon = Daemon::start(&["--resumable-scope", scope]);
        for headers in ["", "Cookie: name=Jörg; sid=\nX-User:"] {
            let answer = daemon.ask("GET", &format!("{}&who=", file.path(1)), headers, b"");
            let answer = answer.expect_code(403, "ERR_NO_SCOPE");
            assert!(answer.text().contains(place), "{}", answer.text());
        }
    }
}

#[test]
fn a_size_is_a_number_however_it_is_written() {
    let daemon = Daemon::start(&[]);
    let file = File::new("3-o", "o.bin", 30_000, 10_000);
    let long = |number| file.path(number).replace("TotalSize=30000", "TotalSize=00030000");
    daemon.ask("POST", &long(1), OCTET, file.part(1)).expect(200);
    assert!(file.has(&daemon, 1));
    file.put(&daemon, 2).expect(200);
    daemon.ask("POST", &long(3), OCTET, file.part(3)).expect(200);
    assert_eq!(daemon.files()["o.bin"], file.bytes);
}

#[test]
fn hostile_names_stay_below_the_files() {
    let daemon = Daemon::start(&[]);
    for (name, stored) in [("..%2F..%2Fetc%2Fpasswd", "passwd"), ("%00%0a", "__"), ("..", "upload")] {
        let file = File {
            identifier: "x",
            name: Box::leak(name.to_owned().into_boxed_str()),
            bytes: bytes(100),
            chunk: 100,
            count: None,
        };
        file.put(&daemon, 1).expect(200);
        assert!(daemon.files().values().all(|contents| *contents == file.bytes), "{name}");
        assert!(
            daemon.files().keys().any(|kept| kept.contains(stored)),
            "{name}: {:?}",
            daemon.files().keys()
        );
    }
}

#[test]
fn abandoned_chunks_expire_by_their_own_rule() {
    let daemon = Daemon::start(&["--resumable-expire-after", "1s"]);
    let file = File::new("2-k", "k.bin", 20_000, 10_000);
    file.put(&daemon, 1).expect(200);
    eventually("nothing is left of it", || daemon.uploads().is_empty());
    assert_eq!(file.status(&daemon)["status"], "not_found");
}

#[test]
fn who_slept_over_the_expiration_is_not_told_that_the_rest_is_all() {
    for has_restarted in [false, true] {
        let daemon = Daemon::start(&[]);
        let file = File::new("40-z", "z.bin", 40_000, 10_000);
        for number in [1, 2] {
            file.put(&daemon, number).expect(200);
        }
        let upload = daemon.one_upload();
        let daemon = if has_restarted {
            // It expired while the daemon was away.
            let data = daemon.kill();
            let mut sidecar = data.sidecar(id(&upload));
            sidecar["expires"] = "2026-01-02T03:04:05Z".into();
            data.leave_sidecar(id(&upload), &sidecar.to_string());
            Daemon::start_on(data, &[])
        } else {
            daemon.ask("DELETE", &upload, "", b"").expect(204);
            daemon
        };
        // The clients count their chunks themselves: at 200 for these two the file would be finished to them.
        for _ in 0..2 {
            assert!(!file.has(&daemon, 3));
            file.put(&daemon, 3).expect_code(404, "ERR_CHUNKS_GONE");
            file.put(&daemon, 4).expect_code(404, "ERR_CHUNKS_GONE");
        }
        // Another file is another matter.
        File::new("40-y", "y.bin", 40_000, 10_000).put(&daemon, 3).expect(200);
        // Its user presses "retry", and the client begins from the top: with a question, or with the chunk itself.
        if has_restarted {
            assert!(!file.has(&daemon, 1));
        }
        for number in 1..=4 {
            file.put(&daemon, number).expect(200);
        }
        assert_eq!(daemon.files()["z.bin"], file.bytes);
    }
}

#[test]
fn an_offset_that_was_told_stays_when_chunks_follow_an_append() {
    let daemon = Daemon::start(&[]);
    // Ten, ten and five bytes.
    let file = File { count: Some(3), ..File::new("25-s", "s.bin", 25, 10) };
    file.put(&daemon, 1).expect(200);
    let upload = daemon.one_upload();
    daemon.patch(&upload, 10, &file.bytes[10..15]).expect(204);
    assert_eq!(daemon.offset(&upload), 15);

    file.put(&daemon, 3).expect(200);
    assert_eq!(daemon.offset(&upload), 15, "it was told");
    let daemon = Daemon::start_on(daemon.kill(), &[]);
    assert_eq!(daemon.offset(&upload), 15, "and is told again");

    // Both doors are open still.
    assert!(!file.has(&daemon, 2));
    daemon.patch(&upload, 15, &file.bytes[15..17]).expect(204);
    assert_eq!(daemon.offset(&upload), 17);
    file.put(&daemon, 3).expect(200);
    file.put(&daemon, 2).expect(200);
    assert_eq!(daemon.files()["s.bin"], file.bytes);
}

#[test]
fn a_chunk_that_makes_a_gap_too_many_may_come_later() {
    let file = File::new("9000-g", "g.bin", 9000, 1);
    let daemon = Daemon::start(&["--durability", "relaxed"]);
    file.put(&daemon, 1).expect(200);
    let upload = daemon.one_upload();
    // Thousands have come, and none beside another.
    let data = daemon.kill();
    let mut sidecar = data.sidecar(id(&upload));
    sidecar["state"]["present"] = (0..4096).map(|n| serde_json::json!([2 * n + 1, 2 * n + 1])).collect();
    data.leave_sidecar(id(&upload), &sidecar.to_string());
    std::fs::write(data.data_path(id(&upload)), &file.bytes).unwrap();

    let daemon = Daemon::start_on(data, &["--durability", "relaxed"]);
    let refused = file.put(&daemon, 8500).expect_code(503, "ERR_TOO_MANY_GAPS");
    assert!(refused.header("Retry-After").is_some());
    // Whoever fills a gap is welcome, and then it has its place.
    file.put(&daemon, 2).expect(200);
    file.put(&daemon, 8192).expect(200);
    file.put(&daemon, 8500).expect(200);
    assert_eq!(file.status(&daemon)["chunks_present"], 4099);
}
