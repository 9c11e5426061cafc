//! What has to become of a state: what its client was told stays true, and nothing that was not uploaded is ever told.

use std::collections::BTreeMap;

use serde_json::Value;

use super::image::{Crash, Door, Name, State, Told};
use super::left::{Left, SOMEBODY_ELSES};
use super::support::daemon::Daemon;
use super::support::eventually_some;
use super::world::{PIECE, WHOLE};

/// What is asked first. (The daemon looks at what is unfinished by itself, too, and may come before.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Touch {
    Head,
    Get,
    /// Or the first chunk that is missing.
    Patch,
    Delete,
    /// `resumed fsck --repair`, and then HEAD.
    AfterRepair,
}

impl Touch {
    pub(crate) const ALL: [Self; 4] = [Self::Head, Self::Get, Self::Patch, Self::Delete];
}

/// How HEAD finds an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Absent,
    Damaged,
    At(usize),
    /// A final upload that is being put together.
    Made,
    Complete,
}

/// The table "After a crash" of `docs/durability.md`.
fn expected(state: &State) -> Standing {
    let Some(sidecar) = state.image.get(Name::Sidecar) else { return Standing::Absent };
    let sidecar: Value = serde_json::from_slice(sidecar).expect("a sidecar is never torn in its place");
    let recorded = usize::try_from(sidecar["offset"].as_u64().unwrap()).unwrap();
    let is_trusted = state.crash == Crash::ProcessDied && sidecar["epoch"] == "$EPOCH";
    let stored = state.image.get(Name::Data).map(<[u8]>::len);
    match (sidecar["state"]["type"].as_str().unwrap(), stored) {
        ("complete", _) => Standing::Complete,
        ("assembling", _) => Standing::Made,
        (_, None) => Standing::Damaged,
        ("receiving", Some(stored)) => {
            let kept = if is_trusted { stored } else { stored.min(recorded) };
            if kept == WHOLE.len() { Standing::Complete } else { Standing::At(kept) }
        }
        ("verifying" | "filling", Some(_)) => Standing::At(recorded),
        (other, _) => panic!("{other}"),
    }
}

/// The same for one that may have been repaired before.
fn expected_of(left: &Left) -> Standing {
    match expected(&left.state) {
        // Put aside, because nobody can do anything with it.
        Standing::Damaged | Standing::Made if left.touch == Touch::AfterRepair && !left.state.has_bytes() => {
            Standing::Absent
        }
        expected => expected,
    }
}

/// Whether a client that was told this may find that.
fn keeps_the_promise(state: &State, found: Standing) -> bool {
    let is_right = |offset: usize| {
        let data = state.image.get(Name::Data).or(state.image.get(Name::File)).unwrap_or_default();
        data.get(..offset) == Some(&WHOLE[..offset])
    };
    match (&state.told, found) {
        (_, Standing::Damaged) => state.may_lack_its_bytes(),
        (Told::Nothing, Standing::At(offset)) => is_right(offset) || state.door == Door::Resumable,
        (Told::Nothing | Told::Deleting, _) | (Told::Deleted, Standing::Absent) => true,
        (Told::Offset(told), Standing::At(offset)) => *told <= offset && is_right(offset),
        (Told::Offset(_) | Told::Chunks(_) | Told::Made | Told::Complete, Standing::Complete) => true,
        (Told::Chunks(_), Standing::At(_)) | (Told::Made, Standing::Made) => true,
        _ => false,
    }
}

pub(crate) fn look(left: &Left, daemon: &Daemon) -> Standing {
    let answer = daemon.head(&left.url());
    match (answer.status, answer.offset()) {
        (404, _) => Standing::Absent,
        (500, _) => Standing::Damaged,
        (200, None) => Standing::Made,
        (200, Some(15)) => Standing::Complete,
        (200, Some(offset)) => Standing::At(usize::try_from(offset).unwrap()),
        (other, _) => panic!("HEAD answers {other}: {}", left.title()),
    }
}

