//! The things that the daemon does in several steps, step by step. `docs/durability.md` says why in this order.

use serde_json::json;

use super::image::Step::{Create, Cut, Remove, Rename, Sync, SyncDir, Tell};
use super::image::{
    Dir::{Files, Shard},
    Door,
    Name::{Data, File, Key, SecondFile, Sidecar},
    Operation, Step, Told,
};
use super::world::{ANOTHER, Steps, WHOLE, World, all_of, write};

fn operation(name: &'static str, door: Door, before: Steps, steps: &[&[Step]]) -> Operation {
    Operation { name, door, name_is_taken: false, before, steps: all_of(steps) }
}

/// Every operation of more than one step.
pub(crate) fn all(world: &World) -> Vec<Operation> {
    [creations(world), appends(world), checksums(world), publications(world), chunks(world), rest(world)]
        .into_iter()
        .flatten()
        .collect()
}

fn creations(world: &World) -> Vec<Operation> {
    vec![
        operation(
            "creation",
            Door::Tus,
            vec![],
            &[&[Create(Data)], &world.receiving(0), &[SyncDir(Shard), Tell(Told::Offset(0))]],
        ),
        operation(
            "creation with the first bytes",
            Door::Tus,
            vec![],
            &[&world.created_with(&WHOLE[..5]), &[Tell(Told::Offset(5))]],
        ),
        operation(
            "creation with all bytes, few",
            Door::Tus,
            vec![],
            // Nobody knows it yet, so its sidecar needs no sync of its own.
            &[
                &[Create(Data), write(0, WHOLE), Sync(Data)],
                &world.complete("$NAME"),
                &[Rename(Data, File), SyncDir(Shard), SyncDir(Files), Tell(Told::Complete)],
            ],
        ),
        operation(
            "creation with all bytes, many",
            Door::Tus,
            vec![],
            &[
                &[Create(Data)],
                &world.receiving(0),
                &[SyncDir(Shard), write(0, &WHOLE[..10]), write(10, &WHOLE[10..]), Sync(Data)],
                &world.publish(json!({})),
            ],
        ),
    ]
}

fn appends(world: &World) -> Vec<Operation> {
    vec![
        operation(
            "append",
            Door::Tus,
            world.five_bytes(),
            &[
                &[write(5, &WHOLE[5..10]), Sync(Data)],
                &world.receiving(10),
                &[SyncDir(Shard), Tell(Told::Offset(10))],
            ],
        ),
        operation(
            "append that tells the length",
            Door::Tus,
            all_of(&[
                &[Create(Data), write(0, &WHOLE[..5]), Sync(Data)],
                &world.record(json!({ "offset": 5, "length": null })),
                &[SyncDir(Shard), Tell(Told::Offset(5))],
            ]),
            &[
                &world.receiving(5),
                &[SyncDir(Shard), write(5, &WHOLE[5..10]), Sync(Data)],
                &world.receiving(10),
                &[SyncDir(Shard), Tell(Told::Offset(10))],
            ],
        ),
        operation(
            "checkpoint: HEAD asks a running append, or 64 MiB have come",
            Door::Tus,
            world.five_bytes(),
            &[
                &[write(5, &WHOLE[5..8]), Sync(Data)],
                &world.receiving(8),
                &[SyncDir(Shard), Tell(Told::Offset(8)), write(8, &WHOLE[8..12])],
            ],
        ),
        operation(
            "recovery after the process died",
            Door::Tus,
            all_of(&[&world.five_bytes(), &[write(5, &WHOLE[5..10])]]),
            &[&[Sync(Data)], &world.receiving(10), &[SyncDir(Shard), Tell(Told::Offset(10))]],
        ),
        operation(
            "recovery after the power failed",
            Door::Tus,
            all_of(&[
                &[Create(Data), write(0, b"hello\0\0\0\0\0"), Tell(Told::Offset(5))],
                &world.record(json!({ "offset": 5, "epoch": ANOTHER })),
            ]),
            &[&[Cut(Data, 5), Sync(Data)], &world.receiving(5), &[SyncDir(Shard), Tell(Told::Offset(5))]],
        ),
    ]
}

