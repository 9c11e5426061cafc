//! What HEAD tells: C5 and C6.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    case::{Case, Level, Verdict, ensure, must, robust, should, skip},
    lab::{Lab, Upload},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = told();
    cases.extend(more());
    cases.extend(unknown());
    cases
}

fn told() -> Vec<Case> {
    vec![
        must("C5-fresh", "HEAD of a new upload tells offset 0 and its length.", |lab| async move {
            let upload = lab.create(10).await?;
            tells(&lab, &upload, 0, 10).await
        }),
        must("C5-begun", "HEAD of an unfinished upload tells its offset and its length.", |lab| async move {
            let upload = lab.started(10, b"abc").await?;
            tells(&lab, &upload, 3, 10).await
        }),
        must(
            "C5-complete",
            "HEAD of a complete upload tells offset and length, both the same.",
            |lab| async move {
                let upload = lab.filled(b"abcdef").await?;
                tells(&lab, &upload, 6, 6).await
            },
        ),
        must(
            "C5-zero-length",
            "HEAD of an empty complete upload tells offset 0 and length 0.",
            |lab| async move {
                let upload = lab.create(0).await?;
                tells(&lab, &upload, 0, 0).await
            },
        ),
        must("C5-no-store", "The answer to HEAD says Cache-Control: no-store.", |lab| async move {
            let upload = lab.create(1).await?;
            let answer = lab.head(&upload).await?;
            answer.value("Cache-Control")?;
            let found = answer.list("Cache-Control");
            ensure(found.iter().any(|directive| directive.eq_ignore_ascii_case("no-store")), || {
                format!("expected no-store in Cache-Control, got {found:?}")
            })
        }),
        must(
            "C5-no-store-complete",
            "HEAD of a complete upload says Cache-Control: no-store, too.",
            |lab| async move {
                let upload = lab.filled(b"abc").await?;
                let found = lab.head(&upload).await?.list("Cache-Control");
                ensure(found.iter().any(|directive| directive.eq_ignore_ascii_case("no-store")), || {
                    format!("expected no-store in Cache-Control, got {found:?}")
                })
            },
        ),
        must(
            "C5-defer-length",
            "While the length is unknown, HEAD says Upload-Defer-Length: 1.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.head(&upload).await?.has("Upload-Defer-Length", 1)?.has("Upload-Offset", 0)?;
                Ok(())
            },
        ),
        must(
            "C5-no-length-yet",
            "While the length is unknown, HEAD has no Upload-Length.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.append(&upload, 0, b"abc").await?;
                lab.head(&upload).await?.lacks("Upload-Length")?.has("Upload-Offset", 3)?;
                Ok(())
            },
        ),
        must(
            "C5-length-known",
            "Once the length is told, HEAD has it and no Upload-Defer-Length.",
            |lab| async move {
                let upload = lab.deferred().await?;
                lab.send(lab.patch(&upload, 0).header("Upload-Length", 9).bytes("abc"))
                    .await?
                    .status(&[204])?;
                lab.head(&upload).await?.has("Upload-Length", 9)?.lacks("Upload-Defer-Length")?;
                Ok(())
            },
        ),
        must("C5-metadata", "HEAD gives Upload-Metadata as the creation had it.", |lab| async move {
            let given = format!("filename {},empty,kind dGV4dA==", STANDARD.encode("größe.txt"));
            let request = lab.post().header("Upload-Length", 3).header("Upload-Metadata", &given);
            let (upload, _) = lab.create_by(request).await?;
            lab.head(&upload).await?.has("Upload-Metadata", &given)?;
            Ok(())
        }),
        must(
            "C5-metadata-complete",
            "A complete upload still gives its Upload-Metadata.",
            |lab| async move {
                let request =
                    lab.post().header("Upload-Length", 3).header("Upload-Metadata", "filename YS50eHQ=");
                let (upload, _) = lab.create_by(request).await?;
                lab.append(&upload, 0, b"abc").await?;
                lab.head(&upload).await?.has("Upload-Metadata", "filename YS50eHQ=")?;
                Ok(())
            },
        ),
    ]
}

