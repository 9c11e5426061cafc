//! What `resumed check-config` shows: a settings file that says what is in force, and why.

use clap::{Arg, ArgAction, ArgMatches, CommandFactory};

use super::{
    args::CommandLine,
    file,
    origin::{Origin, Origins},
};
use crate::config::Setting;

/// Each setting, as it was typed.
pub(super) fn settings(matches: &ArgMatches, origins: &Origins<'_>) -> Vec<Setting> {
    let command = CommandLine::command();
    file::settings(&command)
        // A command may know only some of the settings.
        .filter(|arg| matches.try_contains_id(arg.get_id().as_str()).is_ok())
        .map(|arg| Setting {
            key: arg.get_long().unwrap_or_default().to_owned(),
            value: shown(arg, matches),
            is_default: origins.of(arg.get_id().as_str(), None) == Origin::Default,
        })
        .collect()
}

/// One line for each setting, aligned.
pub(super) fn lines(settings: &[Setting], origins: &Origins<'_>) -> String {
    let lines: Vec<(String, String)> = settings
        .iter()
        .map(|Setting { key, value, .. }| match value {
            Some(value) => {
                (format!("{key} = {value}"), format!("# {}", origins.of(&key.replace('-', "_"), None)))
            }
            None => (format!("# {key} is not set"), String::new()),
        })
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    let aligned =
        |(line, origin): &(String, String)| format!("{line:<width$}  {origin}").trim_end().to_owned() + "\n";
    lines.iter().map(aligned).collect()
}

/// The value as TOML, as it was typed; nothing if there is none.
fn shown(arg: &Arg, matches: &ArgMatches) -> Option<String> {
    let mut values = matches.get_raw(arg.get_id().as_str())?.map(|value| quoted(&value.to_string_lossy()));
    match arg.get_action() {
        ArgAction::SetTrue => Some(matches.get_flag(arg.get_id().as_str()).to_string()),
        ArgAction::Append => Some(format!("[{}]", values.collect::<Vec<_>>().join(", "))),
        _ => values.next(),
    }
}

/// Numbers as they are, everything else as a TOML string.
fn quoted(text: &str) -> String {
    match text.parse::<i64>() {
        Ok(number) => number.to_string(),
        Err(_) => toml::Value::from(text).to_string(),
    }
}
