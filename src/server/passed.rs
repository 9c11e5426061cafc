//! Sockets that the service manager opened before it started us: sd_listen_fds(3).
//!
//! They outlive the process. Whoever connects while one daemon goes and the next one comes waits in the kernel's queue.

use std::net;
use std::os::unix;

use listenfd::ListenFd;
use rustix::net::sockopt;

use super::StartError;

/// The sockets that were passed, in their order.
#[derive(Default)]
pub struct Passed(pub(super) Vec<PassedSocket>);

/// One of them.
pub(super) struct PassedSocket {
    /// `FileDescriptorName=` of the socket unit, which is the unit's own name unless it says something else.
    pub(super) name: String,
    pub(super) listener: PassedListener,
}

pub(super) enum PassedListener {
    Tcp(net::TcpListener),
    Unix(unix::net::UnixListener),
}

impl Passed {
    /// Takes the sockets over. Must be called while the process has one thread: what announces the sockets is taken out
    /// of the environment.
    ///
    /// # Errors
    /// One of them can't be served.
    pub fn take() -> Result<Self, StartError> {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':').filter(|name| !name.is_empty());
        let mut passed = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            let name = names.next().unwrap_or("unknown").to_owned();
            let Some(listener) = listener(&mut passed, index) else {
                return Err(StartError::Passed { name });
            };
            sockets.push(PassedSocket { name, listener });
        }
        Ok(Self(sockets))
    }
}

/// `None`: it is something else than a stream socket that is being listened on.
fn listener(passed: &mut ListenFd, index: usize) -> Option<PassedListener> {
    let listener = match passed.take_unix_listener(index) {
        Ok(unix) => PassedListener::Unix(unix?),
        Err(_) => PassedListener::Tcp(passed.take_tcp_listener(index).ok()??),
    };
    let listens = match &listener {
        PassedListener::Tcp(tcp) => sockopt::socket_acceptconn(tcp),
        PassedListener::Unix(unix) => sockopt::socket_acceptconn(unix),
    };
    listens.is_ok_and(|listens| listens).then_some(listener)
}
