//! Lines for the journal: sd-daemon(3), "logging".

use std::fmt;
use std::os::unix::ffi::OsStrExt as _;

use rustix::fs::fstat;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Whether standard error leads to the journal: whoever redirects it elsewhere leaves the variable as it is.
pub(super) fn is_stderr() -> bool {
    let Some(stream) = std::env::var_os("JOURNAL_STREAM") else { return false };
    fstat(std::io::stderr())
        .is_ok_and(|stat| stream.as_bytes() == format!("{}:{}", stat.st_dev, stat.st_ino).as_bytes())
}

/// Lines of another format with their priority in front, which the journal takes off again.
pub(super) struct Lines<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = String::new();
        self.0.format_event(context, Writer::new(&mut text), event)?;
        let priority = priority(*event.metadata().level());
        // A line without a priority would be taken for an ordinary one, whatever it goes on with.
        text.lines().try_for_each(|line| writeln!(writer, "<{priority}>{line}"))
    }
}

/// syslog(3).
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_line_has_the_priority_of_its_event() {
        let memory = Memory::default();
        let writer = memory.clone();
        let format = Lines(fmt::format().without_time().with_level(false).with_target(false));
        let subscriber = fmt::Subscriber::builder()
            .event_format(format)
            .with_max_level(Level::TRACE)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(reason = %"first\nsecond", "broken");
            tracing::warn!("odd");
            tracing::info!(bytes = 5, "complete");
            tracing::debug!("detail");
        });
        let said = String::from_utf8(memory.0.lock().unwrap().clone()).unwrap();
        assert_eq!(said, "<3>broken reason=first\n<3>second\n<4>odd\n<6>complete bytes=5\n<7>detail\n");
    }
}
