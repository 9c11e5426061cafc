//! Forms that are odd, and forms that are broken: R3.

use super::steps::refused;
use crate::{
    case::{Case, Level, Verdict, ensure},
    client::Request,
    lab::{
        Lab,
        resumable::{BOUNDARY, File, Form, SUCCESSES, Sending, multipart},
    },
};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = odd();
    cases.extend(broken());
    cases.extend(either());
    cases
}

fn case<F>(name: &str, level: Level, demand: String, run: F) -> Case
where
    F: Fn(Lab) -> std::pin::Pin<Box<dyn Future<Output = Verdict> + Send>> + Send + Sync + 'static,
{
    Case::new(format!("R3-form-{name}"), level, demand, run)
}

/// Writes a form; what it needs of the chunk is in the sending.
type Write = fn(&Lab, &Sending) -> Request;

/// A form in a boundary of its own.
fn bounded(lab: &Lab, sending: &Sending, boundary: &str, content_type: &str) -> Request {
    let form = sending.file_of(sending.fields_of(Form::new(boundary))).end();
    sending.with_form(lab, content_type, form)
}

/// Well-formed, and unlike what the browser of the day writes: taken all the same.
fn odd() -> Vec<Case> {
    let forms: [(&str, Level, &str, Write); 12] = [
        ("firefox", Level::Must, "with a boundary of dashes and digits", |lab, sending| {
            let boundary = "-----------------------------29372384951820374651";
            bounded(lab, sending, boundary, &multipart(boundary))
        }),
        ("quoted", Level::Should, "whose boundary is quoted", |lab, sending| {
            bounded(lab, sending, "B", "multipart/form-data; boundary=\"B\"")
        }),
        (
            "quoted-marks",
            Level::Robustness,
            "whose quoted boundary has every mark that is allowed",
            |lab, sending| {
                let boundary = "b'()+_,-./:=? b";
                bounded(lab, sending, boundary, &format!("multipart/form-data; boundary=\"{boundary}\""))
            },
        ),
        ("long-boundary", Level::Should, "with a boundary of 70 letters", |lab, sending| {
            let boundary = "0123456789".repeat(7);
            bounded(lab, sending, &boundary, &multipart(&boundary))
        }),
        ("case", Level::Should, "whose Content-Type is written in capitals", |lab, sending| {
            bounded(lab, sending, "B", "Multipart/Form-Data; Boundary=B")
        }),
        ("charset", Level::Should, "whose Content-Type has another parameter", |lab, sending| {
            bounded(lab, sending, "B", "multipart/form-data; charset=utf-8; boundary=B")
        }),
        ("preamble", Level::Robustness, "with text before its first part", |lab, sending| {
            let form = sending.fields_of(Form::new("B").raw(b"This is a form.\r\n"));
            sending.with_form(lab, &multipart("B"), sending.file_of(form).end())
        }),
        ("epilogue", Level::Robustness, "with text behind its end", |lab, sending| {
            let mut form = sending.file_of(sending.fields_of(Form::new("B"))).end();
            form.extend_from_slice(b"--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nThe end.\r\n");
            sending.with_form(lab, &multipart("B"), form)
        }),
        ("padding", Level::Robustness, "with white space behind its boundaries", |lab, sending| {
            let head = "Content-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n";
            let form = Form::new("B").raw(b"--B \t\r\n").raw(head.as_bytes());
            sending.with_form(lab, &multipart("B"), sending.file_of(sending.fields_of(form)).end())
        }),
        ("part-heads", Level::Should, "whose parts have more headers, in any case", |lab, sending| {
            let form = sending.fields_of(Form::new("B"));
            let name = sending.spelled_part_name();
            let head = format!(
                "CONTENT-TYPE: application/octet-stream\r\ncontent-length: {}\r\nX-Else: 1\r\n\
                 content-disposition:form-data; name=\"{name}\"; filename=\"a.bin\"\r\n",
                sending.bytes.len()
            );
            sending.with_form(lab, &multipart("B"), form.part(&head, &sending.bytes).end())
        }),
        ("no-text", Level::Robustness, "with a field of the page's own that is no text", |lab, sending| {
            let form = Form::new("B").field("own", b"J\xf6rg \0\xff\r\r\n--");
            sending.with_form(lab, &multipart("B"), sending.file_of(sending.fields_of(form)).end())
        }),
        ("many-fields", Level::Should, "with thirty fields of the page's own", |lab, sending| {
            let form = (0..30).fold(Form::new("B"), |form, n| form.field(&format!("own{n}"), b"value"));
            sending.with_form(lab, &multipart("B"), sending.file_of(sending.fields_of(form)).end())
        }),
    ];
    let taken = |(name, level, what, write): (&str, Level, &str, Write)| {
        case(name, level, format!("A form {what} is taken."), move |lab| {
            Box::pin(async move {
                let file = lab.file(30_000, 10_000);
                for number in [2, 1] {
                    let request = write(&lab, &lab.sending(&file, number));
                    lab.send(request).await?.status(&SUCCESSES)?;
                }
                lab.is_untouched(&file, &[1, 2]).await
            })
        })
    };
    forms.into_iter().map(taken).collect()
}

