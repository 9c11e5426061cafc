//! How the bytes of a chunk travel: R3.

use super::steps::uploads;
use crate::{
    case::{Case, Level, Verdict, ensure, must, robust, should, skip},
    client::Http2,
    lab::{
        Lab, pattern,
        resumable::{File, SUCCESSES, Sending},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = methods();
    cases.extend(base64());
    cases.extend(types());
    cases.extend(bodies());
    cases.extend(connections());
    cases
}

/// Sends the chunks of a new file in this way, the second one first, looks, and demands the right bytes.
async fn sends(lab: &Lab, change: impl Fn(Sending) -> Sending) -> Verdict {
    let file = lab.file(35_000, 10_000);
    for number in [2, 3] {
        lab.store_by(&change(lab.sending(&file, number))).await?;
    }
    lab.holds(&file, &[2, 3]).await?;
    lab.store_by(&change(lab.sending(&file, 1))).await?;
    lab.is_complete(&file).await
}

fn methods() -> Vec<Case> {
    let mut cases = Vec::new();
    for method in ["POST", "PUT", "PATCH"] {
        let name = method.to_lowercase();
        let level = if method == "POST" { Level::Must } else { Level::Should };
        let demand = format!("A chunk in a form is stored by {method}.");
        cases.push(Case::new(format!("R3-multipart-{name}"), level, demand, move |lab| async move {
            sends(&lab, |sending| sending.by(method)).await
        }));
        let demand = format!("A chunk that is the body is stored by {method}.");
        cases.push(Case::new(format!("R3-octet-{name}"), Level::Should, demand, move |lab| async move {
            sends(&lab, |sending| sending.octet().by(method)).await
        }));
    }
    cases
}

fn base64() -> Vec<Case> {
    let mut cases = vec![
        should("R3-base64", "A chunk in a form as a data URL is stored.", |lab| async move {
            sends(&lab, Sending::base64).await
        }),
        should(
            "R3-base64-form-only",
            "A data URL is known as one when the query says nothing.",
            |lab| async move { sends(&lab, |sending| sending.base64().only_in_form()).await },
        ),
        should("R3-base64-typed", "The media type of a data URL may have parameters.", |lab| async move {
            sends(&lab, |sending| sending.base64().typed(Some("text/plain;charset=utf-8"))).await
        }),
        should("R3-base64-lengths", "A data URL of any length is stored whole.", |lab| async move {
            for length in 1..=7 {
                let file = lab.file(length, 100);
                lab.store_by(&lab.sending(&file, 1).base64()).await?;
                lab.is_complete(&file).await?;
            }
            Ok(())
        }),
    ];
    for (name, what, text) in [
        ("no-url", "no data URL", "hello world!"),
        ("letters", "a data URL with a letter that Base64 does not have", "data:;base64,aGVsbG8!gd29ybGQh"),
        ("cut", "a data URL that ends in the middle", "data:;base64,aGVsbG8gd29yb"),
        ("short", "a data URL that ends too early", "data:;base64,aGVsbG8="),
        ("long", "a data URL that goes on too long", "data:;base64,aGVsbG8gd29ybGQhIQ=="),
    ] {
        let demand = format!("A chunk that is {what} is refused, and nothing changes.");
        let run = move |lab: Lab| async move {
            let file = lab.file(12, 12);
            let start = lab.sending(&file, 1).base64();
            let form = start.fields_of(crate::lab::resumable::Form::new("B"));
            let form = form.field(&start.spelled_part_name(), text.as_bytes()).end();
            let request = start.with_form(&lab, "multipart/form-data; boundary=B", form);
            let answer = lab.send(request).await?;
            super::steps::refused(&answer, "the chunk is no data URL that fits")?;
            lab.is_untouched(&file, &[]).await
        };
        cases.push(Case::new(format!("R3-base64-bad-{name}"), Level::Should, demand, run));
    }
    cases
}

/// What is said of the bytes' type is the file's business.
fn types() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, media_type) in [
        ("text", Some("text/html; charset=utf-8")),
        ("image", Some("image/png")),
        ("odd", Some("application/x-no-such-thing")),
        ("none", None),
    ] {
        let what = media_type.unwrap_or("no type");
        let demand = format!("The form's file may be of the file's own type (setChunkTypeFromFile): {what}.");
        let level = if name == "none" { Level::Should } else { Level::Must };
        cases.push(Case::new(format!("R3-part-type-{name}"), level, demand, move |lab| async move {
            sends(&lab, |sending| sending.typed(media_type)).await
        }));
    }
    for (name, media_type) in [
        ("text", Some("text/plain")),
        ("form", Some("application/x-www-form-urlencoded")),
        ("mail", Some("multipart/related")),
        ("json", Some("application/json")),
        ("none", None),
    ] {
        let what = media_type.unwrap_or("no type");
        let demand =
            format!("A body that is the chunk may be of the file's own type, as Flow.js sends it: {what}.");
        cases.push(Case::new(
            format!("R3-octet-type-{name}"),
            Level::Robustness,
            demand,
            move |lab| async move { sends(&lab, |sending| sending.octet().typed(media_type)).await },
        ));
    }
    cases
}

