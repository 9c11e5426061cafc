//! What a page says its file sums to: `sha256:BASE64`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::upload::{Algorithm, Checksum};

/// Reads a digest.
///
/// # Errors
/// What is wrong with it, to stand behind the parameter's name. Only a word that is surely no markup is repeated.
pub(super) fn read(text: &str) -> Result<Checksum, String> {
    let Some((name, value)) = text.split_once(':') else {
        return Err(" must be an algorithm, a colon and a Base64 value, such as sha256:…".to_owned());
    };
    let Some(algorithm) = Algorithm::by_name(name) else {
        let is_word =
            name.len() <= 20 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let shown = if is_word { format!(" {name}") } else { String::new() };
        return Err(format!(": the algorithm{shown} is not known; take {}", known()));
    };
    let value = STANDARD
        .decode(value)
        .map_err(|_| ": the value is not Base64 (in a URL + is written %2B)".to_owned())?;
    let came = value.len();
    Checksum::new(algorithm, value)
        .ok_or_else(|| format!(": {algorithm} has {} bytes, and the value has {came}", algorithm.value_len()))
}

/// `sha1, sha256 or md5`.
fn known() -> String {
    let names = Algorithm::ALL.map(Algorithm::name);
    match names.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_named() {
        assert_eq!(read("crc32:AAAAAA==").map(|digest| digest.algorithm()), Ok(Algorithm::Crc32));
        for (text, fault) in [
            ("sha256", " must be an algorithm, a colon and a Base64 value, such as sha256:…"),
            (
                "sha-256:AA==",
                ": the algorithm sha-256 is not known; take sha1, sha256, sha512, md5, crc32 or crc32c",
            ),
            ("<b>:AA==", ": the algorithm is not known; take sha1, sha256, sha512, md5, crc32 or crc32c"),
            ("md5:AA ==", ": the value is not Base64 (in a URL + is written %2B)"),
            ("md5:AA", ": the value is not Base64 (in a URL + is written %2B)"),
            ("sha256:QUJD", ": sha256 has 32 bytes, and the value has 3"),
        ] {
            assert_eq!(read(text).unwrap_err(), fault, "{text}");
        }
    }
}
