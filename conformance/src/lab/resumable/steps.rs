//! The steps that the cases about Resumable.js share: sending chunks, asking for them, finishing, comparing.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::{File, Params, Receiver, Sending};
use crate::{
    case::{Verdict, ensure, fail, skip},
    client::{Endpoint, Request, Response, Wire},
    lab::{Lab, difference, pattern},
};

/// What tells Resumable.js that a chunk is stored.
pub(crate) const SUCCESSES: [u16; 2] = [200, 201];

/// At these the clients give the whole file up: those of the stock settings and those that their pages add.
const PERMANENT: [u16; 8] = [400, 401, 403, 404, 409, 415, 500, 501];

/// How often a step looks or tries again.
const POLL: Duration = Duration::from_millis(50);

/// Whether the clients give the whole file up at this status.
pub(crate) fn is_permanent(status: u16) -> bool {
    PERMANENT.contains(&status)
}

/// Whether a test that is answered so keeps the chunk from being sent: 202 does with the relatives.
pub(crate) fn is_there(answer: &Response) -> bool {
    matches!(answer.status, 200..=202)
}

/// Makes names of one run differ.
static COUNTER: AtomicU64 = AtomicU64::new(1);

impl Lab {
    pub(crate) fn receiver(&self) -> &Receiver {
        &self.target.receiver
    }

    /// A request to the receiver, with this query behind the one that its URL has already.
    pub(crate) fn plain(&self, method: &str, query: &str) -> Request {
        let path = &self.target.endpoint.path;
        let joint = if path.contains('?') { '&' } else { '?' };
        let target = if query.is_empty() { path.clone() } else { format!("{path}{joint}{query}") };
        self.request(method, &target).without("Tus-Resumable")
    }

    /// A file that nobody has sent before.
    pub(crate) fn file(&self, length: usize, chunk: u64) -> File {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("conformance-{}-{number}.bin", self.receiver().run);
        File::new(&name, pattern(number, length), chunk)
    }

    /// A chunk as the stock client sends it, for the case to change.
    pub(crate) fn sending(&self, file: &File, number: u64) -> Sending {
        Sending::new(file, number, &self.receiver().namespace)
    }

    pub(crate) async fn offer(&self, sending: &Sending) -> Verdict<Response> {
        self.send(sending.request(self)).await
    }

    /// Sends a chunk and demands that it is stored.
    pub(crate) async fn store_by(&self, sending: &Sending) -> Verdict<Response> {
        let answer = self.offer(sending).await?;
        answer.status(&SUCCESSES)?;
        Ok(answer)
    }

    /// Sends a chunk as the stock client does and demands that it is stored.
    pub(crate) async fn store(&self, file: &File, number: u64) -> Verdict<Response> {
        self.store_by(&self.sending(file, number)).await
    }

    /// Sends these chunks, one after the other.
    pub(crate) async fn fill(&self, file: &File, numbers: &[u64]) -> Verdict {
        for number in numbers {
            self.store(file, *number).await?;
        }
        Ok(())
    }

    /// Sends a chunk again and again while the answer is one that passes, as the clients do.
    pub(crate) async fn store_in_time(&self, file: &File, number: u64) -> Verdict {
        let deadline = Instant::now() + self.target.timeout;
        loop {
            let answer = self.offer(&self.sending(file, number)).await?;
            if SUCCESSES.contains(&answer.status) {
                return Ok(());
            }
            ensure(!is_permanent(answer.status), || {
                format!(
                    "expected a chunk that is right to be stored, or a status that makes the client try again, got {}",
                    answer.status
                )
            })?;
            if Instant::now() >= deadline {
                return fail(format!(
                    "expected chunk {number} to be stored in the end, got {}",
                    answer.status
                ));
            }
            sleep(POLL).await;
        }
    }

    // Questions.

    /// Asks with these parameters.
    pub(crate) async fn ask_with(&self, method: &str, file: &File, params: Params) -> Verdict<Response> {
        let question = Sending { query: params, ..self.sending(file, 1) };
        self.send(self.plain(method, &question.query_text())).await
    }

    /// Asks for one chunk.
    pub(crate) async fn ask(&self, method: &str, file: &File, number: u64) -> Verdict<Response> {
        self.ask_with(method, file, file.params(number)).await
    }

    /// Whether a test finds the chunk.
    pub(crate) async fn has(&self, file: &File, number: u64) -> Verdict<bool> {
        let answer = self.ask("GET", file, number).await?;
        answer.no_breakdown()?;
        Ok(is_there(&answer))
    }

