//! The checked configuration: what was typed ([`Args`]) becomes objects that the rest of the daemon can rely on, once.

mod cors;
mod listen;
mod log;
mod proxies;
mod resumable;
mod secret;
mod setting;
mod tls;
mod units;
mod url;

use std::{borrow::Cow, path::PathBuf, time::Duration};

pub(crate) use self::units::{parse_amount, parse_connections, parse_grace, parse_switch, parse_timeout};
pub use self::{
    cors::{CorsPolicy, OriginPattern},
    listen::{AdminAddr, AdminConfig, ListenAddr},
    log::{LogConfig, LogFilter, LogFormat},
    proxies::{TrustedPeer, TrustedProxies},
    resumable::{ResumableConfig, ResumablePath, Scope},
    secret::SecretFile,
    setting::Setting,
    tls::TlsFiles,
    units::{ExpireAfter, MaxSize, PeerLimit},
    url::{BasePath, PublicUrl},
};
use crate::{
    cli::{AccessArgs, Args, StorageArgs},
    store::disk::DiskOptions,
    upload::ClientLimits,
};

/// Everything the daemon was told, in the form it needs. Nothing in it contradicts anything else.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; at least one address, no two of them equal.
    pub listen: Vec<ListenAddr>,
    /// Where those are served who watch over the daemon.
    pub admin: AdminConfig,
    /// What TCP connections are encrypted with; `None`: they are not.
    pub tls: Option<TlsFiles>,
    /// The path of the upload collection.
    pub base_path: BasePath,
    /// How clients reach the daemon; `None`: as their requests and the trusted proxies say.
    pub public_url: Option<PublicUrl>,
    /// Whose forwarded headers are believed.
    pub trusted_proxies: TrustedProxies,
    /// The directory of finished files and of uploads in progress.
    pub data_dir: PathBuf,
    /// How uploads are kept there.
    pub disk: DiskOptions,
    /// The largest upload in bytes; `None`: no limit.
    pub max_size: Option<u64>,
    /// How long after its last byte an unfinished upload expires; `None`: never.
    pub expire_after: Option<Duration>,
    /// Whether a digest that a client sends with its chunks is checked before the file is published.
    pub verify: bool,
    /// What Resumable.js and its relatives need.
    pub resumable: ResumableConfig,
    /// Who may do what.
    pub access: AccessConfig,
    /// What is offered beyond uploading.
    pub features: Features,
    /// What browsers are told about pages of other origins.
    pub cors: CorsPolicy,
    /// Limits on time and number.
    pub limits: Limits,
    /// The log.
    pub log: LogConfig,
    /// All of it as it was typed, in the order of the flags.
    pub settings: Vec<Setting>,
    /// What the log should say of them.
    pub warnings: Vec<String>,
}

/// Who may do what. Without any of it, everybody may do all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessConfig {
    /// Bearer tokens.
    pub token_file: Option<SecretFile>,
    /// Keys of those who give out permits.
    pub permit_key: Vec<SecretFile>,
    /// For whom those permits have to be meant.
    pub permit_audience: Option<String>,
}

impl AccessConfig {
    /// There are rules.
    #[must_use]
    pub fn is_given(&self) -> bool {
        self.token_file.is_some() || !self.permit_key.is_empty()
    }
}

/// What is offered beyond uploading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Finished uploads can be fetched with GET.
    pub download: bool,
    /// Clients can delete uploads (tus termination).
    pub termination: bool,
    /// Clients can put uploads together from parts (tus concatenation).
    pub concatenation: bool,
}

/// Limits that keep one client from taking what all of them need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long the head of a request may take. Never zero.
    pub header_timeout: Duration,
    /// How slow a body may be before it is interrupted. Its idle limit is never zero.
    pub pace: Pace,
    /// How many connections may be open at once. Never zero.
    pub max_connections: u32,
    /// How many of them may come from one address; `None`: any number.
    pub max_connections_per_peer: Option<u32>,
    /// What each client may do.
    pub clients: ClientLimits,
    /// How long running requests may take to end when the daemon stops. Zero: not at all.
    pub shutdown_timeout: Duration,
}

