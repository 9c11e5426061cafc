//! Bearer tokens from a file.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

use super::AccessError;
use crate::config::SecretFile;
use crate::upload::{Caller, Client, Operations, Owner, Sees};

/// A shorter one can be guessed.
const SHORTEST: usize = 16;

/// The tokens that are accepted, by their sums: how long a comparison takes tells nothing about a token then.
#[derive(Default, PartialEq)]
pub(super) struct Tokens(HashMap<[u8; 32], Option<Owner>>);

impl Tokens {
    pub(super) fn load(file: &SecretFile) -> Result<Self, AccessError> {
        let wrong = |problem: String| AccessError::new("token-file", file, problem);
        let text = file.read().map_err(|error| wrong(format!("can't be read: {error}")))?;
        let text = String::from_utf8(text).map_err(|_| wrong("is not text".to_owned()))?;
        Self::parse(&text).map_err(wrong)
    }

    /// One token in each line, after its owner's name if it has one. Empty lines and those with `#` at the start are
    /// left out.
    fn parse(text: &str) -> Result<Self, String> {
        let mut tokens = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            let (owner, token) = match (words.next(), words.next(), words.next()) {
                (Some(token), None, None) => (None, token),
                (Some(owner), Some(token), None) => (Some(Owner::new(owner)), token),
                _ => return Err(format!("line {number}: give a token, or a name and a token")),
            };
            if token.len() < SHORTEST {
                return Err(format!("line {number}: a token has {SHORTEST} characters or more"));
            }
            if !token.bytes().all(is_token_byte) {
                return Err(format!("line {number}: a token is made of letters, digits and -._~+/="));
            }
            if tokens.insert(sum(token), owner).is_some() {
                return Err(format!("line {number}: this token stands twice"));
            }
        }
        if tokens.is_empty() {
            return Err("holds no token".to_owned());
        }
        Ok(Self(tokens))
    }

    /// Who has this token.
    pub(super) fn find(&self, token: &str) -> Option<Caller> {
        let owner = self.0.get(&sum(token))?;
        let client = owner.clone().map(Client::Owner);
        Some(Caller { operations: Operations::ALL, sees: Sees::Own(owner.clone()), max_size: None, client })
    }
}

fn sum(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// RFC 6750, section 2.1: `b64token`.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_a_token_in_each_line() {
        let tokens = Tokens::parse("# who\nalice 0123456789abcdef\n\n  fedcba9876543210  \n").unwrap();
        let alice = tokens.find("0123456789abcdef").unwrap();
        assert_eq!(alice.sees, Sees::Own(Some(Owner::new("alice"))));
        assert_eq!(tokens.find("fedcba9876543210").unwrap().sees, Sees::Own(None));
        for unknown in ["", "alice", "0123456789abcde", "0123456789abcdeF"] {
            assert!(tokens.find(unknown).is_none(), "{unknown}");
        }
    }

    #[test]
    fn a_line_that_is_wrong_is_named_and_not_shown() {
        for (text, says) in [
            ("", "holds no token"),
            ("# nobody\n", "holds no token"),
            ("0123456789abcdef\nshort", "line 2: a token has 16 characters or more"),
            ("alice 0123456789abcdef what", "line 1: give a token, or a name and a token"),
            ("0123456789abcde\u{e9}f", "line 1: a token is made of letters, digits and -._~+/="),
            ("a 0123456789abcdef\nb 0123456789abcdef", "line 2: this token stands twice"),
        ] {
            assert_eq!(Tokens::parse(text).err().as_deref(), Some(says), "{text}");
        }
    }
}
