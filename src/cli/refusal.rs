//! What is wrong, in one line that names what to change and says what is allowed.

use std::ffi::OsString;

use clap::{
    Command, CommandFactory as _, Error,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{Farewell, Reason, args::CommandLine, origin::Origins};
use crate::config::ConfigError;

/// The line about two settings that contradict each other.
pub(super) fn of_config(error: &ConfigError, origins: &Origins<'_>) -> String {
    format!("{}: {}", origins.name(&error.flag.replace('-', "_"), None), error.problem)
}

/// What clap found: help that was asked for, or a mistake.
pub(super) fn of_clap(error: &Error, origins: &Origins<'_>, argv: &[OsString]) -> Farewell {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Farewell(Reason::Asked(error.render())),
        _ => Farewell::wrong(line(error, origins, argv)),
    }
}

fn line(error: &Error, origins: &Origins<'_>, argv: &[OsString]) -> String {
    let all = CommandLine::command();
    let command = argv.get(1).and_then(|word| all.find_subcommand(word));
    let arg = text(error, ContextKind::InvalidArg);
    let flag = flag(arg);
    let value = text(error, ContextKind::InvalidValue);
    let name = || origins.name(&flag.trim_start_matches('-').replace('-', "_"), Some(value));
    match error.kind() {
        ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand => match command {
            Some(command) => unknown_to(command, &all, error, flag),
            None => unknown(error, arg),
        },
        ErrorKind::ArgumentConflict => conflict(&all, error, flag),
        // Some commands are nothing without what they are about.
        ErrorKind::MissingRequiredArgument => {
            format!("{}: is missing; see the command's --help", arg.trim_matches(['<', '>', '.']))
        }
        ErrorKind::InvalidUtf8 => format!("{}: the value is not valid UTF-8", origins.not_text()),
        ErrorKind::TooManyValues => format!("{flag}: takes no value; leave out ={value}"),
        ErrorKind::InvalidValue if allowed(error).is_empty() => {
            format!("{}: needs a value; see {flag} in resumed --help", name())
        }
        _ if arg.is_empty() => first_line(error),
        // `<ID>`: it has a place, and no name that could stand in a file.
        _ if arg.starts_with('<') => {
            format!("{}: {value:?} {}", arg.trim_matches(['<', '>', '.']), problem(error))
        }
        _ => format!("{}: {value:?} {}", name(), problem(error)),
    }
}

/// The text of a fact about the error, or nothing.
fn text(error: &Error, kind: ContextKind) -> &str {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text,
        Some(ContextValue::Strings(texts)) => texts.first().map_or("", String::as_str),
        _ => "",
    }
}

/// `--max-size` of `--max-size <SIZE>`.
fn flag(arg: &str) -> &str {
    arg.split([' ', '=', '[']).next().unwrap_or(arg)
}

fn unknown(error: &Error, arg: &str) -> String {
    let suggested = match text(error, ContextKind::SuggestedArg) {
        "" => text(error, ContextKind::SuggestedSubcommand),
        flag => flag,
    };
    let (name, kind) = match text(error, ContextKind::InvalidSubcommand) {
        "" => (arg, if arg.starts_with('-') { "flag" } else { "command" }),
        command => (command, "command"),
    };
    let name = name.escape_debug();
    if suggested.is_empty() {
        format!("{name}: unknown {kind}; see resumed --help")
    } else {
        format!("{name}: unknown {kind}; did you mean {suggested}?")
    }
}

/// A flag or a word that a command does not take.
fn unknown_to(command: &Command, all: &Command, error: &Error, flag: &str) -> String {
    let (name, shown) = (command.get_name(), flag.escape_debug());
    if !flag.starts_with('-') {
        let problem = match command.get_positionals().next() {
            Some(_) => "is one too many".to_owned(),
            None => format!("{name} takes nothing but flags"),
        };
        return format!("{shown}: {problem}; see resumed {name} --help");
    }
    // What is a setting elsewhere was not mistyped.
    let is_setting = all.get_arguments().any(|arg| arg.get_long() == flag.strip_prefix("--"));
    match text(error, ContextKind::SuggestedArg) {
        suggested if !suggested.is_empty() && !is_setting => {
            format!("{shown}: unknown flag; did you mean {suggested}?")
        }
        _ => format!("{shown}: {name} has no such flag; see resumed {name} --help"),
    }
}

fn conflict(all: &Command, error: &Error, flag: &str) -> String {
    match text(error, ContextKind::InvalidSubcommand) {
        "" => format!("{flag}: is given twice; give it once"),
        word if all.find_subcommand(word).is_none() => {
            format!("{}: unknown command; see resumed --help", word.escape_debug())
        }
        command => format!("{command}: comes before its flags; write resumed {command} [OPTIONS]"),
    }
}

fn allowed(error: &Error) -> &[String] {
    match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(allowed)) => allowed,
        _ => &[],
    }
}

/// What is wrong with a value: the words of its parser, or the few words there are.
fn problem(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(problem) => problem.to_string(),
        None => format!("is not known; give {}", listed(allowed(error))),
    }
}

/// `a, b or c`.
fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

/// For kinds of error that our flags cannot cause; a new kind of flag may.
fn first_line(error: &Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
