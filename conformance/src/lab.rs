//! What a case works with: the server under test, requests with the usual headers, and a record of what was said.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    case::{Verdict, ensure, fail, skip},
    client::{Body, Endpoint, Http2, Request, Response, Wire},
    offers::Offers,
};

/// The content type of every body that carries bytes of an upload.
pub(crate) const OCTETS: &str = "application/offset+octet-stream";

/// The server under test, the same for every case.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// Header lines that the user wants on every request.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) timeout: Duration,
    pub(crate) expire_wait: Duration,
    pub(crate) offers: Offers,
}

/// An upload that a case has made: the path that is requested, and the `Location` as the server wrote it.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) path: String,
    pub(crate) location: String,
}

/// One case's workplace.
#[derive(Clone)]
pub(crate) struct Lab {
    target: Arc<Target>,
    notes: Arc<Mutex<Notes>>,
}

#[derive(Default)]
struct Notes {
    exchanges: Vec<String>,
    created: Vec<String>,
}

impl Lab {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self { target, notes: Arc::default() }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.target.endpoint
    }

    pub(crate) fn offers(&self) -> &Offers {
        &self.target.offers
    }

    pub(crate) fn expire_wait(&self) -> Duration {
        self.target.expire_wait
    }

    /// How long one answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.target.timeout
    }

    // What a case needs of the server.

    /// Skips the case unless the server announces every one of these extensions.
    pub(crate) fn needs(&self, extensions: &[&str]) -> Verdict {
        match extensions.iter().find(|name| !self.offers().has(name)) {
            Some(missing) => skip(format!("Tus-Extension does not name {missing}")),
            None => Ok(()),
        }
    }

    /// Skips the case unless uploads can be read back by GET.
    pub(crate) fn needs_download(&self) -> Verdict {
        if self.offers().download { Ok(()) } else { skip("uploads can't be read back by GET") }
    }

    /// Skips the case unless an upload of this length is within `Tus-Max-Size`.
    pub(crate) fn needs_room(&self, length: u64) -> Verdict {
        match self.offers().max_size {
            Some(max) if max < length => skip(format!("Tus-Max-Size is below {length}")),
            _ => Ok(()),
        }
    }

    // Requests, with the headers that every client sends.

    /// Any request to any path: Host, Tus-Resumable, and a connection of its own.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let mut request = Request::new(method, path)
            .header("Host", &self.target.endpoint.authority)
            .header("Connection", "close");
        request.headers.extend(self.target.headers.iter().cloned());
        if method == "OPTIONS" { request } else { request.header("Tus-Resumable", "1.0.0") }
    }

    /// A creation without a length and without a body.
    pub(crate) fn post(&self) -> Request {
        self.request("POST", &self.target.endpoint.path).bytes([])
    }

    /// A PATCH at `offset` whose body the case still has to give.
    pub(crate) fn patch(&self, upload: &Upload, offset: impl ToString) -> Request {
        self.request("PATCH", &upload.path).header("Content-Type", OCTETS).header("Upload-Offset", offset)
    }

    // Exchanges; each is noted for the report.

    /// Sends the request on a connection of its own.
    pub(crate) async fn send(&self, request: Request) -> Verdict<Response> {
        let mut wire = self.open().await?;
        let answer = wire.exchange(&request).await;
        self.note(&request, &answer);
        answer
    }

    /// A connection of its own, for a case that decides about bytes and timing itself.
    pub(crate) async fn open(&self) -> Verdict<Wire> {
        Wire::open(&self.target.endpoint, self.target.timeout).await
    }

    /// An HTTP/2 connection; skips the case where the server does not speak it.
    pub(crate) async fn http2(&self) -> Verdict<Http2> {
        if !self.offers().http2 {
            return skip("the server does not speak HTTP/2 by prior knowledge");
        }
        Http2::open(&self.target.endpoint, self.target.timeout).await
    }

    /// Sends the request as a stream of this HTTP/2 connection.
    pub(crate) async fn send_over(&self, http2: &Http2, request: Request) -> Verdict<Response> {
        let answer = http2.exchange(&request).await;
        self.note(&request, &answer);
        answer
    }

    /// Starts a PATCH of `announced` bytes, sends `bytes` of them and leaves the connection open.
    pub(crate) async fn stall(
        &self,
        upload: &Upload,
        offset: u64,
        announced: u64,
        bytes: &[u8],
    ) -> Verdict<Wire> {
        let body = Body::Announced { length: announced, bytes: bytes.to_vec() };
        let request = self.patch(upload, offset).body(body);
        let mut wire = self.open().await?;
        wire.send(&request).await?;
        self.say(format!("→ {}\n← (not awaited)", request.summary().replace('\n', "\n  ")));
        Ok(wire)
    }

    /// Notes a request and its answer for the report.
    pub(crate) fn note(&self, request: &Request, answer: &Verdict<Response>) {
        let came = match answer {
            Ok(response) => response.summary(),
            Err(_) => "no answer".to_owned(),
        };
        let sent = request.summary().replace('\n', "\n  ");
        self.say(format!("→ {sent}\n← {}", came.replace('\n', "\n  ")));
    }

    /// Notes anything else that a reader of the report has to know.
    pub(crate) fn say(&self, text: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).exchanges.push(text);
    }

    /// What was said last, at most `count` exchanges.
    pub(crate) fn last_exchanges(&self, count: usize) -> Vec<String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let from = notes.exchanges.len().saturating_sub(count);
        notes.exchanges.get(from..).unwrap_or_default().to_vec()
    }

    // Steps that most cases share.

    /// Sends a creation and demands its success.
    pub(crate) async fn create_by(&self, request: Request) -> Verdict<(Upload, Response)> {
        self.needs(&["creation"])?;
        let response = self.send(request).await?;
        response.status(&[201])?;
        let upload = self.adopt(&response)?;
        Ok((upload, response))
    }

    /// The upload that a response's `Location` names; it is removed when the case is over.
    pub(crate) fn adopt(&self, response: &Response) -> Verdict<Upload> {
        let location = response.value("Location")?.to_owned();
        let path = self.target.endpoint.resolve(&location);
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.created.push(path.clone());
        Ok(Upload { path, location })
    }

    /// An empty upload of this length.
    pub(crate) async fn create(&self, length: u64) -> Verdict<Upload> {
        Ok(self.create_by(self.post().header("Upload-Length", length)).await?.0)
    }

    /// An upload of this length with its first bytes in place.
    pub(crate) async fn started(&self, length: u64, bytes: &[u8]) -> Verdict<Upload> {
        let upload = self.create(length).await?;
        self.append(&upload, 0, bytes).await?;
        Ok(upload)
    }

    /// A complete upload with this content.
    pub(crate) async fn filled(&self, bytes: &[u8]) -> Verdict<Upload> {
        self.started(size(bytes), bytes).await
    }

    /// Appends bytes and demands the success and the new offset.
    pub(crate) async fn append(&self, upload: &Upload, offset: u64, bytes: &[u8]) -> Verdict<Response> {
        let response = self.send(self.patch(upload, offset).bytes(bytes)).await?;
        response.status(&[204])?.has("Upload-Offset", offset + size(bytes))?;
        Ok(response)
    }

    pub(crate) async fn head(&self, upload: &Upload) -> Verdict<Response> {
        self.send(self.request("HEAD", &upload.path)).await
    }

    /// The offset that HEAD tells.
    pub(crate) async fn offset(&self, upload: &Upload) -> Verdict<u64> {
        let response = self.head(upload).await?;
        response.status(&[200, 204])?;
        response.number("Upload-Offset")
    }

    /// Demands that HEAD tells this offset.
    pub(crate) async fn stands_at(&self, upload: &Upload, offset: u64) -> Verdict {
        let found = self.offset(upload).await?;
        ensure(found == offset, || format!("expected HEAD to tell Upload-Offset {offset}, got {found}"))
    }

    /// Demands that HEAD comes to tell this offset: after a cut, a server may need a moment to notice.
    pub(crate) async fn comes_to(&self, upload: &Upload, offset: u64) -> Verdict {
        let deadline = Instant::now() + self.target.timeout;
        loop {
            let response = self.head(upload).await?;
            let found = if response.status == 423 { None } else { Some(response.number("Upload-Offset")?) };
            if found == Some(offset) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let found = found.map_or("423".to_owned(), |found| found.to_string());
                return fail(format!("expected Upload-Offset to come to {offset}, it stays at {found}"));
            }
            sleep(POLL).await;
        }
    }

    /// The offset once two looks, some time apart, agree: for cuts whose outcome the server may choose.
    pub(crate) async fn settled(&self, upload: &Upload) -> Verdict<u64> {
        let deadline = Instant::now() + self.target.timeout;
        let mut last = None;
        loop {
            let response = self.head(upload).await?;
            if response.status != 423 {
                let found = response.number("Upload-Offset")?;
                if last == Some(found) {
                    return Ok(found);
                }
                last = Some(found);
            }
            if Instant::now() >= deadline {
                return fail(
                    "expected Upload-Offset to settle after the cut, it keeps changing or stays locked",
                );
            }
            sleep(POLL * 2).await;
        }
    }

    /// Demands that GET gives these bytes; where the server has no download, nothing is demanded.
    pub(crate) async fn contains(&self, upload: &Upload, bytes: &[u8]) -> Verdict {
        if !self.offers().download {
            return Ok(());
        }
        let response = self.send(self.request("GET", &upload.path).without("Tus-Resumable")).await?;
        response.status(&[200])?;
        ensure(response.body == bytes, || difference(&response.body, bytes))
    }

    /// Appends everything from `offset` to the end of `bytes`, and demands that the upload is complete and right.
    pub(crate) async fn complete(&self, upload: &Upload, offset: u64, bytes: &[u8]) -> Verdict {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(rest) = bytes.get(from..) else {
            return fail(format!("the offset {offset} lies past the {} bytes of the upload", bytes.len()));
        };
        if !rest.is_empty() {
            self.append(upload, offset, rest).await?;
        }
        self.stands_at(upload, size(bytes)).await?;
        self.contains(upload, bytes).await
    }

    /// Removes what the case made, where the server can. What comes back is of no interest here.
    pub(crate) async fn clean_up(&self) {
        if !self.offers().has("termination") {
            return;
        }
        let created = {
            let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut notes.created)
        };
        for path in created {
            if let Ok(mut wire) = self.open().await {
                let _ = wire.exchange(&self.request("DELETE", &path)).await;
            }
        }
    }
}

