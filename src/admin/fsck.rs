//! `resumed fsck`.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use super::Failure;
use crate::cli::{self, FsckArgs};
use crate::config::disk_options;
use crate::store::StoreError;
use crate::store::disk::fsck::{Finding, Tally, check};

/// As fsck(8) has it: errors were corrected; errors are left; it could not do its work.
const MENDED: u8 = 1;
const LEFT: u8 = 4;
const FAILED: u8 = 8;

pub(super) fn run(args: FsckArgs) -> ExitCode {
    let (dir, repair) = (args.storage.dir.data_dir.clone(), args.repair);
    let mut say = |finding: Finding| cli::say(line(&finding));
    let tally = match check(&dir, disk_options(args.storage), repair, &mut say) {
        Ok(tally) => tally,
        Err(error) => return cli::complain_with(FAILED, &failure(&dir, error)),
    };
    cli::say(summary(&tally, repair));
    match tally.faults - tally.mended {
        0 if tally.faults == 0 => ExitCode::SUCCESS,
        0 => ExitCode::from(MENDED),
        _ => ExitCode::from(LEFT),
    }
}

fn failure(dir: &Path, error: io::Error) -> Failure {
    match error.kind() {
        // Looking alone disturbs nobody.
        io::ErrorKind::ResourceBusy => Failure::InUse(dir.display().to_string(), error),
        _ => Failure::dir(dir)(error),
    }
}

fn line(finding: &Finding) -> String {
    let Finding { path, fault, mended } = finding;
    let after = match (mended, fault.remedy()) {
        (Some(Ok(())), Some(remedy)) => format!("done: {remedy}"),
        (Some(Err(error)), Some(remedy)) => format!("can't {remedy}: {}", reason(error)),
        (None, Some(remedy)) => format!("--repair: {remedy}"),
        (_, None) => "left for you to look at".to_owned(),
    };
    format!("{}: {fault} ({after})\n", path.display().to_string().escape_debug())
}

fn reason(error: &StoreError) -> String {
    match error {
        StoreError::Damaged(why) => why.clone(),
        StoreError::Io(doing, cause) => format!("can't {doing}: {cause}"),
        other => other.to_string(),
    }
}

fn summary(tally: &Tally, repair: bool) -> String {
    let Tally { unfinished, finished, taken, faults, mended } = *tally;
    let files = match taken {
        0 => format!("{finished} finished"),
        taken => format!("{finished} finished ({taken} of them taken away or changed since)"),
    };
    let outcome = match (faults, repair) {
        (0, _) => "nothing is wrong".to_owned(),
        (faults, false) => format!("{faults} found; resumed fsck --repair mends what can be mended"),
        (faults, true) if faults == mended => format!("{faults} found, all mended"),
        (faults, true) => format!("{faults} found, {mended} mended"),
    };
    format!("{unfinished} unfinished uploads, {files}: {outcome}\n")
}
