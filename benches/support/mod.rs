//! What every bench needs: a server under measurement, the bare loop it is compared with, a cheap client, and
//! an end that leaves nothing behind.

pub(crate) mod bare;
pub(crate) mod cleanup;
pub(crate) mod client;
pub(crate) mod head;
pub(crate) mod numbers;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod wire;
pub(crate) mod workdir;

/// A bench has one reader of its errors, a person, so a sentence is all that an error is here.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