/// Bytes that look like something else.
fn bodies() -> Vec<Case> {
    let boundary = crate::lab::resumable::BOUNDARY;
    let mut all: Vec<u8> = (0..=255).collect();
    all.extend(pattern(7, 300));
    let texts: [(&str, &str, Vec<u8>); 8] = [
        ("all", "every byte there is", all),
        ("zeros", "nothing but zeros", vec![0; 500]),
        ("line-ends", "line ends at both ends", b"\r\n\r\nx\r\r\n\n\r\n".to_vec()),
        (
            "dashes",
            "what looks like the start of a boundary",
            b"\r\n--\r\n----WebKitFormBoundary\r\n--".to_vec(),
        ),
        ("boundary", "the boundary without its line", format!("x{boundary}y--{boundary}z").into_bytes()),
        ("cut-boundary", "all but the last letter of the boundary at its end", {
            let line = format!("abc\r\n--{boundary}");
            line.as_bytes().get(..line.len() - 1).unwrap_or_default().to_vec()
        }),
        (
            "head",
            "what looks like a part's head",
            b"Content-Disposition: form-data; name=\"x\"\r\n\r\n".to_vec(),
        ),
        ("data-url", "what looks like a data URL", b"data:text/plain;base64,aGVsbG8=".to_vec()),
    ];
    let mut cases = Vec::new();
    for (name, what, bytes) in texts {
        let demand = format!("A chunk with {what} is stored as it is.");
        cases.push(Case::new(format!("R3-bytes-{name}"), Level::Must, demand, move |lab| {
            let bytes = bytes.clone();
            async move {
                let half = (bytes.len() / 2).max(1);
                let chunk = u64::try_from(half).unwrap_or(1);
                for length in [chunk, crate::lab::size(&bytes)] {
                    let file = lab.file(1, 1).holding(bytes.clone());
                    let file = file.in_chunks_of(length);
                    let unique = [&file.identifier[..], format!("-{length}").as_bytes()].concat();
                    uploads(&lab, &file.identified(unique)).await?;
                }
                Ok(())
            }
        }));
    }
    cases.push(must("R3-old-name", "The form's file may be called blob.", |lab| async move {
        sends(&lab, |sending| Sending { file_name: b"blob".to_vec(), ..sending }).await
    }));
    cases.push(robust(
        "R3-other-part-name",
        "A file under another name (fileParameterName) is taken or refused, and breaks nothing.",
        |lab| async move {
            let file = lab.file(30_000, 10_000);
            let sending = Sending { part_name: "upload[]".into(), ..lab.sending(&file, 1) };
            let answer = lab.offer(&sending).await?;
            if SUCCESSES.contains(&answer.status) {
                return lab.is_untouched(&file, &[1]).await;
            }
            super::steps::refused(&answer, "the file's name is another one")?;
            lab.is_untouched(&file, &[]).await
        },
    ));
    cases
}

