//! The flags. The comment of each is its one text: `--help`, the man page, completions and the documentation show it.
//!
//! Every setting is at once a flag, an environment variable and a key of the file, so each has an `env`, and its name
//! says the same in all three; a test holds them together.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum, builder::PossibleValue};

use crate::{
    config::{
        AdminAddr, BasePath, ExpireAfter, ListenAddr, LogFilter, LogFormat, MaxSize, OriginPattern,
        PeerLimit, PublicUrl, ResumablePath, Scope, SecretFile, TrustedPeer, parse_amount, parse_connections,
        parse_grace, parse_switch, parse_timeout,
    },
    store::{disk::layout::Layout, durability::Durability},
};

use super::commands::Command;

/// The resumable-upload daemon: tus 1.0 and Resumable.js.
#[derive(Debug, Parser)]
#[command(
    name = "resumed",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    subcommand_help_heading = "Commands",
    subcommand_value_name = "COMMAND",
    override_usage = "resumed [OPTIONS]\n       resumed <COMMAND> [OPTIONS]",
    after_help = "Without a command, resumed serves. Each setting is also a variable (RESUMED_MAX_SIZE; lists with\n\
                  commas) and a key of the file (max-size). Flags win over variables, variables over the file."
)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) args: Args,
}

/// The settings as typed: each value is right by itself.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Read settings from this TOML file
    #[arg(long, value_name = "FILE", env = "RESUMED_CONFIG")]
    pub config: Option<PathBuf>,
    /// Where and under which name to serve.
    #[command(flatten)]
    pub serving: ServingArgs,
    /// Where and how to store.
    #[command(flatten)]
    pub storage: StorageArgs,
    /// What clients may do.
    #[command(flatten)]
    pub uploads: UploadArgs,
    /// Who may do what.
    #[command(flatten)]
    pub access: AccessArgs,
    /// Resumable.js and its relatives.
    #[command(flatten)]
    pub resumable: ResumableArgs,
    /// What pages of other origins may do.
    #[command(flatten)]
    pub browsers: BrowserArgs,
    /// Limits on time and number.
    #[command(flatten)]
    pub limits: LimitArgs,
    /// The log.
    #[command(flatten)]
    pub log: LogArgs,
}

/// Where and under which name to serve.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Serving")]
pub struct ServingArgs {
    /// IP:PORT, HOST:PORT or unix:PATH; repeatable. Sockets of systemd take the default's place
    #[arg(long, value_name = "ADDR", env = "RESUMED_LISTEN", value_delimiter = ',')]
    #[arg(default_value = "127.0.0.1:8080")]
    pub listen: Vec<ListenAddr>,
    /// Where /healthz, /readyz and /metrics are, for everybody who reaches it; same: where uploads are; repeatable
    #[arg(long, value_name = "ADDR", env = "RESUMED_ADMIN_LISTEN", value_delimiter = ',')]
    pub admin_listen: Vec<AdminAddr>,
    /// PEM file of the certificate and its chain, or credential:NAME of systemd; TCP is encrypted then
    #[arg(long, value_name = "FILE", env = "RESUMED_TLS_CERT")]
    pub tls_cert: Option<SecretFile>,
    /// PEM file of the certificate's private key, or credential:NAME
    #[arg(long, value_name = "FILE", env = "RESUMED_TLS_KEY")]
    pub tls_key: Option<SecretFile>,
    /// Path below which uploads live
    #[arg(long, value_name = "PATH", env = "RESUMED_BASE_PATH", default_value = "/files/")]
    pub base_path: BasePath,
    /// URL of this server as clients see it; makes Location absolute
    #[arg(long, value_name = "URL", env = "RESUMED_PUBLIC_URL")]
    pub public_url: Option<PublicUrl>,
    /// Believe the forwarded headers of this network, IP or unix; repeatable
    #[arg(long, value_name = "CIDR", env = "RESUMED_TRUSTED_PROXY", value_delimiter = ',')]
    pub trusted_proxy: Vec<TrustedPeer>,
}

