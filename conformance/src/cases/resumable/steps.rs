//! Steps that several files of this group share.

use crate::{
    case::{Verdict, ensure},
    client::{Body, Request, Response, Wire},
    lab::{
        Lab,
        resumable::{File, Sending},
    },
};

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

/// Opens a connection and sends what the request holds.
pub(super) async fn start(lab: &Lab, request: &Request) -> Verdict<Wire> {
    let mut wire = lab.open().await?;
    wire.send(request).await?;
    lab.say(format!("→ {}\n← (not awaited)", request.summary().replace('\n', "\n  ")));
    Ok(wire)
}

/// Either the receiver refuses what a client chose, for good and in order, or it takes the file and does it right.
pub(super) async fn works_or_is_refused(lab: &Lab, file: &File) -> Verdict {
    let answer = lab.offer(&lab.sending(file, 1)).await?;
    if (400..500).contains(&answer.status) {
        refused(&answer, "the receiver does not like what the client chose")?;
        let found = lab.ask("GET", file, 1).await?;
        found.no_breakdown()?;
        return ensure(!crate::lab::resumable::is_there(&found), || {
            format!("expected a refused chunk not to be there, the test is answered {}", found.status)
        });
    }
    answer.status(&crate::lab::resumable::SUCCESSES)?;
    if file.count() > 1 {
        lab.holds(file, &[1]).await?;
    }
    lab.finish(file, &[1]).await
}
