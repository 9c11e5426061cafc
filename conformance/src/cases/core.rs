//! The protocol's version on every message, OPTIONS and method override: C1 to C4.

use crate::{
    case::{Case, Level, Verdict, ensure, fail, must, robust, should, skip},
    client::Response,
    lab::{Lab, OCTETS, Upload},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = version_told();
    cases.extend(version_checked());
    cases.extend(options());
    cases.extend(method_override());
    cases
}

/// C1: the answers that a client can get, good and bad.
fn version_told() -> Vec<Case> {
    const TOLD: &str = "carries Tus-Resumable: 1.0.0.";
    let told = |answer: &Response| answer.has("Tus-Resumable", "1.0.0").map(|_| ());
    vec![
        must("C1-created", &format!("The answer to a creation {TOLD}"), move |lab| async move {
            told(&lab.create_by(lab.post().header("Upload-Length", 1)).await?.1)
        }),
        must("C1-head", &format!("The answer to HEAD {TOLD}"), move |lab| async move {
            let upload = lab.create(1).await?;
            told(&lab.head(&upload).await?)
        }),
        must("C1-patch", &format!("The answer to PATCH {TOLD}"), move |lab| async move {
            let upload = lab.create(1).await?;
            told(&lab.append(&upload, 0, b"x").await?)
        }),
        must("C1-delete", &format!("The answer to DELETE {TOLD}"), move |lab| async move {
            lab.needs(&["termination"])?;
            let upload = lab.create(1).await?;
            told(&lab.send(lab.request("DELETE", &upload.path)).await?)
        }),
        must(
            "C1-bad-creation",
            &format!("The refusal of a malformed creation {TOLD}"),
            move |lab| async move {
                lab.needs(&["creation"])?;
                let answer = lab.send(lab.post()).await?;
                answer.refused("the creation has no length")?;
                told(&answer)
            },
        ),
        must(
            "C1-unknown",
            &format!("The answer to HEAD of an unknown upload {TOLD}"),
            move |lab| async move {
                let unknown = lab.unknown().await?;
                told(&lab.head(&unknown).await?)
            },
        ),
        must("C1-conflict", &format!("The refusal of a wrong offset {TOLD}"), move |lab| async move {
            let upload = lab.create(2).await?;
            told(&lab.send(lab.patch(&upload, 1).bytes("x")).await?)
        }),
        must("C1-media-type", &format!("The refusal of another media type {TOLD}"), move |lab| async move {
            let upload = lab.create(1).await?;
            told(&lab.send(lab.patch(&upload, 0).set("Content-Type", "text/plain").bytes("x")).await?)
        }),
        must("C1-too-large", &format!("The refusal of a too long upload {TOLD}"), move |lab| async move {
            let Some(max) = lab.offers().max_size else { return skip("no Tus-Max-Size is announced") };
            lab.needs(&["creation"])?;
            told(&lab.send(lab.post().header("Upload-Length", u128::from(max) + 1)).await?)
        }),
        must("C1-precondition", &format!("The refusal of another version {TOLD}"), move |lab| async move {
            lab.needs(&["creation"])?;
            let request = lab.post().header("Upload-Length", 1).set("Tus-Resumable", "0.2.2");
            told(&lab.send(request).await?)
        }),
    ]
}

