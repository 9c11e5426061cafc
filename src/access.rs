//! Who may do what: bearer tokens and signed permits. Without either everybody may do all, and the listeners decide who
//! everybody is.

mod keys;
mod permits;
mod tokens;

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};

use self::permits::Permits;
use self::tokens::Tokens;
use crate::config::{AccessConfig, SecretFile};
use crate::http::Problem;
use crate::upload::{Caller, Client};

/// The rules in force, as they were read from their files.
#[derive(Default)]
pub struct Access {
    tokens: Tokens,
    permits: Permits,
    is_open: bool,
}

/// Why a rule can't be used, with the flag to change.
#[derive(Debug, thiserror::Error)]
#[error("--{flag}: {file}: {problem}")]
pub struct AccessError {
    flag: &'static str,
    file: String,
    problem: String,
}

impl AccessError {
    fn new(flag: &'static str, file: &SecretFile, problem: impl ToString) -> Self {
        Self { flag, file: file.to_string(), problem: problem.to_string() }
    }
}

impl Access {
    /// Reads the files that the configuration names.
    ///
    /// # Errors
    /// One of them can't be read, or is not what it has to be.
    pub fn load(config: &AccessConfig) -> Result<Self, AccessError> {
        let tokens = config.token_file.as_ref().map(Tokens::load).transpose()?.unwrap_or_default();
        let permits = Permits::load(&config.permit_key, config.permit_audience.as_deref())?;
        Ok(Self { tokens, permits, is_open: !config.is_given() })
    }

    /// Neither a token nor a key is another one.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.tokens == other.tokens && self.permits.has_same_keys(&other.permits)
    }

    /// Everybody may do all.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.is_open
    }

    /// Who asks, by what the request brings (RFC 6750, section 2.1). `client`: who that is to the limits, if he has no
    /// name.
    ///
    /// # Errors
    /// 401: it brings nothing, or nothing that is accepted.
    pub fn caller(&self, headers: &HeaderMap, client: Option<Client>) -> Result<Caller, Problem> {
        if self.is_open {
            return Ok(Caller { client, ..Caller::anyone() });
        }
        let token = bearer(headers)?;
        let caller = match self.tokens.find(token) {
            Some(caller) => caller,
            None => self.permits.check(token).map_err(|why| refused(&why))?,
        };
        let client = caller.client.clone().or(client);
        Ok(Caller { client, ..caller })
    }
}

/// The token of a request.
fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        let message = "this server wants to know who you are: send Authorization: Bearer TOKEN";
        return Err(unauthorized(message, HeaderValue::from_static("Bearer realm=\"resumed\"")));
    };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(refused("it is no bearer token")),
    }
}

/// What was sent is not accepted. Why is for whoever gives out tokens to know.
fn refused(why: &str) -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"resumed\", error=\"invalid_token\"");
    unauthorized(&format!("the token in the Authorization header is not accepted: {why}"), challenge)
}

fn unauthorized(message: &str, challenge: HeaderValue) -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "ERR_UNAUTHORIZED", message).with(WWW_AUTHENTICATE, challenge)
}