/// Where uploads are.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Storage")]
pub struct DirArgs {
    /// Directory of finished files and uploads in progress
    #[arg(long, value_name = "DIR", env = "RESUMED_DATA_DIR", default_value = "./data")]
    pub data_dir: PathBuf,
}

/// Where and how to store.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Storage")]
pub struct StorageArgs {
    /// The directory.
    #[command(flatten)]
    pub dir: DirArgs,
    /// Path of a finished file, made of {filename} {stem} {ext} {id} {year} {month} {day} {hour}
    #[arg(long, value_name = "LAYOUT", env = "RESUMED_LAYOUT", default_value = "{filename}")]
    pub layout: Layout,
    /// Acknowledge bytes when they are on the disk (strict) or when the system has them (relaxed)
    #[arg(long, value_name = "WHEN", env = "RESUMED_DURABILITY", default_value = "strict")]
    #[arg(hide_possible_values = true)]
    pub durability: Durability,
    /// Room on the disk that uploads leave free, or none; what does not fit is refused
    #[arg(long, value_name = "SIZE", env = "RESUMED_RESERVE", value_parser = parse_amount)]
    #[arg(default_value = "64MiB")]
    pub reserve: u64,
}

/// What clients may do.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Uploads")]
pub struct UploadArgs {
    /// Largest upload, such as 500MB or 10GiB, or none
    #[arg(long, value_name = "SIZE", env = "RESUMED_MAX_SIZE", default_value = "none")]
    pub max_size: MaxSize,
    /// Remove an unfinished upload this long after its last byte, such as 90m or 7d, or never
    #[arg(long, value_name = "TIME", env = "RESUMED_EXPIRE_AFTER", default_value = "24h")]
    pub expire_after: ExpireAfter,
    /// Check the digest that chunks bring before the file is published
    #[arg(long, env = "RESUMED_VERIFY", value_parser = parse_switch)]
    pub verify: bool,
    /// Do not hand out finished uploads
    #[arg(long, env = "RESUMED_NO_DOWNLOAD", value_parser = parse_switch)]
    pub no_download: bool,
    /// Do not let clients delete uploads
    #[arg(long, env = "RESUMED_NO_TERMINATION", value_parser = parse_switch)]
    pub no_termination: bool,
    /// Do not put uploads together from parts
    #[arg(long, env = "RESUMED_NO_CONCATENATION", value_parser = parse_switch)]
    pub no_concatenation: bool,
}

/// Who may do what.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// File of bearer tokens (lines of OWNER TOKEN), or credential:NAME
    #[arg(long, value_name = "FILE", env = "RESUMED_TOKEN_FILE")]
    pub token_file: Option<SecretFile>,
    /// File of a key that permits (JWT) are checked with: a public key in PEM form or a secret, or credential:NAME; repeatable
    #[arg(long, value_name = "FILE", env = "RESUMED_PERMIT_KEY", value_delimiter = ',')]
    pub permit_key: Vec<SecretFile>,
    /// Take only permits for this audience
    #[arg(long, value_name = "NAME", env = "RESUMED_PERMIT_AUDIENCE")]
    pub permit_audience: Option<String>,
}

/// Resumable.js and its relatives.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Resumable.js")]
pub struct ResumableArgs {
    /// Path that takes chunks, or none
    #[arg(long, value_name = "PATH", env = "RESUMED_RESUMABLE_PATH", default_value = "/resumable_upload")]
    pub resumable_path: ResumablePath,
    /// Prefix of parameters' names, beside resumable, flow and none
    #[arg(long, value_name = "PREFIX", env = "RESUMED_RESUMABLE_PREFIX")]
    pub resumable_prefix: Option<String>,
    /// Tell users apart by header:NAME, cookie:NAME or query:NAME
    #[arg(long, value_name = "WHERE", env = "RESUMED_RESUMABLE_SCOPE")]
    pub resumable_scope: Option<Scope>,
    /// Remove an unfinished upload this long after its last chunk, or never
    #[arg(long, value_name = "TIME", env = "RESUMED_RESUMABLE_EXPIRE_AFTER", default_value = "6h")]
    pub resumable_expire_after: ExpireAfter,
}

