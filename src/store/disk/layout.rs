//! Where below the data directory a finished file gets which name: `--layout`.

use std::{fmt, path::PathBuf, str::FromStr};

use super::file_name::{MAX_FILE_NAME, beginning, sanitise_file_name, split_extension};

/// A template such as `{year}/{month}/{filename}`, which has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The parts of the path; never empty, and none of them is.
    parts: Vec<Vec<Piece>>,
    /// As it was written, for people.
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Literal(String),
    FileName,
    Stem,
    Ext,
    Id,
    Year,
    Month,
    Day,
    Hour,
}

/// What a layout is filled with.
#[derive(Debug, Clone, Copy)]
pub struct LayoutFields<'a> {
    /// The name as the client gave it; any text at all.
    pub filename: &'a str,
    /// The upload's identifier.
    pub id: &'a str,
    /// The moment that the date placeholders tell, in the time zone they shall tell it in.
    pub at: jiff::civil::DateTime,
}

/// Why a layout was refused. The text follows the quoted layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Nothing tells one upload from another.
    #[error("gives every upload the same name; use {{filename}}, {{stem}} or {{id}} in it")]
    Constant,
    /// It begins with `/`, or has an empty part or one that begins with a dot.
    #[error(
        "leaves the data directory or hides in it; give a relative path without empty parts and leading dots"
    )]
    Path,
    /// A brace without its partner.
    #[error("has a brace without its partner; write placeholders like {{filename}}")]
    Brace,
    /// This placeholder does not exist.
    #[error(
        "has the unknown placeholder {{{0}}}; use {{filename}} {{stem}} {{ext}} {{id}} {{year}} {{month}} {{day}} {{hour}}"
    )]
    Unknown(String),
    /// A character that file systems dislike in the fixed text.
    #[error("holds {0:?}, which some file systems refuse; use letters, digits, spaces and -._")]
    Character(char),
}

impl Layout {
    /// Reads a template.
    ///
    /// # Errors
    /// It could leave the data directory, has unknown placeholders, or gives every upload the same name.
    pub fn parse(text: &str) -> Result<Self, LayoutError> {
        let parts = text.split('/').map(parse_part).collect::<Result<Vec<_>, _>>()?;
        let distinct = |piece: &Piece| matches!(piece, Piece::FileName | Piece::Stem | Piece::Id);
        if !parts.iter().flatten().any(distinct) {
            return Err(LayoutError::Constant);
        }
        Ok(Self { parts, text: text.to_owned() })
    }

    /// The path of one upload, relative to the data directory: only normal components, none of which begins with a
    /// dot, and the last with room for [`numbered`](super::file_name::numbered).
    ///
    /// A directory whose name turns out empty (`{ext}` of a file that has none) is left out.
    #[must_use]
    pub fn render(&self, fields: &LayoutFields<'_>) -> PathBuf {
        let name = sanitise_file_name(fields.filename);
        let last = self.parts.len().saturating_sub(1);
        let mut path = PathBuf::new();
        for (index, pieces) in self.parts.iter().enumerate() {
            let part = render_part(pieces, &name, fields);
            if index == last || !part.is_empty() {
                path.push(sanitise_file_name(&part));
            }
        }
        path
    }
}

