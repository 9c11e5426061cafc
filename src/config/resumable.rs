//! What Resumable.js and its relatives need.

use std::{str::FromStr, time::Duration};

use super::{AdminConfig, BasePath, ConfigError, Invalid};
use crate::{
    http::{Watch, page_has},
    upload::UploadId,
};

/// What Resumable.js and its relatives need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumableConfig {
    /// The path that takes chunks; `None`: nothing does.
    pub path: Option<String>,
    /// A prefix of the parameters' names, beside the well-known ones.
    pub prefix: Option<String>,
    /// What tells users apart; `None`: the name and the size of the file.
    pub scope: Option<Scope>,
    /// How long after its last chunk an unfinished upload expires; `None`: never.
    pub expire_after: Option<Duration>,
}

/// `--resumable-path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResumablePath(
    /// `None` for `none`.
    pub Option<String>,
);

impl FromStr for ResumablePath {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text == "none" {
            return Ok(Self(None));
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let is_path =
            text.len() > 1 && text.starts_with('/') && !text.contains("//") && text.bytes().all(plain);
        if is_path && !text.split('/').any(|part| part == "." || part == "..") {
            return Ok(Self(Some(text.trim_end_matches('/').to_owned())));
        }
        Err(Invalid::new("is not a path; give a path such as /resumable_upload, or none"))
    }
}

impl ResumablePath {
    /// Chunks have a path to themselves: whoever lived there before would not be reached any more.
    pub(super) fn check(self, base: &BasePath, admin: &AdminConfig) -> Result<Option<String>, ConfigError> {
        let Some(path) = self.0 else { return Ok(None) };
        let taken = match base.strip(&path) {
            Some("") => Some(format!("the path of tus, --base-path {base}")),
            Some(id) if base.as_str() != "/" || UploadId::parse(id).is_ok() => {
                Some(format!("below --base-path {base}, where uploads are"))
            }
            _ if page_has(&path) => Some("part of the browser page".to_owned()),
            _ if admin.same && Watch::parse(&path).is_some() => {
                Some("what --admin-listen same answers".to_owned())
            }
            _ => None,
        };
        match taken {
            None => Ok(Some(path)),
            Some(what) => {
                let problem =
                    format!("\"{path}\" is {what}; give another path, such as /resumable_upload, or none");
                Err(ConfigError { flag: "resumable-path", problem })
            }
        }
    }
}

/// `--resumable-scope`: where a request says whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// In a request header.
    Header(String),
    /// In a cookie.
    Cookie(String),
    /// In a query parameter.
    Query(String),
}

impl FromStr for Scope {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let refused = || Invalid::new("names nothing; give header:NAME, cookie:NAME or query:NAME");
        let (place, name) = text.split_once(':').ok_or_else(refused)?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        {
            return Err(refused());
        }
        match place {
            "header" => Ok(Self::Header(name.to_ascii_lowercase())),
            "cookie" => Ok(Self::Cookie(name.to_owned())),
            "query" => Ok(Self::Query(name.to_owned())),
            _ => Err(refused()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_spelling_or_none() {
        assert_eq!("/resumable_upload".parse(), Ok(ResumablePath(Some("/resumable_upload".into()))));
        assert_eq!("none".parse(), Ok(ResumablePath(None)));
        for bad in ["", "/", "x", "/a//b", "/a/../b", "/a?b", "/a b"] {
            assert!(bad.parse::<ResumablePath>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_scope_names_a_place_and_a_name() {
        assert_eq!("header:X-User".parse(), Ok(Scope::Header("x-user".into())));
        assert_eq!("cookie:Sid".parse(), Ok(Scope::Cookie("Sid".into())));
        for bad in ["", "header", "header:", "body:x", "cookie:a b"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
        }
    }
}
