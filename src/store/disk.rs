//! Uploads in a directory.

pub mod file_name;
pub mod layout;
