//! The `resumed` binary.

use std::process::ExitCode;

use resumed::cli::{self, Invocation};

fn main() -> ExitCode {
    match cli::read(std::env::args_os()) {
        Ok(Invocation::Serve(_)) => ExitCode::SUCCESS,
        Ok(Invocation::CheckConfig { report }) => {
            cli::say(&report);
            ExitCode::SUCCESS
        }
        Err(farewell) => farewell.say(),
    }
}
