//! What the service manager is told.

use std::time::Duration;

use rustix::process::Signal;

use crate::notify_socket::NotifySocket;
use crate::support::bytes;
use crate::support::daemon::{Daemon, refusal_under};
use crate::support::data_dir::DataDir;

#[test]
fn who_is_ready_serves() {
    let socket = NotifySocket::new();
    let daemon = Daemon::start_under(DataDir::missing(), &[], &socket.manager());
    socket.wait_for("READY=1");
    daemon.ask("OPTIONS", "/files/", "", b"").expect(204);
}

#[test]
fn who_can_not_serve_is_never_ready() {
    let socket = NotifySocket::new();
    let first = Daemon::start(&[]);
    let (code, said) = refusal_under(&first, &["--listen", "127.0.0.1:0"], &socket.manager());
    assert_eq!(code, Some(1));
    assert!(said.contains("another resumed is using it"), "{said}");
    assert_eq!(socket.next_within(Duration::from_millis(100)), None);
}

#[test]
fn the_status_tells_what_goes_on() {
    let socket = NotifySocket::new();
    let daemon = Daemon::start_under(DataDir::new(), &[], &socket.manager());
    let (idle, _) = socket.wait_for("STATUS=");
    assert!(idle.starts_with("STATUS=Serving: 0 uploads under way, 0 connections, "), "{idle}");
    assert!(idle.ends_with("iB free"), "{idle}");

    let upload = daemon.create("Upload-Length: 1000000");
    let wire = daemon.begin_patch(&upload, 0, 1_000_000, &bytes(1000));
    daemon.wait_for_data(&upload, 1000);
    socket.wait_for("STATUS=Serving: 1 uploads under way, 1 connections, ");
    drop(wire);
    socket.wait_for("STATUS=Serving: 0 uploads under way, 0 connections, ");
}

#[test]
fn the_watchdog_hears_from_a_daemon_that_serves() {
    let socket = NotifySocket::new();
    let mut manager = socket.manager();
    manager.variables.push(("WATCHDOG_USEC", "1000000".to_owned()));
    let _daemon = Daemon::start_under(DataDir::new(), &[], &manager);
    let (_, before) = socket.wait_for("WATCHDOG=1");
    assert_eq!(before[0], ["READY=1"]);
    for _ in 0..4 {
        socket.wait_for("WATCHDOG=1");
    }
}

#[test]
fn no_watchdog_hears_nothing() {
    let socket = NotifySocket::new();
    let mut manager = socket.manager();
    // One that watches another process.
    manager.variables.push(("WATCHDOG_USEC", "200000".to_owned()));
    manager.variables.push(("WATCHDOG_PID", "1".to_owned()));
    let _daemon = Daemon::start_under(DataDir::new(), &[], &manager);
    let (_, before) = socket.wait_for("STATUS=");
    assert!(before.iter().flatten().all(|line| line != "WATCHDOG=1"), "{before:?}");
    while let Some(message) = socket.next_within(Duration::from_secs(1)) {
        assert!(message.iter().all(|line| line != "WATCHDOG=1"), "{message:?}");
    }
}

#[test]
fn the_watchdog_hears_nothing_while_the_disk_does_not_answer() {
    let socket = NotifySocket::new();
    let mut manager = socket.manager();
    manager.variables.push(("WATCHDOG_USEC", "1000000".to_owned()));
    let daemon = Daemon::start_under(DataDir::new(), &[], &manager);
    socket.wait_for("WATCHDOG=1");

    // As when the file system was unmounted.
    let (uploads, aside) = (daemon.path().join("uploads"), daemon.path().join("aside"));
    std::fs::rename(&uploads, &aside).unwrap();
    let (status, _) = socket.wait_for("STATUS=Not serving: ");
    assert!(status.contains("the data directory can't be reached: No such file"), "{status}");
    daemon.wait_for_log("not serving: the data directory can't be reached");
    for _ in 0..3 {
        if let Some(message) = socket.next_within(Duration::from_millis(700)) {
            assert!(message.iter().all(|line| line != "WATCHDOG=1"), "{message:?}");
        }
    }
    std::fs::rename(&aside, &uploads).unwrap();
    socket.wait_for("WATCHDOG=1");
    socket.wait_for("STATUS=Serving: ");
}

#[test]
fn who_stops_says_so_and_asks_for_the_time_it_needs() {
    let socket = NotifySocket::new();
    let flags = ["--shutdown-timeout", "1h"];
    let daemon = Daemon::start_under(DataDir::new(), &flags, &socket.manager());
    // Somebody downloads and does not read, so that the daemon can't end.
    let upload = daemon.upload("", &bytes(64 << 20));
    let mut wire = daemon.connect();
    wire.send_head("GET", &upload, "", None);
    wire.peek();
    daemon.signal(Signal::TERM);
    socket.wait_for("STOPPING=1");
    for _ in 0..2 {
        let (more, _) = socket.wait_for("EXTEND_TIMEOUT_USEC=");
        let micros: u64 = more.split_once('=').unwrap().1.parse().unwrap();
        assert!(micros > 5_000_000, "{more}: the next one may come too late");
    }
    drop(wire);
    let (status, log, _) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn who_has_no_manager_says_nothing_about_it() {
    let daemon = Daemon::start(&[]);
    daemon.ask("OPTIONS", "/files/", "", b"").expect(204);
    daemon.signal(Signal::TERM);
    let (_, log, _) = daemon.wait();
    assert!(!log.contains("service manager"), "{log}");
}

#[test]
fn a_manager_that_is_gone_harms_nobody() {
    let socket = NotifySocket::new();
    let manager = socket.manager();
    drop(socket);
    let daemon = Daemon::start_under(DataDir::new(), &[], &manager);
    daemon.wait_for_log("can't reach the service manager");
    daemon.ask("OPTIONS", "/files/", "", b"").expect(204);
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.wait().0.code(), Some(0));
}

#[test]
fn who_reads_its_settings_again_says_so_and_is_ready_again() {
    let socket = NotifySocket::new();
    let data = DataDir::new();
    let file = data.beside("resumed.toml");
    std::fs::write(&file, "").unwrap();
    let flags = ["--config", "resumed.toml"];
    let daemon = Daemon::start_under(data, &flags, &socket.manager());
    socket.wait_for("READY=1");
    // A file that is wrong is no reason to be left waiting.
    for settings in ["max-size = 5", "max-size = 'much'"] {
        std::fs::write(&file, settings).unwrap();
        let before = monotonic_micros();
        daemon.signal(Signal::HUP);
        let (_, messages) = socket.wait_for("RELOADING=1");
        let message = messages.last().unwrap();
        let time = message.iter().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).unwrap();
        let time: i64 = time.parse().unwrap();
        assert!(before <= time && time <= monotonic_micros(), "{time} is the clock's time");
        socket.wait_for("READY=1");
    }
    daemon.ask("OPTIONS", "/files/", "", b"").expect(204);
}

/// The clock by which the service manager tells answers to this reload from answers to an earlier one.
fn monotonic_micros() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}
