//! From a file's last byte to the answer that all of it is stored and published.
//!
//! Nothing is left to do then that grows with the file: chunks lie in their places, and a running PATCH is synced every
//! 64 MiB behind its back.

use std::fs;
use std::time::{Duration, Instant};

use crate::Options;
use crate::support::Failure;
use crate::support::client::{Client, Dialect};
use crate::support::numbers::{MIB, median, show_size};
use crate::support::server::Server;
use crate::support::wire::{Connection, Endpoint};
use crate::support::workdir::WorkDir;

const CHUNK: u64 = 8 * MIB;

/// Before the last byte everything else shall have arrived.
const SETTLE: Duration = Duration::from_millis(200);

#[derive(Clone, Copy)]
enum Way {
    Chunks,
    OnePatch,
}

pub(crate) fn measure(options: &Options, work: &WorkDir) -> Result<(), Failure> {
    println!("| last byte → answer | size | median | longest |\n|---|--:|--:|--:|");
    for (way, name) in [(Way::Chunks, "chunks of 8 MiB (Resumable.js)"), (Way::OnePatch, "one PATCH (tus)")] {
        for size in options.sizes() {
            let mut times = Vec::new();
            for round in 0..options.rounds {
                let dir = work.fresh("data")?;
                let server = Server::start(&mut options.resumed(&dir))?;
                let took = match way {
                    Way::Chunks => chunks(&server.endpoint, size)?,
                    Way::OnePatch => one_patch(&server.endpoint, size)?,
                };
                eprintln!("{name}, {}, round {}: {took:?}", show_size(size), round + 1);
                times.push(took.as_secs_f64() * 1e3);
                drop(server);
                fs::remove_dir_all(dir)?;
            }
            let longest = times.iter().copied().fold(0.0, f64::max);
            let middle = median(times).unwrap_or(0.0);
            println!("| {name} | {} | {middle:.1} ms | {longest:.1} ms |", show_size(size));
        }
    }
    println!();
    Ok(())
}

/// All chunks but the last are stored; that one's last byte is held back.
fn chunks(endpoint: &Endpoint, size: u64) -> Result<Duration, Failure> {
    let body = vec![7_u8; usize::try_from(2 * CHUNK)?];
    let count = (size / CHUNK).max(1);
    let mut connection = Connection::open(endpoint)?;
    for number in 1..=count {
        let len = if number == count { size - (count - 1) * CHUNK } else { CHUNK };
        let head = format!(
            "POST /resumable_upload?resumableChunkNumber={number}&resumableChunkSize={CHUNK}\
             &resumableCurrentChunkSize={len}&resumableTotalSize={size}&resumableIdentifier=a\
             &resumableFilename=a.bin&resumableRelativePath=a.bin&resumableTotalChunks={count} HTTP/1.1\r\n\
             Host: {}\r\nContent-Type: application/octet-stream\r\nContent-Length: {len}\r\n\r\n",
            endpoint.authority
        );
        let chunk = body.get(..usize::try_from(len)?).ok_or("a chunk longer than two")?;
        if number == count {
            return all_but_the_last_byte(&mut connection, head.as_bytes(), [chunk].into_iter());
        }
        connection.send(head.as_bytes())?;
        connection.send(chunk)?;
        connection.answer(false)?.expect(&[200])?;
    }
    Err("no chunks".into())
}

fn one_patch(endpoint: &Endpoint, size: u64) -> Result<Duration, Failure> {
    let client = Client { dialect: Dialect::Tus, endpoint: endpoint.clone() };
    let path = client.create(size)?;
    let head = format!(
        "PATCH {path} HTTP/1.1\r\nHost: {}\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
         Content-Type: application/offset+octet-stream\r\nContent-Length: {size}\r\n\r\n",
        endpoint.authority
    );
    let piece = vec![7_u8; usize::try_from(MIB)?];
    let (whole, rest) = (usize::try_from(size / MIB)?, usize::try_from(size % MIB)?);
    let pieces = std::iter::repeat_n(piece.as_slice(), whole).chain(piece.get(..rest));
    let mut connection = Connection::open(endpoint)?;
    all_but_the_last_byte(&mut connection, head.as_bytes(), pieces.filter(|piece| !piece.is_empty()))
}

/// Sends a request, waits before its last byte, and times from there to the answer.
fn all_but_the_last_byte<'a>(
    connection: &mut Connection,
    head: &[u8],
    pieces: impl Iterator<Item = &'a [u8]>,
) -> Result<Duration, Failure> {
    connection.send(head)?;
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        let (last, before) = piece.split_last().ok_or("an empty piece")?;
        connection.send(before)?;
        if pieces.peek().is_none() {
            std::thread::sleep(SETTLE);
            let began = Instant::now();
            connection.send(&[*last])?;
            connection.answer(false)?.expect(&[200, 204])?;
            return Ok(began.elapsed());
        }
        connection.send(&[*last])?;
    }
    Err("nothing to send".into())
}
