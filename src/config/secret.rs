//! Files with secrets, which the service manager may hand over.

use std::{fmt, io, path::PathBuf, str::FromStr};

use super::Invalid;

/// A file with a secret, or with what belongs to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFile {
    /// At this path.
    Path(PathBuf),
    /// What the service manager hands over under this name (systemd's `LoadCredential=`).
    Credential(String),
}

impl SecretFile {
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

impl FromStr for SecretFile {
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

impl fmt::Display for SecretFile {
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
        assert_eq!("/etc/tls.crt".parse(), Ok(SecretFile::Path("/etc/tls.crt".into())));
        assert_eq!("credential:tls.crt".parse(), Ok(SecretFile::Credential("tls.crt".into())));
        for text in ["", "credential:", "credential:..", "credential:../shadow", "credential:/etc/shadow"] {
            assert!(text.parse::<SecretFile>().is_err(), "{text}");
        }
    }
}
