//! Variables that look like settings and are none. Unlike a wrong flag or key they are no reason to refuse: other programs
//! may name theirs like ours.

use clap::{Arg, Command};

use super::file;

const PREFIX: &str = "RESUMED_";

/// A line for each of them.
pub(super) fn lines(command: &Command) -> Vec<String> {
    let known: Vec<String> = file::settings(command)
        .filter_map(Arg::get_env)
        .filter_map(|name| Some(name.to_str()?.to_owned()))
        .chain(["RESUMED_CONFIG".to_owned()])
        .collect();
    let mut strangers: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        .collect();
    strangers.sort();
    strangers.iter().map(|name| line(name, &known)).collect()
}

fn line(name: &str, known: &[String]) -> String {
    let nearest = known
        .iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.7)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, known)) => format!("the variable {name} is no setting; did you mean {known}?"),
        None => format!("the variable {name} is no setting"),
    }
}
