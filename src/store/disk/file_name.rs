//! Names that clients choose, made harmless: any text becomes one name that every file system takes.

/// The most bytes that [`sanitise_file_name`] gives. File systems allow 255; the rest is room for the longest number
/// of [`numbered`], ` (4294967295)`, or for ` (999)` and a suffix of nine bytes.
pub const MAX_FILE_NAME: usize = 240;

/// The most bytes of a name that file systems allow.
const FILE_SYSTEM_LIMIT: usize = 255;

/// The name of a file whose own name has nothing usable in it.
const NAMELESS: &str = "upload";

/// The most characters that count as an extension; what is longer is a sentence with a dot in it.
const LONGEST_EXTENSION: usize = 16;

/// One name for a file: a normal path component of 1 to [`MAX_FILE_NAME`] bytes that does not begin with a dot.
///
/// Letters of every script stay. Separators, control characters, what turns the direction of text (`exe.gpj` shown as
/// `jpg.exe`) and what Windows forbids become `_`. A name that is too long loses the end of its stem, never its
/// extension. Doing it twice changes nothing more.
#[must_use]
pub fn sanitise_file_name(name: &str) -> String {
    let replaced: String = name.chars().map(|c| if is_harmful(c) { '_' } else { c }).collect();
    let trimmed = replaced.trim_matches(is_edge);
    if trimmed.is_empty() {
        return NAMELESS.to_owned();
    }
    if is_windows_device(trimmed) {
        return shorten(&format!("_{trimmed}"), MAX_FILE_NAME);
    }
    shorten(trimmed, MAX_FILE_NAME)
}

/// The name of the `n`th file that wants to be called `name`: `photo (2).jpg`, `archive (2).tar.gz`.
#[must_use]
pub fn numbered(name: &str, n: u32) -> String {
    let number = format!(" ({n})");
    let name = shorten(name, FILE_SYSTEM_LIMIT - number.len());
    match split_extension(&name) {
        (stem, "") => format!("{stem}{number}"),
        (stem, ext) => format!("{stem}{number}.{ext}"),
    }
}

/// Stem and extension, without the dot between them; the extension is empty if there is none. What a packer put
/// around a `.tar` belongs to the extension: `archive` and `tar.gz`.
pub(super) fn split_extension(name: &str) -> (&str, &str) {
    let Some((stem, ext)) = split_last(name) else { return (name, "") };
    match split_last(stem) {
        Some((inner, tar)) if tar.eq_ignore_ascii_case("tar") => {
            (inner, name.get(inner.len() + 1..).unwrap_or_default())
        }
        _ => (stem, ext),
    }
}

fn split_last(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(stem, ext)| {
        !stem.is_empty()
            && !ext.is_empty()
            && ext.chars().all(char::is_alphanumeric)
            && ext.chars().count() <= LONGEST_EXTENSION
    })
}

/// At most `limit` bytes, cut at a character from the end of the stem.
fn shorten(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let (stem, ext) = split_extension(name);
    let dotted = if ext.is_empty() { 0 } else { ext.len() + 1 };
    let kept = beginning(stem, limit.saturating_sub(dotted)).trim_end_matches(is_edge);
    if ext.is_empty() { kept.to_owned() } else { format!("{kept}.{ext}") }
}

/// The longest beginning of at most `limit` bytes that ends between two characters.
pub(super) fn beginning(text: &str, limit: usize) -> &str {
    let end = text.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|&end| end <= limit).last();
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// Dots hide a file or name a directory, and Windows drops dots and spaces at the end.
fn is_edge(c: char) -> bool {
    c == '.' || c.is_whitespace()
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
        // Marks, embeddings, overrides and isolates of the bidirectional algorithm; line and paragraph separators.
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        // Without width, so that two names look the same. (The joiners U+200C and U+200D are part of spelling.)
        || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
}

