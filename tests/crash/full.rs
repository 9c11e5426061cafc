//! A disk that is really full: what is there is kept and told, also after a crash, and its client goes on when there is room.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use libtest_mimic::Failed;

use crate::disk::{Disk, FileSystem, Kind, MIB};
use crate::support::bytes;
use crate::support::daemon::{Daemon, id};
use crate::support::data_dir::DataDir;

/// What a refused client still gets rid of before it reads the answer.
const LITTLE: usize = 100_000;

const LENGTH: usize = 24 << 20;

/// What somebody else leaves when the client is about to send.
const LEFT: u64 = 9 * MIB;

pub(crate) fn fill(durability: &str) -> Result<(), Failed> {
    for reserve in ["none", "6MiB"] {
        fill_up(durability, reserve);
    }
    Ok(())
}

fn fill_up(durability: &str, reserve: &str) {
    let disk = Disk::new(FileSystem::Ext4, Kind::Plain, 64 * MIB);
    let flags = ["--log-level", "off", "--durability", durability, "--reserve", reserve];
    let daemon = Daemon::start_on(DataDir::inside(disk.path()), &flags);
    let body = bytes(LENGTH);
    // There is room for it, and it is promised.
    let upload = daemon.create(&format!("Upload-Length: {LENGTH}"));

    // Somebody takes most of that all the same.
    let others = disk.path().join("others");
    take_all_but(&others, LEFT);
    let mut wire = daemon.connect();
    let head = "Upload-Offset: 0\nContent-Type: application/offset+octet-stream";
    // The refusal comes in the middle, and may be lost with the connection.
    let sent = wire.try_send_head("PATCH", &upload, head, Some(LENGTH)).and_then(|()| wire.try_send(&body));
    if let Ok(answer) = sent.and_then(|()| wire.try_answer()) {
        answer.expect_code(507, "ERR_NO_SPACE");
    }
    let offset = daemon.offset(&upload);
    let kept = usize::try_from(offset).unwrap();
    assert!((1..LENGTH).contains(&kept), "{kept} bytes were kept");
    assert!(kept as u64 <= LEFT, "{kept} bytes have no room");

    // Now there is not a block left.
    take_all_but(&disk.path().join("the rest"), 0);
    let next = &body[kept..][..LITTLE];
    let refused = daemon.patch(&upload, offset, next).expect_code(507, "ERR_NO_SPACE");
    assert!(refused.header("Retry-After").is_some());
    daemon.ask("POST", "/files/", "Upload-Length: 1", b"").expect_code(507, "ERR_NO_SPACE");
    assert_eq!(daemon.offset(&upload), offset);
    assert!(daemon.data(id(&upload)).unwrap() == body[..kept], "the bytes are the client's");

    // It stays so when the process dies.
    let daemon = Daemon::start_on(daemon.kill(), &flags);
    assert_eq!(daemon.offset(&upload), offset);
    daemon.patch(&upload, offset, next).expect_code(507, "ERR_NO_SPACE");
    assert_eq!(daemon.offset(&upload), offset);

    // Room is made.
    fs::remove_file(others).unwrap();
    daemon.patch(&upload, offset, &body[kept..]).expect(204);
    assert!(daemon.files().into_values().eq([body]), "the bytes are the client's");
}

/// Writes a file until so much is free, or until nothing is.
fn take_all_but(path: &Path, left: u64) {
    let free = || {
        let fs = rustix::fs::statvfs(path.parent().unwrap()).unwrap();
        fs.f_bavail * fs.f_frsize
    };
    let mut file = File::create_new(path).unwrap();
    for step in [MIB, 4096] {
        while free() >= left + step {
            match file.write(&vec![1; usize::try_from(step).unwrap()]) {
                Ok(_) => file.sync_data().unwrap(),
                Err(error) if error.kind() == io::ErrorKind::StorageFull => break,
                Err(error) => panic!("{error}"),
            }
        }
    }
}
