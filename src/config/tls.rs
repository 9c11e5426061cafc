//! Where the certificate and its key come from.

use super::{ConfigError, SecretFile};

/// `--tls-cert` and `--tls-key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that lead to one that clients know.
    pub cert: SecretFile,
    /// Its private key.
    pub key: SecretFile,
}

impl TlsFiles {
    pub(super) fn check(
        cert: Option<SecretFile>,
        key: Option<SecretFile>,
    ) -> Result<Option<Self>, ConfigError> {
        match (cert, key) {
            (Some(cert), Some(key)) => Ok(Some(Self { cert, key })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                let problem = "needs the key that belongs to it; give --tls-key".to_owned();
                Err(ConfigError { flag: "tls-cert", problem })
            }
            (None, Some(_)) => {
                let problem = "needs the certificate that it belongs to; give --tls-cert".to_owned();
                Err(ConfigError { flag: "tls-key", problem })
            }
        }
    }
}
