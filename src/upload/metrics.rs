//! What the engine counts, for whoever watches over it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};

use super::{Interruption, Kind, Upload, UploadId};

/// The engine's figures. Clones are the same ones.
#[derive(Clone, Default)]
pub(super) struct Metrics {
    created: Family<OfKind, Counter>,
    completed: Family<OfKind, Counter>,
    pub(super) terminated: Counter,
    pub(super) expired: Counter,
    interrupted: Family<OfCause, Counter>,
    pub(super) mismatches: Counter,
    pub(super) takeovers: Counter,
    appends: Gauge,
    pub(super) bytes: Counter,
    pub(super) sweeps: Counter,
    standing: Arc<Standing>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCause {
    cause: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet)]
struct InState {
    state: &'static str,
}

impl Metrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        // From the beginning, so that the first of each is seen as a change.
        for kind in ["whole", "partial", "final"] {
            drop(self.created.get_or_create(&OfKind { kind }));
            drop(self.completed.get_or_create(&OfKind { kind }));
        }
        for cause in ["client_gone", "taken_over", "idle", "too_slow", "shutdown"] {
            drop(self.interrupted.get_or_create(&OfCause { cause }));
        }
        registry.register("uploads_created", "Uploads created", self.created.clone());
        registry.register(
            "uploads_completed",
            "Uploads that have all their bytes, published unless they are parts",
            self.completed.clone(),
        );
        registry.register("uploads_terminated", "Uploads deleted on request", self.terminated.clone());
        registry.register("uploads_expired", "Uploads removed by expiration", self.expired.clone());
        registry.register(
            "appends_interrupted",
            "Appends and chunks that stopped before their end; the uploads live",
            self.interrupted.clone(),
        );
        registry.register(
            "checksum_mismatches",
            "Bodies and files that did not sum to what their sender said",
            self.mismatches.clone(),
        );
        registry.register(
            "lease_takeovers",
            "Requests that took an upload over from an earlier one",
            self.takeovers.clone(),
        );
        registry.register(
            "appends_in_flight",
            "Appends and chunks that run at the moment",
            self.appends.clone(),
        );
        registry.register_with_unit(
            "upload_written",
            "Bytes of uploads written to the store",
            Unit::Bytes,
            self.bytes.clone(),
        );
        registry.register("expiration_sweeps", "Looks at what is due to expire", self.sweeps.clone());
        registry.register_collector(Box::new(Arc::clone(&self.standing)));
    }

    /// One is about to be created. It is counted before anybody else can find it.
    pub(super) fn coming(&self, upload: &Upload) {
        self.standing.lock().moved(upload.id, None, Place::of(upload));
    }

    /// It was created, as `upload`, out of what was [`coming`](Self::coming).
    pub(super) fn created(&self, was_coming: &Upload, upload: &Upload) {
        self.created.get_or_create(&OfKind::of(upload)).inc();
        self.standing.lock().moved(upload.id, Place::of(was_coming), Place::of(upload));
    }

    /// It has all its bytes now, and had not before.
    pub(super) fn completed(&self, upload: &Upload) {
        self.completed.get_or_create(&OfKind::of(upload)).inc();
        let before = match upload.kind {
            Kind::Final { .. } => Place::Assembling,
            Kind::Whole | Kind::Partial => Place::Receiving,
        };
        self.standing.lock().moved(upload.id, Some(before), Place::of(upload));
    }

    /// The same for one that was complete as soon as it was there.
    pub(super) fn born_complete(&self, upload: &Upload) {
        self.completed.get_or_create(&OfKind::of(upload)).inc();
    }

    /// It is gone, and was like this before.
    pub(super) fn removed(&self, upload: &Upload) {
        self.standing.lock().moved(upload.id, Place::of(upload), None);
    }

    /// An earlier process has left it.
    pub(super) fn found(&self, upload: &Upload) {
        self.standing.lock().found(upload.id, Place::of(upload));
    }

    /// All that an earlier process left has been found.
    pub(super) fn took_stock(&self) {
        self.standing.lock().seen = None;
    }

    pub(super) fn interrupted(&self, cause: Interruption) {
        let cause = match cause {
            Interruption::ClientGone => "client_gone",
            Interruption::TakenOver => "taken_over",
            Interruption::Idle => "idle",
            Interruption::TooSlow => "too_slow",
            Interruption::Shutdown => "shutdown",
        };
        self.interrupted.get_or_create(&OfCause { cause }).inc();
    }

    /// An append begins. It ends when the answer is dropped.
    pub(super) fn append(&self) -> InFlight {
        self.appends.inc();
        InFlight(self.appends.clone())
    }
}

