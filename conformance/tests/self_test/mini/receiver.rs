//! A tiny receiver for Resumable.js. It does otherwise than the daemon in much of what the clients leave open.

use std::{
    collections::{BTreeSet, HashMap},
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::Digest as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{
    fault::Fault,
    form::{self, Said, number},
    http::{Head, body, read_head},
};

#[derive(Clone)]
struct Upload {
    name: String,
    path: String,
    total: u64,
    chunk: u64,
    count: u64,
    bytes: Vec<u8>,
    present: BTreeSet<u64>,
    /// How many chunks came, the same one again too.
    came: usize,
    file: Option<String>,
    touched: Instant,
}

#[derive(Default)]
struct State {
    uploads: HashMap<String, Upload>,
    files: HashMap<String, (String, Vec<u8>)>,
    under_way: BTreeSet<(String, u64)>,
}

#[derive(Clone)]
struct Server {
    state: Arc<Mutex<State>>,
    fault: Fault,
    lifetime: Duration,
}

/// Starts the receiver; it ends with the test's runtime.
pub(crate) async fn start(fault: Fault, lifetime: Duration) -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/chunks?app=1", listener.local_addr()?);
    let server = Server { state: Arc::default(), fault, lifetime };
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                // A client that hangs up is what some cases are about.
                while matches!(server.serve(&mut stream).await, Ok(true)) {}
                let _ = stream.get_mut().shutdown().await;
                let mut rest = [0_u8; 4096];
                while matches!(stream.read(&mut rest).await, Ok(1..)) {}
            });
        }
    });
    Ok(url)
}

struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

fn told(status: u16) -> Answer {
    Answer { status, headers: String::new(), body: Vec::new() }
}

/// One chunk's parameters, checked.
struct Chunk {
    key: String,
    number: u64,
    like: Upload,
    digest: String,
}