/// How often a case looks again.
const POLL: Duration = Duration::from_millis(100);

/// A body's length as tus counts it.
pub(crate) fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// Bytes that look random, differ from seed to seed and are the same in every run.
pub(crate) fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let word = state.to_le_bytes();
        let wanted = (length - bytes.len()).min(word.len());
        bytes.extend(word.into_iter().take(wanted));
    }
    bytes
}

/// Where two contents part, for people.
pub(crate) fn difference(found: &[u8], wanted: &[u8]) -> String {
    let at = found.iter().zip(wanted).position(|(left, right)| left != right);
    match at {
        Some(at) => format!("expected GET to give the bytes that were sent; they differ from byte {at} on"),
        None => format!(
            "expected GET to give the {} bytes that were sent, got {} bytes",
            wanted.len(),
            found.len()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_repeat_and_differ() {
        assert_eq!(pattern(1, 100), pattern(1, 100));
        assert_ne!(pattern(1, 100), pattern(2, 100));
        assert_eq!(pattern(1, 13).len(), 13);
        assert_eq!(pattern(1, 100).get(..13), Some(&pattern(1, 13)[..]));
    }

    #[test]
    fn differences_are_located() {
        assert!(difference(b"abc", b"abd").contains("byte 2"));
        assert!(difference(b"ab", b"abc").contains("2 bytes"));
    }
}
