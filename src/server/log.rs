//! The log, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::config::{LogConfig, LogFormat};

/// Begins to log.
pub fn init(config: &LogConfig) {
    let told = config.filter.as_str();
    // A bare level is meant for this program; what its libraries have to say fills a screen for each request.
    let spec = if told.contains(['=', ',']) { told.to_owned() } else { format!("warn,resumed={told}") };
    let filter = EnvFilter::try_new(&spec).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match config.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_target(false).with_ansi(std::io::stderr().is_terminal()).try_init(),
    };
    // Only a second call can fail, and the first log is as good.
    drop(begun);
}
