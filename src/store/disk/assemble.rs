//! Concatenation: the parts' bytes, one after the other, in one new file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, copy_file_range, ioctl_ficlone, openat};
use rustix::io::Errno;

use super::pool::while_waiting;
use super::{Shared, fault};
use crate::store::StoreError;
use crate::upload::{Length, Upload};

/// As much as one call is asked for: large enough to cost nothing, and a call that shares blocks takes no time at all.
const STEP: u64 = 1 << 30;

impl Shared {
    pub(super) fn assemble(&self, mut upload: Upload, parts: &[Upload]) -> Result<Upload, StoreError> {
        let path = self.data_path(upload.id);
        let mut file =
            OpenOptions::new().read(true).write(true).open(path).map_err(|error| fault("assemble", error))?;
        // An earlier attempt may have left something; the sidecar says that nothing of it counts yet.
        self.durable.set_len(&file, 0).map_err(|error| fault("assemble", error))?;
        let mut offset = 0;
        for part in parts {
            let source = self.open_complete(part)?;
            let copied = while_waiting(|| copy(&source, &mut file, offset, part.offset));
            copied.map_err(|error| fault("assemble", error))?;
            offset += part.offset;
        }
        upload.offset = offset;
        upload.length = Length::Known(offset);
        // The record changes only now. Who asks before is told what it says without waiting for the copy.
        self.change(upload.id, || self.publish(upload, Some(&file)))
    }
}

/// Whether a copy on this file system shares its blocks with the original, and so takes no room: tried out, because only
/// some XFS can.
pub(super) fn shares_blocks(dir: &Path) -> bool {
    let nameless = || {
        let mode = Mode::from_raw_mode(0o600);
        openat(CWD, dir, OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC, mode).map(File::from)
    };
    let tried = || -> io::Result<()> {
        let (mut source, target) = (nameless()?, nameless()?);
        source.write_all(&[1; 4096])?;
        Ok(ioctl_ficlone(&target, &source)?)
    };
    tried().is_ok()
}

/// Copies `len` bytes to `at`. The kernel shares the blocks where the file system can (btrfs, XFS), or at least copies
/// without a detour through this process; elsewhere they go through a buffer.
fn copy(source: &File, target: &mut File, at: u64, len: u64) -> io::Result<()> {
    let mut done = 0;
    while done < len {
        let step = usize::try_from((len - done).min(STEP)).unwrap_or(usize::MAX);
        let (mut from, mut to) = (done, at + done);
        match copy_file_range(source, Some(&mut from), &*target, Some(&mut to), step) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(copied) => done += copied as u64,
            Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                return copy_through_buffer(source, target, done, at + done, len - done);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn copy_through_buffer(mut source: &File, target: &mut File, from: u64, to: u64, len: u64) -> io::Result<()> {
    source.seek(SeekFrom::Start(from))?;
    target.seek(SeekFrom::Start(to))?;
    let copied = io::copy(&mut source.take(len), target)?;
    target.flush()?;
    if copied == len { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::fs::{FileType, mknodat};

    use super::*;
    use crate::store::disk::bench;
    use crate::upload::{Kind, State};

    #[test]
    fn who_asks_while_the_parts_are_copied_does_not_wait_for_that() {
        let (_dir, disk) = bench::disk();
        let shared = &disk.shared;
        let create = |upload| shared.create(upload, Vec::new()).unwrap();
        let part = create(Upload { kind: Kind::Partial, ..bench::upload(0) });
        let kind = Kind::Final { parts: vec![part.id], as_given: "final;…".into() };
        let made = create(Upload { kind, state: State::Assembling, ..bench::upload(0) });
        // What an earlier attempt has left goes before the copy begins, and a pipe can be read only once somebody writes.
        let (left, pipe) = (shared.data_path(made.id), shared.data_path(part.id));
        fs::write(&left, "left").unwrap();
        fs::remove_file(&pipe).unwrap();
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::thread::scope(|scope| {
            let assembly = scope.spawn(|| shared.assemble(made.clone(), std::slice::from_ref(&part)));
            while fs::metadata(&left).unwrap().len() > 0 {
                std::thread::yield_now();
            }
            let waits = shared.saving.contains(&made.id);
            let told = if waits { None } else { shared.peek(made.id).ok() };
            drop(OpenOptions::new().write(true).open(&pipe).unwrap());
            assert!(assembly.join().unwrap().unwrap().is_complete());
            assert_eq!(told, Some(made.clone()));
        });
    }

    #[test]
    fn both_ways_of_copying_give_the_same_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
        std::fs::write(dir.path().join("source"), &bytes).unwrap();
        let source = File::open(dir.path().join("source")).unwrap();
        for way in ["kernel", "buffer"] {
            let mut target =
                File::options().read(true).write(true).create_new(true).open(dir.path().join(way)).unwrap();
            match way {
                "kernel" => copy(&source, &mut target, 7, bytes.len() as u64).unwrap(),
                _ => copy_through_buffer(&source, &mut target, 0, 7, bytes.len() as u64).unwrap(),
            }
            assert_eq!(std::fs::read(dir.path().join(way)).unwrap()[7..], bytes, "{way}");
        }
        let mut target = File::create_new(dir.path().join("short")).unwrap();
        assert!(copy(&source, &mut target, 0, bytes.len() as u64 + 1).is_err());
    }
}