/// What pages of other origins may do.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Browsers")]
pub struct BrowserArgs {
    /// Origin whose pages may upload, or a pattern such as https://*.example.com; repeatable
    #[arg(
        long,
        value_name = "ORIGIN",
        env = "RESUMED_CORS_ORIGIN",
        value_delimiter = ',',
        default_value = "*"
    )]
    pub cors_origin: Vec<OriginPattern>,
    /// Let those pages send cookies and HTTP authentication
    #[arg(long, env = "RESUMED_CORS_CREDENTIALS", value_parser = parse_switch)]
    pub cors_credentials: bool,
}

/// Limits on time and number.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Longest time for the head of a request, and for a connection without any
    #[arg(long, value_name = "TIME", env = "RESUMED_HEADER_TIMEOUT", value_parser = parse_timeout)]
    #[arg(default_value = "10s")]
    pub header_timeout: Duration,
    /// Longest pause in a request's body
    #[arg(long, value_name = "TIME", env = "RESUMED_IDLE_TIMEOUT", value_parser = parse_timeout)]
    #[arg(default_value = "60s")]
    pub idle_timeout: Duration,
    /// Fewest bytes that a body brings in a minute before it is interrupted, or none
    #[arg(long, value_name = "SIZE", env = "RESUMED_MIN_RATE", value_parser = parse_amount)]
    #[arg(default_value = "30B")]
    pub min_rate: u64,
    /// Most connections open at once
    #[arg(long, value_name = "N", env = "RESUMED_MAX_CONNECTIONS", value_parser = parse_connections)]
    #[arg(default_value = "10000")]
    pub max_connections: u32,
    /// Most connections open at once from one address, or none; this machine's and trusted proxies' are not counted
    #[arg(long, value_name = "N", env = "RESUMED_MAX_CONNECTIONS_PER_PEER", default_value = "256")]
    pub max_connections_per_peer: PeerLimit,
    /// Most uploads that each client creates in a minute, or none
    #[arg(long, value_name = "N", env = "RESUMED_MAX_CREATIONS_PER_CLIENT", default_value = "none")]
    pub max_creations_per_client: PeerLimit,
    /// Most requests of each client that add bytes at once, or none
    #[arg(long, value_name = "N", env = "RESUMED_MAX_APPENDS_PER_CLIENT", default_value = "none")]
    pub max_appends_per_client: PeerLimit,
    /// Longest wait for running requests when stopping
    #[arg(long, value_name = "TIME", env = "RESUMED_SHUTDOWN_TIMEOUT", value_parser = parse_grace)]
    #[arg(default_value = "20s")]
    pub shutdown_timeout: Duration,
}

/// The log.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// error, warn, info, debug or trace, or a filter such as info,resumed=debug
    #[arg(long, value_name = "LEVEL", env = "RESUMED_LOG_LEVEL", default_value = "info")]
    pub log_level: LogFilter,
    /// text for people, or json
    #[arg(long, value_name = "FORMAT", env = "RESUMED_LOG_FORMAT", default_value = "text")]
    #[arg(hide_possible_values = true)]
    pub log_format: LogFormat,
}

// Here and not beside the enums, because neither the store nor the log knows clap.
impl ValueEnum for Durability {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Strict, Self::Relaxed]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Strict => "strict",
            Self::Relaxed => "relaxed",
        }))
    }
}

impl ValueEnum for LogFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Text, Self::Json]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(match self {
            Self::Text => "text",
            Self::Json => "json",
        }))
    }
}

#[cfg(test)]
impl Args {
    /// The settings of a command line, for tests that need no file and no environment.
    pub(crate) fn from_flags(flags: &[&str]) -> Self {
        CommandLine::parse_from(["resumed"].iter().chain(flags)).args
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_finds_no_contradiction_in_the_flags() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_setting_has_one_name_in_all_three_places() {
        for arg in CommandLine::command().get_arguments() {
            let (id, long) = (arg.get_id().as_str(), arg.get_long().unwrap());
            assert_eq!(long, id.replace('_', "-"));
            let variable = format!("RESUMED_{}", id.to_ascii_uppercase());
            assert_eq!(arg.get_env().and_then(|name| name.to_str()), Some(variable.as_str()));
        }
    }
}
