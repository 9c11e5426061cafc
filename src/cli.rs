//! The command line: flags, environment and file become one [`Config`], or one line that says what is wrong.
//!
//! It is read twice. The first time takes every value as text, which tells the file to read and where each value comes
//! from. The second time the file's values stand in for the defaults, so that clap itself gives flags precedence over
//! the environment and the environment over the file, and one parser checks the values of all three.

mod args;
mod commands;
mod file;
mod help;
mod man;
mod origin;
mod refusal;
mod report;
mod strangers;

use std::{
    convert::Infallible,
    ffi::OsString,
    io::{IsTerminal, Write},
    path::Path,
    process::ExitCode,
};

use clap::{ArgAction, ArgMatches, CommandFactory, FromArgMatches, builder::StyledStr, builder::ValueParser};

use self::{args::CommandLine, commands::Command, file::SettingsFile, origin::Origins};
pub use self::{
    args::{
        AccessArgs, Args, BrowserArgs, DirArgs, LimitArgs, LogArgs, ServingArgs, StorageArgs, UploadArgs,
    },
    commands::{ExpireArgs, FsckArgs, ListArgs, PlaceArgs, RmArgs, ShowArgs, StateFilter},
};
use crate::config::Config;

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Serve uploads.
    Serve(Box<Config>),
    /// Show the settings, which are right.
    CheckConfig {
        /// The settings as lines of TOML, each with where it comes from.
        report: String,
        /// The settings themselves.
        config: Box<Config>,
    },
    /// Look at uploads, or after them.
    Admin(Box<Admin>),
    /// Say something that is known beforehand: completions, the manual page.
    Print(Vec<u8>),
}

/// A command for whoever keeps the uploads.
#[derive(Debug)]
pub enum Admin {
    /// List them.
    List(ListArgs),
    /// Show one.
    Show(ShowArgs),
    /// Remove some.
    Rm(RmArgs),
    /// Remove those that nobody goes on with.
    Expire(ExpireArgs),
    /// Look for what is wrong with them.
    Fsck(FsckArgs),
}

/// Why there is nothing to do: help was asked for, or something is wrong.
#[derive(Debug)]
pub struct Farewell(Reason);

#[derive(Debug)]
enum Reason {
    /// `--help` or `--version`: the text, which has its colours.
    Asked(StyledStr),
    /// One line, without the name of the program.
    Wrong(String),
}

impl Farewell {
    fn wrong(line: String) -> Self {
        Self(Reason::Wrong(line))
    }

    /// Says it, where it belongs: help on standard output with exit code 0, what is wrong on standard error with 2.
    #[must_use]
    pub fn say(self) -> ExitCode {
        match self.0 {
            Reason::Asked(text) => {
                let text = if wants_colour() { text.ansi().to_string() } else { text.to_string() };
                say(text.replace(help::GLUE, " "));
                ExitCode::SUCCESS
            }
            Reason::Wrong(line) => {
                // Standard error may be closed; there is nobody left to tell.
                let _ = writeln!(std::io::stderr(), "resumed: {line}");
                ExitCode::from(2)
            }
        }
    }
}

/// A terminal shows colours, unless the person wants none anywhere (no-color.org).
fn wants_colour() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes an answer on standard output.
pub fn say(text: impl AsRef<[u8]>) {
    // A reader that has seen enough (`resumed --help | head`) is no error.
    let _ = std::io::stdout().write_all(text.as_ref());
}

/// The same, where the writer wants to know whether anybody still reads.
///
/// # Errors
/// Nobody does.
pub fn try_say(text: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(text.as_bytes())
}

/// Says on standard error why a command came to nothing.
#[must_use]
pub fn complain(why: &impl std::fmt::Display) -> ExitCode {
    complain_with(1, why)
}

/// The same, where the exit code says more than that.
#[must_use]
pub fn complain_with(code: u8, why: &impl std::fmt::Display) -> ExitCode {
    // Standard error may be closed; there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "resumed: {why}");
    ExitCode::from(code)
}

