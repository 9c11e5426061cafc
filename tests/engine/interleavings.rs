//! Requests of all sorts, several at once for one upload, in an order that is drawn at random.
//!
//! ```text
//! PROPTEST_CASES=20000 cargo test --test engine interleavings
//! PROPTEST_RNG_SEED=7 cargo test --test engine interleavings   # as a failure says
//! ```

use std::env;

use proptest::test_runner::{
    Config, FileFailurePersistence, RngAlgorithm, RngSeed, TestCaseError, TestError, TestRunner,
};

use resumed::store::Store as _;

use crate::bench::{Bench, InMemory, OnDisk};
use crate::plan::{Amount, Append, At, Body, ChunkOf, End, New, Step, Sum, plan};
use crate::watched::Fault;
use crate::world::{World, run};

fn drawn<B: Bench>(test: &str, cases: u32) {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = match number("PROPTEST_CASES") {
        // In the same proportion.
        Some(asked) => u32::try_from(asked * u64::from(cases) / u64::from(IN_MEMORY)).unwrap().max(1),
        None => cases,
    };
    // Who says how many gets other ones each time; otherwise they are always the same, so that nobody's change fails by
    // another one's luck.
    let drawn = || if env::var_os("PROPTEST_CASES").is_some() { fastrand::u64(..1_000_000_000) } else { 1 };
    let seed = number("PROPTEST_RNG_SEED").unwrap_or_else(drawn);
    let config = Config {
        cases,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct("tests/engine/regressions.txt"))),
        max_shrink_iters: 2000,
        max_shrink_time: 30_000,
        source_file: Some(file!()),
        ..Config::default()
    };
    let mut runner = TestRunner::new(config);
    let ran = runner.run(&plan(), |plan| run::<B>(&plan).map_err(TestCaseError::fail));
    if let Err(TestError::Fail(why, plan)) = &ran {
        panic!(
            "{why}\n  the plan: {plan:?}\n\n  to run it again: PROPTEST_RNG_SEED={seed} cargo test --test engine {test}{}",
            env::var("PROPTEST_CASES")
                .map_or(String::new(), |cases| format!(" (with PROPTEST_CASES={cases})"))
        );
    }
    ran.unwrap();
}

/// Cases where nothing else is said.
const IN_MEMORY: u32 = 1200;
const ON_DISK: u32 = 100;

#[test]
fn interleavings_in_memory() {
    drawn::<InMemory>("interleavings_in_memory", IN_MEMORY);
}

#[test]
fn interleavings_on_disk() {
    drawn::<OnDisk>("interleavings_on_disk", ON_DISK);
}

/// Plans that went wrong once, by what was wrong.
fn kept<B: Bench>(plan: &[Step]) {
    run::<B>(plan).unwrap_or_else(|wrong| panic!("{wrong}"));
}

fn new(length: u64) -> Step {
    Step::Create(New { partial: false, deferred: false, length, common_name: false, body: None })
}

/// An append that brings some bytes and then nothing more.
fn stalled(bytes: u64) -> Step {
    let body = Body { checksum: Sum::None, len: None, first: Amount::Bytes(bytes), end: None };
    Step::Append(0, Append { at: At::Sent, declare: None, body })
}

/// Two requests that wanted the upload of an append that was slow to let go took each other's place round and round, and
/// kept a processor busy with it: this run had no end.
#[test]
fn two_looks_at_a_stalled_append_that_can_not_let_go_yet() {
    let plan = [
        new(10),
        stalled(5),
        Step::Wait(600),
        Step::Hold,
        Step::Inspect(3),
        Step::Inspect(3),
        Step::Wait(60),
        Step::Inspect(3),
        Step::LetAllGo,
        Step::Wait(60),
    ];
    kept::<InMemory>(&plan);
    kept::<OnDisk>(&plan);
}

/// An append at the end of a complete upload, whose body neither came nor ended, kept the upload to itself: HEAD and DELETE
/// heard "busy", and the daemon could not go down.
#[test]
fn an_append_to_a_complete_upload_holds_nothing() {
    let plan = [
        new(10),
        Step::Append(
            0,
            Append {
                at: At::Sent,
                declare: None,
                body: Body { checksum: Sum::None, len: None, first: Amount::Rest, end: Some(End::Good) },
            },
        ),
        stalled(0),
        Step::Inspect(3),
        Step::Wait(60),
        Step::Restart(crate::plan::Restart::Graceful),
    ];
    kept::<InMemory>(&plan);
    kept::<OnDisk>(&plan);
}

/// Takes the steps one after the other, and answers how far the upload is then.
fn offset_after<B: Bench>(steps: &[Step]) -> u64 {
    let mut world = World::<B>::new();
    let mut take = |step: &Step| world.step(step).unwrap_or_else(|wrong| panic!("{wrong}"));
    steps.iter().for_each(&mut take);
    take(&Step::Inspect(3));
    world.slots[0].told
}

/// What a checkpoint had made durable was thrown away with the body that met an error of the disk: a hundred gigabytes of one
/// PATCH, for one write.
#[test]
fn a_write_that_fails_costs_nothing_that_was_durable_before() {
    for fault in [Fault::Io, Fault::AnswerLost, Fault::Unsynced] {
        let steps = [
            new(100),
            stalled(60),
            // It is written, and recorded.
            Step::Wait(60),
            Step::Fail(fault),
            Step::Feed(0, Amount::Bytes(20)),
            Step::Wait(60),
        ];
        assert_eq!(offset_after::<InMemory>(&steps), 60, "{fault:?}");
        assert_eq!(offset_after::<OnDisk>(&steps), 60, "{fault:?}");
    }
}

/// A checkpoint that was still on its way when a write failed came to the disk after the record that settled the body.
#[test]
fn a_checkpoint_under_way_is_waited_for_when_a_write_fails() {
    let plan = [
        new(200),
        stalled(60),
        Step::Hold,
        Step::Wait(60),
        Step::Fail(Fault::Io),
        Step::Feed(0, Amount::Bytes(20)),
        Step::LetOneGo(0),
        Step::Wait(60),
        Step::LetAllGo,
    ];
    kept::<InMemory>(&plan);
    kept::<OnDisk>(&plan);
}

/// Each chunk of a file whose name could not be noted left an upload behind that nobody could find, with all the room that it
/// had been promised.
#[test]
fn an_upload_that_no_name_could_be_given_to_is_taken_back() {
    for fault in [Fault::NoSpace, Fault::Io, Fault::AnswerLost] {
        let mut world = World::<InMemory>::new();
        let mut take = |step: Step| world.step(&step).unwrap_or_else(|wrong| panic!("{wrong}"));
        let body = Body { checksum: Sum::None, len: None, first: Amount::Rest, end: Some(End::Good) };
        take(Step::Hold);
        take(Step::Chunk(ChunkOf { file: 0, number: 0, body }));
        // The upload is made,
        take(Step::LetOneGo(0));
        take(Step::LetOneGo(0));
        // and now it gets its name.
        take(Step::Fail(fault));
        take(Step::LetAllGo);
        assert_eq!(world.hand.faults_met(), 1, "{fault:?}");
        assert!(world.bench.open().unfinished().is_empty(), "{fault:?}");
    }
}
