//! Signed permits: JSON Web Tokens (RFC 7519) that somebody else gives out, whose key is known here.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use super::AccessError;
use super::keys::Key;
use crate::config::SecretFile;
use crate::upload::{Caller, Client, Operation, Operations, Owner, Sees};

/// Seconds by which other machines' clocks may be wrong.
const LEEWAY: u64 = 30;

const ELSEWHERE: &str = "it is meant for another server";

/// The keys of those who may give out permits.
#[derive(Default)]
pub(super) struct Permits {
    keys: Vec<Key>,
    audience: Option<String>,
}

/// What a permit says (RFC 7519, section 4, and two claims of our own).
#[derive(Debug, Deserialize)]
struct Claims {
    /// The owner.
    sub: String,
    /// What is allowed: create, append, read, delete. Without it: what an upload takes.
    ops: Option<Vec<Op>>,
    /// The largest upload in bytes.
    max_size: Option<u64>,
    /// For whom it is meant.
    aud: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Create,
    Append,
    Read,
    Delete,
}

impl Permits {
    pub(super) fn load(files: &[SecretFile], audience: Option<&str>) -> Result<Self, AccessError> {
        let keys = files.iter().map(|file| {
            let wrong = |problem: String| AccessError::new("permit-key", file, problem);
            let text = file.read().map_err(|error| wrong(format!("can't be read: {error}")))?;
            Key::of(&text).map_err(wrong)
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()?, audience: audience.map(str::to_owned) })
    }

    pub(super) fn has_same_keys(&self, other: &Self) -> bool {
        self.keys.iter().map(|key| key.sum).eq(other.keys.iter().map(|key| key.sum))
    }

    /// Whose permit this is, and for what.
    ///
    /// # Errors
    /// Why it is not accepted, in a few words.
    pub(super) fn check(&self, token: &str) -> Result<Caller, String> {
        if self.keys.is_empty() {
            return Err("it is not known here".to_owned());
        }
        let header = decode_header(token).map_err(|_| "it is not known here, and no permit".to_owned())?;
        // RFC 7515, section 4.1.11: who does not understand what stands there must not accept it, and we know none of it.
        if header.crit.is_some() {
            return Err("it demands in its header (crit) what is not known here".to_owned());
        }
        let mut why = format!("it is signed by {:?}, for which no key is known here", header.alg);
        // The key says which algorithm is used, never the permit alone.
        for key in self.keys.iter().filter(|key| key.algorithm == header.alg) {
            match decode::<Claims>(token, &key.key, &self.validation(key.algorithm)) {
                Ok(permit) if permit.claims.sub.is_empty() => why = "it lacks the claim sub".to_owned(),
                // One that is meant for somebody else is not for us, and without a name we can't tell.
                Ok(permit) if self.audience.is_none() && permit.claims.aud.is_some() => {
                    why = ELSEWHERE.to_owned();
                }
                Ok(permit) => return Ok(caller(permit.claims)),
                Err(error) => why = reason(error.kind()),
            }
        }
        Err(why)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        // Without a name all who have none would share their uploads.
        validation.set_required_spec_claims(&["exp", "sub"]);
        match &self.audience {
            Some(audience) => {
                validation.set_audience(&[audience]);
                validation.set_required_spec_claims(&["exp", "sub", "aud"]);
            }
            // That there is none is seen to in `check`: here one that is no text would pass.
            None => validation.validate_aud = false,
        }
        validation
    }
}

fn caller(claims: Claims) -> Caller {
    let Claims { sub, ops, max_size, .. } = claims;
    let operations = match ops {
        None => Operations::UPLOAD,
        Some(ops) => ops.into_iter().fold(Operations::NONE, |all, op| {
            all.with(match op {
                Op::Create => Operation::Create,
                Op::Append => Operation::Append,
                Op::Read => Operation::Read,
                Op::Delete => Operation::Delete,
            })
        }),
    };
    let owner = Owner::new(&sub);
    Caller { operations, sees: Sees::Own(Some(owner.clone())), max_size, client: Some(Client::Owner(owner)) }
}

fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::ExpiredSignature => "it has expired".to_owned(),
        ErrorKind::ImmatureSignature => "it is not valid yet".to_owned(),
        ErrorKind::InvalidAudience => ELSEWHERE.to_owned(),
        ErrorKind::MissingRequiredClaim(claim) if claim == "exp" => {
            "the claim exp is missing or no number".to_owned()
        }
        ErrorKind::InvalidClaimFormat(claim) => format!("the claim {claim} is no number"),
        ErrorKind::MissingRequiredClaim(claim) => format!("it lacks the claim {claim}"),
        ErrorKind::Json(_) => "its claims can't be read (sub, exp, ops, max_size)".to_owned(),
        _ => "its signature is wrong".to_owned(),
    }
}
