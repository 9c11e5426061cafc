//! Whether the daemon truly serves, asked of its parts: a timer that says "I am alive" would say so over a dead daemon.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_util::sync::CancellationToken;

use super::accept::Acceptor;
use crate::conn;
use crate::http::{Admission, Current, Door, Entrance, Peer};
use crate::store::StoreError;
use crate::store::disk::Disk;

const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// What is asked.
pub(super) struct Health {
    pub(super) acceptors: Arc<[Acceptor]>,
    pub(super) current: Arc<Current>,
    pub(super) disk: Disk,
}

/// Why the daemon does not serve.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unwell {
    #[error("nothing is accepted at {0}")]
    Listener(String),
    #[error("a request is not answered")]
    Requests,
    #[error("the data directory can't be reached: {0}")]
    Disk(String),
}

impl Health {
    /// Asks each part, and gives each this much time.
    pub(super) async fn check(&self, limit: Duration) -> Result<(), Unwell> {
        for acceptor in &*self.acceptors {
            let alive = tokio::time::timeout(limit, acceptor.is_alive()).await;
            if alive != Ok(true) {
                return Err(Unwell::Listener(acceptor.url.clone()));
            }
        }
        if tokio::time::timeout(limit, self.is_answered()).await != Ok(true) {
            return Err(Unwell::Requests);
        }
        match tokio::time::timeout(limit, self.disk.probe()).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(StoreError::Io(_, error))) => Err(Unwell::Disk(error.to_string())),
            Ok(Err(other)) => Err(Unwell::Disk(other.to_string())),
            Err(_) => Err(Unwell::Disk("it does not answer".to_owned())),
        }
    }

    /// Sends a request the way that all take, but for the kernel's socket: a full house or a firewall is no fault of ours.
    async fn is_answered(&self) -> bool {
        let (mut client, server) = tokio::io::duplex(4096);
        let current = Arc::clone(&self.current);
        let entrance = Entrance { peer: Peer::Unix, door: Door::Admin, admission: Admission::Welcome };
        let serving = conn::serve(current, server, entrance, CancellationToken::new());
        let asking = async {
            client.write_all(REQUEST).await?;
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let ((), answer) = tokio::join!(serving, asking);
        answer.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 2"))
    }
}
