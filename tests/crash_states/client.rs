//! A client that uploads by chunks (Resumable.js).

use super::support::daemon::Daemon;
use super::support::wire::Answer;

/// A file as such a client sees it.
pub(crate) struct Chunks<'a> {
    pub(crate) identifier: &'a str,
    pub(crate) file_name: &'a str,
    pub(crate) bytes: &'a [u8],
    /// Bytes in a chunk; all are equal here.
    pub(crate) size: usize,
}

impl Chunks<'_> {
    pub(crate) fn numbers(&self) -> impl Iterator<Item = usize> {
        1..=self.bytes.len() / self.size
    }

    fn path(&self, number: usize) -> String {
        format!(
            "/resumable_upload?resumableIdentifier={}&resumableFilename={}&resumableTotalSize={}\
             &resumableChunkSize={}&resumableChunkNumber={number}",
            self.identifier,
            self.file_name,
            self.bytes.len(),
            self.size
        )
    }

    pub(crate) fn has(&self, daemon: &Daemon, number: usize) -> bool {
        let answer = daemon.ask("GET", &self.path(number), "", b"");
        assert!([200, 204].contains(&answer.status), "chunk {number}: {} {}", answer.status, answer.text());
        answer.status == 200
    }

    pub(crate) fn put(&self, daemon: &Daemon, number: usize) -> Answer {
        let bytes = &self.bytes[(number - 1) * self.size..number * self.size];
        daemon.ask("POST", &self.path(number), "Content-Type: application/octet-stream", bytes)
    }
}
