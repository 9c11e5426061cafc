//! `resumed list`.

use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};

use super::Failure;
use super::view::{View, name_of, printable, relative};
use crate::cli::{self, ListArgs};
use crate::store::disk::survey;

pub(super) fn run(args: &ListArgs) -> Result<ExitCode, Failure> {
    let (dir, now) = (&args.place.dir.data_dir, Timestamp::now());
    let all = survey::all(dir).map_err(Failure::dir(dir))?;
    let mut found = all.map(|recorded| View::new(recorded, now)).filter(|view| is_wanted(view, args, now));
    if args.json {
        found.try_for_each(|view| cli::try_say(&json_line(&view))).ok();
        return Ok(ExitCode::SUCCESS);
    }
    let mut found: Vec<View> = found.collect();
    // Those that can't be read come first, where they are not overlooked when there are few, and the newest last.
    found.sort_by(|one, other| (one.modified, &one.id).cmp(&(other.modified, &other.id)));
    cli::say(table(&found, now));
    Ok(ExitCode::SUCCESS)
}

/// A line of JSON.
pub(super) fn json_line(view: &View) -> String {
    serde_json::to_string(view).unwrap_or_default() + "\n"
}

fn is_wanted(view: &View, args: &ListArgs, now: Timestamp) -> bool {
    let state = args.state.is_empty() || args.state.iter().any(|state| name_of(*state) == view.state);
    let name = args.name.as_ref().is_none_or(|part| {
        let name = view.filename.as_deref().unwrap_or_default().to_lowercase();
        name.contains(&part.to_lowercase())
    });
    let age = args.older_than.is_none_or(|age| {
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        view.modified.is_some_and(|modified| now.duration_since(modified) >= age)
    });
    let owner = args.owner.as_ref().is_none_or(|owner| view.owner.as_ref() == Some(owner));
    state && name && owner && age
}

fn table(found: &[View], now: Timestamp) -> String {
    if found.is_empty() {
        return "no uploads\n".to_owned();
    }
    let heads = ["ID", "STATE", "BYTES", "LAST BYTE", "EXPIRES", "NAME"].map(str::to_owned);
    let rows: Vec<[String; 6]> =
        std::iter::once(heads).chain(found.iter().map(|view| row(view, now))).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..5).map(width).chain([0]).collect();
    let line = |row: &[String; 6]| {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn row(view: &View, now: Timestamp) -> [String; 6] {
    let when = |moment: Option<Timestamp>, none: &str| {
        moment.map_or_else(|| none.to_owned(), |moment| relative(moment, now))
    };
    [
        view.id.clone(),
        view.state.to_owned(),
        view.progress(),
        when(view.modified, "?"),
        when(view.expires, view.expires_otherwise()),
        printable(view.filename.as_deref().or(view.problem.as_deref()).unwrap_or("-")),
    ]
}