/// C2: what comes in another version, or in none, is refused and not processed.
fn version_checked() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in ["POST", "HEAD", "PATCH", "DELETE"] {
        cases.push(Case::new(
            format!("C2-unsupported-{}", method.to_lowercase()),
            Level::Must,
            format!("{method} in version 0.2.2 is answered 412 with Tus-Version, and nothing happens."),
            move |lab| async move { mismatched(&lab, method, Some("0.2.2")).await },
        ));
        cases.push(Case::new(
            format!("C2-missing-{}", method.to_lowercase()),
            Level::Should,
            format!("{method} without Tus-Resumable is answered 412 with Tus-Version, and nothing happens."),
            move |lab| async move { mismatched(&lab, method, None).await },
        ));
    }
    for (name, version) in
        [("newer", "2.0.0"), ("short", "1.0"), ("list", "1.0.0, 0.2.2"), ("word", "latest")]
    {
        cases.push(Case::new(
            format!("C2-version-{name}"),
            Level::Must,
            format!(
                "PATCH with `Tus-Resumable: {version}` is answered 412 with Tus-Version, and nothing happens."
            ),
            move |lab| async move { mismatched(&lab, "PATCH", Some(version)).await },
        ));
    }
    cases.push(robust("C2-get", "A plain GET needs no Tus-Resumable.", |lab| async move {
        let upload = lab.filled(b"content").await?;
        let with = lab.send(lab.request("GET", &upload.path)).await?;
        if with.status != 200 {
            return skip("uploads can't be read back by GET");
        }
        lab.send(lab.request("GET", &upload.path).without("Tus-Resumable")).await?.status(&[200])?;
        Ok(())
    }));
    cases
}

async fn mismatched(lab: &Lab, method: &str, version: Option<&str>) -> Verdict {
    if method == "DELETE" {
        lab.needs(&["termination"])?;
    }
    let upload = lab.create(4).await?;
    let request = match method {
        "POST" => lab.post().header("Upload-Length", 4),
        "PATCH" => lab.patch(&upload, 0).bytes("abcd"),
        other => lab.request(other, &upload.path),
    };
    let request = match version {
        Some(version) => request.set("Tus-Resumable", version),
        None => request.without("Tus-Resumable"),
    };
    let answer = lab.send(request).await?;
    if method == "POST" && answer.get("Location").is_some() {
        lab.adopt(&answer)?;
        return fail("expected no upload to be made, got a Location");
    }
    answer.status(&[412])?.value("Tus-Version")?;
    ensure(answer.list("Tus-Version").iter().any(|version| version == "1.0.0"), || {
        "expected Tus-Version to name 1.0.0".into()
    })?;
    if method == "HEAD" {
        answer.lacks("Upload-Offset")?;
    }
    lab.stands_at(&upload, 0).await
}

/// C3: what the server tells about itself.
fn options() -> Vec<Case> {
    vec![
        must("C3-status", "OPTIONS is answered 200 or 204.", |lab| async move {
            lab.send(lab.request("OPTIONS", &lab.endpoint().path)).await?.status(&[200, 204])?;
            Ok(())
        }),
        must("C3-version", "OPTIONS tells Tus-Version, and 1.0.0 is in it.", |lab| async move {
            let answer = lab.send(lab.request("OPTIONS", &lab.endpoint().path)).await?;
            answer.value("Tus-Version")?;
            ensure(answer.list("Tus-Version").iter().any(|version| version == "1.0.0"), || {
                format!("expected 1.0.0 in Tus-Version, got {:?}", answer.list("Tus-Version"))
            })
        }),
        must(
            "C3-max-size",
            "Tus-Max-Size, when there is one, is a non-negative integer.",
            |lab| async move {
                let answer = lab.send(lab.request("OPTIONS", &lab.endpoint().path)).await?;
                if answer.get("Tus-Max-Size").is_none() {
                    return skip("no Tus-Max-Size is announced");
                }
                answer.number("Tus-Max-Size").map(|_| ())
            },
        ),
        must(
            "C3-algorithms",
            "Who offers checksum tells Tus-Checksum-Algorithm, with sha1 in it.",
            |lab| async move {
                lab.needs(&["checksum"])?;
                let answer = lab.send(lab.request("OPTIONS", &lab.endpoint().path)).await?;
                let algorithms = answer.list("Tus-Checksum-Algorithm");
                ensure(algorithms.iter().any(|name| name == "sha1"), || {
                    format!("expected sha1 in Tus-Checksum-Algorithm, got {algorithms:?}")
                })
            },
        ),
        should(
            "C3-extension-base",
            "An extension of an extension is announced together with it.",
            |lab| async move {
                let pairs = [
                    ("creation-with-upload", "creation"),
                    ("creation-defer-length", "creation"),
                    ("checksum-trailer", "checksum"),
                    ("concatenation-unfinished", "concatenation"),
                ];
                for (name, base) in pairs {
                    ensure(!lab.offers().has(name) || lab.offers().has(base), || {
                        format!("expected {base} in Tus-Extension because it names {name}")
                    })?;
                }
                Ok(())
            },
        ),
        should("C3-extension-once", "Tus-Extension names each extension once.", |lab| async move {
            let mut names = lab.offers().extensions.clone();
            names.sort();
            let twice = names.windows(2).find(|pair| pair.first() == pair.last());
            ensure(twice.is_none(), || format!("expected every extension once, got {twice:?}"))
        }),
        must("C3-any-version", "OPTIONS ignores the Tus-Resumable of the request.", |lab| async move {
            let request = lab.request("OPTIONS", &lab.endpoint().path).header("Tus-Resumable", "0.2.2");
            lab.send(request).await?.status(&[200, 204])?.value("Tus-Version")?;
            Ok(())
        }),
        robust(
            "C3-on-upload",
            "OPTIONS of an upload's URL is answered like that of the endpoint.",
            |lab| async move {
                let upload = lab.create(1).await?;
                lab.send(lab.request("OPTIONS", &upload.path))
                    .await?
                    .status(&[200, 204])?
                    .value("Tus-Version")?;
                Ok(())
            },
        ),
    ]
}