/// What can't be read as a form with a chunk: refused, not retried, and nothing is stored.
fn broken() -> Vec<Case> {
    let forms: [(&str, &str, Write); 10] = [
        ("no-boundary", "whose Content-Type names no boundary", |lab, sending| {
            bounded(lab, sending, "B", "multipart/form-data")
        }),
        ("other-boundary", "whose boundary is another one than its Content-Type says", |lab, sending| {
            bounded(lab, sending, "B", &multipart("C"))
        }),
        ("empty-boundary", "whose boundary is empty", |lab, sending| {
            bounded(lab, sending, "B", "multipart/form-data; boundary=")
        }),
        ("empty", "of no bytes", |lab, sending| sending.with_form(lab, &multipart("B"), Vec::new())),
        ("no-parts", "without parts", |lab, sending| {
            sending.with_form(lab, &multipart("B"), Form::new("B").end())
        }),
        ("no-file", "without the chunk's bytes", |lab, sending| {
            sending.with_form(lab, &multipart("B"), sending.fields_of(Form::new("B")).end())
        }),
        ("cut-in-file", "that ends in the middle of the chunk", |lab, sending| {
            let mut form = sending.file_of(sending.fields_of(Form::new("B"))).unfinished();
            form.truncate(form.len() - 5_000);
            sending.with_form(lab, &multipart("B"), form)
        }),
        ("cut-in-head", "that ends in the head of a part", |lab, sending| {
            let form = sending.fields_of(Form::new("B")).raw(b"--B\r\nContent-Disposition: form-da");
            sending.with_form(lab, &multipart("B"), form.unfinished())
        }),
        ("cut-in-field", "that ends in the middle of a field", |lab, sending| {
            let form = sending.fields_of(Form::new("B"));
            let form = form.raw(b"--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nval");
            sending.with_form(lab, &multipart("B"), form.unfinished())
        }),
        ("bad-head", "with a part's head that is none", |lab, sending| {
            let form = sending.fields_of(Form::new("B")).part("no colon here\r\n", b"x");
            sending.with_form(lab, &multipart("B"), sending.file_of(form).end())
        }),
    ];
    let mut cases = Vec::new();
    for (name, what, write) in forms {
        cases.push(case(
            &format!("bad-{name}"),
            Level::Must,
            format!("A form {what} is not stored, and nothing changes."),
            move |lab| Box::pin(async move { offered(&lab, write).await?.0.is_not_stored(&lab).await }),
        ));
        cases.push(case(
            &format!("bad-{name}-status"),
            Level::Should,
            format!("A form {what} is refused for good: trying again would not help."),
            move |lab| {
                Box::pin(async move {
                    match offered(&lab, write).await?.1 {
                        Some(answer) => refused(&answer, "the form is broken"),
                        None => Ok(()),
                    }
                })
            },
        ));
    }
    cases
}

/// A file of which a broken form was sent.
struct Sent(File, Option<u16>);

impl Sent {
    async fn is_not_stored(&self, lab: &Lab) -> Verdict {
        let Self(file, status) = self;
        ensure(status.is_none_or(|status| status >= 400 && status != 500), || {
            format!("expected a refusal, got {}", status.unwrap_or_default())
        })?;
        lab.is_untouched(file, &[1]).await
    }
}

/// Sends chunk 2 of a file whose chunk 1 is there. A server may hang up on what it does not want to read to its end.
async fn offered(lab: &Lab, write: Write) -> Verdict<(Sent, Option<crate::client::Response>)> {
    let file = super::steps::begun(lab).await?;
    let answer = lab.send(write(lab, &lab.sending(&file, 2))).await.ok();
    let status = answer.as_ref().map(|answer| answer.status);
    Ok((Sent(file, status), answer))
}

