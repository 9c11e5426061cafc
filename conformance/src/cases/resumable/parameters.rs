//! Where the parameters stand, and what they are called: R1.

use super::steps::uploads;
use crate::{
    case::{Case, Level, Verdict, must, robust, should, skip},
    lab::{
        Lab,
        resumable::{Dialect, File, Params, Sending},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = places();
    cases.extend(dropped());
    cases.extend(strangers());
    cases.extend(relatives());
    cases
}

/// Sends every chunk in this way, and demands that the file is complete and right.
async fn sends(lab: &Lab, file: &File, change: impl Fn(Sending) -> Sending) -> Verdict {
    for number in file.numbers() {
        lab.store_by(&change(lab.sending(file, number))).await?;
    }
    lab.is_complete(file).await
}

fn places() -> Vec<Case> {
    vec![
        must(
            "R1-stock",
            "A form whose parameters are in its fields and in the query is stored.",
            |lab| async move { uploads(&lab, &lab.file(30_000, 10_000)).await },
        ),
        should(
            "R1-query-only",
            "A form whose parameters are only in the query is stored.",
            |lab| async move { sends(&lab, &lab.file(30_000, 10_000), Sending::only_in_query).await },
        ),
        should(
            "R1-form-only",
            "A form whose parameters are only in its fields is stored.",
            |lab| async move { sends(&lab, &lab.file(30_000, 10_000), Sending::only_in_form).await },
        ),
        must("R1-order", "The parameters may stand in any order.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            let turned = |mut sending: Sending| {
                sending.query.reverse();
                sending.fields.reverse();
                sending
            };
            sends(&lab, &file, turned).await
        }),
        must("R1-test-order", "The parameters of a test may stand in any order.", |lab| async move {
            let file = lab.file(30_000, 10_000);
            lab.store(&file, 2).await?;
            let mut params = file.params(2);
            params.reverse();
            let answer = lab.ask_with("GET", &file, params).await?;
            answer.status(&[200, 201])?;
            Ok(())
        }),
        must("R1-type", "A file with a media type is stored.", |lab| async move {
            uploads(&lab, &lab.file(30_000, 10_000).typed("text/html; charset=utf-8")).await
        }),
        robust("R1-plus", "A space may be written as a plus in the query.", |lab| async move {
            let file = lab.file(100, 100);
            let spaced = file.clone().named("conformance a b.bin");
            let sending = lab.sending(&spaced, 1).octet();
            let mut request = sending.request(&lab);
            request.target = request.target.replace("%20", "+");
            lab.send(request).await?.status(&[200, 201])?;
            lab.is_complete(&spaced).await
        }),
    ]
}

/// Pages can leave names out by setting them to nothing.
fn dropped() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, parameter) in [
        ("type", "Type"),
        ("relative-path", "RelativePath"),
        ("current-chunk-size", "CurrentChunkSize"),
        ("total-chunks", "TotalChunks"),
    ] {
        let demand = format!("An upload whose page leaves {parameter} out works.");
        cases.push(Case::new(format!("R1-without-{name}"), Level::Should, demand, move |lab| async move {
            let file = lab.file(35_000, 10_000);
            let silent = |sending: Sending| sending.silent_on(parameter);
            lab.store_by(&silent(lab.sending(&file, 2))).await?;
            for (number, wanted) in [(1, false), (2, true)] {
                let mut params = file.params(number);
                params.drop(parameter);
                let answer = lab.ask_with("GET", &file, params).await?;
                let found = crate::lab::resumable::is_there(&answer);
                crate::case::ensure(found == wanted, || {
                    format!("asked for chunk {number} without {parameter}: {}", answer.status)
                })?;
            }
            lab.store_by(&silent(lab.sending(&file, 1))).await?;
            lab.store_by(&silent(lab.sending(&file, 3))).await?;
            let mut question = file.question();
            question.drop(parameter);
            if lab.receiver().offers.status {
                lab.ask_with("GET", &file, question).await?.status(&[200])?;
            }
            Ok(())
        }));
    }
    cases
}