    /// Demands that tests find these chunks and no others.
    pub(crate) async fn holds(&self, file: &File, present: &[u64]) -> Verdict {
        for number in file.numbers() {
            let (found, wanted) = (self.has(file, number).await?, present.contains(&number));
            ensure(found == wanted, || {
                let words = |there| if there { "there" } else { "not there" };
                format!("expected chunk {number} to be {}, the test says {}", words(wanted), words(found))
            })?;
        }
        Ok(())
    }

    /// Skips the case unless the receiver answers questions about whole uploads.
    pub(crate) fn needs_status(&self) -> Verdict {
        if self.receiver().offers.status {
            Ok(())
        } else {
            skip("the receiver does not answer a GET without a chunk number by a status in JSON")
        }
    }

    /// Skips the case unless finished files can be compared.
    pub(crate) fn needs_bytes(&self) -> Verdict {
        if self.receiver().offers.download {
            Ok(())
        } else {
            skip("it is not told where finished files can be read (--resumable-download)")
        }
    }

    /// What the receiver says of the whole upload.
    pub(crate) async fn status(&self, file: &File) -> Verdict<Value> {
        let answer = self.ask_with("GET", file, file.question()).await?;
        answer.status(&[200])?;
        match serde_json::from_slice(&answer.body) {
            Ok(value) => Ok(value),
            Err(error) => fail(format!("expected a status in JSON, but: {error}")),
        }
    }

    /// Demands that the upload is unfinished and has so many chunks; where that can't be asked, nothing is demanded.
    pub(crate) async fn is_unfinished(&self, file: &File, present: usize) -> Verdict {
        if !self.receiver().offers.status {
            return Ok(());
        }
        let status = self.status(file).await?;
        if present == 0 && status.get("status") == Some(&"not_found".into()) {
            return Ok(());
        }
        let as_wanted = status.get("status") == Some(&"in_progress".into())
            && status.get("chunks_present") == Some(&present.into());
        ensure(as_wanted, || {
            format!("expected the status in_progress and {present} as chunks_present, got {status}")
        })
    }

    /// Demands that exactly these chunks are there and that the upload can be finished; nothing else proves that a
    /// refusal has changed nothing.
    pub(crate) async fn is_untouched(&self, file: &File, present: &[u64]) -> Verdict {
        self.holds(file, present).await?;
        self.is_unfinished(file, present.len()).await?;
        self.finish(file, present).await
    }

    /// Sends all chunks but these, and demands that the file is complete and right.
    pub(crate) async fn finish(&self, file: &File, present: &[u64]) -> Verdict {
        let missing: Vec<u64> =
            file.numbers().into_iter().filter(|number| !present.contains(number)).collect();
        self.fill(file, &missing).await?;
        self.is_complete(file).await
    }

    /// Demands, as far as it can be asked, that the file is complete and has the right bytes. A receiver may need a
    /// moment to put the chunks together.
    pub(crate) async fn is_complete(&self, file: &File) -> Verdict {
        let deadline = Instant::now() + self.target.timeout;
        let mut told = None;
        while self.receiver().offers.status {
            let status = self.status(file).await?;
            if status.get("status") == Some(&"complete".into()) {
                ensure(status.get("size") == Some(&file.total().into()), || {
                    format!("expected {} as the size of the complete file, got {status}", file.total())
                })?;
                told = Some(status);
                break;
            }
            if Instant::now() >= deadline {
                return fail(format!("expected the status complete, it stays {status}"));
            }
            sleep(POLL).await;
        }
        self.contains_bytes(file, told.as_ref(), deadline).await
    }

    async fn contains_bytes(&self, file: &File, status: Option<&Value>, deadline: Instant) -> Verdict {
        let Some(template) = self.receiver().download.as_ref().filter(|template| template.names(file)) else {
            return Ok(());
        };
        let Some(reference) = template.fill(file, status) else {
            return fail("expected a url beside the status complete, as --resumable-download needs it");
        };
        loop {
            let answer = self.fetch(&reference).await?;
            if answer.status == 200 || Instant::now() >= deadline {
                answer.status(&[200])?;
                return ensure(*answer.body == *file.bytes, || difference(&answer.body, &file.bytes));
            }
            sleep(POLL).await;
        }
    }

    /// Reads a finished file.
    pub(crate) async fn fetch(&self, reference: &str) -> Verdict<Response> {
        let own = &self.target.endpoint;
        let endpoint = match Endpoint::parse(reference) {
            Ok(elsewhere) => elsewhere,
            Err(_) => Endpoint { path: own.resolve(reference), ..own.clone() },
        };
        let request =
            self.request("GET", &endpoint.path).without("Tus-Resumable").set("Host", &endpoint.authority);
        let mut wire = Wire::open(&endpoint, self.target.timeout).await?;
        let answer = wire.exchange(&request).await;
        self.note(&request, &answer);
        answer
    }
}