/// C4: for clients whose environment knows only GET and POST.
fn method_override() -> Vec<Case> {
    vec![
        must("C4-patch", "POST with X-HTTP-Method-Override: PATCH appends.", |lab| async move {
            overridden_patch(&lab, "POST", "X-HTTP-Method-Override").await
        }),
        must(
            "C4-any-method",
            "The actual method is ignored: PUT with an override to PATCH appends.",
            |lab| async move { overridden_patch(&lab, "PUT", "X-HTTP-Method-Override").await },
        ),
        must("C4-header-case", "The name of the override header is matched in any case.", |lab| async move {
            overridden_patch(&lab, "POST", "x-http-method-override").await
        }),
        must("C4-head", "POST with X-HTTP-Method-Override: HEAD tells the offset.", |lab| async move {
            let upload = lab.started(4, b"ab").await?;
            let request =
                lab.request("POST", &upload.path).header("X-HTTP-Method-Override", "HEAD").bytes([]);
            lab.send(request).await?.status(&[200, 204])?.has("Upload-Offset", 2)?.has("Upload-Length", 4)?;
            Ok(())
        }),
        must("C4-delete", "POST with X-HTTP-Method-Override: DELETE terminates.", |lab| async move {
            lab.needs(&["termination"])?;
            let upload = lab.create(4).await?;
            let request =
                lab.request("POST", &upload.path).header("X-HTTP-Method-Override", "DELETE").bytes([]);
            lab.send(request).await?.status(&[204])?;
            lab.head(&upload).await?.status(&[404, 410])?;
            Ok(())
        }),
        robust(
            "C4-unknown",
            "An override to a method that nobody knows is refused and changes nothing.",
            |lab| async move {
                let upload = lab.create(4).await?;
                let request = lab.patch(&upload, 0).header("X-HTTP-Method-Override", "FROB").bytes("abcd");
                let answer = lab.send(request).await?;
                ensure(matches!(answer.status, 400..=499 | 501), || {
                    format!("expected a refusal (4xx or 501), got {}", answer.status)
                })?;
                lab.stands_at(&upload, 0).await
            },
        ),
    ]
}

async fn overridden_patch(lab: &Lab, method: &str, header: &str) -> Verdict {
    let upload: Upload = lab.create(4).await?;
    let request = lab
        .request(method, &upload.path)
        .header(header, "PATCH")
        .header("Content-Type", OCTETS)
        .header("Upload-Offset", 0)
        .bytes("abcd");
    lab.send(request).await?.status(&[204])?.has("Upload-Offset", 4)?;
    lab.stands_at(&upload, 4).await
}
