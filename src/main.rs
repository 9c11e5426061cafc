//! The `resumed` binary: parse → log → runtime → run → exit code.

use std::process::ExitCode;
use std::time::Duration;

use resumed::admin;
use resumed::cli::{self, Invocation};
use resumed::config::Config;
use resumed::server;

/// Read buffers come and go by the hundred thousand in every gigabyte. The system's allocator gives them back to the
/// kernel each time and faults them in again; this one keeps them for a moment.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::read(std::env::args_os()) {
        Ok(Invocation::Serve(config)) => serve(*config),
        Ok(Invocation::CheckConfig { report }) => {
            cli::say(&report);
            ExitCode::SUCCESS
        }
        Ok(Invocation::Admin(command)) => admin::run(*command),
        Ok(Invocation::Print(text)) => {
            cli::say(text);
            ExitCode::SUCCESS
        }
        Err(farewell) => farewell.say(),
    }
}

fn serve(config: Config) -> ExitCode {
    server::init_log(&config.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("can't start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(server::run(config));
    // Writes that still run get a moment; who waits for one is gone.
    runtime.shutdown_timeout(Duration::from_secs(5));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
