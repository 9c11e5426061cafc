//! How `--help` looks: each flag's text, its default and its variable, none of them torn apart at the end of a line.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};

use super::each_arg;

/// Stands for a space at which no line is broken, until the help is printed.
pub(super) const GLUE: char = '\u{a0}';

/// Puts default and variable behind each flag's text. `-h` leaves the variables out: their names follow from the
/// flags' names.
pub(super) fn with_notes(command: Command, argv: &[OsString]) -> Command {
    let is_short = argv.iter().any(|arg| arg == "-h");
    each_arg(command, |arg| with_note(arg, is_short))
}

fn with_note(arg: Arg, is_short: bool) -> Arg {
    let mut text = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut note = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!(" [{name}:{GLUE}{value}]"));
        }
    };
    let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    note("default", &default.join(","));
    let variable = arg.get_env().filter(|_| !is_short).unwrap_or_default().to_string_lossy();
    note("env", &variable);
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let arg = arg.help(text).hide_env(true);
    // clap wants to hear this of no other argument.
    if takes_value { arg.hide_default_value(true) } else { arg }
}
