//! Steps that several files of this group share.

use std::time::Duration;

use crate::{
    case::{Verdict, ensure},
    client::{Body, Request, Response, Wire},
    lab::{
        Lab,
        resumable::{File, SUCCESSES, Sending, is_there},
    },
};

/// Makes another request of the stock one.
pub(super) type Change = fn(Sending) -> Sending;

/// The three ways of a chunk's bytes, each with a name and what it is called in a sentence.
pub(super) const WAYS: [(&str, &str, Change); 3] = [
    ("form", "in a form", |sending| sending),
    ("octet", "as a body", Sending::octet),
    ("base64", "as a data URL", Sending::base64),
];

/// Demands a refusal that does not pass: the client's own fault, told as such.
pub(super) fn refused(answer: &Response, why: &str) -> Verdict {
    answer.refused(why)?;
    ensure(![408, 423, 425, 429].contains(&answer.status), || {
        format!("expected a refusal that stays because {why}, got {} (try again)", answer.status)
    })
}

/// A file of three chunks of which the first is there.
pub(super) async fn begun(lab: &Lab) -> Verdict<File> {
    let file = lab.file(30_000, 10_000);
    lab.store(&file, 1).await?;
    Ok(file)
}

/// Uploads the whole file and demands that it is complete and right.
pub(super) async fn uploads(lab: &Lab, file: &File) -> Verdict {
    lab.finish(file, &[]).await
}

/// Sends the head and the first bytes of the body, so that the rest is the case's.
pub(super) async fn begin(lab: &Lab, sending: &Sending, sent: usize) -> Verdict<(Wire, Vec<u8>)> {
    let request = sending.request(lab);
    let Body::Sized(body) = &request.body else { return Ok((lab.open().await?, Vec::new())) };
    let (first, rest) = body.split_at(sent.min(body.len()));
    let part = Body::Announced { length: crate::lab::size(body), bytes: first.to_vec() };
    let wire = start(lab, &Request { body: part, ..request.clone() }).await?;
    Ok((wire, rest.to_vec()))
}

/// The same for a body without a form, and not before the receiver reads it, as far as it says so: a newer request for
/// the same chunk is the newer one to the receiver, too.
pub(super) async fn stall(lab: &Lab, sending: &Sending, sent: usize) -> Verdict<(Wire, Vec<u8>)> {
    let request = sending.clone().octet().request(lab).header("Expect", "100-continue");
    let (first, rest) = sending.bytes.split_at(sent.min(sending.bytes.len()));
    let head = Body::Announced { length: crate::lab::size(&sending.bytes), bytes: Vec::new() };
    let mut wire = start(lab, &Request { body: head, ..request }).await?;
    let _ = tokio::time::timeout(Duration::from_secs(2), wire.first_status()).await;
    wire.write(first).await?;
    Ok((wire, rest.to_vec()))
}

/// Opens a connection and sends what the request holds.
pub(super) async fn start(lab: &Lab, request: &Request) -> Verdict<Wire> {
    let mut wire = lab.open().await?;
    wire.send(request).await?;
    lab.say(format!("→ {}\n← (not awaited)", request.summary().replace('\n', "\n  ")));
    Ok(wire)
}

/// Either the receiver refuses what a client chose, for good and in order, or it takes the file and does it right.
pub(super) async fn works_or_is_refused(lab: &Lab, file: &File, way: Change) -> Verdict {
    let answer = lab.offer(&way(lab.sending(file, 1))).await?;
    if (400..500).contains(&answer.status) {
        refused(&answer, "the receiver does not like what the client chose")?;
        let found = lab.ask("GET", file, 1).await?;
        found.no_breakdown()?;
        return ensure(!is_there(&found), || {
            format!("expected a refused chunk not to be there, the test is answered {}", found.status)
        });
    }
    answer.status(&SUCCESSES)?;
    lab.holds(file, &[1]).await?;
    for number in file.numbers().into_iter().skip(1) {
        lab.store_by(&way(lab.sending(file, number))).await?;
    }
    lab.is_complete(file).await
}
