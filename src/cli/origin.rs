//! Where the value of a setting comes from, and how that is said.

use std::{collections::HashMap, fmt};

use clap::{ArgMatches, CommandFactory, ValueHint, parser::ValueSource};

use super::{args::CommandLine, file::SettingsFile};

/// Where the value of one setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Flag,
    Environment,
    /// As `name:line`.
    File(String),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File(place) => f.write_str(place),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Where the values of all settings come from.
#[derive(Debug, Default)]
pub(super) struct Origins<'a> {
    explicit: HashMap<String, Origin>,
    /// The first setting whose value is no text although it has to be.
    not_text: Option<String>,
    file: Option<&'a SettingsFile>,
}

impl<'a> Origins<'a> {
    /// From matches whose defaults are clap's own, so that what is a default there may come from the file.
    pub(super) fn new(matches: &ArgMatches, file: Option<&'a SettingsFile>) -> Self {
        let explicit = matches.ids().filter_map(|id| {
            let origin = match matches.value_source(id.as_str())? {
                ValueSource::CommandLine => Origin::Flag,
                ValueSource::EnvVariable => Origin::Environment,
                _ => return None,
            };
            Some((id.as_str().to_owned(), origin))
        });
        let not_text = CommandLine::command()
            .get_arguments()
            // Paths may be any bytes.
            .filter(|arg| arg.get_value_hint() != ValueHint::AnyPath)
            .map(|arg| arg.get_id().as_str().to_owned())
            .find(|id| {
                let raw = matches.try_contains_id(id).is_ok().then(|| matches.get_raw(id)).flatten();
                raw.into_iter().flatten().any(|value| value.to_str().is_none())
            });
        Self { explicit: explicit.collect(), not_text, file }
    }

    /// Where the setting comes from; with a value of it, where in a list of the file that value stands.
    pub(super) fn of(&self, id: &str, value: Option<&str>) -> Origin {
        let in_file = || self.file.and_then(|file| file.place(id, value)).map(Origin::File);
        self.explicit.get(id).cloned().or_else(in_file).unwrap_or(Origin::Default)
    }

    /// The name of the setting whose value is no text.
    pub(super) fn not_text(&self) -> String {
        self.not_text.as_deref().map_or_else(|| "the command line".to_owned(), |id| self.name(id, None))
    }

    /// How a message names the setting: as the person wrote it.
    pub(super) fn name(&self, id: &str, value: Option<&str>) -> String {
        let key = id.replace('_', "-");
        match self.of(id, value) {
            Origin::Flag | Origin::Default => format!("--{key}"),
            Origin::Environment => format!("RESUMED_{}", id.to_ascii_uppercase()),
            Origin::File(place) => format!("{place}: {key}"),
        }
    }
}
