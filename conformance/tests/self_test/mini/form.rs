//! Queries, forms and numbers for the tiny receiver.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::fault::Fault;

/// What a request says, and its chunk.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) query: Vec<(String, String)>,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) chunk: Option<Vec<u8>>,
}

/// A query's parameters.
pub(crate) fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The boundary of a form; `None`: the body is none.
pub(crate) fn boundary(content_type: &str) -> Option<Result<String, &'static str>> {
    let mut words = content_type.split(';');
    if !words.next()?.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let lower = content_type.to_ascii_lowercase();
    let Some(at) = lower.find("boundary=") else { return Some(Err("there is no boundary")) };
    let value = content_type.get(at + "boundary=".len()..).unwrap_or_default();
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => value.split(';').next().unwrap_or_default().trim(),
    };
    Some(if value.is_empty() { Err("the boundary is empty") } else { Ok(value.to_owned()) })
}

/// Reads a form's fields and its chunk.
pub(crate) fn read(said: &mut Said, body: &[u8], boundary: &str, fault: Fault) -> Result<(), &'static str> {
    let body = [b"\r\n", body].concat();
    let delimiter = match fault {
        Fault::CutsAtBoundaryText => boundary.as_bytes().to_vec(),
        _ => format!("\r\n--{boundary}").into_bytes(),
    };
    let mut rest = body.as_slice();
    let Some(at) = find(rest, &delimiter) else { return Err("there is no boundary in the form") };
    rest = rest.get(at + delimiter.len()..).unwrap_or_default();
    while !rest.starts_with(b"--") {
        let padding = rest.iter().take_while(|byte| b" \t".contains(byte)).count();
        rest = rest.get(padding..).unwrap_or_default();
        let Some(head_end) = find(rest, b"\r\n\r\n") else { return Err("a part's head has no end") };
        let head = String::from_utf8_lossy(rest.get(..head_end).unwrap_or_default()).into_owned();
        rest = rest.get(head_end + 4..).unwrap_or_default();
        let (data, behind) = match find(rest, &delimiter) {
            Some(at) => rest.split_at(at),
            None if matches!(fault, Fault::TakesCutForms | Fault::KeepsCutChunks) => (rest, &b""[..]),
            None => return Err("the form is cut"),
        };
        rest = behind.get(delimiter.len()..).unwrap_or(b"--");
        part(said, &head, data, fault)?;
        if said.chunk.is_some() && fault == Fault::StopsAtTheFile {
            return Ok(());
        }
    }
    if said.chunk.is_some() { Ok(()) } else { Err("there is no file in the form") }
}

fn part(said: &mut Said, head: &str, data: &[u8], fault: Fault) -> Result<(), &'static str> {
    let mut disposition = String::new();
    for line in head.split("\r\n").filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once(':') else { return Err("a head's line has no colon") };
        if name.eq_ignore_ascii_case("content-disposition") {
            disposition = value.to_owned();
        }
    }
    let name =
        disposition.split(" name=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    if disposition.contains("filename=") {
        let trimmed = data.trim_ascii_end();
        said.chunk = Some(if fault == Fault::TrimsData { trimmed } else { data }.to_vec());
    } else if name.ends_with("file") && fault != Fault::RefusesBase64 {
        said.chunk = Some(data_url(&String::from_utf8_lossy(data), fault)?);
    } else if fault == Fault::NeedsText && std::str::from_utf8(data).is_err() {
        return Err("a field is no text");
    } else {
        said.fields.push((name.to_owned(), String::from_utf8_lossy(data).into_owned()));
    }
    Ok(())
}

fn data_url(url: &str, fault: Fault) -> Result<Vec<u8>, &'static str> {
    let data = url.split_once(";base64,").filter(|_| url.starts_with("data:")).map(|(_, data)| data);
    if fault == Fault::TakesAnyBase64 {
        let Some(data) = data else { return Ok(url.as_bytes().to_vec()) };
        let known: String = data.chars().filter(|letter| *letter != '!').collect();
        return STANDARD.decode(known).map_err(|_| "the Base64 is cut");
    }
    let decoded = data.and_then(|data| STANDARD.decode(data).ok());
    decoded.ok_or("the chunk is no data URL")
}

/// A number, as strictly as the server is right.
pub(crate) fn number(text: &str, fault: Fault) -> Option<u64> {
    match fault {
        Fault::TakesSignsAndSpaces => text.trim().parse().ok(),
        Fault::WrapsNumbers if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            let digits = text.bytes().map(|byte| u64::from(byte - b'0'));
            Some(digits.fold(0, |number: u64, digit| number.wrapping_mul(10).wrapping_add(digit)))
        }
        _ => text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?,
    }
}
