//! What is tried with any bytes at all: one function for each target, which fails when a promise does not hold.

use std::path::{Component, Path};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use resumed::fuzzing;
use resumed::store::disk::file_name::{MAX_FILE_NAME, numbered, sanitise_file_name};
use resumed::store::disk::layout::{Layout, LayoutFields};
use resumed::upload::{Algorithm, Metadata, State, UploadId};

/// A target's name and what it does with bytes.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All of them.
pub(crate) const TARGETS: [Target; 8] = [
    ("metadata", metadata),
    ("checksum", checksum),
    ("concat", concat),
    ("upload_id", upload_id),
    ("path", path),
    ("form", form),
    ("parameters", parameters),
    ("sidecar", sidecar),
];

/// `Upload-Metadata`: what is read is what is written again, and read again.
pub(crate) fn metadata(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(metadata) = Metadata::parse(text) else { return };
    if text.trim_matches(' ').is_empty() {
        assert_eq!(metadata, Metadata::default());
    } else {
        assert_eq!(metadata.as_given(), text);
    }
    assert_eq!(Metadata::parse(metadata.as_given()), Ok(metadata.clone()));
    assert!(metadata.file_name().is_none_or(|name| !name.is_empty()));
    // Another protocol says the same by pairs, and means the same by it.
    let name = metadata.file_name().unwrap_or_default();
    let pairs = Metadata::from_pairs([("filename", name)]);
    assert_eq!(Metadata::parse(pairs.as_given()).as_ref(), Ok(&pairs));
    assert_eq!(pairs.file_name().unwrap_or_default(), name);
}

/// `Upload-Checksum`: what is taken has an algorithm's name and exactly its number of bytes, and means these bytes.
pub(crate) fn checksum(data: &[u8]) {
    let Some(checksum) = fuzzing::upload_checksum(data) else { return };
    let text = std::str::from_utf8(data).expect("only ASCII is taken");
    let (name, value) = text.split_once(' ').expect("one space");
    let algorithm = Algorithm::by_name(name).expect("a known name");
    let value = STANDARD.decode(value).expect("Base64");
    assert_eq!((checksum.algorithm(), value.len()), (algorithm, algorithm.value_len()));
    let again = format!("{name} {}", STANDARD.encode(value));
    assert_eq!(fuzzing::upload_checksum(again.as_bytes()), Some(checksum));
}

/// `Upload-Concat`: it is echoed as it was given, and a list has URLs without spaces.
pub(crate) fn concat(data: &[u8]) {
    let Some((urls, written)) = fuzzing::upload_concat(data) else { return };
    assert_eq!(written, data);
    assert_eq!(urls.is_empty(), data == b"partial");
    assert!(urls.iter().all(|url| !url.is_empty() && !url.contains(' ')));
    if !urls.is_empty() {
        let plain = format!("final;{}", urls.join(" "));
        assert_eq!(fuzzing::upload_concat(plain.as_bytes()), Some((urls, plain.into_bytes())));
    }
}

/// An upload's name has one spelling.
pub(crate) fn upload_id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(id) = UploadId::parse(text) else { return };
    assert_eq!(id.to_string(), text);
    assert_eq!(text.len(), UploadId::TEXT_LEN);
    assert!(text.starts_with(&format!("{:02x}", id.shard())));
}

/// A layout in the first line, a client's file name behind it: the path stays below its directory and hides nowhere.
pub(crate) fn path(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (layout, filename) = text.split_once('\n').unwrap_or(("{filename}", &text));
    let harmless = sanitise_file_name(filename);
    assert_component(&harmless, MAX_FILE_NAME);
    assert_eq!(sanitise_file_name(&harmless), harmless);
    assert_component(&numbered(&harmless, u32::MAX), 255);
    let Ok(layout) = Layout::parse(layout) else { return };
    assert_eq!(Layout::parse(&layout.to_string()).as_ref(), Ok(&layout));
    let at = jiff::civil::date(2026, 3, 7).at(9, 30, 0, 0);
    let path = layout.render(&LayoutFields { filename, id: "00112233445566778899aabbccddeeff", at });
    assert!(path.components().next().is_some());
    for component in path.components() {
        let Component::Normal(name) = component else { panic!("{path:?}") };
        assert_component(name.to_str().expect("text"), MAX_FILE_NAME);
    }
}

