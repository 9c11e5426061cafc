//! What an earlier process left, made durable before anybody is told of it.
//!
//! A process that was killed leaves changes in the page cache that nobody had been told of, because their sync was still
//! to come; and one that ran with `relaxed` has synced nothing at all. To the next process they look like everything else.
//! So the whole file system is synced once, and whoever asks for an upload meanwhile waits for it; what is created anew
//! need not. After a clean end there is nothing to write, and it takes a moment.

use tokio::sync::OnceCell;

use super::{Disk, fault};
use crate::store::StoreError;

/// Empty until all that was there at the start is durable.
#[derive(Default)]
pub(super) struct Legacy(OnceCell<()>);

impl Disk {
    /// Waits until what was there at the start is durable.
    ///
    /// # Errors
    /// It could not be synced. The next who asks tries again.
    pub(super) async fn settled(&self) -> Result<(), StoreError> {
        let sync = || {
            self.run(|shared| shared.durable.sync_all(&shared.uploads).map_err(|error| fault("sync", error)))
        };
        self.shared.legacy.0.get_or_try_init(sync).await.copied()
    }
}
