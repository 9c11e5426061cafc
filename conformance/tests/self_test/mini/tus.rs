//! A tiny tus server, right in what the tests look at.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::http::{Head, read_head};

/// What the server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    ForgetsVersion,
    TakesAnyVersion,
    TakesAnyOffset,
    TakesSigns,
    TakesAnyType,
    TakesAnyLength,
    DropsCutBodies,
    CountsUnsentBytes,
    KeepsOverlong,
    ManglesBytes,
    ForgetsMetadata,
    AllowsCaching,
    DeletesNothing,
    RepeatsLocation,
    NeverContinues,
}

#[derive(Default)]
struct Upload {
    length: u64,
    metadata: Option<String>,
    data: Vec<u8>,
    skew: u64,
}

type Uploads = Arc<Mutex<HashMap<String, Upload>>>;

/// Starts the server; it ends with the test's runtime.
pub(crate) async fn start(fault: Fault) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/files/", listener.local_addr()?);
    let uploads = Uploads::default();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let uploads = Arc::clone(&uploads);
            tokio::spawn(async move {
                // A client that hangs up is what some cases are about.
                let _ = serve(BufReader::new(stream), &uploads, fault).await;
            });
        }
    });
    Ok(url)
}

async fn serve(mut stream: BufReader<TcpStream>, uploads: &Uploads, fault: Fault) -> io::Result<()> {
    let Some(head) = read_head(&mut stream).await? else { return Ok(()) };
    let (status, mut lines, body) = match refuse(&head, uploads, fault) {
        Some(refusal) => refusal,
        None => accept(&head, &mut stream, uploads, fault).await?,
    };
    if fault != Fault::ForgetsVersion {
        lines.push_str("Tus-Resumable: 1.0.0\r\n");
    }
    let length = if status == 204 { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let answer = format!("HTTP/1.1 {status} \r\n{lines}{length}Connection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    if head.method != "HEAD" {
        stream.write_all(&body).await?;
    }
    // What is left of a refused body is read, so that the answer is not lost to a reset.
    stream.get_mut().shutdown().await?;
    let mut rest = [0_u8; 4096];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

type Answer = (u16, String, Vec<u8>);

fn told(status: u16) -> Option<Answer> {
    Some((status, String::new(), Vec::new()))
}

fn locked(uploads: &Uploads) -> MutexGuard<'_, HashMap<String, Upload>> {
    uploads.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(text: Option<&str>, fault: Fault) -> Option<u64> {
    let text = text?;
    let text = if fault == Fault::TakesSigns { text.trim_start_matches('+') } else { text };
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn refuse(head: &Head, uploads: &Uploads, fault: Fault) -> Option<Answer> {
    if head.method == "OPTIONS" {
        let lines =
            "Tus-Version: 1.0.0\r\nTus-Extension: creation,termination\r\nTus-Max-Size: 1000000000\r\n";
        return Some((204, lines.into(), Vec::new()));
    }
    let version = head.find("Tus-Resumable") == Some("1.0.0") || head.method == "GET";
    if !version && fault != Fault::TakesAnyVersion {
        return Some((412, "Tus-Version: 1.0.0\r\n".into(), Vec::new()));
    }
    if head.method == "POST" {
        let length = number(head.find("Upload-Length"), fault);
        return match length {
            None if fault != Fault::TakesAnyLength => told(400),
            Some(length) if length > 1_000_000_000 => told(413),
            _ => None,
        };
    }
    let uploads = locked(uploads);
    let Some(upload) = uploads.get(&head.path) else { return told(404) };
    if head.method != "PATCH" {
        return None;
    }
    if head.find("Content-Type") != Some("application/offset+octet-stream") && fault != Fault::TakesAnyType {
        return told(415);
    }
    match number(head.find("Upload-Offset"), fault) {
        None => told(400),
        Some(offset) if offset != stored(upload) && fault != Fault::TakesAnyOffset => told(409),
        Some(_) => None,
    }
}

fn stored(upload: &Upload) -> u64 {
    u64::try_from(upload.data.len()).unwrap_or(u64::MAX) + upload.skew
}

async fn accept(
    head: &Head,
    stream: &mut BufReader<TcpStream>,
    uploads: &Uploads,
    fault: Fault,
) -> io::Result<Answer> {
    match head.method.as_str() {
        "POST" => {
            let mut uploads = locked(uploads);
            let name = if fault == Fault::RepeatsLocation { 7 } else { uploads.len() * 7919 + 7 };
            let path = format!("/files/{name:032x}");
            let metadata = head.find("Upload-Metadata").filter(|_| fault != Fault::ForgetsMetadata);
            let length = number(head.find("Upload-Length"), fault).unwrap_or(0);
            let upload = Upload { length, metadata: metadata.map(ToOwned::to_owned), ..Upload::default() };
            uploads.insert(path.clone(), upload);
            Ok((201, format!("Location: {path}\r\n"), Vec::new()))
        }
        "DELETE" => {
            if fault != Fault::DeletesNothing {
                locked(uploads).remove(&head.path);
            }
            Ok((204, String::new(), Vec::new()))
        }
        "PATCH" => append(head, stream, uploads, fault).await,
        other => {
            let uploads = locked(uploads);
            let Some(upload) = uploads.get(&head.path) else { return Ok((404, String::new(), Vec::new())) };
            if other == "GET" {
                return Ok((200, String::new(), upload.data.clone()));
            }
            let mut lines =
                format!("Upload-Offset: {}\r\nUpload-Length: {}\r\n", stored(upload), upload.length);
            if fault != Fault::AllowsCaching {
                lines.push_str("Cache-Control: no-store\r\n");
            }
            if let Some(metadata) = &upload.metadata {
                lines.push_str(&format!("Upload-Metadata: {metadata}\r\n"));
            }
            Ok((200, lines, Vec::new()))
        }
    }
}

async fn append(
    head: &Head,
    stream: &mut BufReader<TcpStream>,
    uploads: &Uploads,
    fault: Fault,
) -> io::Result<Answer> {
    if head.find("Expect").is_some() && fault != Fault::NeverContinues {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let announced = number(head.find("Content-Length"), Fault::None).unwrap_or(0);
    let mut body = Vec::new();
    let mut left = announced;
    let mut piece = vec![0_u8; 65_536];
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        let Ok(count @ 1..) = stream.read(piece.get_mut(..wanted).unwrap_or_default()).await else { break };
        body.extend_from_slice(piece.get(..count).unwrap_or_default());
        left -= u64::try_from(count).unwrap_or(0);
    }
    if left > 0 && fault == Fault::DropsCutBodies {
        return Ok((400, String::new(), Vec::new()));
    }
    if fault == Fault::ManglesBytes {
        body.iter_mut().for_each(|byte| *byte ^= 1);
    }
    let mut uploads = locked(uploads);
    let Some(upload) = uploads.get_mut(&head.path) else { return Ok((404, String::new(), Vec::new())) };
    let offset = stored(upload) + u64::try_from(body.len()).unwrap_or(0);
    if offset > upload.length && fault != Fault::KeepsOverlong {
        return Ok((413, String::new(), Vec::new()));
    }
    upload.data.extend(body);
    if fault == Fault::CountsUnsentBytes {
        upload.skew += left;
    }
    Ok((204, format!("Upload-Offset: {}\r\n", stored(upload)), Vec::new()))
}
