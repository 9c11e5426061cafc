//! Clients that come back while their old connection still hangs: X3. The protocol's text knows none of them, so it is
//! robustness; only what must never happen to the content is more.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::{
    case::{Case, Verdict, ensure, fail, must, robust, skip},
    cases::{
        checksum,
        steps::{SOON, begin, ends_short, gone, soon},
    },
    checksum::header,
    client::{Body, Wire},
    lab::{Lab, Upload, pattern, size},
};

const LENGTH: u64 = 200_000;
const HALF: usize = 100_000;

pub(super) fn cases() -> Vec<Case> {
    vec![
        robust(
            "X3-head",
            "HEAD is answered within 3 s while a stalled PATCH holds the upload.",
            |lab| async move {
                let stalled = Stalled::new(&lab).await?;
                let head = soon("HEAD", lab.head(&stalled.upload)).await?;
                let told = head.status(&[200, 204])?.number("Upload-Offset")?;
                ensure(told <= size(stalled.sent()), || {
                    format!("expected at most the bytes that were sent, got {told}")
                })
            },
        ),
        robust(
            "X3-head-counts",
            "Within 3 s, HEAD tells all bytes that a stalled PATCH has brought.",
            |lab| async move {
                let stalled = Stalled::new(&lab).await?;
                soon("HEAD coming to tell what arrived", lab.comes_to(&stalled.upload, size(stalled.sent())))
                    .await
            },
        ),
        robust(
            "X3-patch",
            "A PATCH at the offset that HEAD told takes the upload over from a stalled one.",
            |lab| async move {
                let stalled = Stalled::new(&lab).await?;
                lab.comes_to(&stalled.upload, size(stalled.sent())).await?;
                let rest = stalled.rest();
                soon("the second PATCH", lab.append(&stalled.upload, size(stalled.sent()), rest)).await?;
                lab.contains(&stalled.upload, &stalled.bytes).await
            },
        ),
        robust(
            "X3-reconnect",
            "A client that repeats HEAD and PATCH is done within 3 s.",
            |lab| async move {
                let stalled = Stalled::new(&lab).await?;
                soon("the rest of the upload", reconnect(&lab, &stalled.upload, &stalled.bytes)).await?;
                lab.contains(&stalled.upload, &stalled.bytes).await
            },
        ),
        robust(
            "X3-delete",
            "DELETE is answered within 3 s while a stalled PATCH holds the upload.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let stalled = Stalled::new(&lab).await?;
                let request = lab.request("DELETE", &stalled.upload.path);
                soon("DELETE", lab.send(request)).await?.status(&[204])?;
                gone(&lab, &stalled.upload).await
            },
        ),
        robust("X3-first-ends", "The connection of the PATCH that was overtaken ends.", |lab| async move {
            let mut stalled = Stalled::new(&lab).await?;
            stalled.overtaken(&lab).await?;
            ends_short(&lab, &mut stalled.wire, LENGTH).await
        }),
        must(
            "X3-late-bytes",
            "Bytes that come late on an overtaken connection change nothing.",
            |lab| async move {
                let mut stalled = Stalled::new(&lab).await?;
                stalled.overtaken(&lab).await?;
                stalled.wire.try_write(&pattern(93, stalled.rest().len())).await;
                // A while for a server that would write them.
                sleep(Duration::from_millis(300)).await;
                lab.stands_at(&stalled.upload, LENGTH).await?;
                lab.contains(&stalled.upload, &stalled.bytes).await
            },
        ),
        must(
            "X3-late-bytes-midway",
            "Late bytes do not mix with an upload that goes on elsewhere.",
            |lab| async move {
                let mut stalled = Stalled::new(&lab).await?;
                let (sent, rest) = (size(stalled.sent()), stalled.rest().to_vec());
                let (next, last) = rest.split_at(30_000);
                stalled.second_patch(&lab, sent, next).await?;
                stalled.wire.try_write(&pattern(94, rest.len())).await;
                sleep(Duration::from_millis(300)).await;
                lab.stands_at(&stalled.upload, sent + size(next)).await?;
                lab.append(&stalled.upload, sent + size(next), last).await?;
                lab.contains(&stalled.upload, &stalled.bytes).await
            },
        ),
        robust(
            "X3-again",
            "Five connections may stall in a row, each taking over from the one before.",
            stalls_in_a_row,
        ),
        robust("X3-chunked", "A stalled PATCH with a chunked body is taken over, too.", |lab| async move {
            let bytes = pattern(91, 200_000);
            let upload = lab.create(LENGTH).await?;
            let chunks = bytes.chunks(10_000).take(10).map(<[u8]>::to_vec).collect();
            let _wire = begin(&lab, &lab.patch(&upload, 0).body(Body::Unfinished { chunks })).await?;
            reconnect(&lab, &upload, &bytes).await?;
            lab.contains(&upload, &bytes).await
        }),
        robust(
            "X3-checksum",
            "Of a stalled body with a checksum nothing is kept by the one that takes over.",
            |lab| async move {
                checksum::needs(&lab, "sha1")?;
                let bytes = pattern(92, 200_000);
                let upload = lab.create(LENGTH).await?;
                let half = bytes.get(..HALF).unwrap_or_default().to_vec();
                let body = Body::Announced { length: LENGTH, bytes: half };
                let _wire = begin(
                    &lab,
                    &lab.patch(&upload, 0).header(checksum::NAME, header("sha1", &bytes)).body(body),
                )
                .await?;
                sleep(Duration::from_millis(300)).await;
                let request =
                    lab.patch(&upload, 0).header(checksum::NAME, header("sha1", &bytes)).bytes(bytes.clone());
                soon("the second PATCH", lab.send(request))
                    .await?
                    .status(&[204])?
                    .has("Upload-Offset", LENGTH)?;
                lab.contains(&upload, &bytes).await
            },
        ),
        robust(
            "X3-wrong-offset",
            "A second PATCH at a wrong offset is refused and takes nothing away.",
            |lab| async move {
                let stalled = Stalled::new(&lab).await?;
                let response = lab.send(lab.patch(&stalled.upload, 150_000).bytes(b"wrong")).await?;
                response.refused("its offset is not the current one")?;
                reconnect(&lab, &stalled.upload, &stalled.bytes).await?;
                lab.contains(&stalled.upload, &stalled.bytes).await
            },
        ),
        robust(
            "X3-get-elsewhere",
            "A stalled PATCH of one upload does not hold up GET of another.",
            |lab| async move {
                lab.needs_download()?;
                let other = lab.filled(&pattern(95, 3000)).await?;
                let _stalled = Stalled::new(&lab).await?;
                soon("GET of another upload", lab.contains(&other, &pattern(95, 3000))).await
            },
        ),
        robust(
            "X3-create-elsewhere",
            "A stalled PATCH of one upload does not hold up other uploads.",
            |lab| async move {
                let _stalled = Stalled::new(&lab).await?;
                let bytes = pattern(96, 3000);
                let other = soon("an upload beside it", lab.filled(&bytes)).await?;
                lab.contains(&other, &bytes).await
            },
        ),
    ]
}

