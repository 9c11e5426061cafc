//! What docs/service.md tells people to do, done: its commands, drop-ins and settings are taken from its text.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use crate::support::tls::{certificate, has_tools};
use crate::support::wire::Wire;
use crate::support::{bytes, eventually, filename};
use crate::units::{address, boot};

/// A section of the guide, by words of its heading.
struct Section(String);

impl Section {
    fn named(heading: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/service.md");
        let text = fs::read_to_string(path).unwrap();
        let sections = text.split("\n## ");
        let named: Vec<&str> = sections.filter(|section| section.starts_with(heading)).collect();
        assert_eq!(named.len(), 1, "{heading}");
        Self(named[0].to_owned())
    }

    /// The block of code below a comment that names what it is.
    fn block(&self, name: &str) -> String {
        let comment = format!("    # {name}\n");
        let (_, block) = self.0.split_once(&comment).unwrap_or_else(|| panic!("no {name} in\n{}", self.0));
        let lines = block.lines().map_while(|line| line.strip_prefix("    "));
        lines.take_while(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    /// The commands for root.
    fn commands(&self) -> Vec<String> {
        let commands = self.0.lines().filter_map(|line| line.strip_prefix("    sudo "));
        commands.map(str::to_owned).collect()
    }

    /// What stands between backticks, beginning like this.
    fn quoted(&self, beginning: &str) -> String {
        let mut quoted = self.0.split('`').skip(1).step_by(2).filter(|text| text.starts_with(beginning));
        quoted.next().unwrap_or_else(|| panic!("no {beginning} in\n{}", self.0)).to_owned()
    }
}

#[test]
fn sockets_are_added_as_the_guide_says() {
    let address = address(6);
    let Some(machine) = boot(&address) else { return };
    // (Tests listen on addresses of this machine only, and each on its own.)
    let drop_in = Section::named("Who reaches it").block("systemctl edit resumed.socket");
    assert!(drop_in.contains("\nListenStream=8080\n"), "{drop_in}");
    let drop_in = drop_in.replace("=8080", &format!("={address}"));
    machine.write("/etc/systemd/system/resumed.socket.d/override.conf", &drop_in);
    let unit =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd/resumed.socket")).unwrap();
    let (_, comment) = unit.split_once("resumed-tls.socket, with\n#\n").unwrap();
    let lines = comment.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let named = lines.take_while(|line| !line.starts_with("With ")).collect::<Vec<_>>().join("\n");
    assert!(named.contains("\nListenStream=443\n"), "{named}");
    let other = address.replace(":80", ":84");
    machine.write("/etc/systemd/system/resumed-tls.socket", &named.replace("=443", &format!("={other}")));
    machine.run(&["systemctl", "daemon-reload"]);
    machine.run(&["systemctl", "restart", "resumed.socket", "resumed-tls.socket", "resumed.service"]);

    for address in [&address, &other] {
        let mut wire = Wire::tcp(TcpStream::connect(address).unwrap());
        wire.send_head("OPTIONS", "/files/", "", None);
        wire.answer().expect(204);
    }
    let mut wire = Wire::unix(UnixStream::connect(machine.inside("/run/resumed/proxy.sock")).unwrap());
    wire.send_head("OPTIONS", "/files/", "", None);
    wire.answer().expect(204);
    let access = machine.run(&["stat", "--format=%G %a", "/run/resumed/proxy.sock"]);
    assert_eq!(access, "www-data 660");
    for (name, address) in [("http", &address), ("tls", &other)] {
        let took =
            format!("took over a socket of the service manager name=\"{name}\" address=\"http://{address}\"");
        assert!(machine.journal().contains(&took), "{took} is not in\n{}", machine.journal());
    }
}

#[test]
fn secrets_sandbox_and_users_are_as_the_guide_says() {
    if !has_tools() {
        return;
    }
    let address = address(4);
    let Some(machine) = boot(&address) else { return };

    // A certificate that only root can read.
    let tls = Section::named("TLS");
    let drop_in = tls.block("systemctl edit resumed");
    let put = |name: &str| {
        let (cert, key) = certificate(&machine.shared(""), name);
        for (line, file) in drop_in.lines().filter(|line| line.starts_with("LoadCredential")).zip([cert, key])
        {
            let (_, path) = line.rsplit_once(':').unwrap();
            machine.write(path, &fs::read_to_string(file).unwrap());
            machine.run(&["chmod", "600", path]);
        }
    };
    let curl = |name: &str| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--max-time", "30", "--connect-to", &format!("localhost:443:{address}")]);
        curl.arg("--cacert").arg(machine.shared(&format!("{name}.crt")));
        curl.args(["--request", "OPTIONS", "https://localhost/files/"]).status().unwrap().success()
    };
    put("first");
    let settings = tls.block("/etc/resumed/resumed.toml");
    let data_dir = "data-dir = \"/var/lib/resumed\"\n";
    machine.write("/etc/resumed/resumed.toml", &format!("{data_dir}{settings}"));
    machine.edit(&drop_in);
    assert!(curl("first"), "{}", machine.journal());
    put("second");
    machine.run(&tls.quoted("systemctl restart").split(' ').collect::<Vec<_>>());
    assert!(curl("second") && !curl("first"), "{}", machine.journal());

    // No network but what is passed.
    machine.write("/etc/resumed/resumed.toml", data_dir);
    let sandbox = Section::named("The sandbox");
    let (network, families) =
        (sandbox.quoted("PrivateNetwork=y"), sandbox.quoted("RestrictAddressFamilies="));
    machine.edit(&format!("[Service]\n{network}\nRestrictAddressFamilies=\n{families}\n"));
    let network = |pid: &str| machine.run(&["readlink", &format!("/proc/{pid}/ns/net")]);
    assert_ne!(network(&machine.property("MainPID")), network("1"));
    let body = bytes(100_000);
    let upload = |name: &str| {
        let mut wire = Wire::tcp(TcpStream::connect(&address).unwrap());
        let headers = format!(
            "Upload-Length: {}\nContent-Type: application/offset+octet-stream\n{}",
            body.len(),
            filename(name)
        );
        wire.send_head("POST", "/files/", &headers, Some(body.len()));
        wire.send(&body);
        wire.answer().expect(201);
    };
    upload("alone.bin");

    // A user that stays, and a group that may take files away.
    let others = Section::named("Who may take the finished files");
    for command in others.commands() {
        machine.run(&["sh", "-c", &command]);
    }
    machine.write("/etc/resumed/resumed.toml", &others.block("/etc/resumed/resumed.toml"));
    machine.edit(&others.block("systemctl edit resumed"));
    upload("shared.bin");
    let file = "/srv/uploads/files/shared.bin";
    assert_eq!(machine.run(&["stat", "--format=%U %G %a", file]), "resumed www-data 660");
    machine.run(&["setpriv", "--reuid=33", "--regid=33", "--clear-groups", "mv", file, "/tmp/taken"]);

    // The first user's files are where they were.
    let alone = machine.var_lib().join("private/resumed/files/alone.bin");
    eventually("the file is there", || alone.exists());
    assert_ne!(alone.metadata().unwrap().uid(), 0);
}
