//! Restarts under load. The socket stays, so nobody is refused; what was acknowledged stays, so nobody loses a byte.

use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::crowd::{Crowd, SIZE};
use crate::support::bytes;
use crate::support::daemon::{Daemon, Manager};
use crate::support::data_dir::DataDir;
use crate::support::eventually;

const CLIENTS: usize = 8;
const RESTARTS: u32 = 6;
/// These are kills, and the others are orders to stop.
const KILLS: [u32; 2] = [3, 5];

#[test]
fn restarts_under_load_refuse_nobody_and_lose_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let crowd = Crowd::new(listener.local_addr().unwrap().to_string());
    let manager = Manager { sockets: vec![(listener.into(), "resumed.socket")], ..Manager::default() };
    let mut data = Some(DataDir::new());
    thread::scope(|scope| {
        let crowd = &crowd;
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || crowd.upload(client))).collect();
        let flags = ["--log-level", "info", "--shutdown-timeout", "10s"];
        for restart in 1..=RESTARTS {
            let daemon = Daemon::start_under(data.take().unwrap(), &flags, &manager);
            let before = crowd.finished();
            eventually("uploads run", || crowd.finished() >= before + CLIENTS);
            // Somewhere in the middle of what they do now.
            thread::sleep(Duration::from_millis(150) * restart);
            if KILLS.contains(&restart) {
                data = Some(daemon.kill());
                continue;
            }
            daemon.signal(Signal::TERM);
            let (status, log, left) = daemon.wait();
            assert_eq!(status.code(), Some(0), "{log}");
            assert!(!log.contains("--shutdown-timeout is over"), "{log}");
            data = Some(left);
        }
        crowd.send_home();
        let daemon = Daemon::start_under(data.take().unwrap(), &flags, &manager);
        clients.into_iter().for_each(|client| client.join().unwrap());
        data = Some(daemon.kill());
    });
    let files = data.unwrap().files();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), crowd.names());
    for (name, file) in files {
        assert!(file == bytes(SIZE), "{name} is what was sent");
    }
    eprintln!("{RESTARTS} restarts under {CLIENTS} clients, {} of them by SIGKILL: {crowd}", KILLS.len());
}
