//! curl in a shell script, which is `sh/curl.sh`: what people try first, and what they put into cron.

use std::process::Command;

use crate::support::network::Fault;
use crate::support::process::Client;
use crate::support::tools::{curl, say};
use crate::support::{KIB, MIB, Scene};

/// Runs one case of the script; `None` if there is no curl.
fn run(case: &str, scene: impl FnOnce() -> Scene) -> Option<Scene> {
    let mut command = curl()?;
    let scene = scene();
    command.arg(case).arg(scene.endpoint()).arg(&scene.source);
    Client::start(&mut command).said();
    Some(scene)
}

fn uploads(case: &str, scene: impl FnOnce() -> Scene) -> Option<Scene> {
    let scene = run(case, scene)?;
    scene.assert_published(&format!("{case}.bin"));
    Some(scene)
}

/// Some builds of curl have no HTTP/2.
fn has_http2() -> bool {
    let version = Command::new("curl").arg("-V").output();
    let found = version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("HTTP2"));
    if !found {
        say("left out: curl over HTTP/2; to run it: install a curl whose -V lists HTTP2");
    }
    found
}

#[test]
fn a_file_goes_up_in_one_piece() {
    uploads("whole", || Scene::calm(3 * MIB + 7));
}

#[test]
fn bytes_go_with_the_creation() {
    uploads("creation-with-data", || Scene::calm(2 * MIB + 1));
}

#[test]
fn what_is_too_large_is_refused_before_its_body() {
    let scene = run("too-large", || Scene::with_flags(2 * MIB, &["--max-size", "1MiB"], |_| Fault::None));
    let Some(scene) = scene else { return };
    assert_eq!(scene.daemon.published(), [""; 0]);
}

#[test]
fn a_curl_that_gave_up_is_resumed_from_a_pipe() {
    uploads("killed-and-resumed", || Scene::calm(8 * MIB + 5));
}

#[test]
fn a_bad_network_is_survived() {
    let faults = |number: usize| match number % 3 {
        0 => Fault::Close { after: 900 * KIB },
        1 => Fault::Reset { after: 700 * KIB },
        _ => Fault::HalfClose { after: 800 * KIB },
    };
    let Some(scene) = uploads("bad-network", || Scene::new(6 * MIB, faults)) else { return };
    scene.assert_struck(5);
}

#[test]
fn a_bad_network_is_survived_over_http2() {
    if curl().is_some() && !has_http2() {
        return;
    }
    let faults = |_| Fault::Reset { after: 900 * KIB };
    let Some(scene) = uploads("bad-network-http2", || Scene::new(6 * MIB, faults)) else { return };
    scene.assert_struck(5);
}

#[test]
fn a_checksum_is_checked() {
    uploads("checksum", || Scene::calm(2 * MIB + 3));
}

#[test]
fn parts_go_up_in_parallel() {
    uploads("parallel-parts", || Scene::calm(4 * MIB + 3));
}

#[test]
fn a_pipe_without_length_goes_up_in_chunks() {
    uploads("chunked-of-unknown-length", || Scene::calm(3 * MIB + 11));
}

#[test]
fn http2_without_tls_works() {
    if curl().is_some() && !has_http2() {
        return;
    }
    uploads("http2", || Scene::calm(5 * MIB + 1));
}
