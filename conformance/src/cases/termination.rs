//! Termination: D1.

use crate::{
    case::{Case, Verdict, ensure, must, robust, should},
    cases::steps::{ends_short, gone, says_gone, terminate},
    lab::{Lab, pattern},
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        must("D1-status", "DELETE of an upload is answered 204.", |lab| async move {
            lab.needs(&["termination"])?;
            let upload = lab.started(100, b"hello").await?;
            terminate(&lab, &upload).await
        }),
        must("D1-new", "An upload without any bytes can be terminated, too.", |lab| async move {
            lab.needs(&["termination"])?;
            let upload = lab.create(100).await?;
            terminate(&lab, &upload).await
        }),
        must("D1-complete", "A complete upload can be terminated, too.", |lab| async move {
            lab.needs(&["termination"])?;
            let upload = lab.filled(b"hello").await?;
            terminate(&lab, &upload).await?;
            gone(&lab, &upload).await
        }),
        should("D1-then-head", "HEAD of a terminated upload is answered 404 or 410.", |lab| async move {
            lab.needs(&["termination"])?;
            let upload = lab.started(100, b"hello").await?;
            terminate(&lab, &upload).await?;
            gone(&lab, &upload).await
        }),
        should("D1-then-patch", "PATCH of a terminated upload is answered 404 or 410.", |lab| async move {
            lab.needs(&["termination"])?;
            let upload = lab.started(100, b"hello").await?;
            terminate(&lab, &upload).await?;
            says_gone("PATCH", &lab.send(lab.patch(&upload, 5).bytes(b"world")).await?)?;
            gone(&lab, &upload).await
        }),
        should("D1-then-get", "GET of a terminated upload is answered 404 or 410.", |lab| async move {
            lab.needs(&["termination"])?;
            lab.needs_download()?;
            let upload = lab.filled(b"hello").await?;
            terminate(&lab, &upload).await?;
            says_gone("GET", &lab.send(lab.request("GET", &upload.path)).await?)
        }),
        should("D1-then-delete", "A second DELETE is answered 404 or 410.", |lab| async move {
            lab.needs(&["termination"])?;
            let upload = lab.started(100, b"hello").await?;
            terminate(&lab, &upload).await?;
            says_gone("DELETE", &lab.send(lab.request("DELETE", &upload.path)).await?)
        }),
        should(
            "D1-unknown",
            "DELETE of an upload that never was is answered 404 or 410.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let upload = lab.create(100).await?;
                // A well-formed name that this server did not give: the same length, other digits.
                let (folder, name) = upload.path.rsplit_once('/').unwrap_or(("", &upload.path));
                let other: String =
                    name.chars().map(|letter| if letter == 'a' { 'b' } else { 'a' }).collect();
                let path = format!("{folder}/{other}");
                says_gone("DELETE", &lab.send(lab.request("DELETE", &path)).await?)?;
                lab.stands_at(&upload, 0).await
            },
        ),
        should(
            "D1-running",
            "DELETE ends a PATCH that is under way, and its late bytes bring nothing back.",
            during_a_patch,
        ),
        must("D1-partial", "A partial upload can be terminated.", |lab| async move {
            lab.needs(&["termination", "concatenation"])?;
            let request = lab.post().header("Upload-Length", 5).header("Upload-Concat", "partial");
            let (upload, _) = lab.create_by(request).await?;
            lab.append(&upload, 0, b"hello").await?;
            terminate(&lab, &upload).await?;
            gone(&lab, &upload).await
        }),
        must(
            "D1-without-version",
            "DELETE without Tus-Resumable is answered 412 and terminates nothing.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let upload = lab.started(10, b"hello").await?;
                let request = lab.request("DELETE", &upload.path).without("Tus-Resumable");
                lab.send(request).await?.status(&[412])?;
                lab.stands_at(&upload, 5).await?;
                lab.complete(&upload, 5, b"helloworld").await
            },
        ),
        must(
            "D1-other-version",
            "DELETE with a version that the server does not speak is answered 412 and terminates nothing.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let upload = lab.started(10, b"hello").await?;
                let request = lab.request("DELETE", &upload.path).set("Tus-Resumable", "9.9.9");
                lab.send(request).await?.status(&[412])?;
                lab.stands_at(&upload, 5).await?;
                lab.complete(&upload, 5, b"helloworld").await
            },
        ),
        robust("D1-others-stay", "Terminating an upload leaves its neighbours alone.", |lab| async move {
            lab.needs(&["termination"])?;
            let (first, second) = (lab.filled(b"hello").await?, lab.started(10, b"hello").await?);
            let third = lab.started(10, b"other").await?;
            terminate(&lab, &third).await?;
            lab.stands_at(&first, 5).await?;
            lab.contains(&first, b"hello").await?;
            lab.complete(&second, 5, b"helloworld").await
        }),
        robust(
            "D1-empty-body",
            "DELETE may carry an empty body, as some clients send it.",
            |lab| async move {
                lab.needs(&["termination"])?;
                let upload = lab.started(10, b"hello").await?;
                lab.send(lab.request("DELETE", &upload.path).bytes([])).await?.status(&[204])?;
                gone(&lab, &upload).await
            },
        ),
    ]
}

async fn during_a_patch(lab: Lab) -> Verdict {
    lab.needs(&["termination"])?;
    let bytes = pattern(51, 200_000);
    let (half, rest) = bytes.split_at(100_000);
    let upload = lab.create(200_000).await?;
    let mut wire = lab.stall(&upload, 0, 200_000, half).await?;
    // DELETE is to meet a PATCH that is known to the server, not one that still waits to be read.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    terminate(&lab, &upload).await?;
    gone(&lab, &upload).await?;
    wire.try_write(rest).await;
    ends_short(&lab, &mut wire, 200_000).await?;
    let head = lab.head(&upload).await?;
    ensure([404, 410].contains(&head.status), || {
        format!("expected the upload to stay gone after late bytes, HEAD is answered {}", head.status)
    })
}
