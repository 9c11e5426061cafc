//! SIGHUP: the settings are read again, and what can change while the daemon runs does.

use std::sync::Arc;

use super::log::Log;
use super::manager;
use super::places::Places;
use super::tls::{Pair, Tls};
use crate::access::Access;
use crate::config::{Config, LogConfig, ResumableConfig, Setting};
use crate::http::Current;
use crate::store::disk::{Disk, DiskOptions};
use crate::upload::Rules;

/// Settings that stay as they are until a restart: where uploads lie and where clients find them, and what was set up once.
const FIXED: [&str; 8] = [
    "listen",
    "admin-listen",
    "base-path",
    "data-dir",
    "layout",
    "durability",
    "resumable-path",
    "log-format",
];

/// Reads the settings as at the start. An error is one line that says what is wrong.
pub type Reread = fn() -> Result<Config, String>;

/// Everything that settings are spread over.
pub(super) struct Reload {
    pub(super) reread: Reread,
    pub(super) log: Log,
    pub(super) current: Arc<Current>,
    pub(super) places: Places,
    pub(super) disk: Disk,
    pub(super) tls: Option<Tls>,
}

impl Reload {
    /// Reads the settings again. Ones that are wrong change nothing.
    pub(super) async fn run(&self) {
        manager::say_reloading();
        let (reread, has_tls) = (self.reread, self.tls.is_some());
        // The files may lie on a disk that takes its time.
        let read = tokio::task::spawn_blocking(move || read(reread, has_tls)).await;
        match read.unwrap_or_else(|error| Err(error.to_string())) {
            Ok((new, access, pair)) => self.take_over(new, access, pair),
            Err(wrong) => tracing::error!("not reloaded, nothing has changed: {wrong}"),
        }
        manager::say_reloaded();
    }

    fn take_over(&self, new: Config, access: Access, pair: Option<Pair>) {
        let app = self.current.app();
        let old = &app.config;
        let mut changed = 0;
        let mut settings = new.settings.clone();
        for (setting, before) in settings.iter_mut().zip(&old.settings) {
            if setting.value == before.value {
                continue;
            }
            let (was, is) = (before.shown(), setting.shown());
            if is_fixed(before, setting) {
                match before.value {
                    Some(_) => {
                        tracing::warn!("{} needs a restart: {was} stays in force until then", setting.key)
                    }
                    None => tracing::warn!("{} needs a restart: it is not set until then", setting.key),
                }
                // So that it is said again the next time.
                *setting = before.clone();
            } else {
                tracing::info!("{} is {is} now, and was {was}", setting.key);
                changed += 1;
            }
        }
        let config = merged(old, new, settings);
        if let (Some(tls), Some(pair)) = (&self.tls, pair)
            && tls.replace(pair)
        {
            tracing::info!("new connections get another certificate now");
        }
        if !access.is_same(&app.access) {
            tracing::info!("tokens and keys were read again");
        }
        self.log.set_filter(&config.log.filter);
        self.places.set_limits(&config);
        self.disk.set_reserve(config.disk.reserve);
        app.uploads.set_rules(Rules::from(&config));
        if access.is_open() && !app.access.is_open() {
            tracing::warn!(
                "no access rule is in force any more: whoever reaches an address can upload, read and delete"
            );
        }
        self.current.replace(config, access);
        tracing::info!(changed, "reloaded");
    }
}

/// Reads what is needed to change everything at once.
fn read(reread: Reread, has_tls: bool) -> Result<(Config, Access, Option<Pair>), String> {
    let config = reread()?;
    let files = config.tls.as_ref().filter(|_| has_tls);
    let pair = files.map(Pair::load).transpose().map_err(|error| error.to_string())?;
    let access = Access::load(&config.access).map_err(|error| error.to_string())?;
    Ok((config, access, pair))
}

/// Whether this change needs a restart. Certificates may change, but not whether there is one.
fn is_fixed(before: &Setting, now: &Setting) -> bool {
    let turns_tls =
        matches!(now.key.as_str(), "tls-cert" | "tls-key") && before.value.is_some() != now.value.is_some();
    turns_tls || FIXED.contains(&now.key.as_str())
}

/// The new configuration, but for what can't change.
fn merged(old: &Config, new: Config, settings: Vec<Setting>) -> Config {
    let was = old.clone();
    Config {
        listen: was.listen,
        admin: was.admin,
        tls: if was.tls.is_some() == new.tls.is_some() { new.tls } else { was.tls },
        base_path: was.base_path,
        data_dir: was.data_dir,
        disk: DiskOptions { reserve: new.disk.reserve, ..was.disk },
        resumable: ResumableConfig { path: was.resumable.path, ..new.resumable },
        log: LogConfig { filter: new.log.filter, ..was.log },
        settings,
        ..new
    }
}

impl From<&Config> for Rules {
    fn from(config: &Config) -> Self {
        Self {
            max_size: config.max_size,
            expire_after: config.expire_after,
            fill_expire_after: config.resumable.expire_after,
            verify: config.verify,
            clients: config.limits.clients,
            checkpoint: Rules::CHECKPOINT,
        }
    }
}