/// How the request itself is framed.
fn connections() -> Vec<Case> {
    vec![
        should("R3-chunked", "A body without Content-Length is stored.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            for (number, octet) in [(1, true), (2, false), (3, true)] {
                let sending = lab.sending(&file, number);
                let sending = if octet { sending.octet() } else { sending };
                let request = sending.request(&lab);
                let body = request.pieces().concat();
                lab.send(request.chunked(&body, &[1, 700, 4096])).await?.status(&SUCCESSES)?;
            }
            lab.is_complete(&file).await
        }),
        robust("R3-continue", "A client that waits for 100 Continue is told to go on.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            let request = lab.sending(&file, 1).request(&lab).header("Expect", "100-continue");
            let body = request.pieces().concat();
            let announced =
                crate::client::Body::Announced { length: crate::lab::size(&body), bytes: Vec::new() };
            let mut wire = super::steps::start(&lab, &request.body(announced)).await?;
            let first = wire.first_status().await?;
            ensure(first == 100, || format!("expected 100 Continue, got {first}"))?;
            wire.write(&body).await?;
            wire.answer().await?.status(&SUCCESSES)?;
            lab.is_untouched(&file, &[1]).await
        }),
        must("R3-keep-alive", "Tests and chunks may share one connection.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            let mut wire = lab.open().await?;
            for number in file.numbers() {
                let test = lab.plain("GET", &lab.sending(&file, number).octet().query_text());
                for request in [test, lab.sending(&file, number).request(&lab)] {
                    let request = request.without("Connection");
                    let answer = wire.exchange(&request).await;
                    lab.note(&request, &answer);
                    let answer = answer?;
                    let wanted =
                        if request.method == "GET" { answer.status >= 203 } else { answer.status <= 201 };
                    ensure(wanted, || format!("{} is answered {}", request.method, answer.status))?;
                    if answer.get("Connection").is_some_and(|word| word.eq_ignore_ascii_case("close")) {
                        wire = lab.open().await?;
                    }
                }
            }
            lab.is_complete(&file).await
        }),
        robust("R3-http2", "Over HTTP/2, chunks in forms and as bodies are stored.", |lab| async move {
            let http2 = lab.http2().await?;
            let file = lab.file(400_000, 100_000);
            for number in file.numbers() {
                let sending = lab.sending(&file, number);
                let sending = if number % 2 == 0 { sending.octet() } else { sending };
                lab.send_over(&http2, sending.request(&lab)).await?.status(&SUCCESSES)?;
            }
            lab.is_complete(&file).await
        }),
        robust(
            "R3-http2-together",
            "Over HTTP/2, chunks may share one connection at once.",
            |lab| async move {
                let http2 = lab.http2().await?;
                let file = lab.file(300_000, 100_000);
                together(&lab, &http2, &file).await?;
                lab.is_complete(&file).await
            },
        ),
        robust(
            "R3-big-head",
            "A huge header is refused by a 4xx or ignored; the server lives on.",
            |lab| async move {
                let file = lab.file(30_000, 10_000);
                let request = lab.sending(&file, 1).request(&lab).header("X-Huge", "x".repeat(300_000));
                // A server may hang up on it.
                if let Ok(answer) = lab.send(request).await {
                    answer.no_breakdown()?;
                }
                let present: &[u64] = if lab.has(&file, 1).await? { &[1] } else { &[] };
                lab.is_untouched(&file, present).await
            },
        ),
        robust("R3-long-query", "A query of 5,000 bytes is read.", |lab| async move {
            if lab.endpoint().path.len() > 1_000 {
                return skip("the URL is long already");
            }
            sends(&lab, |sending| sending.stranger("page", &"x".repeat(5_000))).await
        }),
    ]
}

/// Three chunks in three streams of one connection.
async fn together(lab: &Lab, http2: &Http2, file: &File) -> Verdict {
    let requests = [3, 1, 2].map(|number| lab.sending(file, number).request(lab));
    let [one, two, three] = requests.map(|request| lab.send_over(http2, request));
    let (one, two, three) = tokio::join!(one, two, three);
    for answer in [one?, two?, three?] {
        answer.status(&SUCCESSES)?;
    }
    Ok(())
}
