//! Where connections come from.

use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::StartError;
use super::passed::PassedListener;
use crate::config::ListenAddr;
use crate::conn::NOT_READ;
use crate::http::Peer;

/// A bound address.
pub(super) enum Listener {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, UnixPlace),
}

/// Where a unix socket is.
pub(super) enum UnixPlace {
    /// We made the file, and it goes with us.
    Ours(SocketFile),
    /// The service manager's.
    Passed(UnixAddr),
}

pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Somebody who removed it already did no harm.
        let _ = std::fs::remove_file(&self.0);
    }
}

pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Binds an address; a host name may stand for several.
    pub(super) async fn bind(address: &ListenAddr) -> Result<Vec<Self>, StartError> {
        let bound = match address {
            ListenAddr::Tcp(address) => tcp(*address).await.map(|listener| vec![listener]),
            ListenAddr::Host { name, port } => host(name, *port).await,
            ListenAddr::Unix(path) => unix(path).map(|listener| vec![listener]),
        };
        bound.map_err(|reason| StartError::Listen { address: address.to_string(), reason })
    }

    /// Takes over a socket of the service manager.
    pub(super) fn adopt(socket: PassedListener) -> io::Result<Self> {
        Ok(match socket {
            PassedListener::Tcp(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                Self::Tcp(TcpListener::from_std(listener)?, address)
            }
            PassedListener::Unix(listener) => {
                listener.set_nonblocking(true)?;
                let address = listener.local_addr()?;
                Self::Unix(UnixListener::from_std(listener)?, UnixPlace::Passed(address))
            }
        })
    }

    /// A unix socket that we have made at this path.
    pub(super) fn ours(listener: UnixListener, path: PathBuf) -> Self {
        Self::Unix(listener, UnixPlace::Ours(SocketFile(path)))
    }

    /// Only this machine reaches it.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(_, address) => address.ip().to_canonical().is_loopback(),
            Self::Unix(..) => true,
        }
    }

    /// How it is reached, without a path.
    pub(super) fn url(&self, is_tls: bool) -> String {
        match self {
            Self::Tcp(_, address) if is_tls => format!("https://{address}"),
            Self::Tcp(_, address) => format!("http://{address}"),
            Self::Unix(_, UnixPlace::Ours(SocketFile(path))) => format!("unix:{}", path.display()),
            Self::Unix(_, UnixPlace::Passed(address)) => {
                format!("unix:{}", address.as_pathname().unwrap_or(Path::new("@")).display())
            }
        }
    }

    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are small; one that waits for company costs a client a round trip.
                stream.set_nodelay(true)?;
                notice_death(&stream)?;
                Ok((Stream::Tcp(stream), Peer::Ip(peer.ip().to_canonical())))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Stream::Unix(stream), Peer::Unix))
            }
        }
    }
}

/// A peer that vanished without a word while it downloads, or lives and never reads, must not hold its connection and what
/// lies in the kernel for it for ever. (While it uploads, the limits on its pace end it.)
fn notice_death(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(60))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15))?;
    // tcp(7): it says when bytes that nobody takes, and questions that nobody answers, end the connection; a number of
    // questions would mean nothing beside it.
    sockopt::set_tcp_user_timeout(stream, u32::try_from(NOT_READ.as_millis()).unwrap_or(u32::MAX))?;
    Ok(())
}

async fn tcp(address: SocketAddr) -> io::Result<Listener> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    Ok(Listener::Tcp(listener, address))
}

async fn host(name: &str, port: u16) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in tokio::net::lookup_host((name, port)).await? {
        match tcp(address).await {
            Ok(listener) => listeners.push(listener),
            // A machine without IPv6 still has `localhost` in both families.
            Err(error) => last = error,
        }
    }
    if listeners.is_empty() { Err(last) } else { Ok(listeners) }
}

fn unix(path: &Path) -> io::Result<Listener> {
    use std::os::unix::fs::FileTypeExt as _;
    // A socket that nobody listens on any more is what a killed daemon leaves; anything else is not ours to remove.
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
        std::fs::remove_file(path)?;
    }
    Ok(Listener::Unix(UnixListener::bind(path)?, UnixPlace::Ours(SocketFile(path.to_owned()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_never_reads_is_not_waited_for_for_ever() {
        let listener = tcp(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let Listener::Tcp(_, address) = &listener else { unreachable!() };
        let _client = TcpStream::connect(address).await.unwrap();
        let (Stream::Tcp(stream), _) = listener.accept().await.unwrap() else { unreachable!() };
        assert_eq!(sockopt::tcp_user_timeout(&stream).unwrap(), 300_000);
        assert!(sockopt::socket_keepalive(&stream).unwrap());
    }
}