fn more() -> Vec<Case> {
    vec![
        should("C5-no-metadata", "Without metadata, HEAD has no Upload-Metadata.", |lab| async move {
            let upload = lab.create(1).await?;
            lab.head(&upload).await?.lacks("Upload-Metadata")?;
            Ok(())
        }),
        should("C5-repeated", "HEAD changes nothing: asked again, it tells the same.", |lab| async move {
            let upload = lab.started(10, b"abc").await?;
            for _ in 0..5 {
                tells(&lab, &upload, 3, 10).await?;
            }
            lab.append(&upload, 3, b"defghij").await?;
            Ok(())
        }),
        must(
            "C5-keep-alive",
            "HEAD's answer has no body: the next answer on the connection is intact.",
            |lab| async move {
                let upload = lab.started(10, b"abc").await?;
                let mut wire = lab.open().await?;
                for _ in 0..3 {
                    let request = lab.request("HEAD", &upload.path).without("Connection");
                    let answer = wire.exchange(&request).await;
                    lab.note(&request, &answer);
                    let answer = answer?;
                    answer.status(&[200, 204])?.has("Upload-Offset", 3)?;
                    if answer.list("Connection").iter().any(|option| option.eq_ignore_ascii_case("close")) {
                        return Ok(());
                    }
                }
                Ok(())
            },
        ),
        robust("C5-exact-length", "A length above 2^53 is told digit by digit.", |lab| async move {
            let length = (1_u64 << 53) + 1;
            lab.needs_room(length)?;
            let answer = lab.send(lab.post().header("Upload-Length", length)).await?;
            if matches!(answer.status, 413 | 507) {
                return skip("the server has no room for 2^53 + 1 bytes");
            }
            answer.status(&[201])?;
            let upload = lab.adopt(&answer)?;
            tells(&lab, &upload, 0, length).await
        }),
        robust(
            "C5-odd-request",
            "HEAD with stray upload headers is answered like any other.",
            |lab| async move {
                let upload = lab.started(10, b"abc").await?;
                let stray = [("Upload-Offset", "7"), ("Upload-Length", "9"), ("Content-Type", "text/plain")];
                let request = lab.request("HEAD", &upload.path).headers(&stray);
                lab.send(request)
                    .await?
                    .status(&[200, 204])?
                    .has("Upload-Offset", 3)?
                    .has("Upload-Length", 10)?;
                Ok(())
            },
        ),
    ]
}

fn unknown() -> Vec<Case> {
    let mut cases = vec![
        should("C6-unknown", "HEAD of an unknown upload is answered 404, 410 or 403.", |lab| async move {
            let unknown = lab.unknown().await?;
            lab.head(&unknown).await?.status(&[404, 410, 403])?;
            Ok(())
        }),
        must(
            "C6-no-offset",
            "The answer to HEAD of an unknown upload has no Upload-Offset.",
            |lab| async move {
                let unknown = lab.unknown().await?;
                lab.head(&unknown).await?.lacks("Upload-Offset")?;
                Ok(())
            },
        ),
    ];
    let odd = [
        ("traversal", "that climbs out of the folder", "..%2F..%2F..%2Fetc%2Fpasswd".to_owned()),
        ("nul", "with a NUL byte in it", "abc%00def".to_owned()),
        ("long", "of 4,000 letters", "a".repeat(4000)),
        ("bad-escape", "with a broken percent escape", "abc%zz%".to_owned()),
        ("not-utf8", "that is not UTF-8", "%ff%fe%80".to_owned()),
        ("sidecar", "that names a hidden file", ".hidden.info".to_owned()),
    ];
    for (name, what, last) in odd {
        cases.push(Case::new(
            format!("C6-{name}"),
            Level::Robustness,
            format!("HEAD of an identifier {what} is a plain refusal (4xx)."),
            move |lab| {
                let last = last.clone();
                async move {
                    let upload = lab.create(1).await?;
                    let folder = upload.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    let answer = lab.send(lab.request("HEAD", &format!("{folder}/{last}"))).await?;
                    answer.refused("there is no such upload")?.lacks("Upload-Offset")?;
                    Ok(())
                }
            },
        ));
    }
    cases.push(robust("C6-unguessable", "Identifiers differ by more than a count.", |lab| async move {
        let mut names = Vec::new();
        for _ in 0..3 {
            let path = lab.create(1).await?.path;
            let path = path.split('?').next().unwrap_or_default().to_owned();
            names.push(path.rsplit('/').next().unwrap_or_default().to_owned());
        }
        ensure(names.iter().all(|name| name.len() >= 16), || {
            format!("expected identifiers that can't be guessed (16 characters or more), got {names:?}")
        })?;
        let digest = |name: &String| name.get(..name.len() / 2).map(ToOwned::to_owned);
        let alike = names.windows(2).all(|pair| pair.first().map(digest) == pair.last().map(digest));
        ensure(!alike, || format!("expected identifiers that can't be guessed, got neighbours: {names:?}"))
    }));
    cases
}

async fn tells(lab: &Lab, upload: &Upload, offset: u64, length: u64) -> Verdict {
    let answer = lab.head(upload).await?;
    answer.status(&[200, 204])?.has("Upload-Offset", offset)?.has("Upload-Length", length)?;
    Ok(())
}
