//! Forms (RFC 7578), part by part as they come.
//!
//! The parsers at hand read a part's head by the letter of MIME. Browsers write it by another text (WHATWG HTML,
//! "multipart/form-data encoding algorithm"): a file's name stands in it as it is, control characters, a backslash before
//! the quote and all. And they gather a head of any length in memory. This one does neither: it takes every name, and
//! holds no more than [`LONGEST_HEAD`] of a head and [`ALLOWANCE`] of all that is not the chunk.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_core::Stream;
use memchr::memmem;

use crate::upload::BodyCut;

/// As much as a form may bring beside its chunk: text before the first part, heads, fields.
pub(super) const ALLOWANCE: usize = 64 * 1024;

/// The longest head of a part. It has a field's name and a file's, and of those the longest that there are.
const LONGEST_HEAD: usize = 16 * 1024;

/// As much white space as may follow a boundary.
const LONGEST_PADDING: usize = 1024;

/// The longest boundary; RFC 2046, 5.1.1, has 70. It bounds what is searched again when bytes come one by one.
pub(super) const LONGEST_BOUNDARY: usize = 256;

/// The end of a head's last line and the empty line behind it.
const HEAD_END: &[u8] = b"\r\n\r\n";

/// Why a form can't be read on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FormError {
    /// The line broke, so that the rest did not come.
    Cut(BodyCut),
    /// It is at its end, and its last boundary has not come.
    Ended,
    /// It is no form, and would be none the next time.
    Broken(Cow<'static, str>),
}

impl FormError {
    const fn broken(what: &'static str) -> Self {
        Self::Broken(Cow::Borrowed(what))
    }

    /// What is wrong with the form itself.
    ///
    /// # Errors
    /// The line broke.
    pub(super) fn into_text(self) -> Result<Cow<'static, str>, BodyCut> {
        match self {
            Self::Cut(cut) => Err(cut),
            Self::Ended => Ok("the form ends before its last boundary".into()),
            Self::Broken(what) => Ok(what),
        }
    }
}

const TOO_MUCH: FormError = FormError::broken("the form has more than 64 KiB beside the chunk");
const HEAD_TOO_LONG: FormError = FormError::broken("a part's head has more than 16 KiB");
const TOO_MUCH_PADDING: FormError =
    FormError::broken("a boundary is followed by more than 1 KiB of white space");

/// What a part says of itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct PartHead {
    /// The field's name; empty if it has none.
    pub(super) name: String,
    /// It is a file, whatever it is called.
    pub(super) is_file: bool,
}

/// A form on its way.
pub(super) struct Multipart<B> {
    body: B,
    /// Come, and not used yet.
    rest: Bytes,
    /// Line end, two dashes, the boundary.
    delimiter: memmem::Finder<'static>,
    stage: Stage,
    /// How much of [`ALLOWANCE`] is left.
    allowance: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// In a part's data, or in the text before the first part.
    Data,
    /// Behind a delimiter, or in the head that follows it.
    Delimiter,
    Over,
}

impl<B: Stream<Item = Result<Bytes, BodyCut>> + Unpin> Multipart<B> {
    /// `boundary` is no longer than [`LONGEST_BOUNDARY`].
    pub(super) fn new(body: B, boundary: &[u8]) -> Self {
        let delimiter = [b"\r\n--", boundary].concat();
        Self {
            body,
            // The first delimiter may stand at the very start, without the line end that belongs to it.
            rest: Bytes::from_static(b"\r\n"),
            delimiter: memmem::Finder::new(&delimiter).into_owned(),
            stage: Stage::Data,
            allowance: ALLOWANCE,
        }
    }

