//! The client that the cases speak through: exact bytes over TCP for HTTP/1.1, frames for HTTP/2.

pub(crate) mod endpoint;
pub(crate) mod http2;
pub(crate) mod reader;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod wire;

pub(crate) use endpoint::Endpoint;
pub(crate) use http2::Http2;
pub(crate) use request::{Body, Request};
pub(crate) use response::Response;
pub(crate) use wire::Wire;
