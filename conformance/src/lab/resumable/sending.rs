//! One chunk on its way: which parameters it says where, and how its bytes are wrapped.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    file::{Dialect, File, Params},
    form::{BOUNDARY, Form, field_value, percent_encoded},
};
use crate::{client::Request, lab::Lab};

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// As the file of a form.
    Multipart,
    /// As the body itself.
    Octet,
    /// As a data URL in a text field of a form.
    Base64,
}

/// A request with a chunk, as stock Resumable.js sends it until a case changes something.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    pub(crate) method: String,
    pub(crate) way: Way,
    /// What the query says; empty: nothing.
    pub(crate) query: Params,
    /// What the form's fields say; a body without a form has none.
    pub(crate) fields: Params,
    pub(crate) dialect: Dialect,
    /// `parameterNamespace`.
    pub(crate) namespace: String,
    /// `fileParameterName`.
    pub(crate) part_name: String,
    /// The name that the file has in the form.
    pub(crate) file_name: Vec<u8>,
    /// The type of the form's file, or of a body that is the chunk.
    pub(crate) media_type: Option<String>,
    pub(crate) bytes: Vec<u8>,
    /// The page's own parameters, which come first in the query and in the form.
    pub(crate) strangers: Vec<(String, String)>,
}

impl Sending {
    pub(crate) fn new(file: &File, number: u64, namespace: &str) -> Self {
        let params = file.params(number);
        // The relatives say it once: in the form, or in the query where there is none.
        let query = if file.dialect == Dialect::Resumable { params.clone() } else { Params::default() };
        Self {
            method: "POST".into(),
            way: Way::Multipart,
            query,
            fields: params,
            dialect: file.dialect,
            namespace: namespace.into(),
            part_name: "file".into(),
            file_name: file.name.clone(),
            media_type: Some("application/octet-stream".into()),
            bytes: file.part(number).to_vec(),
            strangers: Vec::new(),
        }
    }

    pub(crate) fn by(self, method: &str) -> Self {
        Self { method: method.into(), ..self }
    }

    /// The body is the chunk, and all parameters are in the query.
    pub(crate) fn octet(self) -> Self {
        Self { way: Way::Octet, query: self.fields, fields: Params::default(), ..self }
    }

    pub(crate) fn base64(self) -> Self {
        Self { way: Way::Base64, ..self }
    }

    /// Says this value, wherever parameters are said.
    pub(crate) fn saying(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        for params in [&mut self.query, &mut self.fields] {
            if params.pairs().next().is_some() {
                params.set(name, value.clone());
            }
        }
        self
    }

    /// Says nothing of this parameter.
    pub(crate) fn silent_on(mut self, name: &str) -> Self {
        self.query.drop(name);
        self.fields.drop(name);
        self
    }

    pub(crate) fn only_in_query(self) -> Self {
        Self { fields: Params::default(), ..self }
    }

    pub(crate) fn only_in_form(self) -> Self {
        Self { query: Params::default(), ..self }
    }

    pub(crate) fn with(self, bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), ..self }
    }

    pub(crate) fn typed(self, media_type: Option<&str>) -> Self {
        Self { media_type: media_type.map(str::to_owned), ..self }
    }

    /// A parameter of the page's own.
    pub(crate) fn stranger(mut self, name: &str, value: &str) -> Self {
        self.strangers.push((name.into(), value.into()));
        self
    }

    fn spell(&self, name: &str) -> String {
        format!("{}{}", self.namespace, self.dialect.spell(name))
    }

    /// The name of the form's part with the bytes.
    pub(crate) fn spelled_part_name(&self) -> String {
        format!("{}{}", self.namespace, self.part_name)
    }

    /// The query, without its question mark.
    pub(crate) fn query_text(&self) -> String {
        let own = |(name, value): &(String, String)| {
            let name = format!("{}{name}", self.namespace);
            format!("{}={}", percent_encoded(name.as_bytes()), percent_encoded(value.as_bytes()))
        };
        let theirs = |(name, value): (&str, &[u8])| {
            format!("{}={}", percent_encoded(self.spell(name).as_bytes()), percent_encoded(value))
        };
        let own = self.strangers.iter().map(own);
        own.chain(self.query.pairs().map(theirs)).collect::<Vec<_>>().join("&")
    }

    /// The form's text fields.
    pub(crate) fn fields_of(&self, form: Form) -> Form {
        let form = self.strangers.iter().fold(form, |form, (name, value)| {
            form.field(&format!("{}{name}", self.namespace), &field_value(value.as_bytes()))
        });
        self.fields
            .pairs()
            .fold(form, |form, (name, value)| form.field(&self.spell(name), &field_value(value)))
    }

    /// The form's part with the bytes.
    pub(crate) fn file_of(&self, form: Form) -> Form {
        let name = self.spelled_part_name();
        if self.way == Way::Base64 {
            let media_type = self.media_type.as_deref().unwrap_or("application/octet-stream");
            let url = format!("data:{media_type};base64,{}", STANDARD.encode(&self.bytes));
            return form.field(&name, url.as_bytes());
        }
        form.file(&name, &self.file_name, self.media_type.as_deref(), &self.bytes)
    }

    /// The request without a body.
    pub(crate) fn head(&self, lab: &Lab) -> Request {
        lab.plain(&self.method, &self.query_text())
    }

    /// The request with this form.
    pub(crate) fn with_form(&self, lab: &Lab, content_type: &str, form: Vec<u8>) -> Request {
        self.head(lab).header("Content-Type", content_type).bytes(form)
    }

    /// The whole request.
    pub(crate) fn request(&self, lab: &Lab) -> Request {
        if self.way == Way::Octet {
            let request = self.head(lab).bytes(self.bytes.clone());
            return match &self.media_type {
                Some(media_type) => request.header("Content-Type", media_type),
                None => request,
            };
        }
        let form = self.file_of(self.fields_of(Form::new(BOUNDARY))).end();
        self.with_form(lab, &multipart(BOUNDARY), form)
    }
}

/// The content type of a form.
pub(crate) fn multipart(boundary: &str) -> String {
    format!("multipart/form-data; boundary={boundary}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sending(dialect: Dialect) -> Sending {
        Sending::new(&File::new("a.txt", b"hello".to_vec(), 10).speaking(dialect), 1, "")
    }

    #[test]
    fn resumable_says_everything_twice_and_its_relatives_once() {
        let stock = sending(Dialect::Resumable);
        assert!(stock.query_text().starts_with("resumableChunkNumber=1&resumableChunkSize=10&"));
        assert_eq!(stock.fields.pairs().count(), 9);
        let flow = sending(Dialect::Flow);
        assert_eq!((flow.query_text().as_str(), flow.fields.pairs().count()), ("", 8));
        assert!(flow.octet().query_text().starts_with("flowChunkNumber=1&"));
        let simple = sending(Dialect::Simple).octet().saying("ChunkNumber", "0").silent_on("ChunkSize");
        assert!(simple.query_text().starts_with("chunkNumber=0&currentChunkSize=5&"));
    }

    #[test]
    fn a_namespace_stands_before_every_name() {
        let mut stock = sending(Dialect::Resumable).stranger("csrf", "1 2");
        stock.namespace = "up_".into();
        assert!(stock.query_text().starts_with("up_csrf=1%202&up_resumableChunkNumber=1&"));
        let form = String::from_utf8(stock.base64().file_of(Form::new("B")).end()).unwrap();
        assert!(
            form.contains("name=\"up_file\"\r\n\r\ndata:application/octet-stream;base64,aGVsbG8=\r\n"),
            "{form}"
        );
    }
}
