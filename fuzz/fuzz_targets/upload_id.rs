#![no_main]
#![allow(dead_code, reason = "each target uses one of the functions")]

#[path = "../entry/mod.rs"]
mod entry;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entry::upload_id(data));
