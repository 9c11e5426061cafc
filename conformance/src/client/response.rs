//! A response, and what a case may demand of it.

use crate::{
    case::{Verdict, ensure, fail},
    client::request::clipped,
};

/// A final response, and the interim ones that came before it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The statuses of the 1xx responses before this one.
    pub(crate) interim: Vec<u16>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first header of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(present, _)| present.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The elements of every comma-separated header line of this name, without the white space around them.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let lines = self.headers.iter().filter(|(present, _)| present.eq_ignore_ascii_case(name));
        let elements = lines.flat_map(|(_, value)| value.split(','));
        elements.map(|element| element.trim().to_owned()).filter(|element| !element.is_empty()).collect()
    }

    /// Demands one of these statuses.
    pub(crate) fn status(&self, wanted: &[u16]) -> Verdict<&Self> {
        if wanted.contains(&self.status) {
            return Ok(self);
        }
        let wanted: Vec<String> = wanted.iter().map(u16::to_string).collect();
        fail(format!("expected status {}, got {}", wanted.join(" or "), self.status))
    }

    /// Demands a refusal that blames the client: 400 to 499.
    pub(crate) fn refused(&self, why: &str) -> Verdict<&Self> {
        if (400..500).contains(&self.status) {
            return Ok(self);
        }
        fail(format!("expected a refusal (4xx) because {why}, got {}", self.status))
    }

    /// Demands anything but the server's own breakdown.
    pub(crate) fn no_breakdown(&self) -> Verdict<&Self> {
        if self.status < 500 || self.status == 507 {
            return Ok(self);
        }
        fail(format!("expected no server error, got {}", self.status))
    }

    /// Demands this header with exactly this value.
    pub(crate) fn has(&self, name: &str, wanted: impl ToString) -> Verdict<&Self> {
        let wanted = wanted.to_string();
        match self.get(name) {
            Some(value) if value == wanted => Ok(self),
            Some(value) => {
                let (wanted, value) = (clipped(&wanted), clipped(value));
                fail(format!("expected `{name}: {wanted}`, got `{name}: {value}`"))
            }
            None => fail(format!("expected `{name}: {}`, but the response has no {name}", clipped(&wanted))),
        }
    }

    /// Demands that there is no such header.
    pub(crate) fn lacks(&self, name: &str) -> Verdict<&Self> {
        match self.get(name) {
            Some(value) => fail(format!("expected no {name}, got `{name}: {}`", clipped(value))),
            None => Ok(self),
        }
    }

    /// Demands this header and gives its value.
    pub(crate) fn value(&self, name: &str) -> Verdict<&str> {
        match self.get(name) {
            Some(value) => Ok(value),
            None => fail(format!("expected the header {name}, but the response has none")),
        }
    }

    /// Demands this header as a non-negative decimal integer.
    pub(crate) fn number(&self, name: &str) -> Verdict<u64> {
        let value = self.value(name)?;
        ensure(!value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()), || {
            format!("expected {name} to be a non-negative integer, got {value:?}")
        })?;
        value.parse().or_else(|_| fail(format!("expected {name} to be below 2^64, got {value}")))
    }

    /// What a reader of the report needs to see of it.
    pub(crate) fn summary(&self) -> String {
        let dull = ["date", "connection", "keep-alive", "server", "x-powered-by"];
        let mut text: String = self.interim.iter().map(|status| format!("{status} (interim)\n")).collect();
        text.push_str(&self.status.to_string());
        for (name, value) in &self.headers {
            if !dull.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                text.push_str(&format!("\n{name}: {}", clipped(value)));
            }
        }
        match std::str::from_utf8(&self.body) {
            Ok("") => {}
            Ok(body) if body.len() <= 300 => text.push_str(&format!("\n{}", body.trim_end())),
            _ => text.push_str(&format!("\n[{} bytes]", self.body.len())),
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Response { status: 204, headers, ..Response::default() }
    }

    #[test]
    fn numbers_are_plain_digits() {
        assert_eq!(
            response(&[("Upload-Offset", "18446744073709551615")]).number("upload-offset").unwrap(),
            u64::MAX
        );
        for bad in ["", "+1", "-1", "1 ", "0x1", "1.0", "18446744073709551616"] {
            assert!(response(&[("Upload-Offset", bad)]).number("Upload-Offset").is_err(), "{bad:?}");
        }
        assert!(response(&[]).number("Upload-Offset").is_err());
    }

    #[test]
    fn lists_join_their_lines() {
        let lists = response(&[("Tus-Extension", "creation, expiration,"), ("tus-extension", "checksum")]);
        assert_eq!(lists.list("Tus-Extension"), ["creation", "expiration", "checksum"]);
    }

    #[test]
    fn demands_say_what_came() {
        let Err(crate::case::Stop::Failed(text)) = response(&[("A", "2")]).has("A", 1) else { panic!() };
        assert!(text.contains("A: 1") && text.contains("A: 2"), "{text}");
        assert!(response(&[]).status(&[200, 201]).is_err());
        assert!(response(&[]).refused("it is a test").is_err());
    }
}