    /// The next part's head; what is left of the part before is dropped. `None`: there is no other one.
    pub(super) async fn next_part(&mut self) -> Result<Option<PartHead>, FormError> {
        while let Some(dropped) = self.data().await? {
            self.spend(dropped.len())?;
        }
        // RFC 2046, 5.1.1: two dashes end the form, and white space may follow a delimiter.
        let mut padding = 0;
        while self.stage == Stage::Delimiter {
            let first = self.byte().await?;
            if first == b' ' || first == b'\t' {
                padding += 1;
                if padding > LONGEST_PADDING {
                    return Err(TOO_MUCH_PADDING);
                }
                continue;
            }
            match [first, self.byte().await?] {
                [b'-', b'-'] if padding == 0 => self.stage = Stage::Over,
                [b'\r', b'\n'] => return self.head().await.map(Some),
                _ => return Err(FormError::broken("a boundary stands in the middle of a line")),
            }
        }
        Ok(None)
    }

    /// Drops what is left of the part, however much that is.
    pub(super) async fn skip(&mut self) -> Result<(), FormError> {
        while self.data().await?.is_some() {}
        Ok(())
    }

    /// No part has begun since the last boundary.
    pub(super) fn is_between_parts(&self) -> bool {
        self.stage == Stage::Delimiter
    }

    /// Reads a head up to the empty line.
    async fn head(&mut self) -> Result<PartHead, FormError> {
        // The line end behind the delimiter ends a head without lines.
        let mut head = b"\r\n".to_vec();
        loop {
            let end = head_end(&head, &self.rest);
            let come = self.rest.split_to(end.unwrap_or(self.rest.len()));
            gather(&mut head, &come, LONGEST_HEAD).ok_or(HEAD_TOO_LONG)?;
            if end.is_some() {
                break;
            }
            self.more().await?;
        }
        self.spend(head.len())?;
        self.stage = Stage::Data;
        PartHead::read(head.get(2..head.len() - HEAD_END.len()).unwrap_or_default())
    }

    /// A field's whole value.
    pub(super) async fn text(&mut self) -> Result<String, FormError> {
        let mut value = Vec::new();
        while let Some(bytes) = self.data().await? {
            self.spend(bytes.len())?;
            gather(&mut value, &bytes, ALLOWANCE).ok_or(TOO_MUCH)?;
        }
        Ok(String::from_utf8(value)
            .unwrap_or_else(|no_text| String::from_utf8_lossy(no_text.as_bytes()).into_owned()))
    }

    /// Whether the part's data begins so, in any case of its letters.
    pub(super) async fn begins_with(&mut self, wanted: &[u8]) -> Result<bool, FormError> {
        while self.stage == Stage::Data && self.rest.len() < wanted.len() {
            self.more().await?;
        }
        Ok(self.rest.get(..wanted.len()).is_some_and(|start| start.eq_ignore_ascii_case(wanted)))
    }

    async fn byte(&mut self) -> Result<u8, FormError> {
        while self.rest.is_empty() {
            self.more().await?;
        }
        Ok(self.rest.get_u8())
    }

    async fn data(&mut self) -> Result<Option<Bytes>, FormError> {
        poll_fn(|cx| self.poll_data(cx)).await.transpose()
    }

