//! What is done in one run: steps that make sense in any order, drawn at random.

use proptest::prelude::*;
use resumed::upload::BodyCut;

use crate::watched::Fault;

/// One step. Numbers choose among what is there at the moment; a step that has nothing to choose from is left out.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Create(New),
    Append(Which, Append),
    Inspect(Which),
    Terminate(Which),
    Concatenate(Vec<Which>),
    /// A chunk of one of a few files, which each page cuts in the same way.
    Chunk(ChunkOf),
    /// A request under way brings more of its body.
    Feed(Which, Amount),
    /// Its body ends.
    End(Which, End),
    /// Its client goes away.
    HangUp(Which),
    /// The store's calls wait from now on,
    Hold,
    /// one of those that wait goes on,
    LetOneGo(Which),
    /// all do.
    LetAllGo,
    /// The next call to the store fails.
    Fail(Fault),
    Wait(u64),
    /// Two hours later, what is due goes.
    Sweep,
    Restart(Restart),
}

pub(crate) type Which = usize;

#[derive(Debug, Clone)]
pub(crate) struct New {
    pub(crate) partial: bool,
    pub(crate) deferred: bool,
    pub(crate) length: u64,
    /// It wants the name that others want, too.
    pub(crate) common_name: bool,
    pub(crate) body: Option<Body>,
}

#[derive(Debug, Clone)]
pub(crate) struct Append {
    pub(crate) at: At,
    pub(crate) declare: Option<Declare>,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum At {
    /// Where the client was told that the upload ends.
    Told,
    /// Where it ends, if all came that was sent.
    Sent,
    /// Elsewhere.
    Off(u64),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Declare {
    Right,
    Other,
}

/// A body is fed later; this is what is said of it before.
#[derive(Debug, Clone)]
pub(crate) struct Body {
    pub(crate) checksum: Sum,
    /// How long it says that it is; `None`: it does not say.
    pub(crate) len: Option<u64>,
    /// What comes with the head.
    pub(crate) first: Amount,
    /// And how it ends if all of it comes with the head.
    pub(crate) end: Option<End>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sum {
    None,
    Given { right: bool },
    Trailer(Trailer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trailer {
    Right,
    /// The bytes are not those that it was made of.
    Wrong,
    NotThere,
    NoChecksum,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount {
    Bytes(u64),
    Rest,
    /// Beyond the end.
    More,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Good,
    Cut(BodyCut),
}

#[derive(Debug, Clone)]
pub(crate) struct ChunkOf {
    pub(crate) file: Which,
    pub(crate) number: u64,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Restart {
    /// All that is under way is asked to end before.
    Graceful,
    Killed,
    PowerCut,
    /// Killed, and nobody looks for two hours.
    Away,
}

fn which() -> impl Strategy<Value = Which> {
    0_usize..8
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        6 => (0_u64..60).prop_map(Amount::Bytes),
        6 => Just(Amount::Rest),
        1 => Just(Amount::Bytes(1_500_000)),
        1 => Just(Amount::More),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        6 => Just(End::Good),
        2 => Just(End::Cut(BodyCut::Gone)),
        1 => Just(End::Cut(BodyCut::Idle)),
        1 => Just(End::Cut(BodyCut::TooSlow)),
    ]
}

fn sum() -> impl Strategy<Value = Sum> {
    prop_oneof![
        6 => Just(Sum::None),
        2 => any::<bool>().prop_map(|right| Sum::Given { right }),
        2 => prop_oneof![
            2 => Just(Trailer::Right),
            1 => Just(Trailer::Wrong),
            1 => Just(Trailer::NotThere),
            1 => Just(Trailer::NoChecksum),
        ]
        .prop_map(Sum::Trailer),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    (sum(), proptest::option::weighted(0.3, 0_u64..120), amount(), proptest::option::weighted(0.6, end()))
        .prop_map(|(checksum, len, first, end)| Body { checksum, len, first, end })
}

fn new() -> impl Strategy<Value = New> {
    let length = prop_oneof![4 => Just(0_u64), 60 => 1_u64..150, 4 => 30_000_u64..40_000, 1 => 1_200_000_u64..2_500_000];
    (
        proptest::bool::weighted(0.4),
        proptest::bool::weighted(0.2),
        length,
        any::<bool>(),
        proptest::option::weighted(0.3, body()),
    )
        .prop_map(|(partial, deferred, length, common_name, body)| New {
            partial,
            deferred,
            length,
            common_name,
            body,
        })
}

fn append() -> impl Strategy<Value = Append> {
    let at = prop_oneof![6 => Just(At::Sent), 3 => Just(At::Told), 1 => (0_u64..100).prop_map(At::Off)];
    let declare =
        prop_oneof![6 => Just(None), 3 => Just(Some(Declare::Right)), 1 => Just(Some(Declare::Other))];
    (at, declare, body()).prop_map(|(at, declare, body)| Append { at, declare, body })
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![Just(1_u64), Just(6), Just(60), Just(600), Just(25_000), Just(70_000)];
    prop_oneof![
        8 => new().prop_map(Step::Create),
        20 => (which(), append()).prop_map(|(which, append)| Step::Append(which, append)),
        10 => which().prop_map(Step::Inspect),
        2 => which().prop_map(Step::Terminate),
        4 => proptest::collection::vec(which(), 1..4).prop_map(Step::Concatenate),
        14 => (0_usize..3, 0_u64..6, body()).prop_map(|(file, number, body)| Step::Chunk(ChunkOf { file, number, body })),
        20 => (which(), amount()).prop_map(|(which, amount)| Step::Feed(which, amount)),
        16 => (which(), end()).prop_map(|(which, end)| Step::End(which, end)),
        3 => which().prop_map(Step::HangUp),
        3 => Just(Step::Hold),
        10 => which().prop_map(Step::LetOneGo),
        4 => Just(Step::LetAllGo),
        2 => prop_oneof![
            Just(Fault::NoSpace),
            Just(Fault::Io),
            Just(Fault::Unsynced),
            Just(Fault::AnswerLost),
        ]
        .prop_map(Step::Fail),
        10 => wait.prop_map(Step::Wait),
        1 => Just(Step::Sweep),
        2 => prop_oneof![
            Just(Restart::Graceful),
            Just(Restart::Killed),
            Just(Restart::PowerCut),
            Just(Restart::Away),
        ]
        .prop_map(Step::Restart),
    ]
}

/// A run's steps. It begins with an upload, so that there is something to do.
pub(crate) fn plan() -> impl Strategy<Value = Vec<Step>> {
    (new(), proptest::collection::vec(step(), 1..60))
        .prop_map(|(new, rest)| std::iter::once(Step::Create(new)).chain(rest).collect())
}
