//! `resumed rm` and `resumed expire`.

use std::process::ExitCode;

use jiff::Timestamp;

use super::Failure;
use super::keeper::{Keeper, Only, Outcome, before};
use super::view::{View, printable};
use crate::cli::{self, ExpireArgs, RmArgs};
use crate::store::disk::survey;
use crate::upload::{Kind, Upload, UploadId};

/// `resumed rm`.
pub(super) fn rm(args: RmArgs) -> Result<ExitCode, Failure> {
    let dir = args.storage.dir.data_dir.clone();
    let keeper = Keeper::of(args.storage)?;
    let mut outcome = ExitCode::SUCCESS;
    for id in args.ids {
        // What it was can't be told any more when it is gone.
        let was = survey::one(&dir, id).map(|recorded| View::new(recorded, Timestamp::now()));
        match keeper.remove(id, Only::Any) {
            Err(failure @ Failure::Daemon(_)) => return Err(failure),
            Err(failure) => outcome = cli::complain(&failure),
            Ok(Outcome::Removed) => cli::say(format!("removed {}\n", named(id, was.as_ref()))),
            Ok(Outcome::Kept | Outcome::NotThere) => {
                outcome = cli::complain(&Failure::NoUpload(id.to_string(), dir.display().to_string()));
            }
        }
    }
    Ok(outcome)
}

/// `resumed expire`.
pub(super) fn expire(args: ExpireArgs) -> Result<ExitCode, Failure> {
    let (dir, now) = (args.storage.dir.data_dir.clone(), Timestamp::now());
    let all = survey::all(&dir).map_err(Failure::dir(&dir))?;
    // By its expiration, or by what was asked for.
    let is_due = |upload: &Upload| {
        let is_finished = upload.is_complete() && upload.kind != Kind::Partial;
        match args.older_than {
            None => upload.is_expired(now),
            Some(age) => !is_finished && (upload.is_expired(now) || upload.modified <= before(age)),
        }
    };
    let due: Vec<(UploadId, bool, View)> = all
        .filter(|recorded| recorded.upload.as_ref().is_ok_and(is_due))
        .map(|recorded| {
            let expired = recorded.upload.as_ref().is_ok_and(|upload| upload.is_expired(now));
            (recorded.id, expired, View::new(recorded, now))
        })
        .collect();
    if args.dry_run {
        for (id, _, view) in &due {
            cli::say(format!("would remove {}\n", named(*id, Some(view))));
        }
        cli::say(format!("{} would be removed\n", due.len()));
        return Ok(ExitCode::SUCCESS);
    }
    let keeper = Keeper::of(args.storage)?;
    let (mut removed, mut outcome) = (0, ExitCode::SUCCESS);
    for (id, expired, view) in &due {
        let only = match args.older_than {
            Some(age) if !expired => Only::Idle(age),
            _ => Only::Expired,
        };
        match keeper.remove(*id, only) {
            Err(failure @ Failure::Daemon(_)) => return Err(failure),
            Err(failure) => outcome = cli::complain(&failure),
            Ok(Outcome::Removed) => {
                cli::say(format!("removed {}\n", named(*id, Some(view))));
                removed += 1;
            }
            Ok(Outcome::Kept) => cli::say(format!("in use, left alone: {}\n", named(*id, Some(view)))),
            // The daemon was faster.
            Ok(Outcome::NotThere) => {}
        }
    }
    cli::say(format!("{removed} removed\n"));
    Ok(outcome)
}

fn named(id: UploadId, view: Option<&View>) -> String {
    let Some(view) = view else { return id.to_string() };
    let name = view.filename.as_deref().map(printable).unwrap_or_else(|| "without a name".to_owned());
    format!("{id}  {}, {}, {name}", view.state, view.progress())
}
