//! What the store measures: how long the disk takes, and how much of it is left.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::space::Space;

/// Seconds. A sync takes a tenth of a millisecond on a good disk and seconds on one that is overrun.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// What is synced.
#[derive(Clone, Copy)]
pub(super) enum Synced {
    /// The bytes of an upload.
    Data,
    /// Its sidecar.
    Record,
    /// Names in a directory.
    Directory,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct What {
    what: &'static str,
}

/// Times of syncs. Clones count together.
#[derive(Clone)]
pub(super) struct Syncs {
    times: Family<What, Histogram, fn() -> Histogram>,
    failures: Counter,
}

impl Default for Syncs {
    fn default() -> Self {
        let times = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        Self { times, failures: Counter::default() }
    }
}

impl Syncs {
    /// Measures one.
    pub(super) fn time(&self, synced: Synced, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let began = Instant::now();
        let result = sync();
        let what = match synced {
            Synced::Data => "data",
            Synced::Record => "record",
            Synced::Directory => "directory",
        };
        self.times.get_or_create(&What { what }).observe(began.elapsed().as_secs_f64());
        if result.is_err() {
            self.failures.inc();
        }
        result
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "How long syncs to the disk took";
        registry.register_with_unit("sync_duration", help, Unit::Seconds, self.times.clone());
        registry.register(
            "sync_failures",
            "Syncs that the disk answered with an error",
            self.failures.clone(),
        );
    }
}

/// The room on the disk, looked at when it is asked for.
pub(super) struct Room(pub(super) Arc<Space>);

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Room")
    }
}

impl Collector for Room {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let figures = [
            ("storage_free", "Room on the disk that this process may take", self.0.free()),
            ("storage_promised", "Room that uploads under way have still to fill", self.0.promised()),
            ("storage_reserve", "Room that uploads leave free (--reserve)", self.0.reserve()),
        ];
        for (name, help, bytes) in figures {
            let gauge = ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(
                name,
                help,
                Some(&Unit::Bytes),
                gauge.metric_type(),
            )?)?;
        }
        Ok(())
    }
}
