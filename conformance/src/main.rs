//! The `resumed-conformance` binary: the suite against one server, from the command line.

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode, time::Duration};

use clap::{CommandFactory as _, Parser, ValueEnum, error::ErrorKind};
use resumed_conformance::{Error, Level, Options, Report, ResumableOptions, list, run};

/// Tests a server of resumable uploads from the outside: tus 1.0 (--url), Resumable.js (--resumable-url), or both.
///
/// Exit codes: 0 if no case of level must failed (with --strict: no case at all), 1 if one failed, 2 if nothing could
/// be tested: wrong usage, no case picked, the server not reachable, the report not writable.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// tus's creation endpoint, such as http://127.0.0.1:8080/files/ (http only)
    #[arg(long)]
    url: Option<String>,
    /// What takes the chunks of Resumable.js, such as http://127.0.0.1:8080/resumable_upload (http only)
    #[arg(long, value_name = "URL")]
    resumable_url: Option<String>,
    /// Where a finished file of Resumable.js can be read: a URL or path with {identifier}, {filename}, {size}, or {url}
    /// for the url beside "status":"complete" in the answer to a GET without a chunk number
    #[arg(long, value_name = "TEMPLATE", requires = "resumable_url")]
    resumable_download: Option<String>,
    /// The parameterNamespace that the receiver of Resumable.js is set up for
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        requires = "resumable_url"
    )]
    resumable_namespace: String,
    /// The receiver of Resumable.js checks resumableDigest=sha256:BASE64 before it finishes a file
    #[arg(long, requires = "resumable_url")]
    resumable_verify: bool,
    /// Run only cases whose name matches this regular expression, such as C8, ^R12- or 'h2|trailer'
    #[arg(long)]
    filter: Option<String>,
    /// The weakest level to run: must, should or robustness
    #[arg(long, default_value = "robustness")]
    level: Level,
    /// Print the cases with their levels and demands, and run nothing
    #[arg(long)]
    list: bool,
    /// How to write the report
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Write the report to this file instead of the standard output
    #[arg(long)]
    output: Option<PathBuf>,
    /// A header line for every request, such as 'Authorization: Bearer abc'; may be repeated
    #[arg(long, value_parser = header_line)]
    header: Vec<(String, String)>,
    /// Seconds that one answer may take
    #[arg(long, default_value_t = 10)]
    timeout: u64,
    /// How many cases run at once
    #[arg(long, default_value_t = 4)]
    jobs: usize,
    /// Seconds that the suite may wait for an upload to expire; 0 skips those cases
    #[arg(long, default_value_t = 0)]
    expire_wait: u64,
    /// Let failures of the levels should and robustness count for the exit code, too
    #[arg(long)]
    strict: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Human,
    Json,
    Junit,
}

fn header_line(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a header line is 'Name: value'")?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() || text.contains(['\r', '\n']) {
        return Err("a header line is 'Name: value'".into());
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    if args.url.is_none() && args.resumable_url.is_none() && !args.list {
        let missing = "there is nothing to test: give --url, --resumable-url or both";
        Args::command().error(ErrorKind::MissingRequiredArgument, missing).exit();
    }
    let receiver = args.resumable_url.clone().map(|url| ResumableOptions {
        url,
        download: args.resumable_download.clone(),
        namespace: args.resumable_namespace.clone(),
        verifies: args.resumable_verify,
    });
    let options = Options {
        url: args.url.clone(),
        resumable: receiver,
        filter: args.filter.clone(),
        level: args.level,
        headers: args.header.clone(),
        timeout: Duration::from_secs(args.timeout.max(1)),
        jobs: args.jobs,
        expire_wait: Duration::from_secs(args.expire_wait),
    };
    let done = if args.list { listed(&args, &options) } else { tested(&args, &options).await };
    done.unwrap_or_else(|reason| {
        say(Stream::Error, &format!("resumed-conformance: {reason}\n"));
        ExitCode::from(2)
    })
}

fn listed(args: &Args, options: &Options) -> Result<ExitCode, String> {
    let cases = list(options).map_err(|error| error.to_string())?;
    let mut text = String::new();
    for case in &cases {
        text.push_str(&format!("{:<42} {:<10} {:<14} {}\n", case.name, case.level, case.group, case.demand));
    }
    deliver(args, &text)?;
    Ok(ExitCode::SUCCESS)
}

async fn tested(args: &Args, options: &Options) -> Result<ExitCode, String> {
    let report = run(options).await.map_err(|error: Error| error.to_string())?;
    deliver(args, &written(args, &report)?)?;
    Ok(if report.conforms(args.strict) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn written(args: &Args, report: &Report) -> Result<String, String> {
    match args.format {
        Format::Human => Ok(report.to_human(args.output.is_none() && std::io::stdout().is_terminal())),
        Format::Json => Ok(report.to_json()),
        Format::Junit => report.to_junit().map_err(|error| error.to_string()),
    }
}

fn deliver(args: &Args, text: &str) -> Result<(), String> {
    match &args.output {
        Some(file) => std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display())),
        None => {
            say(Stream::Output, text);
            Ok(())
        }
    }
}

enum Stream {
    Output,
    Error,
}

/// The one place that speaks to people. A reader that has gone away (`| head`) is no reason to fail.
fn say(stream: Stream, text: &str) {
    use std::io::Write as _;
    let _ = match stream {
        Stream::Output => std::io::stdout().write_all(text.as_bytes()),
        Stream::Error => std::io::stderr().write_all(text.as_bytes()),
    };
}
