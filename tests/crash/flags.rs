//! What can be said on the command line, beside what every test program of cargo understands.

use clap::Parser;

/// Cuts a daemon off under load, again and again, and looks whether it keeps its word.
#[derive(Debug, Parser)]
pub(crate) struct Flags {
    #[command(flatten)]
    pub(crate) tests: libtest_mimic::Arguments,
    /// How many cuts, all together
    #[arg(long, value_name = "N")]
    pub(crate) cuts: Option<usize>,
    /// Draw everything from this number, as an earlier run said it
    #[arg(long, value_name = "S")]
    pub(crate) seed: Option<u64>,
    /// Only this file system: ext4, xfs or btrfs
    #[arg(long, value_name = "FS")]
    pub(crate) fs: Option<String>,
}

impl Flags {
    pub(crate) fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000))
    }
}

/// Fails the test with everything that was found, and with what it takes to see it again.
pub(crate) fn report(problems: &[String], again: &str) -> Result<(), libtest_mimic::Failed> {
    if problems.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = problems.iter().take(10).map(|problem| format!("- {problem}")).collect();
    let more = problems.len() - shown.len();
    Err(format!("{} and {more} more\n  to run it again: {again}", shown.join("\n")).into())
}
