//! A server that loses bytes is quick. So the files are looked at after each measurement.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::support::Failure;
use crate::support::workdir::files_of_length;

/// At least `count` files of this length lie below `dir`; with a pattern, `count` of them hold it over and over.
pub(crate) fn on_disk(dir: &Path, length: u64, count: usize, pattern: Option<&[u8]>) -> Result<(), Failure> {
    let files = files_of_length(dir, length)?;
    if files.len() < count {
        return Err(
            format!("{} files of {length} bytes on disk where {count} were accepted", files.len()).into()
        );
    }
    let Some(pattern) = pattern else { return Ok(()) };
    let mut equal = 0;
    for file in files {
        equal += usize::from(holds(&file, pattern)?);
    }
    if equal < count {
        return Err(format!("{equal} files hold what was sent where {count} were accepted").into());
    }
    Ok(())
}

fn holds(path: &Path, pattern: &[u8]) -> Result<bool, Failure> {
    let mut file = File::open(path)?;
    let mut piece = Vec::with_capacity(pattern.len());
    loop {
        piece.clear();
        // A whole turn of the pattern at a time, so that every comparison starts at its start.
        (&mut file).take(u64::try_from(pattern.len())?).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(true);
        }
        if pattern.get(..piece.len()) != Some(piece.as_slice()) {
            return Ok(false);
        }
    }
}
