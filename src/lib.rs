//! The resumable-upload daemon.
