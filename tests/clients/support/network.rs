//! A network that misbehaves on purpose: a TCP proxy on loopback between a client and the daemon.
//!
//! What goes wrong is said for each connection, and counted in bytes from the client, so that a fault strikes at the
//! same byte in every run, however fast the machine is.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::eventually;

/// A reset throws away what lies in our own buffers. So long it has to get out of them; if the machine is too busy for
/// that, a client just has more to send again.
const BEFORE_RESET: Duration = Duration::from_millis(50);

/// What goes wrong on one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    None,
    /// After so many bytes from the client both sides see the connection reset.
    Reset {
        after: u64,
    },
    /// The same, with a regular end.
    Close {
        after: u64,
    },
    /// Nothing passes any more, and neither side is told: the train is in the tunnel.
    Stall {
        after: u64,
    },
    /// The daemon sees the client's side end; what it answers still passes.
    HalfClose {
        after: u64,
    },
    /// All of the request passes; its answer resets the connection instead.
    LoseAnswer {
        after: u64,
    },
    /// Nothing is lost, but it takes its time.
    Slow {
        bytes_per_second: u64,
    },
}

impl Fault {
    /// How many bytes pass before it strikes.
    fn after(self) -> u64 {
        match self {
            Self::None | Self::Slow { .. } => u64::MAX,
            Self::Reset { after }
            | Self::Close { after }
            | Self::Stall { after }
            | Self::HalfClose { after }
            | Self::LoseAnswer { after } => after,
        }
    }
}

/// The proxy; ends with this value, and so do all its connections.
pub(crate) struct BadNetwork {
    /// Where clients connect to.
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

#[derive(Default)]
struct Shared {
    server: OnceLock<SocketAddr>,
    bytes: AtomicU64,
    faults: AtomicUsize,
}

impl BadNetwork {
    /// Opens it; `fault` tells what happens to the first connection, the second one, and so on.
    pub(crate) fn new(fault: impl Fn(usize) -> Fault + Send + 'static) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        runtime.spawn(async move {
            for number in 1.. {
                let Ok((client, _)) = listener.accept().await else { return };
                let (fault, shared) = (fault(number), Arc::clone(&accepting));
                tokio::spawn(async move {
                    // A side that went away ends the connection, as on any network.
                    let _ = carry(client, fault, &shared).await;
                });
            }
        });
        Self { address, shared, runtime: Some(runtime) }
    }

    /// Says where the daemon is. A network of its own, so that the daemon can be told its public address at start.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.shared.server.set(server).unwrap();
    }

    /// How many bytes clients have sent to the daemon until now.
    pub(crate) fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// How often something went wrong until now.
    pub(crate) fn faults(&self) -> usize {
        self.shared.faults.load(Ordering::Relaxed)
    }

    /// Waits until something has gone wrong.
    pub(crate) fn wait_for_a_fault(&self) {
        eventually("the network's fault", || self.faults() > 0);
    }
}

impl Drop for BadNetwork {
    fn drop(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// How the way up came to its end.
enum Up {
    /// The client sent all it had to say.
    Ended,
    /// The fault's byte was reached.
    Struck,
}

async fn carry(mut client: TcpStream, fault: Fault, shared: &Shared) -> io::Result<()> {
    let mut server = TcpStream::connect(shared.server.get().unwrap()).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let up = {
        let mut down = pin!(tokio::io::copy(&mut from_server, &mut to_client));
        let up = tokio::select! {
            up = pass_up(&mut from_client, &mut to_server, fault, shared) => Some(up?),
            ended = &mut down => ended.map(|_| None)?,
        };
        let lets_down = matches!((&up, fault), (Some(Up::Ended), _) | (Some(_), Fault::HalfClose { .. }));
        if lets_down {
            to_server.shutdown().await?;
            down.await?;
        }
        up
    };
    match up {
        Some(Up::Struck) => {}
        Some(Up::Ended) => return Ok(()),
        None => {
            to_client.shutdown().await?;
            // The daemon has closed. Who is still sending comes to read its answer only if nobody breaks the pipe.
            tokio::io::copy(&mut from_client, &mut tokio::io::sink()).await?;
            return Ok(());
        }
    }
    match fault {
        Fault::None | Fault::Slow { .. } | Fault::Close { .. } | Fault::HalfClose { .. } => return Ok(()),
        Fault::Stall { .. } => pending().await,
        Fault::Reset { .. } => tokio::time::sleep(BEFORE_RESET).await,
        Fault::LoseAnswer { .. } => {
            let rest = pass_up(&mut from_client, &mut to_server, Fault::None, shared);
            let answer = async {
                let mut byte = [0];
                from_server.read(&mut byte).await
            };
            tokio::select! {
                _ = answer => {}
                // Never before the answer: the client waits for it.
                Err(_) = rest => {}
            }
        }
    }
    client.set_zero_linger()?;
    server.set_zero_linger()
}

/// Passes on what the client sends, until it ends or the fault strikes.
async fn pass_up(
    from: &mut ReadHalf<'_>,
    to: &mut WriteHalf<'_>,
    fault: Fault,
    shared: &Shared,
) -> io::Result<Up> {
    let mut buffer = vec![0; 256 * 1024];
    let mut left = fault.after();
    let at_once = match fault {
        Fault::Slow { bytes_per_second } => bytes_per_second / 20,
        _ => u64::MAX,
    };
    loop {
        let most = usize::try_from(left.min(at_once)).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            shared.faults.fetch_add(1, Ordering::Relaxed);
            return Ok(Up::Struck);
        }
        let count = from.read(&mut buffer[..most]).await?;
        if count == 0 {
            return Ok(Up::Ended);
        }
        to.write_all(&buffer[..count]).await?;
        left -= count as u64;
        shared.bytes.fetch_add(count as u64, Ordering::Relaxed);
        if matches!(fault, Fault::Slow { .. }) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
