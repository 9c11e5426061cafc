//! Where the certificate and its key come from.

use std::{fmt, io, path::PathBuf, str::FromStr};

use super::{ConfigError, Invalid};

/// `--tls-cert` and `--tls-key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those that lead to one that clients know.
    pub cert: TlsFile,
    /// Its private key.
    pub key: TlsFile,
}

/// A PEM file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TlsFile {
    /// At this path.
    Path(PathBuf),
    /// What the service manager hands over under this name (systemd's `LoadCredential=`).
    Credential(String),
}

impl TlsFiles {
    pub(super) fn check(cert: Option<TlsFile>, key: Option<TlsFile>) -> Result<Option<Self>, ConfigError> {
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

impl TlsFile {
    /// What is in it.
    ///
    /// # Errors
    /// It can't be read, or there are no credentials.
    pub fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Path(path) => std::fs::read(path),
            Self::Credential(name) => {
                let dir = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| io::Error::other("the service manager has handed over no credentials"))?;
                std::fs::read(PathBuf::from(dir).join(name))
            }
        }
    }
}

impl FromStr for TlsFile {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.strip_prefix("credential:") {
            None if text.is_empty() => Err(Invalid::new("is no file; give its path, or credential:NAME")),
            None => Ok(Self::Path(text.into())),
            Some(name) if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) => {
                Err(Invalid::new("is not the name of a credential; give one such as credential:tls.crt"))
            }
            Some(name) => Ok(Self::Credential(name.to_owned())),
        }
    }
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Credential(name) => write!(f, "credential:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_the_name_of_a_credential() {
        assert_eq!("/etc/tls.crt".parse(), Ok(TlsFile::Path("/etc/tls.crt".into())));
        assert_eq!("credential:tls.crt".parse(), Ok(TlsFile::Credential("tls.crt".into())));
        for text in ["", "credential:", "credential:..", "credential:../shadow", "credential:/etc/shadow"] {
            assert!(text.parse::<TlsFile>().is_err(), "{text}");
        }
    }
}
