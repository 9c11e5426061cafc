//! The `resumed` binary: parse → log → runtime → run → exit code.

use std::process::ExitCode;
use std::time::Duration;

use resumed::admin;
use resumed::cli::{self, Invocation};
use resumed::config::Config;
use resumed::server::{self, Log, Passed, Process, StartError};

/// Read buffers come and go by the hundred thousand in every gigabyte. The system's allocator gives them back to the
/// kernel each time and faults them in again; this one keeps them for a moment.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match cli::read(std::env::args_os()) {
        Ok(Invocation::Serve(config)) => serve(*config),
        Ok(Invocation::CheckConfig { report, config }) => match server::check_files(&config) {
            Ok(left_out) => {
                let line = |file| format!("# {file} was not looked at: it is there for the service alone\n");
                cli::say(report + &left_out.iter().map(line).collect::<String>());
                ExitCode::SUCCESS
            }
            Err(error) => cli::complain(&error),
        },
        Ok(Invocation::Admin(command)) => admin::run(*command),
        Ok(Invocation::Print(text)) => {
            cli::say(text);
            ExitCode::SUCCESS
        }
        Err(farewell) => farewell.say(),
    }
}

fn serve(config: Config) -> ExitCode {
    let log = Log::begin(&config.log);
    let passed = match Passed::take() {
        Ok(passed) => passed,
        Err(error) => return refuse(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&StartError::System(error)),
    };
    let result = runtime.block_on(server::run(config, Process { passed, log, reread: cli::reread }));
    // Writes that still run get a moment; who waits for one is gone.
    runtime.shutdown_timeout(Duration::from_secs(5));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&error),
    }
}

fn refuse(error: &StartError) -> ExitCode {
    tracing::error!("{error}");
    ExitCode::FAILURE
}
