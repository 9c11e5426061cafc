//! tus-js-client, the engine of Uppy, under Node.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::network::Fault;
use crate::support::process::Client;
use crate::support::tools::{node, sources};
use crate::support::{KIB, MIB, Scene, eventually, wire};

/// Starts it on the scene's file. `spec` is what `js/upload.cjs` takes, beyond where and which.
fn start(scene: &Scene, mut spec: Value) -> Option<Client> {
    spec["endpoint"] = scene.endpoint().into();
    spec["file"] = scene.source.to_str().unwrap().into();
    if spec["options"]["metadata"].is_null() {
        spec["options"]["metadata"] = json!({ "filename": "js.bin" });
    }
    let mut node = node()?;
    Some(Client::start(node.arg(sources().join("js/upload.cjs")).arg(spec.to_string())))
}

/// Runs it to its end, and answers what it told.
pub(crate) fn run(scene: &Scene, spec: Value) -> Option<Value> {
    let said = start(scene, spec)?.said();
    Some(serde_json::from_str(said.lines().last().unwrap()).unwrap_or_else(|_| panic!("{said}")))
}

/// Runs it to its good end, after which the file is published.
fn succeeds(scene: &Scene, options: Value) -> Option<Value> {
    let told = run(scene, json!({ "options": options.clone() }))?;
    assert_eq!(told["how"], "success", "{told}");
    scene.assert_published("js.bin");
    // Whoever is told a wrong status on the way starts a new upload from zero.
    let creations = if options["parallelUploads"].is_null() { 1 } else { 5 };
    assert_eq!(told["statuses"]["201"], creations, "{told}");
    Some(told)
}

#[test]
fn a_file_goes_up_in_one_piece() {
    let scene = Scene::calm(5 * MIB + 3);
    let Some(told) = succeeds(&scene, json!({})) else { return };
    assert_eq!(told["statuses"], json!({ "201": 1, "204": 1 }));
}

#[test]
fn a_file_goes_up_in_chunks() {
    let scene = Scene::calm(5 * MIB + 3);
    let Some(told) = succeeds(&scene, json!({ "chunkSize": MIB })) else { return };
    assert_eq!(told["patches"], 6);
}

#[test]
fn the_last_chunk_may_be_a_whole_one() {
    let scene = Scene::with_flags(4 * MIB, &["--max-size", "4MiB"], |_| Fault::None);
    let Some(told) = succeeds(&scene, json!({ "chunkSize": MIB })) else { return };
    assert_eq!(told["patches"], 4);
}

#[test]
fn one_byte_too_many_is_an_error_and_not_retried() {
    let scene = Scene::with_flags(4 * MIB + 1, &["--max-size", "4MiB"], |_| Fault::None);
    let Some(told) = run(&scene, json!({ "options": {} })) else { return };
    assert_eq!((&told["how"], &told["statuses"]), (&json!("error"), &json!({ "413": 1 })), "{told}");
}

#[test]
fn an_empty_file_is_complete_at_once() {
    let scene = Scene::calm(0);
    let Some(told) = succeeds(&scene, json!({})) else { return };
    assert_eq!(told["statuses"], json!({ "201": 1 }));
}

#[test]
fn bytes_go_with_the_creation() {
    let scene = Scene::calm(3 * MIB + 5);
    let Some(told) = succeeds(&scene, json!({ "uploadDataDuringCreation": true })) else { return };
    assert_eq!(told["statuses"], json!({ "201": 1 }));

    let scene = Scene::calm(3 * MIB + 5);
    succeeds(&scene, json!({ "uploadDataDuringCreation": true, "chunkSize": MIB }));
}

#[test]
fn a_stream_of_unknown_length_goes_up() {
    let scene = Scene::calm(3 * MIB + 9);
    let options = json!({
        "uploadLengthDeferred": true, "chunkSize": 512 * KIB, "metadata": { "filename": "js.bin" }
    });
    let Some(told) = run(&scene, json!({ "asStream": true, "options": options })) else { return };
    assert_eq!(told["how"], "success", "{told}");
    scene.assert_published("js.bin");
}

#[test]
fn patch_goes_as_post_where_it_must() {
    let scene = Scene::calm(2 * MIB + 1);
    let Some(told) = succeeds(&scene, json!({ "overridePatchMethod": true, "chunkSize": MIB })) else {
        return;
    };
    assert_eq!(told["patches"], 0, "{told}");
}

#[test]
fn names_of_every_script_survive() {
    let name = "Übung № 3 – 写真 می‌خواهم 👩‍💻.bin";
    let scene = Scene::calm(MIB);
    let options = json!({ "metadata": { "filename": name, "filetype": "application/x-🎼" } });
    let Some(told) = run(&scene, json!({ "options": options })) else { return };
    assert_eq!(told["how"], "success", "{told}");
    scene.assert_published(name);
}

#[test]
fn a_connection_that_is_cut_again_and_again_is_resumed() {
    for fault in [Fault::Reset { after: 700 * KIB }, Fault::Close { after: 700 * KIB }] {
        let scene = Scene::new(6 * MIB + 1, move |_| fault);
        if succeeds(&scene, json!({})).is_none() {
            return;
        }
        scene.assert_struck(8);
    }
}

#[test]
fn chunks_on_a_connection_that_is_cut_are_resumed() {
    let scene = Scene::new(6 * MIB + 1, |_| Fault::Reset { after: 1500 * KIB });
    if succeeds(&scene, json!({ "chunkSize": MIB })).is_some() {
        scene.assert_struck(4);
    }
}

