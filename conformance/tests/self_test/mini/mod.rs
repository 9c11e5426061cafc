//! Tiny servers, each right but for one fault that can be switched on: so a failing case is known to fail because of it.

pub(crate) mod fault;
mod form;
mod http;
pub(crate) mod receiver;
pub(crate) mod tus;
