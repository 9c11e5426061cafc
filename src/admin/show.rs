//! `resumed show`.

use std::process::ExitCode;

use jiff::Timestamp;

use super::Failure;
use super::list::json_line;
use super::view::{View, printable, relative};
use crate::cli::{self, ShowArgs};
use crate::store::disk::survey;

pub(super) fn run(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let (dir, now) = (&args.place.dir.data_dir, Timestamp::now());
    // A directory that can't be read is told as that, and not as an upload that is not there.
    drop(std::fs::read_dir(dir.join("uploads")).map_err(Failure::dir(dir))?);
    let recorded = survey::one(dir, args.id)
        .ok_or_else(|| Failure::NoUpload(args.id.to_string(), dir.display().to_string()))?;
    let view = View::new(recorded, now);
    cli::say(&if args.json { json_line(&view) } else { lines(&view, now) });
    Ok(ExitCode::SUCCESS)
}

fn lines(view: &View, now: Timestamp) -> String {
    let moment = |moment: Option<Timestamp>| {
        moment
            .map(|moment| format!("{} ({})", moment.strftime("%Y-%m-%d %H:%M:%S UTC"), relative(moment, now)))
    };
    let mut lines = vec![("id", Some(view.id.clone())), ("state", Some(view.state.to_owned()))];
    lines.push(("problem", view.problem.clone()));
    lines.push(("name", view.filename.as_deref().map(printable)));
    lines.push(("owner", view.owner.as_deref().map(printable)));
    lines.push(("bytes", Some(view.progress())));
    lines.push(("created", moment(view.created)));
    lines.push(("last byte", moment(view.modified)));
    lines.push((
        "expires",
        moment(view.expires).or_else(|| view.created.map(|_| view.expires_otherwise().to_owned())),
    ));
    lines.push(("finished file", view.file.as_deref().map(|file| format!("files/{file}"))));
    lines.push((
        "lies at",
        Some(view.path.clone().unwrap_or_else(|| "nowhere: somebody took it away".to_owned())),
    ));
    lines.extend(view.parts.iter().map(|part| ("made of", Some(part.clone()))));
    lines.push(("metadata", Some(view.metadata.clone()).filter(|metadata| !metadata.is_empty())));
    let known = lines.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.map(|(name, value)| format!("{name:<14}{value}\n")).collect()
}