#[test]
fn a_creation_with_bytes_that_is_cut_later_is_resumed() {
    let scene = Scene::new(6 * MIB + 1, |_| Fault::Reset { after: 1500 * KIB });
    if succeeds(&scene, json!({ "uploadDataDuringCreation": true, "chunkSize": MIB })).is_some() {
        scene.assert_struck(4);
    }
}

#[test]
fn half_a_connection_is_resumed() {
    let scene = Scene::new(4 * MIB, |_| Fault::HalfClose { after: 900 * KIB });
    if succeeds(&scene, json!({})).is_some() {
        scene.assert_struck(4);
    }
}

#[test]
fn an_upload_whose_last_answer_was_lost_is_not_sent_again() {
    let scene = Scene::new(3 * MIB, |number| match number {
        // Creation and bytes share a connection; what lies behind its middle is the answer to the bytes.
        1 => Fault::LoseAnswer { after: 2 * MIB },
        _ => Fault::None,
    });
    if succeeds(&scene, json!({})).is_some() {
        scene.assert_struck(1);
        scene.assert_sent_once();
    }
}

#[test]
fn a_stalled_connection_is_taken_over() {
    let scene = Scene::new(4 * MIB + 1, |number| match number {
        1 | 2 => Fault::Stall { after: 1500 * KIB },
        _ => Fault::None,
    });
    let options = json!({ "metadata": { "filename": "js.bin" } });
    let Some(told) = run(&scene, json!({ "restartAfterSilence": 400, "options": options })) else { return };
    assert_eq!(told["how"], "success", "{told}");
    assert!(told["restarts"].as_u64() >= Some(1) && told["statuses"]["201"] == 1, "{told}");
    scene.assert_published("js.bin");
    scene.assert_struck(1);
}

#[test]
fn four_parts_at_once_survive_cuts() {
    let scene = Scene::new(16 * MIB + 3, |_| Fault::Reset { after: 1500 * KIB });
    if succeeds(&scene, json!({ "parallelUploads": 4 })).is_some() {
        scene.assert_struck(8);
    }
}

/// Starts it, and kills it once the network has struck and it has written down where its upload is.
fn kill_in_the_middle(scene: &Scene, spec: Value, storage: &Path) -> Option<()> {
    let client = start(scene, spec)?;
    scene.network.wait_for_a_fault();
    eventually("the stored URL", || storage.metadata().is_ok_and(|meta| meta.len() > 2));
    client.kill();
    Some(())
}

#[test]
fn a_killed_client_resumes_when_it_is_started_again() {
    let scene = Scene::new(6 * MIB, |number| match number {
        1 => Fault::Stall { after: 3 * MIB },
        _ => Fault::None,
    });
    let storage = scene.path("urls.json");
    let spec = json!({ "storage": storage, "resume": true, "options": { "chunkSize": MIB } });
    let Some(()) = kill_in_the_middle(&scene, spec.clone(), &storage) else { return };

    let told = run(&scene, spec).unwrap();
    assert_eq!((&told["how"], &told["previous"]), (&json!("success"), &json!(1)), "{told}");
    scene.assert_published("js.bin");
    scene.assert_sent_once();
}

/// It begins a new upload when it is refused an offset, unless that is "locked".
#[test]
fn trouble_of_the_server_does_not_make_it_start_from_zero() {
    let scene = Scene::new(6 * MIB, |number| match number {
        1 => Fault::Reset { after: 3 * MIB },
        _ => Fault::None,
    });
    let storage = scene.path("urls.json");
    let spec = |delays: &[u32]| {
        let options = json!({ "chunkSize": MIB, "retryDelays": delays });
        json!({ "storage": storage, "resume": true, "options": options })
    };
    // It is ended while it waits.
    let Some(()) = kill_in_the_middle(&scene, spec(&[600_000]), &storage) else { return };
    // What came is recorded, and then the record can't be read.
    eventually("the end of the append", || scene.daemon.log().contains("interrupted"));
    let record = scene.daemon.record();
    let aside = record.with_extension("aside");
    fs::rename(&record, &aside).unwrap();
    fs::create_dir(&record).unwrap();
    let second = start(&scene, spec(&[50; 1000])).unwrap();
    eventually("its question", || scene.daemon.log().matches("method=HEAD").count() >= 3);
    fs::remove_dir(&record).unwrap();
    fs::rename(&aside, &record).unwrap();

    let said = second.said();
    let told: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap_or_else(|_| panic!("{said}"));
    assert_eq!((&told["how"], &told["statuses"]["201"]), (&json!("success"), &Value::Null), "{told}");
    assert!(told["statuses"]["423"].as_u64() >= Some(3), "{told}");
    scene.assert_published("js.bin");
    scene.assert_sent_once();
}

#[test]
fn an_upload_is_terminated_in_the_middle() {
    let scene = Scene::new(8 * MIB, |_| Fault::Slow { bytes_per_second: 4 * MIB });
    let Some(told) = run(&scene, json!({ "terminateAfter": MIB, "options": {} })) else { return };
    assert_eq!(told["how"], "terminated", "{told}");
    let url = told["url"].as_str().unwrap();
    let path = url.split_once("/files/").map(|(_, id)| format!("/files/{id}")).unwrap();
    let answer = wire::head(scene.daemon.address, &path).unwrap();
    assert!(matches!(answer.status, 404 | 410), "{}", answer.status);
    assert_eq!((scene.daemon.published().len(), scene.daemon.unpublished()), (0, 0));
}
