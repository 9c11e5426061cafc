//! tus 1.0's headers as types. Names that other protocols use too (`Upload-Offset`) have their grammar here for tus
//! alone.
//!
//! All are read with `typed_try_get`, which reports what is malformed: a header that is there twice or is not what the
//! specification says is a 400, never "not there".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headers::{Error, Header};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::upload::{Algorithm, Checksum};

pub(super) static TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(super) static TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(super) static TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(super) static TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(super) static TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(super) static UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(super) static UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(super) static UPLOAD_CONCAT: HeaderName = HeaderName::from_static("upload-concat");
static UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
static UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
static UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
static UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// The one value of a header that may stand only once.
fn only<'v>(values: &mut impl Iterator<Item = &'v HeaderValue>) -> Result<&'v str, Error> {
    let value = values.next().ok_or_else(Error::invalid)?;
    if values.next().is_some() {
        return Err(Error::invalid());
    }
    value.to_str().map_err(|_| Error::invalid())
}

/// A non-negative integer: digits and nothing else (Rust's own parser would take a `+`).
fn integer(text: &str) -> Result<u64, Error> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Error::invalid());
    }
    text.parse().map_err(|_| Error::invalid())
}

macro_rules! integer_header {
    ($(#[$doc:meta])* $type:ident, $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) struct $type(
            /// Bytes.
            pub(super) u64,
        );

        impl Header for $type {
            fn name() -> &'static HeaderName {
                &$name
            }

            fn decode<'i, I: Iterator<Item = &'i HeaderValue>>(values: &mut I) -> Result<Self, Error> {
                integer(only(values)?).map(Self)
            }

            fn encode<E: Extend<HeaderValue>>(&self, values: &mut E) {
                values.extend([HeaderValue::from(self.0)]);
            }
        }
    };
}

integer_header!(
    /// `Upload-Offset` (tus 1.0.0, "Headers").
    UploadOffset,
    UPLOAD_OFFSET
);
integer_header!(
    /// `Upload-Length` (tus 1.0.0, "Headers").
    UploadLength,
    UPLOAD_LENGTH
);

/// `Upload-Defer-Length: 1`; no other value exists (tus 1.0.0, "Creation").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UploadDeferLength;

impl Header for UploadDeferLength {
    fn name() -> &'static HeaderName {
        &UPLOAD_DEFER_LENGTH
    }

    fn decode<'i, I: Iterator<Item = &'i HeaderValue>>(values: &mut I) -> Result<Self, Error> {
        if only(values)? == "1" { Ok(Self) } else { Err(Error::invalid()) }
    }

    fn encode<E: Extend<HeaderValue>>(&self, values: &mut E) {
        values.extend([HeaderValue::from_static("1")]);
    }
}

/// `Upload-Concat` (tus 1.0.0, "Concatenation").
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum UploadConcat {
    /// `partial`
    Partial,
    /// `final;URL URL …`
    Final {
        /// At least one.
        urls: Vec<String>,
        /// The whole value.
        as_given: String,
    },
}

impl UploadConcat {
    fn parse(text: &str) -> Result<Self, Error> {
        if text == "partial" {
            return Ok(Self::Partial);
        }
        let urls = text.strip_prefix("final;").ok_or_else(Error::invalid)?;
        let urls: Vec<String> = urls.split(' ').filter(|url| !url.is_empty()).map(str::to_owned).collect();
        if urls.is_empty() {
            return Err(Error::invalid());
        }
        Ok(Self::Final { urls, as_given: text.to_owned() })
    }
}

impl Header for UploadConcat {
    fn name() -> &'static HeaderName {
        &UPLOAD_CONCAT
    }

    fn decode<'i, I: Iterator<Item = &'i HeaderValue>>(values: &mut I) -> Result<Self, Error> {
        Self::parse(only(values)?)
    }

    fn encode<E: Extend<HeaderValue>>(&self, values: &mut E) {
        let text = match self {
            Self::Partial => "partial",
            Self::Final { as_given, .. } => as_given,
        };
        values.extend(HeaderValue::from_str(text));
    }
}

/// `Upload-Checksum: ALGORITHM BASE64` (tus 1.0.0, "Checksum"), as a header or a trailer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UploadChecksum(
    /// What it says.
    pub(super) Checksum,
);

impl UploadChecksum {
    /// Reads it, and says what is wrong in words for the client's author.
    pub(super) fn read(headers: &HeaderMap) -> Option<Result<Checksum, String>> {
        headers.get(&UPLOAD_CHECKSUM)?;
        let mut values = headers.get_all(&UPLOAD_CHECKSUM).iter();
        Some(only(&mut values).map_err(|_| "it must stand once".to_owned()).and_then(Self::parse))
    }

    fn parse(text: &str) -> Result<Checksum, String> {
        let (name, value) = text.split_once(' ').ok_or("it must be an algorithm, one space and a value")?;
        let algorithm = Algorithm::by_name(name).ok_or_else(|| {
            let known = Algorithm::ALL.map(Algorithm::name).join(", ");
            format!("this server knows the algorithms {known}")
        })?;
        let value = STANDARD.decode(value).map_err(|_| "its value is not valid Base64".to_owned())?;
        Checksum::new(algorithm, value)
            .ok_or_else(|| format!("a value of {algorithm} has {} bytes", algorithm.value_len()))
    }
}

#[cfg(test)]
mod tests {
    use headers::HeaderMapExt as _;

    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn an_offset_is_digits_and_stands_once() {
        let read = |values: &[&str]| headers("upload-offset", values).typed_try_get::<UploadOffset>();
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&["0"]).unwrap(), Some(UploadOffset(0)));
        assert_eq!(read(&["18446744073709551615"]).unwrap(), Some(UploadOffset(u64::MAX)));
        for bad in [
            &[""][..],
            &["-1"],
            &["+1"],
            &["1 "],
            &["0x1"],
            &["1e3"],
            &["18446744073709551616"],
            &["1", "1"],
            &["1,1"],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn concatenation_is_partial_or_a_list() {
        let read = |values: &[&str]| headers("upload-concat", values).typed_try_get::<UploadConcat>();
        assert_eq!(read(&["partial"]).unwrap(), Some(UploadConcat::Partial));
        let Some(UploadConcat::Final { urls, .. }) = read(&["final;/a http://b/c"]).unwrap() else {
            panic!()
        };
        assert_eq!(urls, ["/a", "http://b/c"]);
        for bad in ["", "final", "final;", "final; ", "Partial", "partial;"] {
            assert!(read(&[bad]).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_checksum_says_what_is_wrong_with_it() {
        let read = |values: &[&str]| UploadChecksum::read(&headers("upload-checksum", values));
        assert!(read(&[]).is_none());
        assert!(read(&["sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="]).unwrap().is_ok());
        for (bad, says) in [
            (&["sha1"][..], "one space"),
            (&["sha1  Kq5sNclPz7QV2+lfQIuc6R7oRu0="], "Base64"),
            (&["sha1 Kq5s"], "20 bytes"),
            (&["sha3 Kq5s"], "sha256"),
            (&["sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=", "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="], "once"),
        ] {
            let error = read(bad).unwrap().unwrap_err();
            assert!(error.contains(says), "{bad:?}: {error}");
        }
    }
}