fn checksums(world: &World) -> Vec<Operation> {
    let wrong = WHOLE[5..].to_ascii_uppercase();
    vec![
        operation(
            "append with a checksum, which is right",
            Door::Tus,
            world.five_bytes(),
            &[
                &world.verifying(5),
                &[SyncDir(Shard), write(5, &WHOLE[5..10]), Sync(Data)],
                &world.receiving(10),
                &[SyncDir(Shard), Tell(Told::Offset(10))],
            ],
        ),
        operation(
            "append with a checksum, which is wrong",
            Door::Tus,
            world.five_bytes(),
            &[
                &world.verifying(5),
                &[SyncDir(Shard), write(5, &wrong), Cut(Data, 5), Sync(Data)],
                &world.receiving(5),
                &[SyncDir(Shard), Tell(Told::Offset(5))],
            ],
        ),
    ]
}

fn publications(world: &World) -> Vec<Operation> {
    let taken = Operation {
        name_is_taken: true,
        ..operation(
            "publication under a name that somebody took meanwhile",
            Door::Tus,
            all_of(&[
                &world.five_bytes(),
                &[write(5, &WHOLE[5..])],
                &world.complete("$NAME"),
                &[Tell(Told::Offset(5))],
            ]),
            &[
                &world.complete("$NAME (2)"),
                &[SyncDir(Shard), Rename(Data, SecondFile), SyncDir(Shard), SyncDir(Files)],
                &[Tell(Told::Complete)],
            ],
        )
    };
    vec![
        operation(
            "publication",
            Door::Tus,
            world.five_bytes(),
            &[&[write(5, &WHOLE[5..]), Sync(Data)], &world.publish(json!({}))],
        ),
        taken,
        operation("concatenation", Door::Final, vec![], &[&world.assembling(), &world.assembly()]),
        operation(
            "concatenation that waited for its parts",
            Door::Final,
            all_of(&[&world.assembling(), &[Tell(Told::Made)]]),
            &[&world.assembly()],
        ),
    ]
}

fn chunks(world: &World) -> Vec<Operation> {
    vec![
        operation(
            "the first chunk",
            Door::Resumable,
            vec![],
            &[
                &[Create(Data)],
                &world.filling(json!([]), 0),
                &[SyncDir(Shard)],
                &world.bound_key(),
                &[write(5, &WHOLE[5..10]), Sync(Data)],
                &world.filling(json!([[2, 2]]), 0),
                &[SyncDir(Shard), Tell(Told::Chunks(vec![2]))],
            ],
        ),
        operation(
            "the last chunk, which is the one in the middle",
            Door::Resumable,
            world.two_chunks(),
            &[
                &[write(5, &WHOLE[5..10]), Sync(Data)],
                &world.record(json!({ "offset": WHOLE.len(), "key": "$KEY" })),
                &[SyncDir(Shard)],
                &world.publish(json!({ "key": "$KEY" })),
            ],
        ),
        operation(
            "a PATCH at the first gap: chunks beyond it are given up",
            Door::Tus,
            all_of(&[&world.two_chunks(), &[Tell(Told::Offset(5))]]),
            &[
                &world.filling(json!([[1, 1]]), 5),
                &[SyncDir(Shard), Cut(Data, 5)],
                &world.record(json!({ "offset": 5, "key": "$KEY" })),
                &[SyncDir(Shard), write(5, &WHOLE[5..10]), Sync(Data)],
                &world.record(json!({ "offset": 10, "key": "$KEY" })),
                &[SyncDir(Shard), Tell(Told::Offset(10))],
            ],
        ),
    ]
}

fn rest(world: &World) -> Vec<Operation> {
    vec![
        operation(
            "deletion of an unfinished upload",
            Door::Tus,
            world.five_bytes(),
            &[&[Tell(Told::Deleting), Remove(Sidecar), Remove(Data), SyncDir(Shard), Tell(Told::Deleted)]],
        ),
        operation(
            "deletion of a finished upload",
            Door::Tus,
            world.published(),
            &[
                &[Tell(Told::Deleting), Remove(Sidecar), Remove(File), SyncDir(Files), SyncDir(Shard)],
                &[Tell(Told::Deleted)],
            ],
        ),
        operation(
            "deletion of an upload that is filled by chunks",
            Door::Resumable,
            world.two_chunks(),
            &[
                &[Tell(Told::Deleting), Remove(Sidecar), Remove(Data), Remove(Key), SyncDir(Shard)],
                &[Tell(Told::Deleted)],
            ],
        ),
    ]
}
