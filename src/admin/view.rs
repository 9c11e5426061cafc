//! An upload in words for people, and as the JSON that scripts read.

use bytesize::ByteSize;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::cli::StateFilter;
use crate::store::disk::survey::Recorded;
use crate::upload::{Kind, State, Upload};

/// An upload as `--json` writes it. Fields are added, and never change their meaning.
#[derive(Debug, Serialize)]
pub(super) struct View {
    pub(super) id: String,
    pub(super) state: &'static str,
    /// Bytes that are there: up to the offset, or in chunks.
    pub(super) bytes: u64,
    /// Bytes in all; null: not told yet.
    pub(super) length: Option<u64>,
    pub(super) filename: Option<String>,
    /// Whose it is; null: nobody's.
    pub(super) owner: Option<String>,
    /// In tus's notation.
    pub(super) metadata: String,
    pub(super) created: Option<Timestamp>,
    /// When its last byte came.
    pub(super) modified: Option<Timestamp>,
    /// null: never, unless it goes with its parts.
    pub(super) expires: Option<Timestamp>,
    /// A final upload that is being put together: it goes when they do.
    pub(super) expires_with_parts: bool,
    /// The finished file, below files/.
    pub(super) file: Option<String>,
    /// The parts of a final upload.
    pub(super) parts: Vec<String>,
    /// Where its bytes are; null: nowhere any more.
    pub(super) path: Option<String>,
    /// Why the record can't be used.
    pub(super) problem: Option<String>,
}

impl View {
    pub(super) fn new(recorded: Recorded, now: Timestamp) -> Self {
        let path = recorded.bytes_at.map(|path| path.display().to_string());
        let id = recorded.id.to_string();
        match recorded.upload {
            Err(error) => Self {
                id,
                state: "damaged",
                bytes: recorded.stored,
                length: None,
                filename: None,
                owner: None,
                metadata: String::new(),
                created: None,
                modified: None,
                expires: None,
                expires_with_parts: false,
                file: None,
                parts: Vec::new(),
                path,
                problem: Some(match error {
                    crate::store::StoreError::Damaged(why) => why,
                    other => other.to_string(),
                }),
            },
            Ok(upload) => Self {
                id,
                state: state(&upload, now),
                bytes: bytes(&upload),
                length: upload.length.known(),
                filename: upload.metadata.file_name().map(str::to_owned),
                owner: upload.owner.as_ref().map(|owner| owner.as_str().to_owned()),
                metadata: upload.metadata.as_given().to_owned(),
                created: Some(upload.created),
                modified: Some(upload.modified),
                expires: upload.expiry(),
                expires_with_parts: upload.state == State::Assembling,
                file: match &upload.state {
                    State::Complete { file, .. } => file.clone(),
                    _ => None,
                },
                parts: match &upload.kind {
                    Kind::Final { parts, .. } => parts.iter().map(ToString::to_string).collect(),
                    _ => Vec::new(),
                },
                path,
                problem: None,
            },
        }
    }

    /// When it expires where no moment is known for it.
    pub(super) fn expires_otherwise(&self) -> &'static str {
        match self.state {
            "damaged" => "?",
            _ if self.expires_with_parts => "with its parts",
            _ => "never",
        }
    }

    /// `1.4 GiB of 40.0 GiB, 3 %`.
    pub(super) fn progress(&self) -> String {
        let bytes = size(self.bytes);
        match self.length {
            _ if matches!(self.state, "complete" | "part") => bytes,
            None => format!("{bytes} of ?"),
            Some(0) => bytes,
            Some(length) => {
                // In u128, because a hundred times a length may not fit.
                let percent = u128::from(self.bytes) * 100 / u128::from(length);
                format!("{bytes} of {}, {percent} %", size(length))
            }
        }
    }
}

fn state(upload: &Upload, now: Timestamp) -> &'static str {
    match &upload.state {
        _ if upload.is_expired(now) => "expired",
        State::Receiving => "receiving",
        State::Filling(_) => "filling",
        State::Verifying => "verifying",
        State::Assembling => "assembling",
        State::Complete { file: None, .. } => "part",
        State::Complete { file: Some(_), .. } => "complete",
    }
}

fn bytes(upload: &Upload) -> u64 {
    match &upload.state {
        State::Filling(chunks) => chunks.present_bytes(),
        _ => upload.offset,
    }
}

pub(super) fn name_of(filter: StateFilter) -> &'static str {
    match filter {
        StateFilter::Receiving => "receiving",
        StateFilter::Filling => "filling",
        StateFilter::Verifying => "verifying",
        StateFilter::Assembling => "assembling",
        StateFilter::Part => "part",
        StateFilter::Complete => "complete",
        StateFilter::Expired => "expired",
    }
}

/// `1.4 GiB`.
pub(super) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// `3h ago`, `in 2days`: no more than two units.
pub(super) fn relative(moment: Timestamp, now: Timestamp) -> String {
    let away = moment.duration_since(now);
    let text = coarse(away);
    if away.is_negative() { format!("{text} ago") } else { format!("in {text}") }
}

fn coarse(away: SignedDuration) -> String {
    let seconds = away.unsigned_abs().as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// A client's text, without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            if c.is_control() || is_format(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}

/// Marks that turn the direction of a line, or are not seen.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_from_now() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        for (moment, text) in [
            ("2026-11-23T11:59:55Z", "5 s ago"),
            ("2026-11-23T11:00:01Z", "59 min ago"),
            ("2026-11-22T12:00:01Z", "23 h ago"),
            ("2025-11-23T12:00:00Z", "365 d ago"),
            ("2026-11-23T18:30:00Z", "in 6 h"),
        ] {
            assert_eq!(relative(moment.parse().unwrap(), now), text);
        }
    }

    #[test]
    fn a_name_does_nothing_to_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}gpj.exe\n"), "a\\u{1b}[31m\\u{202e}gpj.exe\\u{a}");
        assert_eq!(printable("文書 — résumé.txt"), "文書 — résumé.txt");
    }
}
