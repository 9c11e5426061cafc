//! The commands beside serving, and what each of them takes.

use std::{path::PathBuf, time::Duration};

use clap::{Subcommand, ValueEnum};

use super::args::{Args, DirArgs, StorageArgs};
use crate::{config::parse_timeout, upload::UploadId};

/// What is done instead of serving.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check the settings and show where each comes from
    CheckConfig(Box<Args>),
    /// List uploads
    List(ListArgs),
    /// Show one upload
    Show(ShowArgs),
    /// Remove uploads, their finished files too
    Rm(RmArgs),
    /// Remove uploads that have expired, or that nobody goes on with
    Expire(ExpireArgs),
    /// Look through the data directory for what is wrong, and mend it
    Fsck(FsckArgs),
    /// Print the completions of a shell
    Completions {
        /// bash, elvish, fish, powershell or zsh
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

/// Where the uploads are.
#[derive(Debug, Clone, clap::Args)]
pub struct PlaceArgs {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE", env = "RESUMED_CONFIG")]
    pub config: Option<PathBuf>,
    /// The directory.
    #[command(flatten)]
    pub dir: DirArgs,
}

/// `resumed list`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "The newest stand last. A running daemon is not disturbed; offsets are as last recorded."
)]
pub struct ListArgs {
    /// Only those in this state: receiving, filling, verifying, assembling, part, complete or expired; repeatable
    #[arg(long, value_name = "STATE", value_delimiter = ',', hide_possible_values = true)]
    pub state: Vec<StateFilter>,
    /// Only those whose file name has this in it, in upper or lower case
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only this owner's
    #[arg(long, value_name = "NAME")]
    pub owner: Option<String>,
    /// Only those whose last byte came longer ago, such as 90m or 7d
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub older_than: Option<Duration>,
    /// One JSON object for each, unsorted
    #[arg(long)]
    pub json: bool,
    /// Where they are.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// What `resumed list --state` knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StateFilter {
    /// Takes bytes at its offset.
    Receiving,
    /// Takes chunks in any order.
    Filling,
    /// A body with a checksum is coming.
    Verifying,
    /// A final upload that waits for its parts.
    Assembling,
    /// A partial upload that is complete.
    Part,
    /// Published.
    Complete,
    /// Past its expiration, and not removed yet.
    Expired,
}

/// `resumed show`.
#[derive(Debug, Clone, clap::Args)]
pub struct ShowArgs {
    /// The last part of the upload's URL
    #[arg(value_name = "ID")]
    pub id: UploadId,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Where it is.
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// `resumed rm`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "A running daemon does it; a transfer that is under way ends first.")]
pub struct RmArgs {
    /// The last part of each upload's URL
    #[arg(value_name = "ID", required = true)]
    pub ids: Vec<UploadId>,
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE", env = "RESUMED_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where they are.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// `resumed expire`.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "A running daemon removes what has expired by itself. Finished files are never removed."
)]
pub struct ExpireArgs {
    /// Also unfinished uploads whose last byte came longer ago, such as 90m or 7d
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub older_than: Option<Duration>,
    /// Only say which
    #[arg(long)]
    pub dry_run: bool,
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE", env = "RESUMED_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where they are.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// `resumed fsck`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Exit code: 0 nothing is wrong, 1 all of it was mended, 4 something is left,\n\
                        8 it could not look, or could not begin to mend.\n\
                        Without --repair a running daemon is not disturbed; what it has in hand is left out.")]
pub struct FsckArgs {
    /// Mend what can be mended; the daemon must not run
    #[arg(long)]
    pub repair: bool,
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE", env = "RESUMED_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where and how to store.
    #[command(flatten)]
    pub storage: StorageArgs,
}
