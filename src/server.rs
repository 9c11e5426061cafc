//! The daemon as a whole: from the checked configuration to its last breath.

mod accept;
pub mod control;
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
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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
use crate::access::{Access, AccessError};
use crate::cli;
use crate::config::{Config, SecretFile};
use crate::http::{App, Current, Door, Monitor};
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
    /// A token or a key can't be used.
    #[error("can't decide who may do what: {0}")]
    Access(#[from] AccessError),
    /// The process could not be set up.
    #[error("can't start: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    fn store(dir: &Path, reason: io::Error) -> Self {
        // The system says "File exists" of it.
        let is_file = reason.kind() == io::ErrorKind::AlreadyExists && !dir.is_dir();
        let reason = if is_file { io::Error::other("it is not a directory") } else { reason };
        Self::Store { path: dir.display().to_string(), reason }
    }
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

/// Reads all files that the configuration names, as a daemon would, and forgets them. Credentials are there for the daemon
/// alone, so those that nobody hands over here are left out; these are answered.
///
/// # Errors
/// One of them can't be used.
pub fn check_files(config: &Config) -> Result<Vec<SecretFile>, StartError> {
    let has_credentials = std::env::var_os("CREDENTIALS_DIRECTORY").is_some();
    let is_here = |file: &SecretFile| has_credentials || matches!(file, SecretFile::Path(_));
    if let Some(files) = config.tls.as_ref().filter(|files| is_here(&files.cert) && is_here(&files.key)) {
        Pair::load(files)?;
    }
    let mut access = config.access.clone();
    access.token_file = access.token_file.filter(is_here);
    access.permit_key.retain(is_here);
    Access::load(&access)?;
    let of_tls = config.tls.iter().flat_map(|files| [&files.cert, &files.key]);
    let of_access = config.access.token_file.iter().chain(&config.access.permit_key);
    Ok(of_tls.chain(of_access).filter(|file| !is_here(file)).cloned().collect())
}

/// Serves until a signal ends it, at the addresses of the configuration and on the sockets that were passed.
///
/// # Errors
/// Only at start; what happens later is logged and served on.
pub async fn run(config: Config, process: Process) -> Result<(), StartError> {
    let Process { passed, log, reread } = process;
    let mut signals = Signals::new()?;
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let disk = Disk::open(&config.data_dir, config.disk.clone())
        .map_err(|reason| StartError::store(&config.data_dir, reason))?;
    let uploads = Uploads::new(disk.clone(), Rules::from(&config));
    let tls = config.tls.as_ref().map(Pair::load).transpose()?.map(Tls::new);
    let access = Access::load(&config.access)?;
    let listeners = open(&config, passed).await?;
    warn_of_everybody(&access, &listeners);
    announce(&config, &listeners);

    let public = listeners.iter().filter(|(door, _)| *door == Door::Public).count();
    let places = Places::new(&config, open_files(), public);
    let watchers = listeners.iter().filter(|(door, _)| *door == Door::Admin).count();
    let for_watchers = Places::for_admin(&config, watchers);
    // Anybody may be let in to watch, and none of them shall keep the admin from his commands.
    let for_commands = Places::for_admin(&config, 1);
    let closing = CancellationToken::new();
    let monitor = Arc::new(Monitor::new(&uploads, disk.clone(), places.open(), closing.clone()));
    let current = Arc::new(Current::new(App { config, access, uploads: uploads.clone(), monitor }));
    let connections = TaskTracker::new();
    let service = |door| {
        let is_public = door == Door::Public;
        Service {
            current: Arc::clone(&current),
            // Those who watch are answered to the end, and not waited for.
            connections: if is_public { connections.clone() } else { TaskTracker::new() },
            closing: if is_public { closing.clone() } else { CancellationToken::new() },
            places: match door {
                Door::Public => places.clone(),
                Door::Admin => for_watchers.clone(),
                Door::Control => for_commands.clone(),
            },
            door,
            // The admin's listeners are for this machine, or a network that he trusts.
            tls: tls.clone().filter(|_| is_public),
        }
    };
    let acceptors: Arc<[_]> =
        listeners.into_iter().map(|(door, listener)| Acceptor::start(listener, service(door))).collect();
    let tending = tokio::spawn({
        let uploads = uploads.clone();
        async move { uploads.tend().await }
    });
    let health =
        Health { acceptors: Arc::clone(&acceptors), current: Arc::clone(&current), disk: disk.clone() };
    let informing = tokio::spawn(manager::keep_informed(health, connections.clone()));

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
    acceptors.iter().filter(|acceptor| acceptor.door == Door::Public).for_each(Acceptor::stop);
    tending.abort();
    uploads.close();
    closing.cancel();
    drain(&connections, current.app().config.limits.shutdown_timeout, &mut signals).await;
    Ok(())
}