/// What else a page sends along (`query`) is its own business.
fn strangers() -> Vec<Case> {
    vec![
        must(
            "R1-page-parameters",
            "Parameters of the page's own, in the query and in the form, are left alone.",
            |lab| async move {
                let file = lab.file(30_000, 10_000);
                let change = |sending: Sending| {
                    let sending = sending.stranger("csrf_token", "a b&c=d%\"é\n<x>").stranger("empty", "");
                    (0..20).fold(sending, |sending, n| sending.stranger(&format!("extra[{n}]"), "x"))
                };
                sends(&lab, &file, change).await
            },
        ),
        robust(
            "R1-page-names",
            "Parameters of the page's own that look like a relative's (type, filename, identifier) do not take part.",
            |lab| async move {
                let (one, two) = (lab.file(30_000, 10_000), lab.file(20_000, 10_000));
                let change = |sending: Sending| {
                    let sending = sending.stranger("identifier", "7").stranger("filename", "form.pdf");
                    sending.stranger("type", "invoice").stranger("totalSize", "1")
                };
                sends(&lab, &one, change).await?;
                sends(&lab, &two, change).await?;
                lab.is_complete(&one).await
            },
        ),
        robust(
            "R1-no-parameters",
            "A test without any parameters, as Flow.js sends it by HEAD, is no success, and no reason to give up.",
            |lab| async move {
                for method in ["GET", "HEAD"] {
                    let file = lab.file(1, 1);
                    let answer = lab.ask_with(method, &file, Params::default()).await?;
                    let fatal = [200, 201, 202, 404, 413, 415, 500, 501];
                    crate::case::ensure(!fatal.contains(&answer.status), || {
                        format!("expected none of {fatal:?} for {method}, got {}", answer.status)
                    })?;
                }
                Ok(())
            },
        ),
    ]
}

/// Flow.js and simple-uploader.
fn relatives() -> Vec<Case> {
    let dialects = [("flow", "Flow.js", Dialect::Flow), ("simple", "simple-uploader", Dialect::Simple)];
    let mut cases = Vec::new();
    for (name, relative, dialect) in dialects {
        let stored = format!("What {relative} sends in a form is found by its test and stored.");
        cases.push(Case::new(format!("R1-{name}"), Level::Should, stored, move |lab| async move {
            let file = spoken(&lab, dialect)?;
            lab.store(&file, 2).await?;
            lab.holds(&file, &[2]).await?;
            lab.finish(&file, &[2]).await
        }));
        let octet = format!("What {relative} sends as a body is found by its test and stored.");
        cases.push(Case::new(format!("R1-{name}-octet"), Level::Should, octet, move |lab| async move {
            let file = spoken(&lab, dialect)?.typed("text/plain");
            for number in [3, 1, 2] {
                let sending = lab.sending(&file, number).octet().typed(Some("text/plain"));
                lab.store_by(&sending).await?;
            }
            lab.is_complete(&file).await
        }));
        let refused = format!("What {relative} says and can't be right is refused.");
        cases.push(Case::new(format!("R1-{name}-refused"), Level::Should, refused, move |lab| async move {
            let file = spoken(&lab, dialect)?;
            lab.store(&file, 1).await?;
            let answer = lab.offer(&lab.sending(&file, 2).saying("ChunkNumber", "9")).await?;
            super::steps::refused(&answer, "there is no chunk 9")?;
            lab.is_untouched(&file, &[1]).await
        }));
    }
    cases.push(robust(
        "R1-relatives-apart",
        "The same file sent by two relatives is one upload, or two that are both right.",
        |lab| async move {
            let file = spoken(&lab, Dialect::Resumable)?;
            let flow = file.clone().speaking(Dialect::Flow);
            lab.store(&file, 1).await?;
            let shared = lab.has(&flow, 1).await?;
            lab.fill(&flow, if shared { &[2, 3] } else { &[1, 2, 3] }).await?;
            lab.is_complete(&flow).await?;
            if !shared {
                lab.finish(&file, &[1]).await?;
            }
            Ok(())
        },
    ));
    cases
}

fn spoken(lab: &Lab, dialect: Dialect) -> Verdict<File> {
    if !lab.receiver().namespace.is_empty() {
        return skip("only Resumable.js knows namespaces");
    }
    Ok(lab.file(30_000, 10_000).speaking(dialect))
}
