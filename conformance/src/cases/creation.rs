//! Creating uploads: N1 to N3.

use crate::{
    case::{Case, Level, Verdict, ensure, fail, must, robust, should, skip},
    client::{Request, Response},
    lab::{Lab, size},
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = lengths();
    cases.extend(created());
    cases.extend(limits());
    cases
}

/// Sends a creation that must not succeed; whatever it made all the same is noted, to be removed.
pub(super) async fn refused(lab: &Lab, request: Request, why: &str) -> Verdict<Response> {
    lab.needs(&["creation"])?;
    let answer = lab.send(request).await?;
    if answer.get("Location").is_some() {
        lab.adopt(&answer)?;
    }
    answer.refused(why)?;
    Ok(answer)
}

/// N1: how long the upload will be.
fn lengths() -> Vec<Case> {
    let mut cases = vec![
        must(
            "N1-missing",
            "A creation without Upload-Length and Upload-Defer-Length is refused.",
            |lab| async move { refused(&lab, lab.post(), "the creation has no length").await.map(|_| ()) },
        ),
        should("N1-missing-status", "A creation without any length is answered 400.", |lab| async move {
            refused(&lab, lab.post(), "the creation has no length").await?.status(&[400])?;
            Ok(())
        }),
        should("N1-both", "Upload-Length together with Upload-Defer-Length is refused.", |lab| async move {
            lab.needs(&["creation-defer-length"])?;
            let request = lab.post().header("Upload-Length", 5).header("Upload-Defer-Length", 1);
            refused(&lab, request, "the length is both told and deferred").await.map(|_| ())
        }),
        robust("N1-twice-different", "Two different Upload-Length lines are refused.", |lab| async move {
            let request = lab.post().header("Upload-Length", 5).header("Upload-Length", 6);
            refused(&lab, request, "two lengths contradict each other").await.map(|_| ())
        }),
        should("N1-malformed-status", "A malformed Upload-Length is answered 400.", |lab| async move {
            for text in ["-1", "+5", "five"] {
                let request = lab.post().header("Upload-Length", text);
                refused(&lab, request, "the length is no number").await?.status(&[400])?;
            }
            Ok(())
        }),
    ];
    let malformed = [
        ("negative", "-1"),
        ("plus", "+5"),
        ("empty", ""),
        ("word", "five"),
        ("hex", "0x5"),
        ("fraction", "5.0"),
        ("exponent", "5e3"),
        ("inner-space", "1 0"),
        ("list", "5, 5"),
        ("trailing-letter", "5b"),
    ];
    for (name, text) in malformed {
        let demand = format!("A creation with `Upload-Length: {text}` is refused.");
        cases.push(Case::new(format!("N1-{name}"), Level::Must, demand, move |lab| async move {
            refused(&lab, lab.post().header("Upload-Length", text), "the length is no number")
                .await
                .map(|_| ())
        }));
    }
    for (name, text) in [("2-64", "18446744073709551616"), ("90-digits", "9")] {
        let text = if name == "90-digits" { text.repeat(90) } else { text.to_owned() };
        let demand = "A creation with a length of 2^64 or more is refused, not counted from zero again.";
        cases.push(Case::new(format!("N1-{name}"), Level::Must, demand, move |lab| {
            let request = lab.post().header("Upload-Length", &text);
            async move { refused(&lab, request, "the length is out of reach").await.map(|_| ()) }
        }));
    }
    for (name, text) in [("zero", "0"), ("two", "2"), ("word", "true"), ("empty", ""), ("plus", "+1")] {
        let demand = format!("A creation with `Upload-Defer-Length: {text}` is refused.");
        cases.push(Case::new(format!("N1-defer-{name}"), Level::Must, demand, move |lab| async move {
            lab.needs(&["creation-defer-length"])?;
            let request = lab.post().header("Upload-Defer-Length", text);
            refused(&lab, request, "only the value 1 is allowed").await.map(|_| ())
        }));
    }
    cases
}

