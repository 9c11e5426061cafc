//! The daemon as a whole: from the checked configuration to its last breath.

mod accept;
mod health;
mod journal;
mod listener;
mod log;
mod manager;
mod passed;
mod places;
mod reload;
mod signals;
mod tls;

use std::io;
use std::sync::Arc;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::accept::{Acceptor, Service};
use self::health::Health;
use self::listener::Listener;
pub use self::log::Log;
pub use self::passed::Passed;
use self::passed::PassedSocket;
use self::places::Places;
use self::reload::Reload;
pub use self::reload::Reread;
use self::signals::{Signal, Signals};
pub use self::tls::TlsError;
use self::tls::{Pair, Tls};
use crate::cli;
use crate::config::Config;
use crate::http::{App, Current};
use crate::store::disk::Disk;
use crate::upload::{Rules, Uploads};

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
    /// The service manager passed something that can't be served.
    #[error("can't use the socket {name} of the service manager: it is no stream socket that is listened on")]
    Passed {
        /// Its name (`FileDescriptorName=`).
        name: String,
    },
    /// The certificate or its key can't be used.
    #[error("can't use TLS: {0}")]
    Tls(#[from] TlsError),
    /// The process could not be set up.
    #[error("can't start: {0}")]
    System(#[from] io::Error),
}

/// What the daemon has from those who started it.
pub struct Process {
    /// Sockets of the service manager.
    pub passed: Passed,
    /// The log, which has begun.
    pub log: Log,
    /// Reads the settings again.
    pub reread: Reread,
}

/// Serves until a signal ends it, at the addresses of the configuration and on the sockets that were passed.
///
/// # Errors
/// Only at start; what happens later is logged and served on.
pub async fn run(config: Config, process: Process) -> Result<(), StartError> {
    let Process { passed, log, reread } = process;
    let mut signals = Signals::new()?;
    let disk = Disk::open(&config.data_dir, config.disk.clone())
        .map_err(|reason| StartError::Store { path: config.data_dir.display().to_string(), reason })?;
    let uploads = Uploads::new(disk.clone(), Rules::from(&config));
    let tls = config.tls.as_ref().map(Pair::load).transpose()?.map(Tls::new);
    let listeners = open(&config, passed).await?;
    announce(&config, &listeners);

    let places = Places::new(&config, open_files(), listeners.len());
    let current = Arc::new(Current::new(App { config, uploads: uploads.clone() }));
    let service = Service {
        current: Arc::clone(&current),
        connections: TaskTracker::new(),
        places: places.clone(),
        tls: tls.clone(),
        closing: CancellationToken::new(),
    };
    let acceptors: Arc<[_]> =
        listeners.into_iter().map(|listener| Acceptor::start(listener, service.clone())).collect();
    let tending = tokio::spawn({
        let uploads = uploads.clone();
        async move { uploads.tend().await }
    });
    let health =
        Health { acceptors: Arc::clone(&acceptors), current: Arc::clone(&current), disk: disk.clone() };
    let informing = tokio::spawn(manager::keep_informed(health, service.connections.clone()));

    let reload = Reload { reread, log, current: Arc::clone(&current), places, disk, tls };
    let signal = loop {
        match signals.next().await {
            Signal::Reload => reload.run().await,
            Signal::Stop(signal) => break signal,
        }
    };
    informing.abort();
    // Nothing of it is to be said after this.
    drop(informing.await);
    manager::say_stopping();
    tracing::info!(
        signal,
        uploads = uploads.busy(),
        "stopping: running uploads are saved and can be resumed"
    );
    acceptors.iter().for_each(Acceptor::stop);
    tending.abort();
    uploads.close();
    drain(service, &mut signals).await;
    Ok(())
}

/// Opens what the configuration says. Sockets that were passed take the place of the default address; addresses that
/// somebody gave are served beside them.
async fn open(config: &Config, passed: Passed) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::new();
    if passed.is_empty() || config.is_given("listen") {
        for address in &config.listen {
            listeners.extend(Listener::bind(address).await?);
        }
    }
    for PassedSocket { name, listener } in passed.0 {
        let listener = Listener::adopt(listener)?;
        let address = listener.url(config.tls.is_some());
        tracing::info!(name, address, "took over a socket of the service manager");
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Waits for the requests that run, as long as that is allowed to last.
async fn drain(service: Service, signals: &mut Signals) {
    let Service { connections, closing, current, .. } = service;
    let limit = current.app().config.limits.shutdown_timeout;
    closing.cancel();
    connections.close();
    tokio::select! {
        () = connections.wait() => tracing::info!("stopped"),
        () = tokio::time::sleep(limit) => {
            tracing::warn!(connections = connections.len(), "stopped with connections open: --shutdown-timeout is over");
        }
        signal = signals.stop() => tracing::warn!(signal, "stopped at once"),
        () = manager::ask_for_time() => {}
    }
}

/// As many files as the system lets a process have open; what it gets without asking is for programs of another age.
fn open_files() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        return current;
    }
    maximum
}

/// Says where to upload to, on standard output: the first thing a person wants to know, and the one line a script needs.
fn announce(config: &Config, listeners: &[Listener]) {
    let path = config.base_path.as_str();
    for listener in listeners {
        let url = listener.url(config.tls.is_some());
        cli::say(format!("resumed {} takes uploads at {url}{path}\n", env!("CARGO_PKG_VERSION")));
    }
    if let Some(public) = &config.public_url {
        cli::say(format!("the world reaches it at {}\n", public.join(path)));
    }
}