/// Whether Windows would open a device instead of a file, whatever the extension.
fn is_windows_device(name: &str) -> bool {
    let base = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    if matches!(base.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let port = base.strip_prefix("COM").or_else(|| base.strip_prefix("LPT"));
    port.is_some_and(|port| {
        matches!(port, "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³")
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Component, Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_names_stay_as_they_are() {
        for name in [
            "photo.jpg",
            "a b (1).txt",
            "Übung № 3.pdf",
            "写真.jpg",
            "می‌خواهم.txt",
            "👩‍💻.png",
            "-rf",
            "console.log",
        ] {
            assert_eq!(sanitise_file_name(name), name);
        }
    }

    #[test]
    fn harmful_names_become_harmless() {
        for (name, harmless) in [
            ("", "upload"),
            (".", "upload"),
            ("..", "upload"),
            (" . . ", "upload"),
            ("/", "_"),
            ("../../etc/passwd", "_.._etc_passwd"),
            ("C:\\fakepath\\a.png", "C__fakepath_a.png"),
            ("a\0b\nc\u{7f}\u{85}d", "a_b_c__d"),
            ("invoice\u{202e}fdp.exe", "invoice_fdp.exe"),
            ("zero\u{200b}width", "zero_width"),
            (".htaccess", "htaccess"),
            ("name. . ", "name"),
            ("a<b>c|d?e*f\"g", "a_b_c_d_e_f_g"),
            ("CON", "_CON"),
            ("nul.txt", "_nul.txt"),
            ("Lpt¹.txt", "_Lpt¹.txt"),
            ("com1 .tar.gz", "_com1 .tar.gz"),
            ("com10", "com10"),
        ] {
            assert_eq!(sanitise_file_name(name), harmless, "{name:?}");
        }
    }

    #[test]
    fn long_names_keep_their_extension() {
        let name = sanitise_file_name(&format!("{}.tar.gz", "é".repeat(300)));
        assert!(name.len() == MAX_FILE_NAME - 1 && name.ends_with("é.tar.gz"), "{name}");
        let name = sanitise_file_name(&format!("{}. {}", "x".repeat(100), "y".repeat(300)));
        assert_eq!(name.len(), MAX_FILE_NAME);
    }

    #[test]
    fn numbers_go_before_the_extension() {
        for (name, second) in [
            ("photo.jpg", "photo (2).jpg"),
            ("archive.tar.gz", "archive (2).tar.gz"),
            ("backup.TAR.zst", "backup (2).TAR.zst"),
            ("README", "README (2)"),
            ("photo.2024.jpg", "photo.2024 (2).jpg"),
            ("See v1. Final draft", "See v1. Final draft (2)"),
            ("tar.gz", "tar (2).gz"),
        ] {
            assert_eq!(numbered(name, 2), second);
        }
    }

    /// Text that is rich in what hurts.
    fn nasty() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[./\\\\ :\u{202e}\0a-cN]{0,12}",
            "(con|NUL|com1|lpt²)[. ]{0,2}(tar)?[.]?[a-z]{0,20}",
            "[a-zé写👩. ]{200,300}([.][a-z]{1,20}){0,3}",
        ]
    }

    proptest! {
        #[test]
        fn every_name_becomes_one_component(name in nasty()) {
            let harmless = sanitise_file_name(&name);
            prop_assert!((1..=MAX_FILE_NAME).contains(&harmless.len()));
            prop_assert!(!harmless.starts_with('.') && !harmless.ends_with(['.', ' ']));
            prop_assert!(!harmless.chars().any(is_harmful));
            let components: Vec<_> = Path::new(&harmless).components().collect();
            prop_assert!(matches!(components[..], [Component::Normal(only)] if only == harmless.as_str()));
            prop_assert_eq!(sanitise_file_name(&harmless), harmless);
        }

        #[test]
        fn every_number_fits(name in nasty(), n in any::<u32>()) {
            let numbered = numbered(&sanitise_file_name(&name), n);
            prop_assert!((1..=FILE_SYSTEM_LIMIT).contains(&numbered.len()));
            let suffix = format!(" ({n})");
            prop_assert!(numbered.contains(&suffix));
            let is_normal = matches!(Path::new(&numbered).components().next(), Some(Component::Normal(_)));
            prop_assert!(is_normal && !numbered.contains('/'));
        }
    }
}