/// How slow a body may be. Measured is the time that the daemon waits for the client, and never the whole time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The longest time without a single byte.
    pub idle: Duration,
    /// The fewest bytes in a minute of waiting. Zero: any number.
    pub least: u64,
}

/// Why a value was refused. The text follows the quoted value and says what is allowed:
/// `is not a size; give bytes or a size such as 500MB or 10GiB, or none`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(Cow<'static, str>);

impl Invalid {
    const fn new(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

/// Values that are right by themselves and wrong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--{flag}: {problem}")]
pub struct ConfigError {
    /// The long name of the flag to change, without its dashes.
    pub flag: &'static str,
    /// What is wrong, and what is allowed.
    pub problem: String,
}

impl Config {
    /// Checks what was typed as a whole. Each value by itself has been checked when it was read.
    ///
    /// # Errors
    /// Two settings contradict each other.
    pub fn from_args(args: Args) -> Result<Self, ConfigError> {
        let Args { config: _, serving, storage, uploads, access, resumable, browsers, limits, log } = args;
        let admin = AdminConfig::check(serving.admin_listen, &serving.listen)?;
        let chunks = resumable.resumable_path.check(&serving.base_path, &admin)?;
        Ok(Self {
            admin,
            listen: check_listen(serving.listen, "listen")?,
            tls: TlsFiles::check(serving.tls_cert, serving.tls_key)?,
            base_path: serving.base_path,
            public_url: serving.public_url,
            trusted_proxies: serving.trusted_proxy.into_iter().collect(),
            data_dir: storage.dir.data_dir.clone(),
            disk: disk_options(storage),
            max_size: uploads.max_size.0,
            expire_after: uploads.expire_after.0,
            verify: uploads.verify,
            resumable: ResumableConfig {
                path: chunks,
                prefix: resumable.resumable_prefix,
                scope: resumable.resumable_scope,
                expire_after: resumable.resumable_expire_after.0,
            },
            access: check_access(access)?,
            features: Features {
                download: !uploads.no_download,
                termination: !uploads.no_termination,
                concatenation: !uploads.no_concatenation,
            },
            cors: check_cors(browsers.cors_origin, browsers.cors_credentials)?,
            limits: Limits {
                header_timeout: limits.header_timeout,
                pace: Pace { idle: limits.idle_timeout, least: limits.min_rate },
                max_connections: limits.max_connections,
                max_connections_per_peer: limits.max_connections_per_peer.0,
                clients: ClientLimits {
                    creations: limits.max_creations_per_client.0,
                    appends: limits.max_appends_per_client.0,
                },
                shutdown_timeout: limits.shutdown_timeout,
            },
            log: LogConfig { filter: log.log_level, format: log.log_format },
            settings: Vec::new(),
            warnings: Vec::new(),
        })
    }

    /// Whether somebody has set this.
    #[must_use]
    pub fn is_given(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key && !setting.is_default)
    }
}

/// How uploads are kept, as typed.
#[must_use]
pub fn disk_options(storage: StorageArgs) -> DiskOptions {
    let StorageArgs { dir: _, layout, durability, reserve } = storage;
    DiskOptions { layout, durability, reserve }
}

fn check_listen(addresses: Vec<ListenAddr>, flag: &'static str) -> Result<Vec<ListenAddr>, ConfigError> {
    let mut checked: Vec<ListenAddr> = Vec::with_capacity(addresses.len());
    for address in addresses {
        if checked.iter().any(|earlier| earlier.collides_with(&address)) {
            let problem = format!("\"{address}\" is given twice; give each address once");
            return Err(ConfigError { flag, problem });
        }
        checked.push(address);
    }
    Ok(checked)
}

fn check_access(access: AccessArgs) -> Result<AccessConfig, ConfigError> {
    let AccessArgs { token_file, permit_key, permit_audience } = access;
    if permit_audience.is_some() && permit_key.is_empty() {
        let problem = "means nothing without permits; give --permit-key".to_owned();
        return Err(ConfigError { flag: "permit-audience", problem });
    }
    Ok(AccessConfig { token_file, permit_key, permit_audience })
}

fn check_cors(origins: Vec<OriginPattern>, credentials: bool) -> Result<CorsPolicy, ConfigError> {
    let policy = CorsPolicy { origins, credentials };
    if policy.allows_any() && policy.origins.len() > 1 {
        let problem = "* already allows every origin; give it alone, or only the others".to_owned();
        return Err(ConfigError { flag: "cors-origin", problem });
    }
    // Every page in the world could act in the name of whoever is logged in.
    if policy.allows_any() && policy.credentials {
        let problem =
            "is not safe while every origin is allowed; list the origins with --cors-origin".to_owned();
        return Err(ConfigError { flag: "cors-credentials", problem });
    }
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::durability::Durability;

    fn config(flags: &[&str]) -> Result<Config, ConfigError> {
        Config::from_args(Args::from_flags(flags))
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = config(&[]).unwrap();
        assert_eq!(config.listen, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(config.base_path.as_str(), "/files/");
        assert_eq!(config.public_url, None);
        assert_eq!(config.trusted_proxies, TrustedProxies::default());
        assert_eq!(config.data_dir, PathBuf::from("./data"));
        assert_eq!(config.disk.durability, Durability::Strict);
        assert_eq!(config.max_size, None);
        assert_eq!(config.expire_after, Some(Duration::from_secs(24 * 3600)));
        assert_eq!(config.features, Features { download: true, termination: true, concatenation: true });
        assert!(config.cors.allows_any() && !config.cors.credentials);
        assert_eq!(
            config.limits,
            Limits {
                header_timeout: Duration::from_secs(10),
                pace: Pace { idle: Duration::from_secs(60), least: 30 },
                max_connections: 10_000,
                max_connections_per_peer: Some(256),
                clients: ClientLimits::default(),
                shutdown_timeout: Duration::from_secs(20),
            }
        );
        assert_eq!(config.log.filter.as_str(), "info");
        assert_eq!(config.log.format, LogFormat::Text);
    }

    #[test]
    fn switches_turn_features_off() {
        let config = config(&["--no-download", "--no-concatenation"]).unwrap();
        assert_eq!(config.features, Features { download: false, termination: true, concatenation: false });
    }

    #[test]
    fn contradictions_name_the_flag_to_change() {
        for (flags, flag) in [
            (&["--listen", "[::1]:80", "--listen", "[0::1]:80"][..], "listen"),
            (&["--cors-credentials"], "cors-credentials"),
            (&["--cors-origin", "*", "--cors-origin", "https://a.example"], "cors-origin"),
        ] {
            assert_eq!(config(flags).unwrap_err().flag, flag, "{flags:?}");
        }
        assert!(config(&["--cors-credentials", "--cors-origin", "https://a.example"]).is_ok());
        assert!(config(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"]).is_ok());
    }

    #[test]
    fn chunks_have_a_path_to_themselves() {
        const ID: &str = "00112233445566778899aabbccddeeff";
        for flags in [
            "--resumable-path /files/",
            "--resumable-path /files",
            "--resumable-path /files/x",
            "--base-path /up --resumable-path /up",
            "--resumable-path /config.json",
            "--resumable-path /index.html",
            "--resumable-path /resumable.html",
            "--resumable-path /assets/x",
            "--admin-listen same --resumable-path /healthz",
            "--admin-listen same --resumable-path /metrics",
            &format!("--base-path / --resumable-path /{ID}"),
        ] {
            let error = config(&flags.split(' ').collect::<Vec<_>>()).unwrap_err();
            assert_eq!(error.flag, "resumable-path", "{flags}");
            assert!(error.problem.contains("give another path"), "{error}");
        }
        for flags in [
            "--resumable-path /filesystem",
            "--resumable-path none",
            "--base-path /",
            "--base-path /up/files --resumable-path /up",
            "--resumable-path /healthz",
            "--resumable-path /up/config.json",
        ] {
            let config = config(&flags.split(' ').collect::<Vec<_>>());
            assert!(config.is_ok(), "{flags}: {config:?}");
        }
    }
}
