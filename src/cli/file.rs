//! The settings file: TOML whose keys are named like the flags.

use std::{collections::HashMap, ops::Range, path::Path};

use clap::{Arg, ArgAction, Command};
use toml::de::{DeTable, DeValue};

use super::origin::Origins;

/// What the file says, as text: each value is checked by the parser of its flag.
#[derive(Debug, Default)]
pub(super) struct SettingsFile {
    name: String,
    /// By the identifier of the flag.
    entries: HashMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    line: usize,
    /// With the line of each; a single value is a list of one.
    values: Vec<(String, usize)>,
}

/// Why the file cannot be used.
#[derive(Debug)]
pub(super) enum FileProblem {
    /// It cannot be read; what is wrong is the name.
    Unreadable(String),
    /// Something in it is wrong; the whole line to say.
    Content(String),
}

impl FileProblem {
    /// The one line about it, which names the flag, variable or place in the file to change.
    pub(super) fn told(self, origins: &Origins<'_>) -> String {
        match self {
            Self::Unreadable(problem) => format!("{}: {problem}", origins.name("config", None)),
            Self::Content(line) => line,
        }
    }
}

impl SettingsFile {
    /// Reads the file; `command` knows the settings that may stand in it.
    pub(super) fn read(path: &Path, command: &Command) -> Result<Self, FileProblem> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| FileProblem::Unreadable(format!("cannot read {path:?}: {error}")))?;
        Self::parse(path.display().to_string(), &text, command)
    }

    fn parse(name: String, text: &str, command: &Command) -> Result<Self, FileProblem> {
        let wrong = |span: Range<usize>, problem: String| {
            FileProblem::Content(format!("{name}:{}: {problem}", line_of(text, &span)))
        };
        let table = DeTable::parse(text).map_err(|error| {
            // The parser's own text may have several lines.
            let problem = error.message().lines().collect::<Vec<_>>().join(", ");
            wrong(error.span().unwrap_or_default(), problem)
        })?;
        let mut entries = HashMap::new();
        for (key, value) in table.get_ref() {
            let arg = settings(command)
                .find(|arg| arg.get_long() == Some(key.get_ref()))
                .ok_or_else(|| wrong(key.span(), unknown_key(key.get_ref(), value.get_ref(), command)))?;
            let values = texts(arg, value.get_ref(), &value.span())
                .map_err(|problem| wrong(value.span(), format!("{}: {problem}", key.get_ref())))?
                .into_iter()
                .map(|(text_of, span)| (text_of, line_of(text, &span)))
                .collect();
            entries.insert(arg.get_id().to_string(), Entry { line: line_of(text, &key.span()), values });
        }
        Ok(Self { name, entries })
    }

    /// The values of a setting, if the file has it.
    pub(super) fn values(&self, id: &str) -> Option<Vec<String>> {
        let entry = self.entries.get(id)?;
        Some(entry.values.iter().map(|(text, _)| text.clone()).collect())
    }

    /// Where a setting stands, as `name:line`; with a value, the line of that value.
    pub(super) fn place(&self, id: &str, value: Option<&str>) -> Option<String> {
        let entry = self.entries.get(id)?;
        let of_value =
            entry.values.iter().find(|(text, _)| Some(text.as_str()) == value).map(|(_, line)| *line);
        Some(format!("{}:{}", self.name, of_value.unwrap_or(entry.line)))
    }
}

/// The flags that may stand in a file: all but the file's own name, help and version.
pub(super) fn settings(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| {
        let has_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append | ArgAction::SetTrue);
        has_value && arg.get_id() != "config"
    })
}

fn unknown_key(key: &str, value: &DeValue<'_>, command: &Command) -> String {
    let shown = key.escape_debug();
    if value.is_table() {
        return format!(
            "[{shown}] is not known; the file has no sections, only keys such as max-size = \"10GiB\""
        );
    }
    let nearest = settings(command)
        .filter_map(Arg::get_long)
        .map(|known| (strsim::jaro_winkler(key, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    match nearest {
        Some((_, known)) => format!("unknown key \"{shown}\"; did you mean {known}?"),
        None => format!("unknown key \"{shown}\"; keys are named like the flags, see resumed --help"),
    }
}

/// The values as they would be typed on the command line, each with where it stands.
fn texts(arg: &Arg, value: &DeValue<'_>, span: &Range<usize>) -> Result<Vec<(String, Range<usize>)>, String> {
    let is_switch = matches!(arg.get_action(), ArgAction::SetTrue);
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    let wrong = |found: &DeValue<'_>| {
        let wanted = if is_switch {
            "true or false"
        } else if is_list {
            "a string or a list of strings"
        } else {
            "a string or a whole number"
        };
        format!("{} does not fit; give {wanted}", kind(found))
    };
    match value {
        DeValue::Boolean(switch) if is_switch => Ok(vec![(switch.to_string(), span.clone())]),
        DeValue::Array(values) if is_list => {
            // As a default it would look like "none at all" and mean "as if it were not there".
            if values.is_empty() {
                return Err("the list is empty; leave the key out for the default".to_owned());
            }
            let text = |value: &toml::Spanned<DeValue<'_>>| match single(value.get_ref()) {
                Some(text) => Ok((text, value.span())),
                None => Err(wrong(value.get_ref())),
            };
            values.iter().map(text).collect()
        }
        _ if is_switch => Err(wrong(value)),
        _ => single(value).map(|text| vec![(text, span.clone())]).ok_or_else(|| wrong(value)),
    }
}

fn single(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| n.to_string())
        }
        _ => None,
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "this number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    text.bytes().take(span.start).filter(|&byte| byte == b'\n').count() + 1
}
