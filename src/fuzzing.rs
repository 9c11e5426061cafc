//! The readers of foreign bytes, for the fuzz targets in `fuzz/` and their short run in `tests/fuzz`. Not an interface: it
//! changes with what it leads to.

pub use crate::protocol::resumablejs::fuzzing::{FormPart, parameters, read_form};
pub use crate::protocol::tus::fuzzing::{upload_checksum, upload_concat};
pub use crate::store::disk::fuzzing::{read_sidecar, write_sidecar};
