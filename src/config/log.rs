//! What is logged, and how.

use std::{fmt, str::FromStr};

use tracing_subscriber::EnvFilter;

use super::Invalid;

/// `--log-level`: a level, or a filter in the syntax of `tracing_subscriber::EnvFilter`, which has been tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(String);

impl LogFilter {
    /// The text, which `EnvFilter` takes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogFilter {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        // `EnvFilter` takes any word for the name of a module, so that a mistyped level would silence the log.
        let words_are_levels = text.split(',').all(|directive| {
            directive.contains('=') || LEVELS.iter().any(|level| level.eq_ignore_ascii_case(directive))
        });
        if words_are_levels && EnvFilter::builder().parse(text).is_ok() {
            return Ok(Self(text.to_owned()));
        }
        Err(Invalid::new(
            "is not a log level; give error, warn, info, debug or trace, or a filter such as info,resumed=debug",
        ))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
#[derive(Debug, Clone, PartialEq, Eq)]
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
