//! "Do you have this chunk?": R2.

use super::steps::{begun, uploads};
use crate::{
    case::{Case, Level, Verdict, ensure, must, robust, should},
    client::Response,
    lab::{
        Lab,
        resumable::{Dialect, File, is_there},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = before_and_after();
    cases.extend(quiet());
    cases.extend(elsewhere());
    cases
}

fn is_missing(answer: &Response) -> Verdict {
    answer.no_breakdown()?;
    ensure(!is_there(answer), || {
        format!("expected the test to say that the chunk is not there (204), got {}", answer.status)
    })
}

fn before_and_after() -> Vec<Case> {
    let mut cases = Vec::new();
    for (method, level) in [("GET", Level::Must), ("HEAD", Level::Should)] {
        let name = method.to_lowercase();
        let cases_of = [
            (
                format!("R2-{name}-before"),
                format!("{method} says that a chunk of an unknown file is not there."),
            ),
            (format!("R2-{name}-after"), format!("{method} says 200 for a chunk that is there.")),
            (
                format!("R2-{name}-other"),
                format!("{method} says that the other chunks of a begun file are not there."),
            ),
        ];
        for (index, (name, demand)) in cases_of.into_iter().enumerate() {
            cases.push(Case::new(name, level, demand, move |lab| async move {
                let file = lab.file(30_000, 10_000);
                if index == 0 {
                    return is_missing(&lab.ask(method, &file, 1).await?);
                }
                lab.store(&file, 2).await?;
                if index == 1 {
                    lab.ask(method, &file, 2).await?.status(&[200, 201])?;
                    return Ok(());
                }
                is_missing(&lab.ask(method, &file, 1).await?)?;
                is_missing(&lab.ask(method, &file, 3).await?)
            }));
        }
    }
    cases.extend([
        must("R2-each", "Each chunk is there from its own success on.", |lab| async move {
            let file = lab.file(50_000, 10_000);
            let mut present = Vec::new();
            for number in [4, 1, 5, 2] {
                lab.store(&file, number).await?;
                present.push(number);
                lab.holds(&file, &present).await?;
            }
            lab.finish(&file, &present).await
        }),
        must("R2-repeated", "The same question gets the same answer.", |lab| async move {
            let file = begun(&lab).await?;
            for _ in 0..5 {
                lab.holds(&file, &[1]).await?;
            }
            Ok(())
        }),
        should(
            "R2-complete",
            "The chunks of a complete file are there: whoever did not hear the last answer is done.",
            |lab| async move {
                let file = lab.file(30_000, 10_000);
                uploads(&lab, &file).await?;
                lab.holds(&file, &[1, 2, 3]).await
            },
        ),
    ]);
    cases
}

/// What "not there" may cost.
fn quiet() -> Vec<Case> {
    vec![
        should(
            "R2-quiet",
            "\"Not there\" is said by 204: at 404 the browser's console has an error for each chunk.",
            |lab| async move {
                lab.ask("GET", &lab.file(30_000, 10_000), 1).await?.status(&[204])?;
                let file = begun(&lab).await?;
                lab.ask("GET", &file, 2).await?.status(&[204])?;
                Ok(())
            },
        ),
        robust(
            "R2-not-the-end",
            "\"Not there\" is no status at which Flow.js or simple-uploader give the file up.",
            |lab| async move {
                let file = begun(&lab).await?;
                for unknown in [lab.file(30_000, 10_000), file] {
                    let answer = lab.ask("GET", &unknown, 2).await?;
                    ensure(![404, 413, 415, 500, 501].contains(&answer.status), || {
                        format!("expected a status at which they send the chunk, got {}", answer.status)
                    })?;
                }
                Ok(())
            },
        ),
        robust("R2-fresh", "No cache between may keep what a test is answered.", |lab| async move {
            let file = begun(&lab).await?;
            for number in [1, 2] {
                let answer = lab.ask("GET", &file, number).await?;
                let words = answer.list("Cache-Control");
                let fresh = ["no-store", "no-cache", "max-age=0"];
                ensure(words.iter().any(|word| fresh.contains(&word.to_ascii_lowercase().as_str())), || {
                    format!("expected Cache-Control with one of {fresh:?}, got {words:?}")
                })?;
            }
            Ok(())
        }),
        robust("R2-no-trace", "A test makes no upload.", |lab| async move {
            lab.needs_status()?;
            let file = lab.file(30_000, 10_000);
            lab.ask("GET", &file, 1).await?;
            lab.ask("HEAD", &file, 2).await?;
            let status = lab.status(&file).await?;
            ensure(status.get("status") == Some(&"not_found".into()), || {
                format!("expected the status not_found, got {status}")
            })
        }),
    ]
}

/// Questions that no chunk fits.
fn elsewhere() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, what, parameter, value) in [
        ("number-0", "A chunk of number 0", "ChunkNumber", "0"),
        ("number-beyond", "A chunk behind the last one", "ChunkNumber", "4"),
        ("number-word", "A chunk whose number is none", "ChunkNumber", "x"),
        ("number-huge", "A chunk of number 2^64 + 1", "ChunkNumber", "18446744073709551617"),
        ("total-size", "A chunk of a file of another size", "TotalSize", "30001"),
    ] {
        let demand = format!("{what} is never there.");
        cases.push(Case::new(format!("R2-{name}"), Level::Must, demand, move |lab| async move {
            let file = begun(&lab).await?;
            let mut params = file.params(1);
            params.set(parameter, value);
            is_missing(&lab.ask_with("GET", &file, params).await?)
        }));
    }
    cases.extend([
        must("R2-other-identifier", "A chunk of another identifier is not there.", |lab| async move {
            let file = begun(&lab).await?;
            let other = file.clone().identified([&file.identifier[..], b"x"].concat());
            is_missing(&lab.ask("GET", &other, 1).await?)
        }),
        robust(
            "R2-other-cut",
            "A chunk of the same file in another chunk size is there only if all of its bytes are.",
            |lab| async move {
                let file = begun(&lab).await?;
                let coarse = file.in_chunks_of(15_000);
                is_missing(&lab.ask("GET", &coarse, 1).await?)
            },
        ),
        robust("R2-relatives", "A relative's test is answered the same.", |lab| async move {
            if !lab.receiver().namespace.is_empty() {
                return crate::case::skip("only Resumable.js knows namespaces");
            }
            for dialect in [Dialect::Flow, Dialect::Simple] {
                let file = lab.file(30_000, 10_000).speaking(dialect);
                is_missing(&lab.ask("GET", &file, 1).await?)?;
                relative_has(&lab, &file).await?;
            }
            Ok(())
        }),
    ]);
    cases
}

async fn relative_has(lab: &Lab, file: &File) -> Verdict {
    lab.store(file, 1).await?;
    lab.ask("GET", file, 1).await?.status(&[200, 201, 202])?;
    Ok(())
}
