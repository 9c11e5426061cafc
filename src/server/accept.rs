//! From a listener to connections that are served.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::listener::{Listener, Stream};
use super::places::{Free, Places};
use super::tls::Tls;
use crate::conn;
use crate::http::{Current, Door, Entrance, Peer};

/// After running out of file descriptors or memory, accepting is tried again this much later.
const BREATHE: Duration = Duration::from_millis(100);

/// What serves the connections of every listener.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) current: Arc<Current>,
    pub(super) connections: TaskTracker,
    /// Those that uploads have; the admin has some of his own, because he comes when there are none left.
    pub(super) places: Places,
    pub(super) door: Door,
    pub(super) tls: Option<Tls>,
    pub(super) closing: CancellationToken,
}

/// A listener whose connections are accepted.
pub(super) struct Acceptor {
    /// How it is reached.
    pub(super) url: String,
    pub(super) door: Door,
    task: JoinHandle<()>,
    questions: mpsc::Sender<oneshot::Sender<()>>,
}

impl Acceptor {
    pub(super) fn start(listener: Listener, service: Service) -> Self {
        let url = listener.url(service.tls.is_some());
        let (questions, asked) = mpsc::channel(1);
        let door = service.door;
        let task = tokio::spawn(run(listener, service, asked));
        Self { url, door, task, questions }
    }

    /// Accepts no more connections. Those that wait in the kernel's queue are the next daemon's, if the socket is.
    pub(super) fn stop(&self) {
        self.task.abort();
    }

    /// Resolves when its loop has come round. `false`: it has ended.
    pub(super) async fn is_alive(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.questions.send(answer).await.is_ok() && answered.await.is_ok()
    }
}

async fn run(listener: Listener, service: Service, mut asked: mpsc::Receiver<oneshot::Sender<()>>) {
    loop {
        tokio::select! {
            (free, came) = next(&listener, &service.places) => match came {
                Ok((stream, peer)) => serve(&service, free, stream, peer),
                Err(error) => {
                    tracing::warn!(%error, "can't accept a connection");
                    tokio::time::sleep(BREATHE).await;
                }
            },
            Some(answer) = asked.recv() => {
                // Who asked may have lost patience.
                let _ = answer.send(());
            }
        }
    }
}

/// Waits for a place and then for who takes it.
async fn next(listener: &Listener, places: &Places) -> (Free, std::io::Result<(Stream, Peer)>) {
    let free = places.free().await;
    (free, listener.accept().await)
}

fn serve(service: &Service, free: Free, stream: Stream, peer: Peer) {
    let Some(place) = service.places.take(free, peer) else { return };
    let (current, closing, tls) =
        (Arc::clone(&service.current), service.closing.clone(), service.tls.clone());
    let entrance = Entrance { peer, door: service.door, admission: place.admission };
    service.connections.spawn(async move {
        match (stream, tls) {
            (Stream::Tcp(stream), None) => conn::serve(current, stream, entrance, closing).await,
            (Stream::Tcp(stream), Some(tls)) => {
                // In a box: it is much larger, and a connection without it should not pay for it.
                Box::pin(serve_tls(tls, current, stream, entrance, closing)).await;
            }
            (Stream::Unix(stream), _) => conn::serve(current, stream, entrance, closing).await,
        }
        drop(place);
    });
}

async fn serve_tls(
    tls: Tls,
    current: Arc<Current>,
    stream: TcpStream,
    entrance: Entrance,
    closing: CancellationToken,
) {
    let limit = current.app().config.limits.header_timeout;
    let accepted = tokio::select! {
        accepted = tls.accept(stream, entrance.peer, limit) => accepted,
        () = conn::past_last_call(&closing) => None,
    };
    if let Some(stream) = accepted {
        conn::serve(current, stream, entrance, closing).await;
    }
}
