//! What a Location looks like, and whom it believes: X4.

use crate::case::{Case, ensure, must, robust};

pub(super) fn cases() -> Vec<Case> {
    vec![
        must(
            "X4-reference",
            "Location is a URI reference: ASCII, without spaces or anything that needs escaping.",
            |lab| async move {
                let location = lab.create(4).await?.location;
                let bad = location
                    .chars()
                    .find(|letter| !letter.is_ascii_graphic() || "<>\"{}|\\^`".contains(*letter));
                ensure(bad.is_none(), || format!("expected a URI reference, got {location:?}"))
            },
        ),
        must(
            "X4-resolves",
            "Location, resolved against the endpoint, reaches the upload.",
            |lab| async move {
                let upload = lab.create(4).await?;
                lab.head(&upload).await?.status(&[200, 204])?.has("Upload-Length", 4)?;
                Ok(())
            },
        ),
        robust(
            "X4-host",
            "An absolute Location names a host and a path; a relative one starts with a slash.",
            |lab| async move {
                let location = lab.create(4).await?.location;
                let rest = location.strip_prefix("http://").or_else(|| location.strip_prefix("https://"));
                match rest {
                    Some(rest) => ensure(rest.find('/').is_some_and(|cut| cut > 0), || {
                        format!("expected a host and a path, got {location:?}")
                    }),
                    None => ensure(location.starts_with('/'), || {
                        format!("expected an absolute URL or a path from the root, got {location:?}")
                    }),
                }
            },
        ),
        robust(
            "X4-forged-host",
            "A forged X-Forwarded-Host of a stranger does not become the Location's host.",
            |lab| async move {
                let request =
                    lab.post().header("Upload-Length", 4).header("X-Forwarded-Host", "evil.example");
                let upload = lab.create_by(request.header("X-Forwarded-Proto", "https")).await?.0;
                ensure(!upload.location.contains("evil.example"), || {
                    format!("expected the stranger's host not to be believed, got {:?}", upload.location)
                })
            },
        ),
    ]
}
