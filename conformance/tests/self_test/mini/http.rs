//! As much of HTTP/1.1 as the tiny servers need.

use std::io;

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::TcpStream,
};

/// A request's head.
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    headers: Vec<(String, String)>,
}

impl Head {
    /// The first header of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(present, _)| present.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The same; empty if there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }
}

async fn line(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut bytes = Vec::new();
    stream.read_until(b'\n', &mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']).to_owned())
}

/// Reads a head; `None`: the client has nothing more to say.
pub(crate) async fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Head>> {
    let first = line(stream).await?;
    let mut words = first.split(' ').map(ToOwned::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut headers = Vec::new();
    loop {
        let next = line(stream).await?;
        let Some((name, value)) = next.split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Some(Head { method, path, query, headers }))
}

/// The body as far as it came, and whether that is all of it.
pub(crate) async fn body(head: &Head, stream: &mut BufReader<TcpStream>) -> io::Result<(Vec<u8>, bool)> {
    let mut body = Vec::new();
    if head.get("Transfer-Encoding").eq_ignore_ascii_case("chunked") {
        loop {
            let Ok(size) = usize::from_str_radix(&line(stream).await?, 16) else { return Ok((body, false)) };
            let mut piece = vec![0; size + 2];
            if stream.read_exact(&mut piece).await.is_err() {
                return Ok((body, false));
            }
            if size == 0 {
                return Ok((body, true));
            }
            piece.truncate(size);
            body.extend(piece);
        }
    }
    let announced = head.get("Content-Length").parse().unwrap_or(0);
    let mut piece = vec![0_u8; 65_536];
    while body.len() < announced {
        let wanted = (announced - body.len()).min(piece.len());
        let Ok(count @ 1..) = stream.read(piece.get_mut(..wanted).unwrap_or_default()).await else {
            return Ok((body, false));
        };
        body.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
    Ok((body, true))
}