/// The same when nothing is under way any more.
fn look_at_last(left: &Left, daemon: &Daemon) -> Standing {
    eventually_some("the final upload is put together", || {
        Some(look(left, daemon)).filter(|found| *found != Standing::Made)
    })
}

/// Asks the daemon for what was left, goes on with it, and looks at what comes of it.
pub(crate) fn judge(left: &Left, daemon: &Daemon) {
    let (title, state) = (left.title(), &left.state);
    let expected = expected_of(left);
    assert!(keeps_the_promise(state, expected), "the table itself breaks a promise: {expected:?}\n{title}");
    match left.touch {
        Touch::Head | Touch::AfterRepair => {}
        Touch::Get => get(left, daemon, expected),
        Touch::Patch => {
            if patch(left, daemon, expected) {
                return assert_whole(left, daemon);
            }
        }
        Touch::Delete => return delete(left, daemon, expected),
    }
    let found = look(left, daemon);
    let is_made = expected == Standing::Made && found == Standing::Complete;
    assert!(found == expected || is_made, "expected {expected:?}, found {found:?}\n{title}");
    if state.told == Told::Deleting {
        // Its client asks again.
        return delete(left, daemon, found);
    }
    finish(left, daemon);
}

fn get(left: &Left, daemon: &Daemon, expected: Standing) {
    let answer = daemon.ask("GET", &left.url(), "", b"");
    let allowed: &[u16] = match expected {
        Standing::Absent => &[404],
        // GET reads the record, and touches nothing else of what is not complete.
        Standing::Damaged | Standing::At(_) => &[423],
        Standing::Complete if !left.state.has_bytes() => &[410],
        // It is published at first touch, and GET is none.
        Standing::Made | Standing::Complete => &[200, 423],
    };
    assert!(allowed.contains(&answer.status), "GET answers {}\n{}", answer.status, left.title());
    assert!(answer.status != 200 || answer.body == WHOLE, "{}", left.title());
}

/// Goes on at the offset that the client knows. `true`: the upload is complete now.
fn patch(left: &Left, daemon: &Daemon, expected: Standing) -> bool {
    let offset = match (&left.state.told, left.state.door) {
        (_, Door::Resumable) => return false,
        (Told::Offset(offset), _) => *offset,
        (Told::Complete, _) => WHOLE.len(),
        _ => 0,
    };
    let headers = format!("Upload-Offset: {offset}\nUpload-Length: 15");
    let answer = daemon.ask("PATCH", &left.url(), &headers, &WHOLE[offset..]);
    let allowed = match expected {
        _ if left.state.door == Door::Final && expected != Standing::Absent => 403,
        Standing::Absent => 404,
        Standing::Damaged => 500,
        Standing::At(at) if at == offset => 204,
        Standing::Complete if offset == WHOLE.len() => 204,
        Standing::At(_) | Standing::Complete | Standing::Made => 409,
    };
    assert_eq!(answer.status, allowed, "PATCH at {offset}: {}\n{}", answer.text(), left.title());
    assert!(answer.status != 204 || answer.offset() == Some(15), "{}", left.title());
    answer.status == 204
}

/// What is deleted stays deleted.
fn delete(left: &Left, daemon: &Daemon, expected: Standing) {
    let answer = daemon.ask("DELETE", &left.url(), "", b"");
    let allowed = match expected {
        Standing::Absent => 404,
        Standing::Damaged => 500,
        Standing::At(_) | Standing::Made | Standing::Complete => 204,
    };
    assert_eq!(answer.status, allowed, "DELETE: {}\n{}", answer.text(), left.title());
    if expected != Standing::Damaged {
        assert_eq!(look(left, daemon), Standing::Absent, "{}", left.title());
        daemon.ask("GET", &left.url(), "", b"").expect(404);
        if left.state.door == Door::Resumable {
            let chunks = left.chunks();
            assert!(chunks.numbers().all(|number| !chunks.has(daemon, number)), "{}", left.title());
        }
    }
}