fn parse_part(part: &str) -> Result<Vec<Piece>, LayoutError> {
    // Names that begin with a dot are the store's own.
    if part.is_empty() || part.starts_with('.') {
        return Err(LayoutError::Path);
    }
    let mut pieces = Vec::new();
    let mut rest = part;
    while !rest.is_empty() {
        let (literal, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
        if !literal.is_empty() {
            pieces.push(Piece::Literal(check_literal(literal)?));
        }
        let Some(inside) = after.strip_prefix('{') else { break };
        let (placeholder, after) = inside.split_once('}').ok_or(LayoutError::Brace)?;
        pieces.push(parse_placeholder(placeholder)?);
        rest = after;
    }
    Ok(pieces)
}

fn check_literal(literal: &str) -> Result<String, LayoutError> {
    if literal.contains('}') {
        return Err(LayoutError::Brace);
    }
    match literal.chars().find(|&c| !(c.is_alphanumeric() || " -._".contains(c))) {
        Some(refused) => Err(LayoutError::Character(refused)),
        None => Ok(literal.to_owned()),
    }
}

fn parse_placeholder(name: &str) -> Result<Piece, LayoutError> {
    Ok(match name {
        "filename" => Piece::FileName,
        "stem" => Piece::Stem,
        "ext" => Piece::Ext,
        "id" => Piece::Id,
        "year" => Piece::Year,
        "month" => Piece::Month,
        "day" => Piece::Day,
        "hour" => Piece::Hour,
        _ if name.contains('{') => return Err(LayoutError::Brace),
        _ => return Err(LayoutError::Unknown(name.to_owned())),
    })
}

/// One part, filled in. Where it would be too long, the client's name is what gives way: cutting the end would take
/// an identifier or an extension.
fn render_part(pieces: &[Piece], name: &str, fields: &LayoutFields<'_>) -> String {
    let whole = join(pieces, name, fields);
    if whole.len() <= MAX_FILE_NAME {
        return whole;
    }
    let names = pieces.iter().filter(|piece| matches!(piece, Piece::FileName | Piece::Stem)).count();
    let excess = whole.len() - MAX_FILE_NAME;
    let cut = excess.div_ceil(names.max(1));
    let (stem, ext) = split_extension(name);
    let kept = beginning(stem, stem.len().saturating_sub(cut));
    let shorter = if ext.is_empty() { kept.to_owned() } else { format!("{kept}.{ext}") };
    join(pieces, &shorter, fields)
}

fn join(pieces: &[Piece], name: &str, fields: &LayoutFields<'_>) -> String {
    let (stem, ext) = split_extension(name);
    let at = fields.at;
    pieces.iter().fold(String::new(), |part, piece| match piece {
        Piece::Literal(text) => part + text,
        Piece::FileName => part + name,
        Piece::Stem => part + stem,
        Piece::Ext => part + ext,
        Piece::Id => part + fields.id,
        Piece::Year => part + &format!("{:04}", at.year()),
        Piece::Month => part + &format!("{:02}", at.month()),
        Piece::Day => part + &format!("{:02}", at.day()),
        Piece::Hour => part + &format!("{:02}", at.hour()),
    })
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        Self::parse(text)
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn render(layout: &str, filename: &str) -> PathBuf {
        let at = date(2026, 3, 7).at(9, 30, 0, 0);
        Layout::parse(layout).unwrap().render(&LayoutFields { filename, id: "0123abcd", at })
    }

    #[test]
    fn placeholders_are_filled_in() {
        for (layout, filename, path) in [
            ("{filename}", "photo.jpg", "photo.jpg"),
            ("{id}", "photo.jpg", "0123abcd"),
            ("{year}/{month}/{day}/{hour}/{filename}", "photo.jpg", "2026/03/07/09/photo.jpg"),
            ("{stem}-{id}.{ext}", "photo.jpg", "photo-0123abcd.jpg"),
            ("{stem}-{id}.{ext}", "README", "README-0123abcd"),
            ("{ext}/{filename}", "photo.jpg", "jpg/photo.jpg"),
            ("{ext}/{filename}", "README", "README"),
            ("{ext}/{filename}", "a.tar.gz", "tar.gz/a.tar.gz"),
            ("in box/{filename}", "../../etc/passwd", "in box/_.._etc_passwd"),
            ("{stem}/x", "..", "upload/x"),
            ("{id}/{ext}", "README", "0123abcd/upload"),
        ] {
            assert_eq!(render(layout, filename), Path::new(path), "{layout} {filename}");
        }
    }

    #[test]
    fn layouts_that_could_do_harm_are_refused() {
        for (layout, error) in [
            ("", LayoutError::Path),
            ("/{filename}", LayoutError::Path),
            ("{filename}/", LayoutError::Path),
            ("a//{filename}", LayoutError::Path),
            ("../{filename}", LayoutError::Path),
            ("a/../{filename}", LayoutError::Path),
            (".hidden/{filename}", LayoutError::Path),
            ("{year}/{ext}", LayoutError::Constant),
            ("same", LayoutError::Constant),
            ("{user}/{filename}", LayoutError::Unknown("user".into())),
            ("{}{filename}", LayoutError::Unknown(String::new())),
            ("{filename", LayoutError::Brace),
            ("filename}", LayoutError::Brace),
            ("{{filename}}", LayoutError::Brace),
            ("{file/name}", LayoutError::Brace),
            ("a\\{filename}", LayoutError::Character('\\')),
            ("a\0{filename}", LayoutError::Character('\0')),
            ("C:{filename}", LayoutError::Character(':')),
        ] {
            assert_eq!(Layout::parse(layout), Err(error), "{layout}");
        }
    }

    #[test]
    fn long_names_give_way_to_identifiers_and_extensions() {
        let path = render("{stem}-{id}.{ext}", &format!("{}.tar.gz", "x".repeat(400)));
        let name = path.to_str().unwrap();
        assert!(name.ends_with("x-0123abcd.tar.gz"), "{name}");
        assert_eq!(name.len(), MAX_FILE_NAME);
        let name = render("{id} {filename}", &format!("{}.jpg", "ü".repeat(400)));
        assert!(name.to_str().unwrap().ends_with("ü.jpg"), "{name:?}");
    }

    proptest! {
        #[test]
        fn a_path_stays_inside_whatever_the_name(filename in any::<String>(), layout in prop::sample::select(vec![
            "{filename}", "{id}", "{stem}/{ext}", "{ext}/{filename}", "{year}/{stem}{stem}.{ext}", "{ext}.{stem}.{ext}",
        ])) {
            let path = render(layout, &filename);
            let components: Vec<_> = path.components().collect();
            prop_assert!(!components.is_empty());
            for component in components {
                let Component::Normal(name) = component else { panic!("{component:?}") };
                prop_assert!(name.len() <= MAX_FILE_NAME);
                prop_assert!(!name.to_str().unwrap().starts_with('.'));
            }
        }
    }
}
