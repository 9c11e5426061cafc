//! A large file through a connection that is cut again and again.
//!
//! 256 MiB and a cut every 8 MiB; with `RESUMED_TEST_BIG=1` 10 GiB and a cut every 100 MiB, for which
//! `cargo test --release --test clients cut:: -- --test-threads 1` is the right command, and twice the space on disk.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::network::Fault;
use crate::support::process::Client;
use crate::support::tools::{node, say, sources};
use crate::support::{MIB, Scene, wire};

/// The daemon's memory depends on connections, never on the size of what goes through them.
const MEMORY_MIB: u64 = 256;

struct Size {
    length: u64,
    cut_every: u64,
}

fn size() -> Size {
    if std::env::var_os("RESUMED_TEST_BIG").is_some_and(|value| value == "1") {
        Size { length: 10 * 1024 * MIB, cut_every: 100 * MIB }
    } else {
        Size { length: 256 * MIB, cut_every: 8 * MIB }
    }
}

/// `upload` answers how many requests with bytes it took.
fn through_a_cut_connection(who: &str, upload: impl FnOnce(&Scene) -> u64) {
    let Size { length, cut_every } = size();
    let scene = Scene::new(length, move |number| match number % 2 {
        0 => Fault::Reset { after: cut_every },
        _ => Fault::Close { after: cut_every },
    });
    let begun = Instant::now();
    let appends = upload(&scene);
    let took = begun.elapsed();
    scene.assert_published("large.bin");
    let (cuts, peak) = (scene.network.faults(), scene.daemon.peak_mib());
    let sent = scene.network.bytes();
    assert!(cuts as u64 >= length / cut_every, "only {cuts} cuts");
    assert!(peak < MEMORY_MIB, "the daemon took {peak} MiB");
    say(&format!(
        "{who}: {} MiB came out identical after {cuts} cuts; {:.1} s, {appends} requests, \
         {} MiB sent twice, the daemon's peak memory {peak} MiB",
        length / MIB,
        took.as_secs_f64(),
        (sent - length) / MIB,
    ));
}

#[test]
fn a_small_client_gets_a_large_file_through() {
    through_a_cut_connection("a small client", |scene| {
        wire::upload(scene.network.address, &scene.source, "large.bin")
    });
}

#[test]
fn tus_js_client_gets_a_large_file_through() {
    let Some(mut node) = node() else { return };
    through_a_cut_connection("tus-js-client", |scene| {
        let spec = json!({
            "endpoint": scene.endpoint(),
            "file": scene.source,
            "options": { "metadata": { "filename": "large.bin" } },
        });
        node.arg(sources().join("js/upload.cjs")).arg(spec.to_string());
        let said = Client::start(&mut node).said_within(Duration::from_secs(1800));
        let told: Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}"));
        assert_eq!((&told["how"], &told["statuses"]["201"]), (&json!("success"), &json!(1)), "{told}");
        told["begun"].as_u64().unwrap()
    });
}