impl Server {
    fn locked(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, lifetime) = (self.fault, self.lifetime);
        let expired = |upload: &Upload| {
            let is_due = upload.touched.elapsed() > lifetime && fault != Fault::NeverExpires;
            is_due && (upload.file.is_none() || fault == Fault::ExpiresFinished)
        };
        if fault == Fault::ExpiresFinished {
            let gone: Vec<String> = state
                .uploads
                .values()
                .filter(|upload| expired(upload))
                .filter_map(|upload| upload.file.clone())
                .collect();
            state.files.retain(|name, _| !gone.contains(name));
        }
        state.uploads.retain(|_, upload| !expired(upload));
        state
    }

    /// Answers one request; `true`: another one may follow.
    async fn serve(&self, stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
        let Some(head) = read_head(stream).await? else { return Ok(false) };
        if !head.get("Expect").is_empty() && self.fault != Fault::NeverContinues {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        if self.fault == Fault::MarksEarly {
            let said = Said { query: form::pairs(&head.query), ..Said::default() };
            if let Some(chunk) = self.chunk(&said, false).ok().filter(|_| head.method == "POST") {
                let mut state = self.locked();
                let upload = state.uploads.entry(chunk.key).or_insert(chunk.like);
                upload.present.insert(chunk.number);
            }
        }
        let (body, is_whole) = body(&head, stream).await?;
        if !is_whole && self.fault != Fault::KeepsCutChunks {
            return Ok(false);
        }
        let mut answer = self.answer(&head, body, is_whole).await;
        if answer.status >= 400 && self.fault == Fault::Says500 {
            answer.status = 500;
        }
        let forgets = match self.fault {
            Fault::ForgetsCors => answer.status >= 400,
            Fault::ForgetsCorsWhenAllIsWell => answer.status < 300 && head.method == "POST",
            _ => false,
        };
        if !forgets {
            answer.headers.push_str("Access-Control-Allow-Origin: *\r\n");
        }
        let close = head.get("Connection").eq_ignore_ascii_case("close");
        let last = if close { "Connection: close\r\n" } else { "" };
        let length = if answer.status == 204 {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", answer.body.len())
        };
        let text = format!("HTTP/1.1 {} \r\n{}{length}{last}\r\n", answer.status, answer.headers);
        stream.write_all(text.as_bytes()).await?;
        if head.method != "HEAD" {
            stream.write_all(&answer.body).await?;
        }
        Ok(!close)
    }

    async fn answer(&self, head: &Head, body: Vec<u8>, is_whole: bool) -> Answer {
        if let Some(file) = head.path.strip_prefix("/done/") {
            return self.download(file);
        }
        match head.method.as_str() {
            "OPTIONS" if self.fault == Fault::RefusesPreflights => told(405),
            "OPTIONS" if self.fault == Fault::AllowsNothing => told(204),
            "OPTIONS" => {
                let headers = "Access-Control-Allow-Methods: GET, POST, PUT, PATCH\r\n\
                    Access-Control-Allow-Headers: content-type, x-requested-with, authorization\r\n";
                Answer { headers: headers.into(), ..told(204) }
            }
            "GET" | "HEAD" => self.test(head),
            "PUT" if self.fault == Fault::RefusesPut => told(405),
            "POST" if self.fault == Fault::RefusesOddCookies && !head.get("Cookie").is_ascii() => told(403),
            "POST" | "PUT" | "PATCH" => {
                let mut said = Said { query: form::pairs(&head.query), ..Said::default() };
                let read = match form::boundary(head.get("Content-Type")) {
                    Some(Ok(boundary)) => form::read(&mut said, &body, &boundary, self.fault),
                    Some(Err(reason)) => Err(reason),
                    None if self.fault == Fault::RefusesOctet => Err("a chunk has to be in a form"),
                    None => {
                        said.chunk = Some(body);
                        Ok(())
                    }
                };
                if let Err(reason) = read {
                    return self.bad(reason, &head.query);
                }
                match self.chunk(&said, true) {
                    Ok(chunk) => self.store(chunk, said.chunk.unwrap_or_default(), is_whole).await,
                    Err(reason) => self.bad(&reason, &head.query),
                }
            }
            _ => told(405),
        }
    }

    fn bad(&self, reason: &str, query: &str) -> Answer {
        if self.fault == Fault::RepeatsMarkup {
            let said: Vec<String> = form::pairs(query).into_iter().map(|(_, value)| value).collect();
            let body = format!("<p>{reason}: {}</p>", said.join(", ")).into_bytes();
            return Answer { status: 400, headers: "Content-Type: text/html\r\n".into(), body };
        }
        let body = format!("This is not right: {reason}.").into_bytes();
        Answer { status: 400, headers: "Content-Type: text/plain\r\n".into(), body }
    }

    fn download(&self, file: &str) -> Answer {
        let state = self.locked();
        let Some((name, bytes)) = state.files.get(file) else { return told(404) };
        let shown: String = match self.fault {
            Fault::InjectsNames => name.clone(),
            _ => name.chars().filter(|letter| letter.is_ascii_alphanumeric()).collect(),
        };
        let headers = format!("Content-Disposition: attachment; filename=\"{shown}\"\r\n");
        Answer { status: 200, headers, body: bytes.clone() }
    }

    fn test(&self, head: &Head) -> Answer {
        let cache = if self.fault == Fault::AllowsCaching { "max-age=60" } else { "no-store" };
        let headers = format!("Cache-Control: {cache}\r\n");
        let said = Said { query: form::pairs(&head.query), ..Said::default() };
        let value = |name| self.value(&said, name).ok().flatten();
        let is_question = value("ChunkNumber").is_none() && value("Identifier").is_some();
        if is_question && self.fault != Fault::TellsNoStatus {
            let headers = format!("{headers}Content-Type: application/json\r\n");
            return Answer { status: 200, headers, body: self.status(&said).to_string().into_bytes() };
        }
        let missing = if self.fault == Fault::SaysNotThereBy404 { 404 } else { 204 };
        let status = match self.chunk(&said, false) {
            Err(_) if self.fault == Fault::SaysThere => 200,
            Err(_) => 400,
            Ok(chunk) => {
                let mut state = self.locked();
                if self.fault == Fault::BeginsByATest {
                    state.uploads.entry(chunk.key.clone()).or_insert_with(|| chunk.like.clone());
                }
                let upload = state.uploads.get(&chunk.key);
                let like = |upload: &&Upload| same(upload, &chunk.like);
                let is_there =
                    upload.filter(like).is_some_and(|upload| upload.present.contains(&chunk.number));
                match self.fault {
                    Fault::SaysThere => 200,
                    Fault::SaysNotThere => 204,
                    _ if is_there => 200,
                    _ => missing,
                }
            }
        };
        Answer { headers, ..told(status) }
    }

    fn status(&self, said: &Said) -> serde_json::Value {
        let state = self.locked();
        let text = |name| self.value(said, name).ok().flatten().unwrap_or_default();
        let upload = state.uploads.get(&self.key(&text("Identifier"), &text("Filename"), &text("TotalSize")));
        match upload
            .filter(|upload| upload.total.to_string() == text("TotalSize") || self.fault == Fault::StartsOver)
        {
            None if self.fault == Fault::KnowsEveryFile => {
                serde_json::json!({"status": "in_progress", "chunks_present": 0})
            }
            None => serde_json::json!({"status": "not_found"}),
            Some(upload) => match &upload.file {
                Some(file) => {
                    serde_json::json!({"status": "complete", "size": upload.total, "url": format!("/done/{file}")})
                }
                None => {
                    let present =
                        if self.fault == Fault::CountsTwice { upload.came } else { upload.present.len() };
                    serde_json::json!({"status": "in_progress", "chunks_present": present})
                }
            },
        }
    }

    /// A parameter, in the spelling that names an identifier.
    fn value(&self, said: &Said, name: &str) -> Result<Option<String>, String> {
        let (first, rest) = name.split_at(1);
        let spellings = |prefix: &str| match prefix {
            "" => format!("{}{rest}", first.to_ascii_lowercase()),
            prefix => format!("{prefix}{name}"),
        };
        let all = || said.query.iter().chain(&said.fields);
        let mut prefixes = vec!["resumable", "flow", ""];
        match self.fault {
            Fault::KnowsNoFlow => prefixes.retain(|prefix| *prefix != "flow"),
            Fault::MixesRelatives => prefixes.reverse(),
            _ => {}
        }
        let speaks = |prefix: &&str| {
            let wanted =
                if prefix.is_empty() { "identifier".to_owned() } else { format!("{prefix}Identifier") };
            all().any(|(known, _)| *known == wanted)
        };
        let prefix = prefixes.iter().copied().find(speaks).unwrap_or("resumable");
        let wanted = spellings(prefix);
        let (query, form) = (
            said.query
                .iter()
                .find(|(known, _)| *known == wanted)
                .map(|(_, value)| value.replace("\r\n", "\n").replace('\r', "\n")),
            said.fields
                .iter()
                .find(|(known, _)| *known == wanted)
                .map(|(_, value)| value.replace("\r\n", "\n")),
        );
        match (query, form) {
            (None, Some(_)) if self.fault == Fault::NeedsTheQuery => Ok(None),
            (Some(_), None) if self.fault == Fault::NeedsTheForm && said.chunk.is_some() => Ok(None),
            (Some(query), Some(form)) if query != form => match self.fault {
                Fault::TrustsTheForm => Ok(Some(form)),
                _ => Err(format!("{wanted} has two values")),
            },
            (query, form) => Ok(query.or(form)),
        }
    }

    fn key(&self, identifier: &str, name: &str, digits: &str) -> String {
        match self.fault {
            Fault::KeyIsTheName => name.to_owned(),
            Fault::TakesNoIdentifier if identifier.is_empty() => name.to_owned(),
            Fault::KeyWithoutMarks => identifier.chars().filter(char::is_ascii_alphanumeric).collect(),
            Fault::KeyIsShort => identifier.chars().take(255).collect(),
            Fault::KeyHasTheDigits => format!("{digits} {identifier}"),
            Fault::KeyIsLowercase => identifier.to_ascii_lowercase(),
            _ => identifier.to_owned(),
        }
    }

    fn chunk(&self, said: &Said, with_body: bool) -> Result<Chunk, String> {
        let fault = self.fault;
        let text = |name: &str| Ok::<_, String>(self.value(said, name)?.unwrap_or_default());
        let counted = |name: &str| -> Result<u64, String> {
            let value = text(name)?;
            let value = number(&value, fault).filter(|_| !value.is_empty());
            value.ok_or_else(|| format!("{name} is no number"))
        };
        let identifier = text("Identifier")?;
        if identifier.is_empty() && fault != Fault::TakesNoIdentifier {
            return Err("there is no identifier".into());
        }
        if fault == Fault::RefusesPageParameters && said.query.iter().any(|(name, _)| name.contains("csrf")) {
            return Err("what is this".into());
        }
        let (number, chunk, total) = (counted("ChunkNumber")?, counted("ChunkSize")?, counted("TotalSize")?);
        if chunk == 0 || total > 100_000_000 || (total == 0 && fault == Fault::RefusesEmptyFiles) {
            return Err("the sizes can't be right".into());
        }
        let (larger, smaller) = ((total / chunk).max(1), total.div_ceil(chunk).max(1));
        let count = match fault {
            Fault::KnowsOnlySmallerRests => smaller,
            Fault::KnowsOnlyLargerRests => larger,
            _ if text("TotalChunks")?.is_empty() => larger,
            Fault::TakesAnyCount => larger,
            _ => counted("TotalChunks")?,
        };
        if count != larger && count != smaller {
            return Err(format!("there are {larger} or {smaller} chunks"));
        }
        let number = if fault == Fault::TakesAnyNumber { number.clamp(1, count) } else { number };
        if number == 0 || number > count {
            return Err(format!("there is no chunk {number}"));
        }
        let length = if number == count { total - (number - 1) * chunk } else { chunk };
        let current = text("CurrentChunkSize")?;
        if !current.is_empty() && fault != Fault::IgnoresCurrent && counted("CurrentChunkSize")? != length {
            return Err("the chunk has another size".into());
        }
        let name = text("Filename")?;
        if fault == Fault::RefusesWideNames && !name.is_ascii() {
            return Err("the name is not ASCII".into());
        }
        if with_body && !matches!(fault, Fault::TakesAnyBody | Fault::KeepsCutChunks | Fault::TakesCutForms) {
            let came = said.chunk.as_ref().map_or(0, Vec::len);
            if u64::try_from(came) != Ok(length) && fault != Fault::ReachesIntoTheNext {
                return Err(format!("the chunk has {length} bytes, and {came} came"));
            }
        }
        let like = Upload {
            name: name.clone(),
            path: text("RelativePath")?,
            total,
            chunk,
            count,
            bytes: vec![0; usize::try_from(total).unwrap_or(0)],
            present: BTreeSet::new(),
            came: 0,
            file: None,
            touched: Instant::now(),
        };
        let all = || said.query.iter().chain(&said.fields);
        let is_deaf = fault == Fault::HearsOneDialectsDigests
            && !all().any(|(known, _)| known == "resumableIdentifier");
        let digest = all().find(|(known, _)| known.ends_with("Digest")).filter(|_| !is_deaf);
        let digest = digest.map(|(_, value)| value.clone()).unwrap_or_default();
        if !digest.is_empty() {
            let sum = digest.strip_prefix("sha256:").and_then(|sum| STANDARD.decode(sum).ok());
            sum.filter(|sum| sum.len() == 32).ok_or("the digest is none")?;
        }
        Ok(Chunk { key: self.key(&identifier, &name, &text("TotalSize")?), number, like, digest })
    }

    async fn store(&self, chunk: Chunk, bytes: Vec<u8>, is_whole: bool) -> Answer {
        let fault = self.fault;
        let Chunk { key, number, like, digest } = chunk;
        if fault == Fault::BreaksAtOddNames
            && like.name.chars().any(|letter| letter.is_control() || letter == '\u{fffd}')
        {
            return told(500);
        }
        if fault == Fault::SaysBusyFor409 {
            if !self.locked().under_way.insert((key.clone(), number)) {
                return told(409);
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            self.locked().under_way.remove(&(key.clone(), number));
        }
        let mut state = self.locked();
        let upload = state.uploads.entry(key.clone()).or_insert_with(|| like.clone());
        if !same(upload, &like) {
            match fault {
                Fault::StartsOver if upload.total != like.total => *upload = like,
                Fault::TakesAnotherCut | Fault::KeyIsTheName | Fault::KeyWithoutMarks => {
                    upload.present.clear();
                    upload.chunk = like.chunk;
                    upload.count = like.count;
                }
                _ => return self.bad("the identifier belongs to another file", ""),
            }
        }
        if upload.file.is_some() && fault == Fault::ReopensFiles {
            upload.present.clear();
            upload.file = None;
        }
        if fault != Fault::ExpiresByItsAge {
            upload.touched = Instant::now();
        }
        upload.came += 1;
        let is_new = upload.present.insert(number);
        if is_new || fault == Fault::ChangesFiles {
            let at = match fault {
                Fault::PutsThemInOrderOfArrival => {
                    u64::try_from(upload.present.len() - 1).unwrap_or(0) * upload.chunk
                }
                _ => (number - 1) * upload.chunk,
            };
            let at = usize::try_from(at).unwrap_or(0);
            let places = upload.bytes.get_mut(at..).unwrap_or_default();
            places.iter_mut().zip(&bytes).for_each(|(place, byte)| *place = *byte);
            if fault == Fault::ManglesBytes {
                places.first_mut().into_iter().for_each(|byte| *byte ^= 1);
            }
        }
        let missing = usize::from(fault == Fault::CompletesEarly && upload.count > 1);
        let is_complete = u64::try_from(upload.present.len() + missing).unwrap_or(0) >= upload.count;
        let changed = upload.file.is_none() || fault == Fault::ChangesFiles;
        if is_complete && changed && fault != Fault::NeverCompletes {
            let sum = format!("sha256:{}", STANDARD.encode(sha2::Sha256::digest(&upload.bytes)));
            if !digest.is_empty() && digest != sum && fault != Fault::IgnoresDigests {
                if fault != Fault::KeepsWrongFiles {
                    state.uploads.remove(&key);
                }
                return told(415);
            }
            let upload = upload.clone();
            let number = state.files.len();
            let file = match fault {
                Fault::FilesByName => upload.name.bytes().map(|byte| format!("{byte:02x}")).collect(),
                _ => upload.file.unwrap_or_else(|| number.to_string()),
            };
            state.files.insert(file.clone(), (upload.name, upload.bytes));
            state.uploads.entry(key).and_modify(|upload| upload.file = Some(file));
        }
        // A cut body has nobody who hears.
        told(if fault == Fault::Says202 && is_whole { 202 } else { 200 })
    }
}

/// Nothing that makes them two uploads.
fn same(one: &Upload, other: &Upload) -> bool {
    let path = one.path == other.path || one.path.is_empty() || other.path.is_empty();
    path && (&one.name, one.total, one.chunk, one.count)
        == (&other.name, other.total, other.chunk, other.count)
}