/// Reads the command line, the environment and the file.
///
/// # Errors
/// Help or the version was asked for, or a setting is wrong; [`Farewell::say`] tells it.
pub fn read(argv: impl IntoIterator<Item = OsString>) -> Result<Invocation, Farewell> {
    let argv: Vec<OsString> = argv.into_iter().collect();
    let command = CommandLine::command;

    let untyped = each_arg(help::with_notes(command(), &argv), untyped);
    let matches = untyped
        .try_get_matches_from(&argv)
        .map_err(|error| refusal::of_clap(&error, &Origins::default(), &argv))?;
    let matches = settings_of(&matches);
    // Not every command has to know about files.
    let file = match matches.try_get_one::<OsString>("config").ok().flatten() {
        Some(path) => SettingsFile::read(Path::new(path), &command())
            .map_err(|problem| Farewell::wrong(problem.told(&Origins::new(matches, None))))?,
        None => SettingsFile::default(),
    };
    let origins = Origins::new(matches, Some(&file));

    let with_file = each_arg(command(), |arg| match file.values(arg.get_id().as_str()) {
        Some(values) => arg.default_values(values),
        None => arg,
    });
    let mut matches =
        with_file.try_get_matches_from(&argv).map_err(|error| refusal::of_clap(&error, &origins, &argv))?;
    let settings = report::settings(settings_of(&matches), &origins);
    let asked = CommandLine::from_arg_matches_mut(&mut matches)
        .map_err(|error| refusal::of_clap(&error, &origins, &argv))?;

    let checked = |args| {
        let mut config =
            Config::from_args(args).map_err(|error| Farewell::wrong(refusal::of_config(&error, &origins)))?;
        config.settings.clone_from(&settings);
        config.warnings = strangers::lines(&command());
        Ok(config)
    };
    Ok(match asked.command {
        None => Invocation::Serve(Box::new(checked(asked.args)?)),
        Some(Command::CheckConfig(args)) => {
            let config = Box::new(checked(*args)?);
            let warnings = config.warnings.iter().map(|warning| format!("# {warning}\n")).collect::<String>();
            Invocation::CheckConfig { report: report::lines(&settings, &origins) + &warnings, config }
        }
        Some(Command::List(args)) => Invocation::Admin(Box::new(Admin::List(args))),
        Some(Command::Show(args)) => Invocation::Admin(Box::new(Admin::Show(args))),
        Some(Command::Rm(args)) => Invocation::Admin(Box::new(Admin::Rm(args))),
        Some(Command::Expire(args)) => Invocation::Admin(Box::new(Admin::Expire(args))),
        Some(Command::Fsck(args)) => Invocation::Admin(Box::new(Admin::Fsck(args))),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut command(), "resumed", &mut script);
            Invocation::Print(script)
        }
        Some(Command::Man) => Invocation::Print(man::page()),
    })
}

/// Reads the settings of a daemon that serves once more.
///
/// # Errors
/// One of them is wrong; one line says which and why.
pub fn reread() -> Result<Config, String> {
    match read(std::env::args_os()) {
        Ok(Invocation::Serve(config)) => Ok(*config),
        Err(Farewell(Reason::Wrong(line))) => Err(line),
        // The command line stays what it was when the daemon began to serve.
        Ok(_) | Err(Farewell(Reason::Asked(_))) => Err("the command line does not say to serve".to_owned()),
    }
}

/// The matches that hold the settings: a command's own, or those of serving.
fn settings_of(matches: &ArgMatches) -> &ArgMatches {
    matches.subcommand().map_or(matches, |(_, matches)| matches)
}

/// Changes every argument, the commands' too.
fn each_arg(command: clap::Command, mut change: impl FnMut(clap::Arg) -> clap::Arg) -> clap::Command {
    command.mut_args(&mut change).mut_subcommands(|command| command.mut_args(&mut change))
}

/// The argument with every value allowed.
fn untyped(arg: clap::Arg) -> clap::Arg {
    match arg.get_action() {
        ArgAction::Set | ArgAction::Append => arg.value_parser(ValueParser::os_string()),
        ArgAction::SetTrue => arg.value_parser(|_: &str| Ok::<bool, Infallible>(true)),
        _ => arg,
    }
}
