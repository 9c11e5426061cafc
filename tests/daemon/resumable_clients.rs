//! What the stock clients really send, beyond the plain case: read off Resumable.js 1.1.0, Flow.js 2.14 and
//! simple-uploader 0.6, and off what Chromium makes of it.

use crate::support::daemon::Daemon;
use crate::support::wire::Answer;
use crate::support::{base64, bytes};

const PATH: &str = "/resumable_upload";
const FORM: &str = "Content-Type: multipart/form-data; boundary=B";

/// `name=value` for each pair, as `encodeURIComponent` writes it.
fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("{PATH}?{}", query.finish())
}

/// The parameters of a file in one chunk, in this spelling.
fn one_chunk<'t>(prefix: &str, identifier: &'t str, name: &'t str, len: &'t str) -> Vec<(String, &'t str)> {
    let spell = |key: &str| match prefix {
        "" => key[..1].to_lowercase() + &key[1..],
        prefix => format!("{prefix}{key}"),
    };
    let values = ["1", "10", len, len, "1", identifier, name];
    ["ChunkNumber", "ChunkSize", "CurrentChunkSize", "TotalSize", "TotalChunks", "Identifier", "Filename"]
        .map(spell)
        .into_iter()
        .zip(values)
        .collect()
}

fn borrowed<'t>(pairs: &'t [(String, &'t str)]) -> Vec<(&'t str, &'t str)> {
    pairs.iter().map(|(name, value)| (name.as_str(), *value)).collect()
}

/// A form with these fields and, in the end, a part with this head and content.
fn form(fields: &[(&str, &str)], head: &str, content: &[u8]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, value) in fields {
        let part = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        form.extend_from_slice(part.as_bytes());
    }
    form.extend_from_slice(format!("--B\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes());
    form.extend_from_slice(content);
    form.extend_from_slice(b"\r\n--B--\r\n");
    form
}

const FILE: &str = "name=\"file\"; filename=\"blob\"\r\nContent-Type: application/octet-stream";

fn post(daemon: &Daemon, path: &str, form: &[u8]) -> Answer {
    daemon.ask("POST", path, FORM, form)
}

#[test]
fn what_a_page_sends_of_its_own_is_not_taken_for_a_relative_s() {
    let daemon = Daemon::start(&[]);
    let own = [("type", "invoice"), ("identifier", "7"), ("filename", "form.pdf"), ("chunkNumber", "9")];
    // Resumable.js with `query`, or with a query in its target: in the URL before its own parameters.
    for name in ["a.txt", "b.txt"] {
        let stock = one_chunk("resumable", name, name, "5");
        let path = query(&[&own[..], &borrowed(&stock)].concat());
        post(&daemon, &path, &form(&borrowed(&stock), FILE, b"hello")).expect(200);
        daemon.ask("GET", &path, "", b"").expect(200);
        assert_eq!(daemon.files()[name], b"hello");
    }
    // Flow.js has both in the form only.
    let flow = one_chunk("flow", "1-c", "c.txt", "5");
    let fields = [&own[..], &borrowed(&flow)].concat();
    post(&daemon, PATH, &form(&fields, FILE, b"hello")).expect(200);
    assert_eq!(daemon.files()["c.txt"], b"hello");
    assert_eq!(daemon.files().len(), 3);
}

#[test]
fn a_namespace_stands_before_every_name_the_file_s_too() {
    let daemon = Daemon::start(&["--resumable-prefix", "up_"]);
    let stock = one_chunk("up_resumable", "1-n", "n.txt", "5");
    let data_url = form(
        &borrowed(&stock),
        "name=\"up_file\"",
        format!("data:application/octet-stream;base64,{}", base64(b"hello")).as_bytes(),
    );
    post(&daemon, &query(&borrowed(&stock)), &data_url).expect(200);
    assert_eq!(daemon.files()["n.txt"], b"hello");
}

#[test]
fn a_data_url_is_known_under_any_name_and_a_page_s_own_is_not_taken_for_it() {
    let daemon = Daemon::start(&[]);
    let stock = one_chunk("resumable", "1-d", "d.txt", "5");
    // `query: {avatar: 'data:…'}` and `fileParameterName: 'upload'`: what is the page's is in the URL, too.
    let with_avatar = [&[("avatar", "data:image/png;base64,QUJD")], &borrowed(&stock)[..]].concat();
    let url = format!("data:text/plain;charset=utf-8;base64,{}", base64(b"hello"));
    let body = form(&with_avatar, "name=\"upload\"", url.as_bytes());
    post(&daemon, &query(&with_avatar), &body).expect(200);
    assert_eq!(daemon.files()["d.txt"], b"hello");
    // Some browsers write a file of no bytes so.
    let empty = one_chunk("resumable", "0-e", "e.txt", "0");
    post(&daemon, &query(&borrowed(&empty)), &form(&borrowed(&empty), "name=\"file\"", b"data:")).expect(200);
    assert_eq!(daemon.files()["e.txt"], b"");
}

#[test]
fn a_data_url_that_is_none_is_refused_for_good() {
    let daemon = Daemon::start(&[]);
    let stock = one_chunk("resumable", "1-f", "f.txt", "5");
    for url in [
        "hello",
        "data:,hello",
        "data:;base64,aGVs!bG8=",
        "data:;base64,aGVsbG8",
        "data:;base64,aGVsbG8=QQ==",
    ] {
        let body = form(&borrowed(&stock), "name=\"file\"", url.as_bytes());
        let answer = post(&daemon, &query(&borrowed(&stock)), &body);
        assert_eq!(answer.status, 400, "{url}: {}", answer.text());
        daemon.ask("GET", &query(&borrowed(&stock)), "", b"").expect(204);
    }
    assert!(daemon.files().is_empty());
}

#[test]
fn a_body_that_is_the_chunk_may_be_of_any_type() {
    let daemon = Daemon::start(&[]);
    // Flow.js gives the body the file's own type; that of a saved page (.mhtml) is a multipart one.
    for (media_type, name) in [
        ("multipart/related", "page.mhtml"),
        ("text/plain", "t.txt"),
        ("application/x-www-form-urlencoded", "f"),
    ] {
        let flow = one_chunk("flow", name, name, "5");
        let headers = format!("Content-Type: {media_type}");
        daemon.ask("POST", &query(&borrowed(&flow)), &headers, b"hello").expect(200);
        assert_eq!(daemon.files()[name], b"hello", "{media_type}");
    }
    let flow = one_chunk("flow", "x", "x", "5");
    let answer = daemon.ask("POST", &query(&borrowed(&flow)), "Content-Type: multipart/form-data", b"hello");
    answer.expect_code(400, "ERR_INVALID_PARAMETERS");
}

#[test]
fn a_file_s_name_in_a_form_may_be_anything() {
    let daemon = Daemon::start(&[]);
    // Browsers escape quotes and line ends in it, and nothing else.
    for (n, name) in ["a.bin\\", "a\u{1}b", "a\0b", "", "x; name=y; filename=z", "日本"].iter().enumerate()
    {
        let own = format!("{n}.bin");
        let stock = one_chunk("resumable", &own, &own, "5");
        let head = format!("name=\"file\"; filename=\"{name}\"");
        let answer = post(&daemon, &query(&borrowed(&stock)), &form(&borrowed(&stock), &head, b"hello"));
        assert_eq!(answer.status, 200, "{name:?}: {}", answer.text());
        assert_eq!(daemon.files()[&own], b"hello", "{name:?}");
    }
}

#[test]
fn a_form_says_the_same_as_the_query() {
    let daemon = Daemon::start(&[]);
    // macOS hides a file of this name in folders. A form writes every line end as CR LF.
    let in_query = one_chunk("resumable", "5-Icon", "Icon\r", "5");
    let in_form = one_chunk("resumable", "5-Icon", "Icon\r\n", "5");
    post(&daemon, &query(&borrowed(&in_query)), &form(&borrowed(&in_form), FILE, b"hello")).expect(200);
    assert_eq!(daemon.files().len(), 1);
    let other = one_chunk("resumable", "5-Icon", "Icon", "5");
    let answer = post(&daemon, &query(&borrowed(&in_query)), &form(&borrowed(&other), FILE, b"other"));
    assert!(answer.text().contains("resumableFilename is given twice"), "{}", answer.text());
    answer.expect_code(400, "ERR_INVALID_PARAMETERS");
    assert_eq!(daemon.files().len(), 1);
}

#[test]
fn a_broken_form_is_refused_and_a_cut_one_asked_for_again() {
    let daemon = Daemon::start(&[]);
    let stock = one_chunk("resumable", "5-g", "g.txt", "5");
    let (path, whole) = (query(&borrowed(&stock)), form(&borrowed(&stock), FILE, b"hello"));
    for (what, broken) in [
        ("nothing", &b""[..]),
        ("cut in the file", &whole[..whole.len() - 10]),
        ("cut in a head", &whole[..20]),
        ("no colon", b"--B\r\nno colon\r\n\r\n\r\n--B--\r\n"),
        ("no file", b"--B--\r\n"),
    ] {
        let answer = post(&daemon, &path, broken);
        assert_eq!(answer.status, 400, "{what}: {}", answer.text());
    }
    // The line broke: the client still waits for an answer.
    for sent in [20, whole.len() - 10] {
        let mut wire = daemon.connect();
        wire.send_head("POST", &path, FORM, Some(whole.len()));
        wire.send(&whole[..sent]);
        wire.finish();
        let answer = wire.answer().expect_code(503, "ERR_BODY_CUT");
        assert!(answer.header("Retry-After").is_some());
    }
    daemon.ask("GET", &path, "", b"").expect(204);
    post(&daemon, &path, &whole).expect(200);
    assert_eq!(daemon.files()["g.txt"], b"hello");
}

#[test]
fn a_form_that_never_comes_to_its_chunk_is_refused_before_it_ends() {
    let daemon = Daemon::start(&[]);
    let stock = one_chunk("resumable", "5-h", "h.txt", "5");
    let field = "--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n";
    for (start, byte, kib, what) in [
        ("", b'x', 65, "more than 64 KiB beside the chunk"),
        (field, b'x', 65, "more than 64 KiB beside the chunk"),
        ("--B\r\nX: ", b'x', 17, "a part's head has more than 16 KiB"),
        ("--B", b' ', 2, "more than 1 KiB of white space"),
    ] {
        let mut wire = daemon.connect();
        wire.send_head("POST", &query(&borrowed(&stock)), FORM, Some(1 << 30));
        wire.send(start);
        wire.send(vec![byte; kib * 1024]);
        let answer = wire.answer();
        assert!(answer.text().contains(what), "{start:?}: {}", answer.text());
        answer.expect(400);
    }
    let fields: Vec<_> = (0..65).map(|n| (format!("own{n}"), "x")).collect();
    let answer = post(&daemon, &query(&borrowed(&stock)), &form(&borrowed(&fields), FILE, b"hello"));
    assert!(answer.text().contains("more than 64 fields before its file"), "{}", answer.text());
    let answer = answer.expect(400);
    let boundary = "b".repeat(257);
    let headers = format!("Content-Type: multipart/form-data; boundary={boundary}");
    let answer_to_long = daemon.ask("POST", &query(&borrowed(&stock)), &headers, b"");
    assert!(answer_to_long.text().contains("256 bytes"), "{}", answer_to_long.text());
    assert_eq!((answer_to_long.status, answer.code()), (400, answer_to_long.code()));
    assert!(daemon.uploads().is_empty());
}

#[test]
fn what_stands_behind_the_file_may_not_contradict() {
    let daemon = Daemon::start(&[]);
    // The chunk, and fields behind it.
    let behind = |fields: &[(&str, &str)]| {
        let form = String::from_utf8(form(&[], FILE, b"hello")).unwrap();
        let mut form = form.strip_suffix("--B--\r\n").unwrap().to_owned();
        for (name, value) in fields {
            form += &format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        form + "--B--\r\n"
    };
    for (prefix, name) in [("resumable", "r.txt"), ("flow", "f.txt"), ("", "s.txt")] {
        let stock = one_chunk(prefix, name, name, "5");
        let path = query(&borrowed(&stock));
        let spelled = stock[0].0.as_str();
        let digest = format!("{}igest", if prefix.is_empty() { "d" } else { "resumableD" });
        for (field, value, what) in [
            (spelled, "2", "is given twice, with two values"),
            (spelled, "", "is given twice, with two values"),
            (digest.as_str(), "md5:XUFAKrxLKna5cZ2REBfFkg==", "stands behind the file"),
        ] {
            let answer = post(&daemon, &path, behind(&[("own", "1"), (field, value)]).as_bytes());
            assert!(answer.text().contains(&format!("{field} {what}")), "{field}: {}", answer.text());
            answer.expect_code(400, "ERR_INVALID_PARAMETERS");
            daemon.ask("GET", &path, "", b"").expect(204);
            assert!(!daemon.files().contains_key(name), "{field}");
        }
        // What says the same again, and what is the page's own, is in nobody's way.
        let same = [&borrowed(&stock)[..], &[("own", "1"), ("flowType", "")]].concat();
        post(&daemon, &path, behind(&same).as_bytes()).expect(200);
        assert_eq!(daemon.files()[name], b"hello");
        // Said nowhere else, it comes too late.
        let answer = post(&daemon, PATH, behind(&borrowed(&stock)).as_bytes()).expect(400);
        assert!(
            answer.text().contains("fields must stand before the file, or in the query"),
            "{}",
            answer.text()
        );
    }
}

#[test]
fn a_digest_is_heard_in_every_dialect_under_both_names() {
    let daemon = Daemon::start(&["--verify"]);
    // Of "hello", and of nothing.
    let (right, wrong) = ("md5:XUFAKrxLKna5cZ2REBfFkg==", "md5:1B2M2Y8AsgTpgAmY7PhCfg==");
    for (prefix, own) in [("resumable", "resumableDigest"), ("flow", "flowDigest"), ("", "digest")] {
        for (n, name) in ["resumableDigest", own].into_iter().enumerate() {
            let file = format!("{prefix}{n}");
            let stock = one_chunk(prefix, &file, &file, "5");
            let saying = |digest| [&borrowed(&stock)[..], &[(name, digest)]].concat();
            let octet = daemon.ask("POST", &query(&saying(wrong)), "", b"hello");
            assert_eq!(octet.code(), "ERR_DIGEST_MISMATCH", "{prefix:?}, {name}: {}", octet.text());
            let answer = post(&daemon, PATH, &form(&saying(wrong), FILE, b"hello"));
            assert_eq!(answer.code(), "ERR_DIGEST_MISMATCH", "{prefix:?}, {name}: {}", answer.text());
            post(&daemon, PATH, &form(&saying(right), FILE, b"hello")).expect(200);
        }
    }
    let flow = one_chunk("flow", "5-both", "both", "5");
    let both = [&borrowed(&flow)[..], &[("flowDigest", right), ("resumableDigest", wrong)]].concat();
    let answer = daemon.ask("POST", &query(&both), "", b"hello").expect(400);
    assert!(
        answer.text().contains("flowDigest and resumableDigest say different things"),
        "{}",
        answer.text()
    );
    let in_query = [&borrowed(&flow)[..], &[("resumableDigest", right)]].concat();
    let in_form = [&borrowed(&flow)[..], &[("resumableDigest", wrong)]].concat();
    let answer = post(&daemon, &query(&in_query), &form(&in_form, FILE, b"hello")).expect(400);
    assert!(answer.text().contains("resumableDigest is given twice"), "{}", answer.text());
}

#[test]
fn what_is_wrong_is_said_in_the_page_s_own_words() {
    let daemon = Daemon::start(&[]);
    for (prefix, name, value, what) in [
        ("flow", "flowDigest", "md5", "flowDigest must be an algorithm, a colon and a Base64 value"),
        (
            "flow",
            "flowDigest",
            "sha-256:QUJD",
            "flowDigest: the algorithm sha-256 is not known; take sha1, sha256,",
        ),
        ("", "digest", "<b>:QUJD", "digest: the algorithm is not known; take sha1,"),
        (
            "",
            "resumableDigest",
            "md5:a b=",
            "resumableDigest: the value is not Base64 (in a URL + is written %2B)",
        ),
        ("", "digest", "md5:QUI", "digest: the value is not Base64"),
        ("resumable", "resumableDigest", "sha256:QUJD", "sha256 has 32 bytes, and the value has 3"),
        (
            "flow",
            "flowTotalSize",
            "99999999999999999999999",
            "flowTotalSize is not a whole number below 2^64",
        ),
        ("", "chunkNumber", "1e0", "chunkNumber is not a whole number below 2^64"),
        ("flow", "flowIdentifier", "", "the parameter flowIdentifier is missing"),
    ] {
        let mut stock = one_chunk(prefix, "5-w", "w.txt", "5");
        stock.retain(|(known, _)| known != name);
        let pairs = [&borrowed(&stock)[..], &[(name, value)]].concat();
        let answer = daemon.ask("POST", &query(&pairs), "", b"hello");
        assert!(answer.text().contains(what), "{name}={value}: {}", answer.text());
        assert!(!answer.text().contains('<'), "{}", answer.text());
        answer.expect(400);
    }
    let stock = one_chunk("resumable", "5-w", "w.txt", "5");
    for (content, what) in [
        ("hello", "the field file is neither a file nor a data URL"),
        ("one, two", "the field file is neither a file nor a data URL"),
        ("data:;base64", "the data URL ends too early"),
    ] {
        let body = form(&borrowed(&stock), "name=\"file\"", content.as_bytes());
        let answer = post(&daemon, &query(&borrowed(&stock)), &body).expect(400);
        assert!(answer.text().contains(what), "{content}: {}", answer.text());
    }
    assert!(daemon.files().is_empty());
}

#[test]
fn files_in_two_folders_are_two_files_whatever_their_identifier() {
    let daemon = Daemon::start(&[]);
    for (folder, content) in [("a/b", b"first"), ("ab", b"other")] {
        let path = format!("{folder}/x.txt");
        let stock = one_chunk("resumable", "5-abxtxt", "x.txt", "5");
        let with_path = [&borrowed(&stock)[..], &[("resumableRelativePath", path.as_str())]].concat();
        daemon.ask("GET", &query(&with_path), "", b"").expect(204);
        daemon.ask("POST", &query(&with_path), "", content).expect(200);
    }
    let files: Vec<_> = daemon.files().into_values().collect();
    assert_eq!(files.len(), 2);
    assert!(files.contains(&b"first".to_vec()) && files.contains(&b"other".to_vec()), "{files:?}");
    // A file that was chosen by itself has its name as its path, or none.
    let alone = one_chunk("resumable", "5-y", "y.txt", "5");
    let with_path = [&borrowed(&alone)[..], &[("resumableRelativePath", "y.txt")]].concat();
    daemon.ask("POST", &query(&with_path), "", b"hello").expect(200);
    daemon.ask("GET", &query(&borrowed(&alone)), "", b"").expect(200);
}

#[test]
fn one_person_s_files_are_told_apart_by_their_names_too() {
    let daemon = Daemon::start(&["--resumable-scope", "header:X-User"]);
    // The stock identifier keeps Latin letters only.
    for (name, content) in [("日本.txt", b"first"), ("中国.txt", b"other")] {
        let stock = one_chunk("resumable", "5-txt", name, "5");
        daemon.ask("GET", &query(&borrowed(&stock)), "X-User: anna", b"").expect(204);
        daemon.ask("POST", &query(&borrowed(&stock)), "X-User: anna", content).expect(200);
        assert_eq!(daemon.files()[name], content);
    }
}

#[test]
fn a_test_s_answer_is_kept_by_nobody() {
    let daemon = Daemon::start(&[]);
    let stock = one_chunk("resumable", "5-i", "i.txt", "5");
    for status in [204, 200] {
        let answer = daemon.ask("GET", &query(&borrowed(&stock)), "", b"").expect(status);
        assert_eq!(answer.header("Cache-Control"), Some("no-store"));
        daemon.ask("POST", &query(&borrowed(&stock)), "", b"hello").expect(200);
    }
    // Flow.js leaves the parameters out of a HEAD: whatever this is answered, it must not end the file.
    let status = daemon.ask("HEAD", PATH, "", b"").status;
    assert!(![200, 201, 202, 404, 413, 415, 500, 501].contains(&status), "{status}");
}

#[test]
fn chunks_in_forms_are_stored_as_they_are_however_they_come() {
    let daemon = Daemon::start(&[]);
    // Full of what looks like the end of a part, sent in pieces that cut it anywhere.
    let content = [&b"\r\n--\r\n--A\r\r\n-\n--B".repeat(20_000)[..], &bytes(1000)].concat();
    let total = content.len().to_string();
    let pairs = [
        ("resumableChunkNumber", "1"),
        ("resumableChunkSize", total.as_str()),
        ("resumableTotalSize", total.as_str()),
        ("resumableTotalChunks", "1"),
        ("resumableIdentifier", "j"),
        ("resumableFilename", "j.bin"),
    ];
    let body = form(&pairs, FILE, &content);
    let mut wire = daemon.connect();
    wire.send_head("POST", &query(&pairs), FORM, Some(body.len()));
    for piece in body.chunks(7919) {
        wire.send(piece);
    }
    wire.answer().expect(200);
    assert_eq!(daemon.files()["j.bin"], content);
}