    /// The next bytes of the part; `None` at its end.
    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, FormError>>> {
        if self.stage != Stage::Data {
            return Poll::Ready(None);
        }
        loop {
            let sure = match self.delimiter.find(&self.rest) {
                Some(0) => {
                    self.rest.advance(self.delimiter.needle().len());
                    self.stage = Stage::Delimiter;
                    return Poll::Ready(None);
                }
                Some(at) => at,
                None => self.rest.len() - self.perhaps_delimiter(),
            };
            if sure > 0 {
                return Poll::Ready(Some(Ok(self.rest.split_to(sure))));
            }
            if let Err(error) = ready!(self.poll_more(cx)) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    /// How many bytes at the end may be the start of a delimiter.
    fn perhaps_delimiter(&self) -> usize {
        let needle = self.delimiter.needle();
        let from = self.rest.len().saturating_sub(needle.len() - 1);
        let tail = self.rest.get(from..).unwrap_or_default();
        let starts = memchr::memchr_iter(b'\r', tail);
        let fits = |at: &usize| tail.get(*at..).is_some_and(|end| needle.starts_with(end));
        starts.into_iter().find(fits).map_or(0, |at| tail.len() - at)
    }

    async fn more(&mut self) -> Result<(), FormError> {
        poll_fn(|cx| self.poll_more(cx)).await
    }

    /// Reads on. What is left from before is less than a delimiter: everything else is used as it comes.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FormError>> {
        let Poll::Ready(come) = Pin::new(&mut self.body).poll_next(cx) else {
            if !self.rest.is_empty() {
                // A few bytes that wait shall not keep all of the buffer that they came in.
                self.rest = Bytes::copy_from_slice(&self.rest);
            }
            return Poll::Pending;
        };
        Poll::Ready(match come {
            Some(Ok(bytes)) => {
                let is_first = self.rest.is_empty();
                self.rest = if is_first { bytes } else { [&self.rest[..], &bytes[..]].concat().into() };
                Ok(())
            }
            Some(Err(cut)) => Err(FormError::Cut(cut)),
            None => Err(FormError::Ended),
        })
    }

    fn spend(&mut self, bytes: usize) -> Result<(), FormError> {
        self.allowance = self.allowance.checked_sub(bytes).ok_or(TOO_MUCH)?;
        Ok(())
    }
}

/// How much of what has come belongs to the head, if its end is there.
fn head_end(head: &[u8], come: &[u8]) -> Option<usize> {
    const SEAM: usize = HEAD_END.len() - 1;
    // It may have come in two pieces.
    let before = head.get(head.len().saturating_sub(SEAM)..).unwrap_or_default();
    let seam = [before, come.get(..SEAM).unwrap_or(come)].concat();
    if let Some(at) = memmem::find(&seam, HEAD_END) {
        return Some(at + HEAD_END.len() - before.len());
    }
    memmem::find(come, HEAD_END).map(|at| at + HEAD_END.len())
}

/// Adds to what is held, in a buffer that never has more room than the limit. `None`: it would be more than that.
fn gather(held: &mut Vec<u8>, come: &[u8], limit: usize) -> Option<()> {
    let len = held.len() + come.len();
    if len > limit {
        return None;
    }
    if len > held.capacity() {
        let room = (2 * held.capacity()).clamp(len, limit);
        held.reserve_exact(room - held.len());
    }
    held.extend_from_slice(come);
    Some(())
}

impl PartHead {
    /// Reads header lines; the last one has no line end.
    fn read(head: &[u8]) -> Result<Self, FormError> {
        // A line that begins with white space goes on the one before it.
        let head = String::from_utf8_lossy(head).replace("\r\n ", " ").replace("\r\n\t", " ");
        let mut found = Self::default();
        for line in head.split("\r\n").filter(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else {
                return Err(FormError::broken("a line in a part's head has no colon"));
            };
            if name.trim().eq_ignore_ascii_case("content-disposition") {
                found.name = parameter(value, "name").unwrap_or_default();
                found.is_file = ["filename", "filename*"].iter().any(|name| parameter(value, name).is_some());
            }
        }
        Ok(found)
    }
}

/// A parameter of a header's value: `form-data; name="x"`, `multipart/form-data; boundary=x`.
pub(super) fn parameter(value: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = value.split_once(';')?;
    loop {
        let at = rest.find(['=', ';'])?;
        let (name, behind) = rest.split_at(at);
        let Some(behind) = behind.strip_prefix('=') else {
            rest = behind.get(1..)?;
            continue;
        };
        let (text, next) = match behind.trim_start().strip_prefix('"') {
            Some(quoted) => split_quoted(quoted),
            None => {
                let (plain, next) = behind.split_at(behind.find(';').unwrap_or(behind.len()));
                (plain.trim(), next)
            }
        };
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(text.replace("\\\"", "\""));
        }
        let (_, following) = next.split_once(';')?;
        rest = following;
    }
}

