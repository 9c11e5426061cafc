//! What the cases about Resumable.js work with: files that are cut into chunks, requests as its clients send them, and
//! the questions that a receiver answers.

mod file;
mod form;
mod sending;
mod steps;
mod template;

use crate::offers::ResumableOffers;

pub(crate) use file::{Dialect, File, Params};
pub(crate) use form::{BOUNDARY, Form};
pub(crate) use sending::{Sending, multipart};
pub(crate) use steps::{SUCCESSES, is_permanent, is_there};
pub(crate) use template::Template;

/// What is known of the receiver beside its address.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receiver {
    pub(crate) offers: ResumableOffers,
    /// Where finished files can be read.
    pub(crate) download: Option<Template>,
    /// `parameterNamespace` of its pages.
    pub(crate) namespace: String,
    /// It checks `resumableDigest`.
    pub(crate) verifies: bool,
    /// Tells the names of this run from those of every other.
    pub(crate) run: String,
}
