//! A sweep of many uploads, beside those who want something.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use resumed::store::Store as _;
use resumed::upload::{ClientLimits, Kind, Length, Metadata, NewUpload, Rules, Uploads};

use crate::bench::{Bench as _, InMemory};
use crate::body::NO_BODY;

const MANY: usize = 100;

/// A night's worth of uploads that are due together must not keep the disk to themselves until the last of them is gone.
#[tokio::test(start_paused = true)]
async fn a_long_sweep_lets_others_have_their_turn() {
    let hour = Duration::from_secs(3600);
    let rules = Rules {
        max_size: None,
        expire_after: Some(hour),
        fill_expire_after: Some(hour),
        verify: true,
        clients: ClientLimits::default(),
        checkpoint: Rules::CHECKPOINT,
    };
    let store = InMemory::new().open();
    let engine = Uploads::new(store.clone(), rules);
    let mut ids = Vec::new();
    for _ in 0..MANY {
        let (kind, length) = (Kind::Whole, Length::Known(10));
        let new = NewUpload { kind, length, metadata: Metadata::default() };
        ids.push(engine.create(new, NO_BODY).await.unwrap().id);
    }
    let later = Timestamp::now() + SignedDuration::from_hours(2);
    let sweep = tokio::spawn({
        let engine = engine.clone();
        async move { engine.sweep(later).await }
    });
    // Time passes only when nobody has anything to do.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let left = store.unfinished().len();
    assert!(0 < left && left < MANY, "{left} are left in the middle of it");
    let mut answered = 0;
    for id in ids {
        answered += usize::from(engine.inspect(id).await.is_ok());
    }
    assert_eq!(answered, left, "who is not due by the clock of the others is served");
    assert_eq!(sweep.await.unwrap(), MANY);
    assert_eq!(store.unfinished().len(), 0);
}