/// Up to the closing quote, and from it on. Some clients write a quote in a name as `\"`. Browsers write it as `%22`, and a
/// backslash as it is: one at the end of a name takes the rest of the value with it, which is nothing.
fn split_quoted(text: &str) -> (&str, &str) {
    let is_escaped = |at: usize| text.get(..at).is_some_and(|before| before.ends_with('\\'));
    let end = text.match_indices('"').map(|(at, _)| at).find(|at| !is_escaped(*at));
    text.split_at(end.unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    /// A body that comes in these pieces, and never at once.
    struct Pieces(VecDeque<Result<Bytes, BodyCut>>, bool);

    impl Stream for Pieces {
        type Item = Result<Bytes, BodyCut>;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.1 = !self.1;
            if self.1 {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Poll::Ready(self.0.pop_front())
        }
    }

    fn form(bytes: &[u8], piece: usize) -> Multipart<Pieces> {
        let pieces = bytes.chunks(piece).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        Multipart::new(Pieces(pieces, false), b"B")
    }

    fn parts(bytes: &[u8], piece: usize) -> Result<Vec<(PartHead, Vec<u8>)>, FormError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut form, mut parts) = (form(bytes, piece), Vec::new());
            while let Some(head) = form.next_part().await? {
                let mut data = Vec::new();
                while let Some(bytes) = form.data().await? {
                    data.extend_from_slice(&bytes);
                }
                parts.push((head, data));
            }
            Ok(parts)
        })
    }

    /// Each part as a field.
    fn parts_as_text(bytes: &[u8], piece: usize) -> Result<Vec<String>, FormError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut form, mut parts) = (form(bytes, piece), Vec::new());
            while form.next_part().await?.is_some() {
                parts.push(form.text().await?);
            }
            Ok(parts)
        })
    }

    fn written(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut form = Vec::new();
        for (disposition, data) in parts {
            form.extend_from_slice(format!("--B\r\nContent-Disposition: {disposition}\r\n\r\n").as_bytes());
            form.extend_from_slice(data);
            form.extend_from_slice(b"\r\n");
        }
        form.extend_from_slice(b"--B--\r\n");
        form
    }

    #[test]
    fn a_form_is_read_part_by_part() {
        let form = written(&[
            ("form-data; name=\"a\"", b"1"),
            ("form-data; name=\"file\"; filename=\"x\"", b"\r\n--b\r\n--\r\n\r\n"),
            ("form-data; name=\"end\"", b""),
        ]);
        let form = [b"before\r\n", &form[..], b"behind"].concat();
        for piece in 1..form.len() {
            let found = parts(&form, piece).unwrap();
            let named: Vec<_> =
                found.iter().map(|(head, data)| (head.name.as_str(), head.is_file, &data[..])).collect();
            let wanted =
                [("a", false, &b"1"[..]), ("file", true, b"\r\n--b\r\n--\r\n\r\n"), ("end", false, b"")];
            assert_eq!(named, wanted, "in pieces of {piece}");
        }
    }

    #[test]
    fn names_are_taken_as_browsers_write_them() {
        let table = [
            ("form-data; name=\"file\"; filename=\"a.bin\\\"", "file", true),
            ("form-data; name=\"file\"; filename=\"a\u{1}\0b\"", "file", true),
            ("form-data; name=\"file\"; filename=\"\"", "file", true),
            ("form-data; filename=\"x; name=y\"; name=\"file\"", "file", true),
            ("form-data;NAME=file;FileName=x", "file", true),
            ("form-data; name=\"a\\\"b\"", "a\"b", false),
            ("form-data; name = \"a b\" ", "a b", false),
            ("form-data; name=\"file\"; filename*=UTF-8''x", "file", true),
            ("form-data;\r\n name=\"a\"", "a", false),
            ("form-data; filename", "", false),
            ("form-data", "", false),
        ];
        for (disposition, name, is_file) in table {
            let head = parts(&written(&[(disposition, b"")]), 7).unwrap()[0].0.clone();
            assert_eq!(head, PartHead { name: name.into(), is_file }, "{disposition:?}");
        }
    }

    #[test]
    fn what_is_no_form_is_told_from_what_was_cut() {
        let good = written(&[("form-data; name=\"file\"; filename=\"x\"", b"hello")]);
        for len in 0..good.len() - 4 {
            assert_eq!(parts(&good[..len], 3), Err(FormError::Ended), "{len} bytes");
        }
        for broken in
            ["--B\r\nno colon\r\n\r\n\r\n--B--", "--Bx\r\n\r\n\r\n--B--", "--B \t-\r\n\r\n\r\n--B--"]
        {
            assert!(matches!(parts(broken.as_bytes(), 3), Err(FormError::Broken(_))), "{broken:?}");
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let pieces = VecDeque::from([Ok(Bytes::from_static(b"--B\r\n")), Err(BodyCut::Gone)]);
        let mut cut = Multipart::new(Pieces(pieces, false), b"B");
        assert_eq!(runtime.block_on(cut.next_part()), Err(FormError::Cut(BodyCut::Gone)));
    }

    #[test]
    fn no_more_than_the_allowance_is_held() {
        let field =
            |name: &str, len: usize| written(&[(name, "x".repeat(len).as_bytes()), ("form-data", b"")]);
        let head =
            |len: usize| written(&[(&format!("form-data; name=\"a\"\r\nX: {}", "x".repeat(len)), b"")]);
        let padded = |len: usize| [b"--B", " ".repeat(len).as_bytes(), &head(1)[3..]].concat();
        let long_head = format!("form-data; name=\"a\"\r\nX: {}", "x".repeat(12_000));
        for (form, refused) in [
            (field("form-data; name=\"a\"", ALLOWANCE - 1000), None),
            (field("form-data; name=\"a\"", ALLOWANCE), Some(TOO_MUCH)),
            ([&b"x".repeat(ALLOWANCE), &b"\r\n"[..], &head(1)].concat(), Some(TOO_MUCH)),
            (written(&[(long_head.as_str(), &b""[..]); 6]), Some(TOO_MUCH)),
            (written(&[(long_head.as_str(), &b""[..]); 5]), None),
            (head(LONGEST_HEAD - 1000), None),
            (head(LONGEST_HEAD), Some(HEAD_TOO_LONG)),
            (padded(LONGEST_PADDING), None),
            (padded(LONGEST_PADDING + 1), Some(TOO_MUCH_PADDING)),
        ] {
            for piece in [1, 1000, form.len()] {
                assert_eq!(parts_as_text(&form, piece).err(), refused, "in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_is_gathered_has_no_more_room_than_it_may_need() {
        let mut held = Vec::new();
        for _ in 0..1000 {
            gather(&mut held, b"0123456789", 10_000).unwrap();
            assert!(held.capacity() <= 10_000, "{}", held.capacity());
        }
        assert_eq!((gather(&mut held, b"x", 10_000), held.len()), (None, 10_000));
    }

    #[test]
    fn parameters_are_found_wherever_they_stand() {
        let boundary = |value| parameter(value, "boundary");
        assert_eq!(boundary("multipart/form-data; boundary=B").as_deref(), Some("B"));
        assert_eq!(
            boundary("multipart/form-data;charset=utf-8; Boundary=\"a b;c\" ").as_deref(),
            Some("a b;c")
        );
        assert_eq!(boundary("multipart/form-data; x=\"boundary=1\"; boundary=2").as_deref(), Some("2"));
        assert_eq!(boundary("multipart/form-data; boundary").as_deref(), None);
        assert_eq!(boundary("multipart/form-data"), None);
    }

    proptest! {
        #[test]
        fn any_data_comes_out_as_it_went_in(
            data in proptest::collection::vec(proptest::sample::select(b"\r\n-Bx\0".to_vec()), 0..60),
            piece in 1_usize..20,
        ) {
            prop_assume!(memmem::find(&[b"\r\n", &data[..]].concat(), b"\r\n--B").is_none());
            let form = written(&[("form-data; name=\"file\"; filename=\"x\"", &data), ("form-data; name=\"z\"", b"1")]);
            let found = parts(&form, piece).unwrap();
            prop_assert_eq!(&found[0].1, &data);
            prop_assert_eq!(&found[1].1, b"1");
        }
    }
}