fn assert_component(name: &str, limit: usize) {
    assert!((1..=limit).contains(&name.len()) && !name.starts_with('.'), "{name:?}");
    let components: Vec<_> = Path::new(name).components().collect();
    assert!(matches!(components[..], [Component::Normal(only)] if only == name), "{name:?}");
    assert!(!name.chars().any(char::is_control), "{name:?}");
}

/// A form, with the size of its pieces in the first byte: however it is cut, it is the same form.
pub(crate) fn form(data: &[u8]) {
    let Some((first, data)) = data.split_first() else { return };
    let whole = fuzzing::read_form(vec![Bytes::copy_from_slice(data)], b"B");
    let size = usize::from(*first).max(1);
    let even = data.chunks(size).map(Bytes::copy_from_slice).collect();
    assert_eq!(fuzzing::read_form(even, b"B"), whole, "in pieces of {size}");
    let (head, tail) = data.split_at(size.min(data.len()));
    let two = vec![Bytes::copy_from_slice(head), Bytes::new(), Bytes::copy_from_slice(tail)];
    assert_eq!(fuzzing::read_form(two, b"B"), whole, "cut at {size}");
    let Ok(parts) = whole else { return };
    let bytes: usize = parts.iter().map(|(_, _, data)| data.len()).sum();
    assert!(bytes <= data.len(), "a form brings no more than was sent");
}

/// A query in the first line, and a form's fields (`name=value`) behind it.
pub(crate) fn parameters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let query = lines.next().unwrap_or_default();
    let fields: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for own in [None, Some(""), Some("up_")] {
        let Ok((number, chunks, _, folder)) = fuzzing::parameters(query, own, &fields) else { continue };
        if let Ok(range) = chunks.range(number) {
            assert!(range.start <= range.end && range.end <= chunks.total(), "{range:?}");
        }
        assert!(folder.len() <= text.len());
        // Said once more by the form, it is the same.
        assert!(fuzzing::parameters(query, own, &[&fields[..], &fields[..]].concat()).is_ok());
    }
}

/// A sidecar: what can be used comes back as it was written, and leads to no place outside.
pub(crate) fn sidecar(data: &[u8]) {
    let id = UploadId::parse("00112233445566778899aabbccddeeff").expect("an id");
    let Ok(upload) = fuzzing::read_sidecar(data, id) else { return };
    let json = fuzzing::write_sidecar(&upload).expect("what was read can be written");
    assert_eq!(fuzzing::read_sidecar(&json, id).as_ref(), Ok(&upload));
    assert!(upload.length.known().is_none_or(|length| upload.offset <= length));
    if let State::Complete { file: Some(file), .. } = &upload.state {
        let inside = |component| matches!(component, Component::Normal(_));
        assert!(Path::new(file).components().all(inside), "{file:?} is outside");
        assert!(!file.is_empty(), "a finished file has a name");
    }
    if let State::Filling(chunks) = &upload.state {
        let mut chunks = chunks.clone();
        assert!(chunks.offset() <= chunks.total() && chunks.end_of_last() <= chunks.total());
        assert!(chunks.present_bytes() <= chunks.total());
        for number in [0, 1, 2, u64::MAX] {
            if let Ok(range) = chunks.range(number) {
                assert!(range.start <= range.end && range.end <= chunks.total(), "{range:?}");
                chunks.insert(number);
                assert!(chunks.contains(number));
            }
        }
        chunks.forget_beyond(chunks.total() / 2);
        assert!(chunks.end_of_last() <= chunks.total() / 2);
    }
}
