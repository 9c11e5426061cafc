//! TLS on TCP listeners, by rustls.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::config::{SecretFile, TlsFiles};
use crate::http::Peer;

/// The certificate in force, for all listeners. Clones are the same one.
#[derive(Clone)]
pub(super) struct Tls(Arc<ArcSwap<Pair>>);

/// A certificate and its key, ready for use.
pub(super) struct Pair {
    config: Arc<ServerConfig>,
    chain: Vec<CertificateDer<'static>>,
}

/// Why a pair can't be used, with the flag to change.
#[derive(Debug, thiserror::Error)]
#[error("--{flag}: {file}: {problem}")]
pub struct TlsError {
    flag: &'static str,
    file: String,
    problem: String,
}

impl TlsError {
    fn cert(files: &TlsFiles, problem: impl ToString) -> Self {
        Self { flag: "tls-cert", file: files.cert.to_string(), problem: problem.to_string() }
    }

    fn key(files: &TlsFiles, problem: impl ToString) -> Self {
        Self { flag: "tls-key", file: files.key.to_string(), problem: problem.to_string() }
    }
}

impl Pair {
    pub(super) fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let chain = certificates(&files.cert).map_err(|problem| TlsError::cert(files, problem))?;
        let key = private_key(&files.key).map_err(|problem| TlsError::key(files, problem))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::cert(files, error))?
            .with_no_client_auth()
            .with_single_cert(chain.clone(), key);
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::key(files, format!("does not belong to the certificate in {}", files.cert))
            }
            rustls::Error::InvalidCertificate(_) => TlsError::cert(files, error),
            other => TlsError::key(files, other),
        })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config), chain })
    }
}

fn certificates(file: &SecretFile) -> Result<Vec<CertificateDer<'static>>, String> {
    let text = file.read().map_err(|error| format!("can't be read: {error}"))?;
    let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&text).collect();
    match chain {
        Ok(chain) if chain.is_empty() => Err("holds no certificate in PEM form".to_owned()),
        Ok(chain) => Ok(chain),
        Err(error) => Err(format!("is damaged: {error}")),
    }
}

fn private_key(file: &SecretFile) -> Result<PrivateKeyDer<'static>, String> {
    let text = file.read().map_err(|error| format!("can't be read: {error}"))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        pem::Error::NoItemsFound => "holds no private key in PEM form that has no password".to_owned(),
        other => format!("is damaged: {other}"),
    })
}

impl Tls {
    pub(super) fn new(pair: Pair) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(pair)))
    }

    /// Puts another pair in force for connections that come from now on. Answers whether it is another one.
    pub(super) fn replace(&self, pair: Pair) -> bool {
        let is_new = self.0.load().chain != pair.chain;
        self.0.store(Arc::new(pair));
        is_new
    }

    /// Shakes hands. `None`: the client does not speak TLS as we do, or takes too long.
    pub(super) async fn accept(
        &self,
        stream: TcpStream,
        peer: Peer,
        limit: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.0.load().config));
        match tokio::time::timeout(limit, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%peer, %error, "no TLS connection");
                None
            }
            Err(_) => {
                tracing::debug!(%peer, "the TLS handshake takes too long");
                None
            }
        }
    }
}
