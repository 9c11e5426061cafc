//! Sockets that somebody else opened.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal};

use crate::support::daemon::{Daemon, Manager, refusal_under};
use crate::support::data_dir::DataDir;
use crate::support::eventually;
use crate::support::wire::{Answer, Wire};

fn tcp() -> (OwnedFd, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener.into(), address)
}

fn with(sockets: Vec<(OwnedFd, &'static str)>) -> Manager {
    Manager { sockets, ..Manager::default() }
}

fn options(mut wire: Wire) -> Answer {
    wire.send_head("OPTIONS", "/files/", "", None);
    wire.answer()
}

/// How many sockets a process listens on.
fn listening(pid: Pid) -> usize {
    let files = std::fs::read_dir(format!("/proc/{}/fd", pid.as_raw_pid())).unwrap();
    let links = files.filter_map(|file| std::fs::read_link(file.unwrap().path()).ok());
    let sockets: Vec<String> = links
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    // (table, its column that says "listening" and what it says, the column of the socket's number)
    let tables = [("tcp", 3, "0A", 9), ("tcp6", 3, "0A", 9), ("unix", 3, "00010000", 6)];
    let count = |(table, column, listens, number): (&str, usize, &str, usize)| {
        let table = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
        let rows = table.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
        rows.filter(|row| {
            row.get(column) == Some(&listens) && sockets.iter().any(|socket| socket == row[number])
        })
        .count()
    };
    tables.into_iter().map(count).sum()
}

#[test]
fn a_socket_named_admin_is_for_those_who_watch() {
    let data = DataDir::new();
    let ((uploads, address), (admin, admin_address)) = (tcp(), tcp());
    let manager = with(vec![(admin, "admin"), (uploads, "http")]);
    let daemon = Daemon::start_under(data, &[], &manager);
    assert_eq!(daemon.address(), address);
    let watch = |path: &str| {
        let mut wire = Wire::tcp(TcpStream::connect(&admin_address).unwrap());
        wire.send_head("GET", path, "", None);
        wire.answer()
    };
    watch("/readyz").expect(200);
    watch("/files/").expect(404);
    daemon.ask("GET", "/readyz", "", b"").expect(404);
}

#[test]
fn a_socket_named_admin_goes_with_an_address_that_was_given() {
    let data = DataDir::new();
    let (admin, admin_address) = tcp();
    let daemon = Daemon::start_under(data, &["--listen", "127.0.0.1:0"], &with(vec![(admin, "admin")]));
    daemon.ask("OPTIONS", daemon.base(), "", b"").expect(204);
    let mut wire = Wire::tcp(TcpStream::connect(&admin_address).unwrap());
    wire.send_head("GET", "/healthz", "", None);
    wire.answer().expect(200);
}

#[test]
fn what_is_passed_is_served_in_place_of_the_default() {
    let data = DataDir::new();
    let path = data.beside("passed.sock");
    let ((first, first_address), (second, second_address)) = (tcp(), tcp());
    let unix = UnixListener::bind(&path).unwrap();
    let manager = with(vec![(first, "public"), (unix.into(), "proxy"), (second, "resumed.socket")]);
    let daemon = Daemon::start_under(data, &[], &manager);
    assert_eq!(daemon.address(), first_address);

    options(Wire::tcp(TcpStream::connect(&first_address).unwrap())).expect(204);
    options(Wire::tcp(TcpStream::connect(&second_address).unwrap())).expect(204);
    options(Wire::unix(UnixStream::connect(&path).unwrap())).expect(204);
    let proxy = format!("name=\"proxy\" address=\"unix:{}\"", path.display());
    for (name, address) in [("public", &first_address), ("resumed.socket", &second_address)] {
        daemon.wait_for_log(&format!("name=\"{name}\" address=\"http://{address}\""));
    }
    daemon.wait_for_log(&proxy);
    assert_eq!(listening(daemon.pid()), 4, "nothing else is listened on, but for the admin's socket");

    // The file of a socket is its maker's.
    daemon.signal(Signal::TERM);
    let (status, log, _data) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(path.exists());
}

#[test]
fn an_address_that_somebody_gave_is_served_beside_what_is_passed() {
    let (socket, passed) = tcp();
    let daemon =
        Daemon::start_under(DataDir::new(), &["--listen", "127.0.0.1:0"], &with(vec![(socket, "a")]));
    assert_ne!(daemon.address(), passed);
    options(daemon.connect()).expect(204);
    options(Wire::tcp(TcpStream::connect(passed).unwrap())).expect(204);
}

#[test]
fn what_can_not_be_served_is_named_and_refused() {
    let (_ours, theirs) = UnixStream::pair().unwrap();
    let sockets: [OwnedFd; 3] = [
        UnixDatagram::unbound().unwrap().into(),
        theirs.into(),
        std::fs::File::open("/dev/null").unwrap().into(),
    ];
    for socket in sockets {
        let manager = with(vec![(tcp().0, "good"), (socket, "bad")]);
        let (code, said) = refusal_under(&DataDir::new(), &[], &manager);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("can't use the socket bad of the service manager"), "{said}");
    }
}

#[test]
fn what_was_passed_to_another_process_is_left_alone() {
    let variables = [("LISTEN_FDS", "1"), ("LISTEN_PID", "1"), ("LISTEN_FDNAMES", "theirs")];
    let variables = variables.map(|(name, value)| (name, value.to_owned())).to_vec();
    let daemon = Daemon::start_under(DataDir::new(), &[], &Manager { variables, ..Manager::default() });
    options(daemon.connect()).expect(204);
    assert!(!daemon.log().contains("theirs"), "{}", daemon.log());
}

/// The tool of systemd, if it is there.
#[test]
fn systemd_socket_activate_starts_the_daemon_with_the_first_connection() {
    let tool = Path::new("/usr/bin/systemd-socket-activate");
    if !tool.exists() {
        eprintln!("left out: no {}", tool.display());
        return;
    }
    let data = DataDir::new();
    let path = data.beside("activated.sock");
    let mut tool = Command::new(tool);
    tool.arg("--listen").arg(&path).arg("--fdname=activated").arg(env!("CARGO_BIN_EXE_resumed"));
    tool.arg("--data-dir").arg(data.path()).env_clear().stdin(Stdio::null()).stderr(Stdio::null());
    let mut child = tool.stdout(Stdio::piped()).spawn().unwrap();
    eventually("the tool listens", || UnixStream::connect(&path).is_ok());
    let answer = options(Wire::unix(UnixStream::connect(&path).unwrap()));
    child.kill().unwrap();
    child.wait().unwrap();
    answer.expect(204);
}
