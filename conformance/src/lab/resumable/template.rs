//! Where a finished file can be read: `--resumable-download`.

use serde_json::Value;

use super::{file::File, form::percent_encoded};

/// A URL or path with placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(String);

const PLACES: [&str; 4] = ["{identifier}", "{filename}", "{size}", "{url}"];

impl Template {
    /// Refuses what names no file: every upload would be looked for at the same place.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let named = PLACES.iter().any(|place| text.contains(place) && *place != "{size}");
        if named {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text:?} has none of the placeholders {{identifier}}, {{filename}} and {{url}}"))
        }
    }

    /// It needs the answer to a question about the whole upload.
    pub(crate) fn asks(&self) -> bool {
        self.0.contains("{url}")
    }

    /// It can name this file: where the name stands in it, a server that had to change the name is not found again.
    pub(crate) fn names(&self, file: &File) -> bool {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        !self.0.contains("{filename}") || file.name.iter().all(plain)
    }

    /// The reference; `None` if it needs a `url` and the server told none.
    pub(crate) fn fill(&self, file: &File, status: Option<&Value>) -> Option<String> {
        let mut text = self.0.clone();
        if self.asks() {
            text = text.replace("{url}", status?.get("url")?.as_str()?);
        }
        text = text.replace("{identifier}", &percent_encoded(&file.identifier));
        text = text.replace("{filename}", &percent_encoded(&file.name));
        Some(text.replace("{size}", &file.total().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled_with_what_is_known() {
        let file = File::new("a b.txt", b"hello".to_vec(), 10);
        let named = Template::parse("/done/{filename}?size={size}").unwrap();
        assert_eq!(named.fill(&file, None).as_deref(), Some("/done/a%20b.txt?size=5"));
        assert!(!named.names(&file) && !named.asks());
        let told = Template::parse("{url}").unwrap();
        assert!(told.names(&file) && told.asks());
        let status = serde_json::json!({"status": "complete", "url": "/files/1"});
        assert_eq!(told.fill(&file, Some(&status)).as_deref(), Some("/files/1"));
        assert_eq!(told.fill(&file, Some(&serde_json::json!({}))), None);
        assert!(Template::parse("/done/{size}").is_err());
    }
}
