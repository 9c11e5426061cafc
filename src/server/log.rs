//! The log, on standard error.

use std::io::IsTerminal as _;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::{Metadata, Subscriber};
use tracing_core::Interest;
use tracing_core::callsite::rebuild_interest_cache;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, format::JsonFields};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::journal;
use crate::config::{LogConfig, LogFilter, LogFormat};

/// The log that has begun. What is logged can be changed.
#[derive(Clone)]
pub struct Log(Arc<ArcSwap<Targets>>);

impl Log {
    /// Begins to log.
    #[must_use]
    pub fn begin(config: &LogConfig) -> Self {
        let log = Self(Arc::new(ArcSwap::from_pointee(config.filter.targets().clone())));
        let layer = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
        let text = fmt::format().with_target(false);
        let json = fmt::format().json().flatten_event(true).with_span_list(false);
        let layer: Box<dyn Layer<_> + Send + Sync> = match (config.format, journal::is_stderr()) {
            (LogFormat::Text, false) => Box::new(layer.event_format(text)),
            // The journal has the time and the level of each line, and shows them.
            (LogFormat::Text, true) => {
                Box::new(layer.event_format(journal::Lines(text.without_time().with_level(false))))
            }
            (LogFormat::Json, false) => Box::new(layer.fmt_fields(JsonFields::new()).event_format(json)),
            (LogFormat::Json, true) => {
                Box::new(layer.fmt_fields(JsonFields::new()).event_format(journal::Lines(json)))
            }
        };
        // Only a second call can fail, and the first log is as good.
        drop(Registry::default().with(layer).with(log.clone()).try_init());
        log
    }

    /// Logs this from now on.
    pub(super) fn set_filter(&self, filter: &LogFilter) {
        self.0.store(Arc::new(filter.targets().clone()));
        // Places in the code remember whether anybody listens.
        rebuild_interest_cache();
    }
}

/// The filter, in front of every line. The reloading filter of `tracing_subscriber` would do, but has a lock, which every
/// request would take several times.
impl<S: Subscriber> Layer<S> for Log {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        Layer::<S>::register_callsite(&**self.0.load(), metadata)
    }

    fn enabled(&self, metadata: &Metadata<'_>, context: Context<'_, S>) -> bool {
        self.0.load().enabled(metadata, context)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Layer::<S>::max_level_hint(&**self.0.load())
    }
}