/// A running append, as it is counted.
pub(super) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl OfKind {
    fn of(upload: &Upload) -> Self {
        let kind = match upload.kind {
            Kind::Whole => "whole",
            Kind::Partial => "partial",
            Kind::Final { .. } => "final",
        };
        Self { kind }
    }
}

/// Where an upload that takes room stands. Finished files are their owners' and are not counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Receiving,
    Assembling,
    Part,
}

impl Place {
    fn of(upload: &Upload) -> Option<Self> {
        match (&upload.kind, upload.is_complete()) {
            (Kind::Final { .. }, false) => Some(Self::Assembling),
            (_, false) => Some(Self::Receiving),
            (Kind::Partial, true) => Some(Self::Part),
            (Kind::Whole | Kind::Final { .. }, true) => None,
        }
    }
}

/// How many uploads stand where.
#[derive(Default)]
struct Standing(Mutex<Counts>);

struct Counts {
    receiving: i64,
    assembling: i64,
    part: i64,
    /// While stock is taken: those that are counted. Requests change uploads meanwhile, which stock-taking may have met
    /// already or is going to.
    seen: Option<HashMap<UploadId, Option<Place>>>,
}

impl Default for Counts {
    fn default() -> Self {
        Self { receiving: 0, assembling: 0, part: 0, seen: Some(HashMap::new()) }
    }
}

impl Counts {
    fn add(&mut self, place: Option<Place>, number: i64) {
        match place {
            Some(Place::Receiving) => self.receiving += number,
            Some(Place::Assembling) => self.assembling += number,
            Some(Place::Part) => self.part += number,
            None => {}
        }
    }

    fn moved(&mut self, id: UploadId, from: Option<Place>, to: Option<Place>) {
        let from = match &mut self.seen {
            // As it was counted, which is not as it was if stock-taking has met it in between.
            Some(seen) => seen.insert(id, to).flatten(),
            None => from,
        };
        self.add(from, -1);
        self.add(to, 1);
    }

    fn found(&mut self, id: UploadId, place: Option<Place>) {
        if let Some(seen) = &mut self.seen
            && !seen.contains_key(&id)
        {
            seen.insert(id, place);
            self.add(place, 1);
        }
    }
}

impl Standing {
    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Standing")
    }
}

impl Collector for Standing {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let states = {
            let counts = self.lock();
            [("receiving", counts.receiving), ("assembling", counts.assembling), ("part", counts.part)]
        };
        let kind = ConstGauge::new(0_i64).metric_type();
        let mut metric = encoder.encode_descriptor(
            "uploads",
            "Uploads that are not finished: receiving bytes, final ones being assembled, complete parts of final ones",
            None,
            kind,
        )?;
        for (state, count) in states {
            ConstGauge::new(count).encode(metric.encode_family(&InState { state })?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> UploadId {
        UploadId::random().unwrap()
    }

    #[test]
    fn each_upload_is_counted_once_whenever_stock_taking_meets_it() {
        let mut counts = Counts::default();
        let [old, changed_before, changed_after, new, found_first] = [id(), id(), id(), id(), id()];
        let receiving = Some(Place::Receiving);
        counts.moved(changed_before, receiving, Some(Place::Part));
        counts.found(changed_before, receiving);
        counts.found(changed_after, receiving);
        counts.moved(changed_after, receiving, None);
        counts.moved(new, None, receiving);
        counts.found(new, receiving);
        counts.found(found_first, Some(Place::Part));
        counts.moved(found_first, receiving, Some(Place::Part));
        counts.found(old, receiving);
        assert_eq!((counts.receiving, counts.part), (2, 2));
        counts.seen = None;
        counts.moved(old, receiving, None);
        counts.moved(new, receiving, None);
        assert_eq!((counts.receiving, counts.part), (0, 2));
    }
}