fn finish(left: &Left, daemon: &Daemon) {
    let title = left.title();
    if left.state.door == Door::Final && left.state.may_lack_its_bytes() {
        return;
    }
    match (left.state.door, look_at_last(left, daemon)) {
        (Door::Resumable, Standing::Damaged)
        | (Door::Tus | Door::Final, Standing::Absent | Standing::Damaged) => {
            return;
        }
        // Whatever became of it, its client can send the file.
        (Door::Resumable, _) => finish_by_chunks(left, daemon),
        (_, Standing::At(offset)) => {
            let headers = format!("Upload-Offset: {offset}\nUpload-Length: 15");
            let answer = daemon.ask("PATCH", &left.url(), &headers, &WHOLE[offset..]).expect(204);
            assert_eq!(answer.offset(), Some(15), "{title}");
        }
        (_, Standing::Complete) => {}
        (_, Standing::Made) => unreachable!("it was waited for"),
    }
    if left.state.door != Door::Resumable {
        assert_whole(left, daemon);
    }
}

fn finish_by_chunks(left: &Left, daemon: &Daemon) {
    let chunks = left.chunks();
    let there: Vec<usize> = chunks.numbers().filter(|number| chunks.has(daemon, *number)).collect();
    if let Told::Chunks(told) = &left.state.told {
        assert!(told.iter().all(|number| there.contains(number)), "{there:?} are there\n{}", left.title());
    }
    assert!(left.state.told != Told::Deleted || there.is_empty(), "{there:?} are there\n{}", left.title());
    assert!(there.len() * PIECE <= WHOLE.len());
    for number in chunks.numbers().filter(|number| !there.contains(number)) {
        chunks.put(daemon, number).expect(200);
    }
    assert!(chunks.numbers().all(|number| chunks.has(daemon, number)), "{}", left.title());
}

/// It is complete, and what was uploaded comes back.
fn assert_whole(left: &Left, daemon: &Daemon) {
    assert_eq!(look(left, daemon), Standing::Complete, "{}", left.title());
    let answer = daemon.ask("GET", &left.url(), "", b"");
    let status = if left.state.has_bytes() { 200 } else { 410 };
    assert_eq!(answer.status, status, "{}\n{}", answer.text(), left.title());
    assert!(status == 410 || answer.body == WHOLE, "{:?}\n{}", answer.text(), left.title());
}

/// Whether there must be a finished file at the end.
fn has_file(left: &Left) -> bool {
    let State { image, told, door, .. } = &left.state;
    // Its record went first, or was never there: nothing leads to it any more, and nothing removes it.
    if image.get(Name::Sidecar).is_none() && image.get(Name::File).is_some() {
        return true;
    }
    let is_gone = left.touch == Touch::Delete || *told == Told::Deleting;
    match expected_of(left) {
        _ if is_gone => false,
        Standing::Damaged => false,
        Standing::Absent => *door == Door::Resumable,
        Standing::At(_) => true,
        Standing::Made | Standing::Complete => left.state.has_bytes(),
    }
}

/// Published once, whole, and in nobody's place.
pub(crate) fn judge_files(left: &Left, files: &BTreeMap<String, Vec<u8>>) {
    let mut mine: Vec<&Vec<u8>> = files
        .range(left.name.clone()..)
        .take_while(|(name, _)| name.starts_with(&left.name))
        .map(|(_, contents)| contents)
        .collect();
    if left.state.name_is_taken {
        assert_eq!(files[&left.name], SOMEBODY_ELSES, "{}", left.title());
        mine.retain(|contents| *contents != SOMEBODY_ELSES);
    }
    let wanted = if has_file(left) { vec![WHOLE] } else { vec![] };
    assert!(mine == wanted, "{} files, {} expected\n{}", mine.len(), wanted.len(), left.title());
}
