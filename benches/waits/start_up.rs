//! From the start of the daemon to its first answer, on a directory with many unfinished uploads.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::Options;
use crate::support::Failure;
use crate::support::client::{Client, Dialect};
use crate::support::server::Server;
use crate::support::wire::Connection;
use crate::support::workdir::WorkDir;

pub(crate) fn measure(options: &Options, work: &WorkDir) -> Result<(), Failure> {
    let count = options.uploads();
    let dir = work.fresh("data")?;
    let began = Instant::now();
    leave_uploads(&dir, count)?;
    eprintln!("{count} unfinished uploads were laid out in {:?}", began.elapsed());

    println!("| start on {count} unfinished uploads | time | memory |\n|---|--:|--:|");
    for round in ["first start", "second start"] {
        let began = Instant::now();
        let server = Server::start(&mut options.resumed(&dir))?;
        let client = Client { dialect: Dialect::Tus, endpoint: server.endpoint.clone() };
        // One that was there before: whatever the daemon has to know of it, it knows.
        let request =
            format!("HEAD /files/{:032x} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\n\r\n", count / 2);
        Connection::open(&server.endpoint)?.ask(request.as_bytes())?.expect(&[200])?.expect_offset(4)?;
        let answered = began.elapsed();
        client.create(1)?;
        println!(
            "| {round}: first answer | {:.0} ms | {:.1} MiB |",
            ms(answered),
            server.watched.peak_mib()?
        );
        // The look at all of them goes on behind that; when its CPU time stands still, it is over.
        let mut cpu = server.watched.cpu_seconds()?;
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = server.watched.cpu_seconds()?;
            if now - cpu < 0.01 {
                break;
            }
            cpu = now;
        }
        println!(
            "| {round}: all are known | {:.0} s, {cpu:.1} s of CPU | {:.1} MiB |",
            began.elapsed().as_secs_f64(),
            server.watched.peak_mib()?
        );
    }
    println!();
    fs::remove_dir_all(dir)?;
    Ok(())
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What a daemon leaves that had this many uploads under way.
fn leave_uploads(dir: &Path, count: u64) -> Result<(), Failure> {
    for shard in 0..=u8::MAX {
        fs::create_dir_all(dir.join(format!("uploads/{shard:02x}")))?;
    }
    for number in 0..count {
        // Numbers in the place of random names, spread over the shards.
        let id = format!("{:032x}", u128::from(number) | u128::from(number % 256) << 120);
        let id = if number == count / 2 { format!("{:032x}", number) } else { id };
        let path = dir.join("uploads").join(id.get(..2).ok_or("a short name")?).join(&id);
        fs::write(path.with_extension("data"), "data")?;
        let sidecar = format!(
            "{{\"version\":1,\"id\":\"{id}\",\"filename\":\"a.txt\",\"kind\":{{\"type\":\"whole\"}},\
             \"state\":{{\"type\":\"receiving\"}},\"offset\":4,\"length\":100,\"metadata\":\"filename YS50eHQ=\",\
             \"created\":\"2026-01-02T03:04:05Z\",\"modified\":\"2026-01-02T03:04:05Z\",\
             \"expires\":\"2126-01-02T03:04:05Z\",\"epoch\":\"another boot\"}}\n"
        );
        fs::write(path.with_extension("json"), sidecar)?;
    }
    // They have lain there for a while: what is measured is not how long the disk takes for all of them.
    rustix::fs::syncfs(fs::File::open(dir)?)?;
    Ok(())
}