/// An upload that is held by a PATCH of which half has come, on a connection that says nothing more.
struct Stalled {
    upload: Upload,
    wire: Wire,
    bytes: Vec<u8>,
}

impl Stalled {
    async fn new(lab: &Lab) -> Verdict<Self> {
        let bytes = pattern(90, 200_000);
        let upload = lab.create(LENGTH).await?;
        let wire = lab.stall(&upload, 0, LENGTH, bytes.get(..HALF).unwrap_or_default()).await?;
        // What is tried is a PATCH that the server knows of, not one that still waits to be read.
        sleep(Duration::from_millis(300)).await;
        Ok(Self { upload, wire, bytes })
    }

    fn sent(&self) -> &[u8] {
        self.bytes.get(..HALF).unwrap_or_default()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(HALF..).unwrap_or_default()
    }

    /// Sends the rest on another connection.
    async fn overtaken(&self, lab: &Lab) -> Verdict {
        self.second_patch(lab, size(self.sent()), self.rest()).await
    }

    /// Appends on another connection; skips the case where the server does not let go of the first one, since other
    /// cases are about that.
    async fn second_patch(&self, lab: &Lab, offset: u64, bytes: &[u8]) -> Verdict {
        lab.comes_to(&self.upload, offset).await?;
        let response = lab.send(lab.patch(&self.upload, offset).bytes(bytes)).await?;
        if response.status == 204 {
            return response.has("Upload-Offset", offset + size(bytes)).map(drop);
        }
        skip(format!("the second PATCH is not let in: {}", response.status))
    }
}

/// What clients do: HEAD, PATCH from there, and again on 409, 423 and 503, while [`SOON`] lasts.
async fn reconnect(lab: &Lab, upload: &Upload, bytes: &[u8]) -> Verdict {
    let deadline = Instant::now() + SOON;
    let mut last = String::from("no answer");
    while Instant::now() < deadline {
        let head = lab.head(upload).await?;
        if head.status == 423 {
            last = "HEAD was answered 423".into();
            sleep(Duration::from_millis(200)).await;
            continue;
        }
        let offset = head.number("Upload-Offset")?;
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let Some(rest) = bytes.get(from..) else {
            return fail(format!("HEAD told {offset}, more than was sent"));
        };
        let response = lab.send(lab.patch(upload, offset).bytes(rest)).await?;
        if response.status == 204 {
            return response.has("Upload-Offset", bytes.len()).map(drop);
        }
        response.status(&[204, 409, 423, 503])?;
        last = format!("PATCH was answered {}", response.status);
        sleep(Duration::from_millis(100)).await;
    }
    fail(format!(
        "expected the upload to go on within {} s on a new connection; last, {last}",
        SOON.as_secs()
    ))
}

async fn stalls_in_a_row(lab: Lab) -> Verdict {
    let bytes = pattern(97, 200_000);
    let upload = lab.create(LENGTH).await?;
    let mut hanging = Vec::new();
    let mut offset = 0;
    for piece in bytes.chunks(40_000).take(4) {
        hanging.push(lab.stall(&upload, offset, LENGTH - offset, piece).await?);
        offset += size(piece);
        soon("HEAD coming to tell what arrived", lab.comes_to(&upload, offset)).await?;
    }
    reconnect(&lab, &upload, &bytes).await?;
    for wire in &mut hanging {
        wire.try_write(&pattern(98, 40_000)).await;
    }
    lab.stands_at(&upload, LENGTH).await?;
    lab.contains(&upload, &bytes).await
}
