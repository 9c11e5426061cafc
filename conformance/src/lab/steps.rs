//! The steps that most cases share: creating, appending, looking, cleaning up.

use std::{sync::PoisonError, time::Duration};

use tokio::time::{Instant, sleep};

use crate::{
    case::{Verdict, ensure, fail},
    client::{Request, Response},
    lab::{Lab, Upload, difference, size},
};

/// How often a case looks again.
const POLL: Duration = Duration::from_millis(100);

impl Lab {
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

    /// A creation whose length will be told later; skips the case where the server has no such thing.
    pub(crate) async fn deferred(&self) -> Verdict<Upload> {
        self.needs(&["creation-defer-length"])?;
        Ok(self.create_by(self.post().header("Upload-Defer-Length", 1)).await?.0)
    }

    /// A path that looks like an upload's but names none.
    pub(crate) async fn unknown(&self) -> Verdict<Upload> {
        let upload = self.create(1).await?;
        let path = unlike(&upload.path);
        Ok(Upload { location: path.clone(), path })
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

/// Another path of the same shape: identifiers are mostly hexadecimal, so that only the digits are turned.
fn unlike(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let turned: String = name
        .chars()
        .map(|letter| match letter {
            '9' => '0',
            '0'..='8' => char::from_digit(letter.to_digit(10).unwrap_or(0) + 1, 10).unwrap_or('0'),
            other => other,
        })
        .collect();
    let name = if turned == name { format!("{name}0") } else { turned };
    format!("{folder}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_paths_keep_their_shape() {
        assert_eq!(unlike("/files/a9c0?x=1"), "/files/a0c1?x=1");
        assert_eq!(unlike("/files/abc"), "/files/abc0");
    }
}