/// N2: what a successful creation says.
fn created() -> Vec<Case> {
    vec![
        must("N2-status", "A successful creation is answered 201 with a Location.", |lab| async move {
            let (upload, _) = lab.create_by(lab.post().header("Upload-Length", 5)).await?;
            ensure(!upload.location.is_empty(), || "expected a Location that is not empty".into())
        }),
        must(
            "N2-usable",
            "The Location names the new upload: HEAD, PATCH and HEAD again work there.",
            |lab| async move {
                let upload = lab.create(5).await?;
                lab.stands_at(&upload, 0).await?;
                lab.complete(&upload, 0, b"abcde").await
            },
        ),
        must("N2-unique", "Equal creations make different uploads.", |lab| async move {
            let (first, second) = (lab.create(5).await?, lab.create(5).await?);
            ensure(first.path != second.path, || format!("expected two uploads, got {} twice", first.path))?;
            lab.append(&first, 0, b"abc").await?;
            lab.stands_at(&second, 0).await
        }),
        must("N2-zero-length", "An upload of length 0 is complete at once.", |lab| async move {
            let upload = lab.create(0).await?;
            lab.head(&upload).await?.has("Upload-Offset", 0)?.has("Upload-Length", 0)?;
            lab.contains(&upload, b"").await
        }),
        robust("N2-no-framing", "A creation may come without any Content-Length.", |lab| async move {
            let request = lab.request("POST", &lab.endpoint().path).header("Upload-Length", 5);
            let (upload, _) = lab.create_by(request).await?;
            lab.stands_at(&upload, 0).await
        }),
        robust("N2-keep-alive", "Creations on one kept connection give one upload each.", |lab| async move {
            lab.needs(&["creation"])?;
            let mut wire = lab.open().await?;
            let mut paths = std::collections::HashSet::new();
            for _ in 0..5 {
                let request = lab.post().without("Connection").header("Upload-Length", 5);
                let answer = wire.exchange(&request).await;
                lab.note(&request, &answer);
                let answer = answer?;
                answer.status(&[201])?;
                paths.insert(lab.adopt(&answer)?.path);
                if answer.list("Connection").iter().any(|option| option.eq_ignore_ascii_case("close")) {
                    wire = lab.open().await?;
                }
            }
            ensure(paths.len() == 5, || format!("expected 5 uploads, got {}", paths.len()))
        }),
        robust(
            "N2-leading-zeros",
            "A length with leading zeros is refused, or told without them.",
            |lab| async move {
                lab.needs(&["creation"])?;
                let answer = lab.send(lab.post().header("Upload-Length", "0005")).await?;
                if answer.status == 400 {
                    return Ok(());
                }
                answer.status(&[201, 400])?;
                let upload = lab.adopt(&answer)?;
                let length = lab.head(&upload).await?.number("Upload-Length")?;
                ensure(length == 5, || format!("expected the length 5, got {length}"))
            },
        ),
        robust(
            "N2-stray-offset",
            "A stray Upload-Offset at the creation does not move the upload.",
            |lab| async move {
                lab.needs(&["creation"])?;
                let answer =
                    lab.send(lab.post().header("Upload-Length", 5).header("Upload-Offset", 3)).await?;
                if answer.status != 201 {
                    answer.refused("a creation has no offset")?;
                    return Ok(());
                }
                let upload = lab.adopt(&answer)?;
                lab.stands_at(&upload, 0).await
            },
        ),
        robust(
            "N2-twice-alike",
            "Two equal Upload-Length lines are no reason to break down.",
            |lab| async move {
                lab.needs(&["creation"])?;
                let answer =
                    lab.send(lab.post().header("Upload-Length", 5).header("Upload-Length", 5)).await?;
                if answer.status == 201 {
                    let upload = lab.adopt(&answer)?;
                    lab.head(&upload).await?.has("Upload-Length", 5)?;
                    return Ok(());
                }
                answer.refused("the length is told twice")?;
                Ok(())
            },
        ),
    ]
}

/// N3: Tus-Max-Size, where it is announced.
fn limits() -> Vec<Case> {
    vec![
        must("N3-above", "A creation above Tus-Max-Size is answered 413.", |lab| async move {
            let max = max_size(&lab)?;
            let request = lab.post().header("Upload-Length", u128::from(max) + 1);
            refused(&lab, request, "the length is above the maximum").await?.status(&[413])?;
            Ok(())
        }),
        must(
            "N3-far-above",
            "A creation with a length of 2^63 is answered 413 where the maximum is below.",
            |lab| async move {
                let max = max_size(&lab)?;
                if max >= 1 << 63 {
                    return skip("Tus-Max-Size is 2^63 or more");
                }
                let request = lab.post().header("Upload-Length", 1_u64 << 63);
                refused(&lab, request, "the length is above the maximum").await?.status(&[413])?;
                Ok(())
            },
        ),
        must(
            "N3-exact",
            "A creation of exactly Tus-Max-Size is accepted, unless the disk is too small.",
            |lab| async move {
                let max = max_size(&lab)?;
                lab.needs(&["creation"])?;
                let answer = lab.send(lab.post().header("Upload-Length", max)).await?;
                if answer.status == 507 {
                    return Ok(());
                }
                answer.status(&[201])?;
                lab.adopt(&answer).map(|_| ())
            },
        ),
        must(
            "N3-told-later",
            "A deferred length above Tus-Max-Size is refused when it is told.",
            |lab| async move {
                let max = max_size(&lab)?;
                let upload = lab.deferred().await?;
                let request = lab.patch(&upload, 0).header("Upload-Length", u128::from(max) + 1).bytes([]);
                lab.send(request).await?.refused("the length is above the maximum")?;
                lab.stands_at(&upload, 0).await
            },
        ),
        should(
            "N3-told-later-status",
            "A deferred length above Tus-Max-Size is answered 413.",
            |lab| async move {
                let max = max_size(&lab)?;
                let upload = lab.deferred().await?;
                let request = lab.patch(&upload, 0).header("Upload-Length", u128::from(max) + 1).bytes([]);
                lab.send(request).await?.status(&[413])?;
                Ok(())
            },
        ),
        must(
            "N3-never-told",
            "An upload whose length is never told does not grow past Tus-Max-Size.",
            |lab| async move {
                let max = max_size(&lab)?;
                let upload = lab.deferred().await?;
                let Some(body) = usize::try_from(max).ok().filter(|max| *max <= SMALL) else {
                    return skip("Tus-Max-Size is above 64 MiB: too much to send for a test");
                };
                let bytes = vec![b'x'; body + 1];
                // A server that has seen enough may answer and hang up: what is stored counts.
                let answer = lab.send(lab.patch(&upload, 0).bytes(bytes.as_slice())).await;
                let offset = lab.settled(&upload).await?;
                if offset > max {
                    return fail(format!("expected at most {max} bytes, HEAD tells {offset}"));
                }
                match answer {
                    Ok(answer) if answer.status == 204 => answer.has("Upload-Offset", offset).map(|_| ()),
                    Ok(answer) => answer.refused("the body is above the maximum").map(|_| ()),
                    Err(_) => ensure(offset < size(&bytes), || "expected a refusal".into()),
                }
            },
        ),
    ]
}

const SMALL: usize = 64 * 1024 * 1024;

fn max_size(lab: &Lab) -> Verdict<u64> {
    match lab.offers().max_size {
        Some(max) => Ok(max),
        None => skip("no Tus-Max-Size is announced"),
    }
}
