//! What is logged, and how.

use std::{fmt, str::FromStr};

use tracing_subscriber::filter::Targets;

use super::Invalid;

/// `--log-level`: a level, or levels by module.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

impl LogFilter {
    /// As it was typed.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What is logged.
    #[must_use]
    pub fn targets(&self) -> &Targets {
        &self.targets
    }
}

impl FromStr for LogFilter {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        // `Targets` takes any word for the name of a module, so that a mistyped level would silence the log.
        let words_are_levels = text.split(',').all(|directive| {
            directive.contains('=') || LEVELS.iter().any(|level| level.eq_ignore_ascii_case(directive))
        });
        let modules_are_names =
            text.split(',').filter_map(|directive| directive.split_once('=')).all(|(name, _)| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:".contains(&byte))
            });
        // A bare level is meant for this program; what its libraries have to say fills a screen for each request.
        let spec = if text.contains(['=', ',']) { text.to_owned() } else { format!("warn,resumed={text}") };
        match spec.parse() {
            Ok(targets) if words_are_levels && modules_are_names => {
                Ok(Self { text: text.to_owned(), targets })
            }
            _ => Err(Invalid::new(
                "is not a log level; give error, warn, info, debug or trace, or a filter such as info,resumed=debug",
            )),
        }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// What is logged.
    pub filter: LogFilter,
    /// How a line looks.
    pub format: LogFormat,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_filters() {
        for text in ["error", "INFO", "off", "resumed=debug", "info,resumed=debug", "warn,hyper=off"] {
            assert_eq!(text.parse::<LogFilter>().unwrap().as_str(), text);
        }
        for text in
            ["", "loud", "verbose", "resumed", "resumed=loud", "info,loud", "info, resumed=debug", "="]
        {
            assert!(text.parse::<LogFilter>().is_err(), "{text}");
        }
    }
}
