//! A disk that is really full: what is there is kept and told, also after a crash, and its client goes on when there is room.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;

use crate::disk::{Disk, FileSystem, Kind, MIB, run};
use crate::support::bytes;
use crate::support::daemon::{Daemon, id};
use crate::support::data_dir::DataDir;

/// What a refused client still gets rid of before it reads the answer.
const LITTLE: usize = 100_000;

const LENGTH: usize = 24 << 20;

/// What somebody else leaves when the client is about to send, in MiB.
const LEFT: usize = 9;

pub(crate) fn fill(fs: FileSystem, durability: &str) -> Result<(), Failed> {
    for reserve in ["none", "6MiB"] {
        fill_up(fs, durability, reserve);
    }
    Ok(())
}

fn fill_up(fs: FileSystem, durability: &str, reserve: &str) {
    let disk = Disk::new(fs, Kind::Plain, 64 * MIB);
    let flags = ["--log-level", "debug", "--durability", durability, "--reserve", reserve];
    let daemon = Daemon::start_on(DataDir::inside(disk.path()), &flags);
    let body = bytes(LENGTH);
    // There is room for it, and it is promised.
    let upload = daemon.create(&format!("Upload-Length: {LENGTH}"));

    // Somebody takes most of that all the same.
    let [others, rest] = ["others", "rest"].map(|name| disk.path().join(name));
    fs::create_dir(&others).unwrap();
    fs::create_dir(&rest).unwrap();
    let mut others = take_all(&others);
    make_room(&mut others, LEFT);
    let mut wire = daemon.connect();
    let head = "Upload-Offset: 0\nContent-Type: application/offset+octet-stream";
    // The refusal comes in the middle, and may be lost with the connection.
    let sent = wire.try_send_head("PATCH", &upload, head, Some(LENGTH)).and_then(|()| wire.try_send(&body));
    if let Ok(answer) = sent.and_then(|()| wire.try_answer()) {
        answer.expect_code(507, "ERR_NO_SPACE");
    }
    let offset = daemon.offset(&upload);
    let mut kept = usize::try_from(offset).unwrap();
    assert!((1..LENGTH).contains(&kept), "{kept} bytes were kept");

    // Now there is not a block left.
    take_all(&rest);
    let patch = |offset: usize| daemon.patch(&upload, offset as u64, &body[offset..][..LITTLE]);
    let mut refused = patch(kept);
    while refused.status == 204 {
        // XFS has laid room in behind the file's end.
        kept += LITTLE;
        refused = patch(kept);
    }
    let refused = refused.expect_code(507, "ERR_NO_SPACE");
    assert!(refused.header("Retry-After").is_some());
    // Of the last one a part may have gone in.
    let offset = daemon.offset(&upload);
    let kept = usize::try_from(offset).unwrap();
    let next = &body[kept..][..LITTLE];
    daemon.ask("POST", "/files/", "Upload-Length: 1", b"").expect_code(507, "ERR_NO_SPACE");
    assert_eq!(daemon.offset(&upload), offset);
    assert!(daemon.data(id(&upload)).unwrap() == body[..kept], "the bytes are the client's");

    // It stays so when the process dies.
    let daemon = Daemon::start_on(daemon.kill(), &flags);
    assert_eq!(daemon.offset(&upload), offset);
    daemon.patch(&upload, offset, next).expect_code(507, "ERR_NO_SPACE");
    assert_eq!(daemon.offset(&upload), offset);

    // Room is made.
    let all = others.len();
    make_room(&mut others, all);
    daemon.patch(&upload, offset, &body[kept..]).expect(204);
    assert!(daemon.files().into_values().eq([body]), "the bytes are the client's");
}

/// A quota ends where the free-space figure does not, and btrfs does not even let files be shortened beyond it.
pub(crate) fn exceed_quota(durability: &str) -> Result<(), Failed> {
    let disk = Disk::new(FileSystem::Btrfs, Kind::Plain, 256 * MIB);
    let volume = disk.path().join("volume");
    let btrfs = |words: &[&str]| run(Command::new("btrfs").args(words).arg(&volume));
    run(Command::new("btrfs").args(["quota", "enable"]).arg(disk.path()));
    btrfs(&["subvolume", "create"]);
    btrfs(&["qgroup", "limit", "12M"]);
    let flags = ["--log-level", "debug", "--durability", durability, "--reserve", "none"];
    let daemon = Daemon::start_on(DataDir::inside(&volume), &flags);
    let body = bytes(LENGTH);
    let upload = daemon.create(&format!("Upload-Length: {LENGTH}"));
    let mut wire = daemon.begin_patch(&upload, 0, LENGTH, &[]);
    if let Ok(answer) = wire.try_send(&body).and_then(|()| wire.try_answer()) {
        answer.expect_code(507, "ERR_NO_SPACE");
    }
    let offset = daemon.offset(&upload);
    let kept = usize::try_from(offset).unwrap();
    assert!((1..LENGTH).contains(&kept), "{kept} bytes were kept");

    let daemon = Daemon::start_on(daemon.kill(), &flags);
    assert_eq!(daemon.offset(&upload), offset);
    btrfs(&["qgroup", "limit", "100M"]);
    daemon.patch(&upload, offset, &body[kept..]).expect(204);
    assert!(daemon.files().into_values().eq([body]), "the bytes are the client's");
    Ok(())
}

/// Writes files of a mebibyte until no more goes in, and then one of what is left.
fn take_all(dir: &Path) -> Vec<PathBuf> {
    let mut taken = Vec::new();
    for step in [MIB, 4096] {
        loop {
            let path = dir.join(taken.len().to_string());
            let bytes = vec![1; usize::try_from(step).unwrap()];
            let written = File::create_new(&path).and_then(|mut file| {
                file.write_all(&bytes)?;
                // Where the room is counted when it is written and not before.
                file.sync_all()
            });
            // What went in of one that did not go in whole stays.
            taken.extend(path.exists().then_some(path));
            match written {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
    taken
}

/// Removes the first of them.
fn make_room(taken: &mut Vec<PathBuf>, files: usize) {
    let dir = File::open(taken[0].parent().unwrap()).unwrap();
    for path in taken.drain(..files) {
        fs::remove_file(path).unwrap();
    }
    // Some file systems give room away again only now.
    rustix::fs::syncfs(dir).unwrap();
}
