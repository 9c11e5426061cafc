//! What tus-js-client makes of refusals that pass: others than those of a bad network.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::network::Fault;
use crate::support::{MIB, Scene, wire};
use crate::tus_js::run;

/// It has no patience with either limit: 429 is the end of an upload, and after its last delay so is 423.
#[test]
fn who_is_over_a_limit_for_a_moment_waits_for_his_turn() {
    // Who comes from this machine directly is not limited.
    let headers = json!({ "X-Forwarded-For": "192.0.2.1" });

    let limits = ["--trusted-proxy", "127.0.0.1", "--max-appends-per-client", "1"];
    let slow = |_| Fault::Slow { bytes_per_second: 2 * MIB };
    let scene = Scene::with_flags(3 * MIB, &limits, slow);
    let options = json!({ "parallelUploads": 3, "retryDelays": [0], "headers": headers.clone() });
    let Some(told) = run(&scene, json!({ "options": options })) else { return };
    assert_eq!((&told["how"], &told["statuses"]["423"]), (&json!("success"), &Value::Null), "{told}");
    scene.assert_published("js.bin");

    let limits = ["--trusted-proxy", "127.0.0.1", "--max-creations-per-client", "20"];
    let scene = Scene::with_flags(MIB, &limits, |_| Fault::None);
    for _ in 0..20 {
        let headers = "X-Forwarded-For: 192.0.2.1\r\nUpload-Length: 1\r\n";
        let created = wire::request(scene.daemon.address, "POST /files/", headers, 0, std::io::empty());
        assert_eq!(created.unwrap().status, 201);
    }
    let told = run(&scene, json!({ "options": { "headers": headers } })).unwrap();
    assert_eq!((&told["how"], &told["statuses"]["429"]), (&json!("success"), &Value::Null), "{told}");
    scene.assert_published("js.bin");
}

/// By itself it forgets an upload when a HEAD is answered 401. What docs/access.md tells applications to do keeps it.
#[test]
fn a_permit_that_ends_while_the_line_is_down_costs_nothing_that_was_stored() {
    const GOOD: &str = "0123456789abcdef";
    const ENDED: &str = "fedcba9876543210";
    let dir = tempfile::tempdir().unwrap();
    let tokens = dir.path().join("tokens");
    fs::write(&tokens, format!("alice {GOOD}\n")).unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o600)).unwrap();
    let scene =
        Scene::with_flags(6 * MIB, &["--token-file", tokens.to_str().unwrap()], |number| match number {
            1 => Fault::Reset { after: 3 * MIB },
            _ => Fault::None,
        });
    let permits = [GOOD, ENDED, GOOD];
    let Some(told) = run(&scene, json!({ "permits": permits, "options": { "chunkSize": MIB } })) else {
        return;
    };
    assert_eq!((&told["how"], &told["statuses"]["401"]), (&json!("success"), &json!(1)), "{told}");
    assert_eq!(told["statuses"]["201"], 1, "{told}");
    scene.assert_published("js.bin");
    scene.assert_sent_once();
}
