//! The daemon as a whole: from the checked configuration to its last breath.

mod listener;
mod log;
mod places;
mod signals;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::listener::Listener;
pub use self::log::init as init_log;
use self::places::Places;
use crate::cli;
use crate::config::Config;
use crate::conn;
use crate::http::App;
use crate::store::disk::Disk;
use crate::upload::{Rules, Uploads};

/// After running out of file descriptors or memory, accepting is tried again this much later.
const BREATHE: Duration = Duration::from_millis(100);

/// Why the daemon could not start; each text ends with the system's reason.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory can't be used.
    #[error("can't use the data directory {path}: {reason}")]
    Store {
        /// As configured.
        path: String,
        /// The system's reason.
        reason: io::Error,
    },
    /// An address can't be listened on.
    #[error("can't listen on {address}: {reason}")]
    Listen {
        /// As configured.
        address: String,
        /// The system's reason.
        reason: io::Error,
    },
    /// The process could not be set up.
    #[error("can't start: {0}")]
    System(#[from] io::Error),
}

/// Serves until a signal ends it.
///
/// # Errors
/// Only at start; what happens later is logged and served on.
pub async fn run(config: Config) -> Result<(), StartError> {
    let store = Disk::open(&config.data_dir, config.disk.clone())
        .map_err(|reason| StartError::Store { path: config.data_dir.display().to_string(), reason })?;
    let rules = Rules {
        max_size: config.max_size,
        expire_after: config.expire_after,
        fill_expire_after: config.resumable.expire_after,
        verify: config.verify,
    };
    let uploads = Uploads::new(store, rules);
    let mut signals = signals::Signals::new()?;
    let mut listeners = Vec::new();
    for address in &config.listen {
        listeners.extend(Listener::bind(address).await?);
    }
    let app = Arc::new(App { config, uploads });
    announce(&app.config, &listeners);

    let closing = CancellationToken::new();
    let connections = TaskTracker::new();
    let places = Places::new(&app.config, open_files());
    let accepting: Vec<_> = listeners
        .into_iter()
        .map(|listener| {
            let (app, connections, places) = (Arc::clone(&app), connections.clone(), places.clone());
            tokio::spawn(accept(listener, app, connections, places, closing.clone()))
        })
        .collect();
    let tending = tokio::spawn({
        let uploads = app.uploads.clone();
        async move { uploads.tend().await }
    });

    let signal = signals.next().await;
    tracing::info!(
        signal,
        uploads = app.uploads.busy(),
        "stopping: running uploads are saved and can be resumed"
    );
    for task in accepting {
        task.abort();
    }
    tending.abort();
    app.uploads.close();
    closing.cancel();
    connections.close();
    tokio::select! {
        () = connections.wait() => tracing::info!("stopped"),
        () = tokio::time::sleep(app.config.limits.shutdown_timeout) => {
            tracing::warn!(connections = connections.len(), "stopped with connections open: --shutdown-timeout is over");
        }
        signal = signals.next() => tracing::warn!(signal, "stopped at once"),
    }
    Ok(())
}

/// As many files as the system lets a process have open; what it gets without asking is for programs of another age.
fn open_files() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        return current;
    }
    maximum
}

async fn accept(
    listener: Listener,
    app: Arc<App>,
    connections: TaskTracker,
    places: Places,
    closing: CancellationToken,
) {
    loop {
        let Some(free) = places.free().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let Some(place) = places.take(free, peer) else { continue };
                let (app, closing) = (Arc::clone(&app), closing.clone());
                connections.spawn(async move {
                    match stream {
                        listener::Stream::Tcp(stream) => {
                            conn::serve(app, stream, peer, place.admission, closing).await
                        }
                        listener::Stream::Unix(stream) => {
                            conn::serve(app, stream, peer, place.admission, closing).await
                        }
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(BREATHE).await;
            }
        }
    }
}

/// Says where to upload to, on standard output: the first thing a person wants to know, and the one line a script needs.
fn announce(config: &Config, listeners: &[Listener]) {
    let path = config.base_path.as_str();
    for listener in listeners {
        match (&config.public_url, listener.address()) {
            (_, listener::Address::Tcp(address)) => {
                cli::say(&format!(
                    "resumed {} takes uploads at http://{address}{path}\n",
                    env!("CARGO_PKG_VERSION")
                ));
            }
            (_, listener::Address::Unix(socket)) => {
                cli::say(&format!(
                    "resumed {} takes uploads at unix:{}{path}\n",
                    env!("CARGO_PKG_VERSION"),
                    socket.display()
                ));
            }
        }
    }
    if let Some(public) = &config.public_url {
        cli::say(&format!("the world reaches it at {}\n", public.join(path)));
    }
}
