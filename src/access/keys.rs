//! The keys that permits are checked with, as they come in files.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use sha2::{Digest as _, Sha256};

/// RFC 7518, section 3.2: a secret is as long as the sum that it is used for.
const SHORTEST_SECRET: usize = 32;

/// Base64 however it ends.
const BASE64: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, BASE64_CONFIG);
const BASE64_CONFIG: GeneralPurposeConfig = NO_PAD.with_decode_allow_trailing_bits(true);

/// A key, and what it is used with.
pub(super) struct Key {
    pub(super) algorithm: Algorithm,
    pub(super) key: DecodingKey,
    /// The sum of the file, to tell whether it is another one.
    pub(super) sum: [u8; 32],
}

impl Key {
    /// The public key (PEM) of somebody who signs by ES256 or EdDSA, or a secret that is shared with him (HS256): one word. A
    /// public key in any other form is none, because it would be a secret that everybody knows.
    ///
    /// # Errors
    /// What the text is instead.
    pub(super) fn of(text: &[u8]) -> Result<Self, String> {
        let key = |algorithm, key| Self { algorithm, key, sum: Sha256::digest(text).into() };
        let is_pem = text.trim_ascii_start().starts_with(b"-----BEGIN");
        if is_pem && text.windows(7).any(|word| word == b"PRIVATE") {
            return Err(
                "is a private key; give the public one, only who gives out permits needs this".to_owned()
            );
        }
        if is_pem {
            if text.trim_ascii_start().starts_with(b"-----BEGIN CERTIFICATE") {
                return Err("is a certificate; give its public key (openssl x509 -pubkey -noout)".to_owned());
            }
            let ec = DecodingKey::from_ec_pem(text).map(|ec| key(Algorithm::ES256, ec));
            let ed = || DecodingKey::from_ed_pem(text).map(|ed| key(Algorithm::EdDSA, ed));
            return ec.or_else(|_| ed()).map_err(|_| "is no public key for ES256 or EdDSA".to_owned());
        }
        if let Some(disguise) = disguise(text) {
            return Err(disguise.to_owned());
        }
        // Editors end a file with a newline, and nobody means it.
        let secret = text.strip_suffix(b"\n").unwrap_or(text);
        let is_word = secret.iter().all(u8::is_ascii_graphic) && !secret.starts_with(b"{");
        if !is_word || secret.len() < SHORTEST_SECRET {
            return Err(format!(
                "is neither a public key in PEM form nor a secret, which is one word of {SHORTEST_SECRET} characters or more"
            ));
        }
        Ok(key(Algorithm::HS256, DecodingKey::from_secret(secret)))
    }
}

/// What a text is that looks like a secret and is a key that others have, too: as it is, in Base64 or in hexadecimal digits.
fn disguise(text: &[u8]) -> Option<&'static str> {
    let digits: Vec<u8> =
        text.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && !b"\"'=:".contains(byte)).collect();
    let forms = [Some(text.to_vec()), from_base64(&digits), from_hex(&digits)];
    forms.iter().flatten().find_map(|bytes| known(bytes))
}

fn known(bytes: &[u8]) -> Option<&'static str> {
    if bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        return Some("is a key in PEM form in an encoding of its own; decode it once");
    }
    // RFC 4253, section 6.6: the length of the algorithm's name, and the name.
    if bytes.get(4..).is_some_and(|name| name.starts_with(b"ssh-") || name.starts_with(b"ecdsa-")) {
        return Some("is a public key of OpenSSH; give one in PEM form");
    }
    is_der(bytes).then_some(
        "is a public key without its frame; put it between -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----",
    )
}

/// One SEQUENCE of X.690 that begins with an algorithm (SEQUENCE) or a number (INTEGER), as keys and certificates do. A
/// secret that was drawn happens to be one less than once in ten million times.
fn is_der(bytes: &[u8]) -> bool {
    const INTEGER: u8 = 0x02;
    const SEQUENCE: u8 = 0x30;
    let newline = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    [bytes, newline].into_iter().any(|bytes| match element(bytes) {
        Some((SEQUENCE, inside, [])) => matches!(element(inside), Some((INTEGER | SEQUENCE, ..))),
        _ => false,
    })
}

/// An element's tag, what is in it, and what comes after it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, len], rest) = bytes.split_first_chunk::<2>()?;
    let (len, rest) = match len {
        0..=0x7f => (usize::from(len), rest),
        // So many bytes of length; nothing that is a key has more than a few.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(len - 0x80))?;
            (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (inside, after) = rest.split_at_checked(len)?;
    Some((tag, inside, after))
}

/// In either alphabet.
fn from_base64(digits: &[u8]) -> Option<Vec<u8>> {
    let standard: Vec<u8> = digits
        .iter()
        .map(|digit| match digit {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    BASE64.decode(standard).ok()
}

fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        digits.iter().map(|digit| char::from(*digit).to_digit(16)?.try_into().ok()).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_may_begin_as_a_key_does() {
        let mut bytes = [0x5a; 48];
        for begins in [&[0x30][..], &[0x30, 46], &[0x30, 46, 0x30, 47], &[0x30, 45, 0x30, 0], &[0x30, 0x84]] {
            bytes[..begins.len()].copy_from_slice(begins);
            let secret = BASE64.encode(bytes);
            assert!(Key::of(secret.as_bytes()).is_ok(), "{secret}");
        }
    }
}
