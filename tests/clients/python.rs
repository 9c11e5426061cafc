//! tuspy, which most Python programs use, and aiotus, which is stricter with servers than any other client.

use serde_json::{Value, json};

use crate::support::network::Fault;
use crate::support::process::Client;
use crate::support::tools::{python, sources};
use crate::support::{KIB, MIB, PUBLIC_URL, Scene};

/// Starts `py/upload.py` on the scene's file.
fn start(scene: &Scene, mut spec: Value) -> Option<Client> {
    spec["endpoint"] = scene.endpoint().into();
    spec["file"] = scene.source.to_str().unwrap().into();
    let mut python = python()?;
    // No folders of compiled code in the source tree.
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    Some(Client::start(python.arg(sources().join("py/upload.py")).arg(spec.to_string())))
}

fn run(scene: &Scene, spec: Value) -> Option<Value> {
    let said = start(scene, spec)?.said();
    Some(serde_json::from_str(said.lines().last().unwrap()).unwrap_or_else(|_| panic!("{said}")))
}

fn tuspy_spec(mut options: Value) -> Value {
    options["metadata"] = json!({ "filename": "py.bin" });
    json!({ "client": "tuspy", "options": options })
}

/// tuspy uploads the scene's file.
fn tuspy(scene: &Scene, options: Value) -> Option<()> {
    run(scene, tuspy_spec(options))?;
    scene.assert_published("py.bin");
    Some(())
}

#[test]
fn tuspy_uploads_in_one_piece_and_in_chunks() {
    for options in [json!({}), json!({ "chunk_size": MIB }), json!({ "chunk_size": 3 * MIB })] {
        let scene = Scene::calm(3 * MIB + 2);
        tuspy(&scene, options);
    }
}

#[test]
fn tuspy_without_metadata_sends_an_empty_header() {
    let scene = Scene::calm(MIB);
    let Some(told) = run(&scene, json!({ "client": "tuspy", "options": {} })) else { return };
    let id = told["url"].as_str().unwrap().rsplit('/').next().unwrap();
    scene.assert_published(id);
}

#[test]
fn tuspy_uploads_an_empty_file() {
    let scene = Scene::calm(0);
    tuspy(&scene, json!({}));
}

#[test]
fn tuspy_resumes_after_each_cut() {
    for fault in [Fault::Reset { after: 700 * KIB }, Fault::Close { after: 700 * KIB }] {
        let scene = Scene::new(5 * MIB + 1, move |_| fault);
        if tuspy(&scene, json!({})).is_none() {
            return;
        }
        scene.assert_struck(7);
    }
}

#[test]
fn tuspy_with_checksums() {
    let scene = Scene::calm(3 * MIB + 2);
    tuspy(&scene, json!({ "chunk_size": MIB, "upload_checksum": true }));
}

#[test]
fn tuspy_with_checksums_repeats_a_chunk_that_was_cut() {
    // It opens a connection for each chunk. What was cut can't be verified, so that nothing of it is kept.
    let scene = Scene::new(4 * MIB, |number| match number % 3 {
        0 => Fault::Reset { after: 600 * KIB },
        _ => Fault::None,
    });
    if tuspy(&scene, json!({ "chunk_size": MIB, "upload_checksum": true })).is_some() {
        assert!(scene.network.faults() >= 1, "nothing was cut");
    }
}

#[test]
fn tuspy_resumes_after_it_was_killed() {
    let scene = Scene::new(6 * MIB, |number| match number {
        // One connection for the creation, one for each chunk.
        4 => Fault::Stall { after: 300 * KIB },
        _ => Fault::None,
    });
    let mut spec = tuspy_spec(json!({ "chunk_size": MIB }));
    spec["storage"] = scene.path("urls.json").to_str().unwrap().into();
    let Some(first) = start(&scene, spec.clone()) else { return };
    scene.network.wait_for_a_fault();
    first.kill();

    let told = run(&scene, spec).unwrap();
    assert!(told["begun_at"].as_u64() >= Some(2 * MIB), "{told}");
    scene.assert_published("py.bin");
}

fn aiotus(spec: Value, fault: impl Fn(usize) -> Fault + Send + 'static) -> Option<Scene> {
    let scene = Scene::with_flags(4 * MIB + 1, &["--public-url", PUBLIC_URL], fault);
    let mut spec = spec;
    spec["client"] = "aiotus".into();
    spec["metadata"] = json!({ "filename": "Größe.bin", "is_confidential": null });
    run(&scene, spec)?;
    scene.assert_published("Größe.bin");
    Some(scene)
}

#[test]
fn aiotus_uploads_and_gets_its_metadata_back() {
    aiotus(json!({ "chunk": MIB }), |_| Fault::None);
}

#[test]
fn aiotus_resumes_after_each_cut() {
    let fault = |_| Fault::Reset { after: 700 * KIB };
    let Some(scene) = aiotus(json!({ "chunk": 8 * MIB }), fault) else { return };
    scene.assert_struck(5);
}

#[test]
fn aiotus_puts_parts_together() {
    aiotus(json!({ "parts": 3 }), |_| Fault::None);
}
