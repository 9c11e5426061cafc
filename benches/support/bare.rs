//! The yardstick: the least that a server can do with an upload. It reads bytes from a socket and writes them to a
//! file; it checks nothing, remembers nothing and syncs nothing. What a daemon costs above it is what the daemon
//! does for its users, and what it wastes.
//!
//! It speaks just enough of tus for the same client: POST creates, PATCH fills, both answer with an offset.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::support::{Failure, head};

/// Large enough that the two system calls for each turn don't show, small enough that the bytes are still in the
/// cache of the core (mostly 1 MiB or more) when `write` reads what `recv` has just put there.
const BUFFER: usize = 256 * 1024;

/// Serves on a free port of the loopback interface, says on standard output which, and ends with its standard input:
/// the bench holds the other end, so that a bench that was killed leaves no server behind.
#[expect(clippy::print_stdout, reason = "this line is how the bench learns the port")]
pub(crate) fn serve(dir: &Path) -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}/files/", listener.local_addr()?);
    thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0)
    });
    let dir: Arc<Path> = dir.into();
    let count = Arc::new(AtomicU64::new(0));
    for stream in listener.incoming() {
        let (stream, dir, count) = (stream?, Arc::clone(&dir), Arc::clone(&count));
        // A client that goes away in the middle is its own concern: the bench sees it at its own end.
        thread::spawn(move || converse(stream, &dir, &count));
    }
    Ok(())
}

/// One connection, request after request, with one buffer for all of it.
fn converse(mut stream: TcpStream, dir: &Path, count: &AtomicU64) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0_u8; BUFFER];
    loop {
        let mut filled = 0;
        let head_length = loop {
            let known = buffer.get(..filled).unwrap_or_default();
            if let Some(length) = head::head_length(known) {
                break length;
            }
            match receive(&mut stream, buffer.get_mut(filled..).unwrap_or_default())? {
                0 => return Ok(()),
                more => filled += more,
            }
        };
        let (head, early) =
            buffer.get(..filled).and_then(|b| b.split_at_checked(head_length)).ok_or("no head")?;
        let length = head::number(head, "Content-Length").unwrap_or(0);
        let fills = head.starts_with(b"PATCH");
        let number = count.fetch_add(1, Ordering::Relaxed);

        if length > 0 {
            let mut file = File::create_new(dir.join(number.to_string()))?;
            file.write_all(early)?;
            let mut left = length - u64::try_from(early.len())?;
            while left > 0 {
                let take = BUFFER.min(usize::try_from(left)?);
                let got = receive(&mut stream, buffer.get_mut(..take).unwrap_or_default())?;
                if got == 0 {
                    return Err("the client went away".into());
                }
                file.write_all(buffer.get(..got).unwrap_or_default())?;
                left -= u64::try_from(got)?;
            }
        }

        let answer = if fills {
            format!("HTTP/1.1 204 No Content\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {length}\r\n\r\n")
        } else {
            format!(
                "HTTP/1.1 201 Created\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {length}\r\n\
                 Location: /files/{number}\r\nContent-Length: 0\r\n\r\n"
            )
        };
        stream.write_all(answer.as_bytes())?;
    }
}

fn receive(stream: &mut TcpStream, into: &mut [u8]) -> Result<usize, Failure> {
    loop {
        match stream.read(into) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return Ok(other?),
        }
    }
}