/// Opens what the configuration says. Sockets that were passed take the place of the default address; addresses that
/// somebody gave are served beside them.
async fn open(config: &Config, passed: Passed) -> Result<Vec<(Door, Listener)>, StartError> {
    let mut listeners = Vec::new();
    let takes_uploads = |socket: &PassedSocket| door_of(socket) == Door::Public;
    if !passed.0.iter().any(takes_uploads) || config.is_given("listen") {
        for address in &config.listen {
            listeners.extend(Listener::bind(address).await?.into_iter().map(|bound| (Door::Public, bound)));
        }
    }
    for address in &config.admin.listen {
        listeners.extend(Listener::bind(address).await?.into_iter().map(|bound| (Door::Admin, bound)));
    }
    for socket in passed.0 {
        let door = door_of(&socket);
        let PassedSocket { name, listener } = socket;
        let listener = Listener::adopt(listener)?;
        let address = listener.url(config.tls.is_some() && door == Door::Public);
        tracing::info!(name, address, "took over a socket of the service manager");
        listeners.push((door, listener));
    }
    match control::open(&config.data_dir) {
        Ok(listener) => listeners.push((Door::Control, listener)),
        // Uploads need it least of all.
        Err(error) => tracing::warn!(%error, "resumed rm and expire can't reach this daemon"),
    }
    Ok(listeners)
}

/// `FileDescriptorName=admin` says that a socket is for those who watch.
fn door_of(socket: &PassedSocket) -> Door {
    if socket.name == "admin" { Door::Admin } else { Door::Public }
}

/// Says so where more people can do everything than the administrator may think.
fn warn_of_everybody(access: &Access, listeners: &[(Door, Listener)]) {
    let far = listeners.iter().filter(|(door, listener)| *door == Door::Public && !listener.is_local());
    for (_, listener) in far.filter(|_| access.is_open()) {
        let address = listener.url(false);
        tracing::warn!(
            address = address.trim_start_matches("http://"),
            "whoever reaches this address can upload, read and delete: set --token-file or --permit-key, or let a proxy decide"
        );
    }
}

/// Waits for the requests that run, as long as that is allowed to last.
async fn drain(connections: &TaskTracker, limit: Duration, signals: &mut Signals) {
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
fn announce(config: &Config, listeners: &[(Door, Listener)]) {
    let path = config.base_path.as_str();
    let at = |wanted| listeners.iter().filter(move |(door, _)| *door == wanted).map(|(_, listener)| listener);
    for listener in at(Door::Public) {
        let url = listener.url(config.tls.is_some());
        cli::say(format!("resumed {} takes uploads at {url}{path}\n", env!("CARGO_PKG_VERSION")));
    }
    for listener in at(Door::Admin) {
        cli::say(format!("and tells its figures at {}/metrics\n", listener.url(false)));
    }
    if let Some(public) = &config.public_url {
        cli::say(format!("the world reaches it at {}\n", public.join(path)));
    }
}