/// What a server may take or refuse, as long as it does the one or the other.
fn either() -> Vec<Case> {
    let forms: [(&str, &str, Write); 12] = [
        ("file-first", "whose file stands before its fields", |lab, sending| {
            let form = sending.fields_of(sending.file_of(Form::new("B"))).end();
            sending.clone().only_in_form().with_form(lab, &multipart("B"), form)
        }),
        (
            "file-first-query",
            "whose file stands before its fields, and whose query says the same",
            |lab, sending| {
                let form = sending.fields_of(sending.file_of(Form::new("B"))).end();
                sending.with_form(lab, &multipart("B"), form)
            },
        ),
        ("more-behind", "with a field of the page's own behind its file", |lab, sending| {
            let form = sending.file_of(sending.fields_of(Form::new("B"))).field("own", b"J\xf6rg");
            sending.with_form(lab, &multipart("B"), form.end())
        }),
        ("huge-padding", "with 4 MiB of white space behind its first boundary", |lab, sending| {
            let head = "\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1\r\n";
            let form = Form::new("B").raw(b"--B").raw(&vec![b' '; 4 << 20]).raw(head.as_bytes());
            sending.with_form(lab, &multipart("B"), sending.file_of(sending.fields_of(form)).end())
        }),
        ("two-files", "with the chunk twice", |lab, sending| {
            let form = sending.file_of(sending.file_of(sending.fields_of(Form::new("B"))));
            sending.with_form(lab, &multipart("B"), form.end())
        }),
        ("no-end", "without the line that ends it", |lab, sending| {
            let form = sending.file_of(sending.fields_of(Form::new("B"))).raw(b"--B\r\n");
            sending.with_form(lab, &multipart("B"), form.unfinished())
        }),
        ("folded", "with a folded header line", |lab, sending| {
            let name = sending.spelled_part_name();
            let head = format!("Content-Disposition: form-data;\r\n name=\"{name}\"; filename=\"a.bin\"\r\n");
            let form = sending.fields_of(Form::new("B")).part(&head, &sending.bytes);
            sending.with_form(lab, &multipart("B"), form.end())
        }),
        ("line-feeds", "whose lines end by LF alone", |lab, sending| {
            let form = sending.file_of(sending.fields_of(Form::new(BOUNDARY))).end();
            let form = form.into_iter().filter(|byte| *byte != b'\r').collect();
            sending.with_form(lab, &multipart(BOUNDARY), form)
        }),
        ("huge-field", "with a field of 4 MiB", |lab, sending| {
            let form = sending.fields_of(Form::new("B")).field("own", &vec![b'x'; 4 << 20]);
            sending.with_form(lab, &multipart("B"), sending.file_of(form).end())
        }),
        ("huge-preamble", "with a preamble of 4 MiB", |lab, sending| {
            let form = sending.fields_of(Form::new("B").raw(&vec![b'x'; 4 << 20]).raw(b"\r\n"));
            sending.with_form(lab, &multipart("B"), sending.file_of(form).end())
        }),
        ("huge-head", "with a part's head of 4 MiB", |lab, sending| {
            let head = format!("X-Huge: {}\r\n", "x".repeat(4 << 20));
            let form = sending.fields_of(Form::new("B")).part(&head, b"x");
            sending.with_form(lab, &multipart("B"), sending.file_of(form).end())
        }),
        ("thousand-fields", "with a thousand fields", |lab, sending| {
            let form = (0..1000).fold(Form::new("B"), |form, n| form.field(&format!("own{n}"), b"v"));
            sending.with_form(lab, &multipart("B"), sending.file_of(sending.fields_of(form)).end())
        }),
    ];
    let taken_or_not = |(name, what, write): (&str, &str, Write)| {
        let demand = format!("A form {what} is stored or refused; in both cases the test says so.");
        case(&format!("odd-{name}"), Level::Robustness, demand, move |lab| {
            Box::pin(async move {
                let (Sent(file, _), answer) = offered(&lab, write).await?;
                match answer {
                    Some(answer) if SUCCESSES.contains(&answer.status) => {
                        lab.is_untouched(&file, &[1, 2]).await
                    }
                    Some(answer) => {
                        refused(&answer, "the form is odd")?;
                        lab.is_untouched(&file, &[1]).await
                    }
                    None => lab.is_untouched(&file, &[1]).await,
                }
            })
        })
    };
    forms.into_iter().map(taken_or_not).collect()
}
