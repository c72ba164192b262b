//! What a board is told at its start: Flower's options under Flower's names, and ours.
//!
//! Kept true here: an option nobody knows is refused with the nearest name; a value that cannot be read is
//! refused where it was given; what would open a board to strangers unasked does not start.

mod buckets;
mod check;
mod file;
mod load;
mod pattern;
mod provider;
mod source;
mod table;
mod value;

use std::{path::PathBuf, time::Duration};

use axum::http::HeaderName;
use secrecy::SecretString;

use crate::{
    auth::Role,
    feed,
    redact::{KEYS, Redact},
    store::StoreOptions,
};

pub use check::Exposure;
pub use load::Sources;
pub(crate) use pattern::EmailPattern;
pub use provider::Provider;
pub use source::Source;
pub use table::{OPTIONS, Spec};
pub(crate) use value::boolean;

/// Whether a board answers as Flower does where Flower is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compat {
    /// Flower's shapes, names and texts; what is broken in Flower is mended.
    #[default]
    Fixed,
    /// As Flower 2.2, mistakes included.
    Strict,
}

/// What those may do who are not asked who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anonymous {
    /// Look.
    ReadOnly,
    /// Everything.
    Full,
}

/// What the label `worker` of the metrics tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkerLabel {
    /// Nothing.
    Off,
    /// The host of the worker.
    Host,
    /// The name of the worker.
    #[default]
    Full,
}

/// Options of a board. Every field has the name of its option.
#[derive(Clone, Debug)]
#[allow(missing_docs)] // the table says what each means: [`OPTIONS`]
pub struct Options {
    pub port: u16,
    pub address: String,
    pub unix_socket: Option<PathBuf>,
    pub debug: bool,
    pub inspect_timeout: Duration,
    pub auth: String,
    pub auth_provider: Option<Provider>,
    pub oauth2_key: Option<String>,
    pub oauth2_secret: Option<SecretString>,
    pub oauth2_redirect_uri: Option<String>,
    pub basic_auth: Vec<(String, SecretString)>,
    pub cookie_secret: Option<SecretString>,
    pub max_workers: usize,
    pub max_tasks: u64,
    pub db: Option<PathBuf>,
    pub persistent: Option<bool>,
    pub state_save_interval: Duration,
    pub broker_api: Option<String>,
    pub ca_certs: Option<PathBuf>,
    pub certfile: Option<PathBuf>,
    pub keyfile: Option<PathBuf>,
    pub xheaders: bool,
    pub auto_refresh: bool,
    pub purge_offline_workers: Option<Duration>,
    pub enable_events: bool,
    pub natural_time: bool,
    pub tasks_columns: Vec<String>,
    pub url_prefix: String,
    pub task_runtime_metric_buckets: Vec<f64>,
    pub read_only: bool,
    pub logging: Option<String>,
    pub log_file_prefix: Option<PathBuf>,
    pub unauthenticated_api: bool,
    pub github_oauth_domain: String,
    pub gitlab_oauth_domain: String,
    pub gitlab_auth_allowed_groups: Vec<String>,
    pub gitlab_min_access_level: u32,
    pub oauth2_okta_base_url: Option<String>,
    pub oidc_issuer: Option<String>,
    pub flower_compat: Compat,
    pub allow_unauthenticated: Option<Anonymous>,
    pub allowed_hosts: Vec<String>,
    pub users: Option<PathBuf>,
    pub default_role: Option<Role>,
    pub proxy_header: Option<HeaderName>,
    pub proxy_from: Vec<Source>,
    pub redact_keys: Vec<String>,
    pub redact_paths: Vec<String>,
    pub metrics_worker_label: WorkerLabel,
    pub store: Option<PathBuf>,
    pub store_max_bytes: u64,
    pub keep_successes: Duration,
    pub keep_payloads: Duration,
    pub keep_failures: Duration,
    pub keep_audit: Duration,
}

impl Default for Options {
    fn default() -> Self {
        let kept = StoreOptions::default();
        Self {
            port: 5555,
            address: "127.0.0.1".to_owned(),
            unix_socket: None,
            debug: false,
            inspect_timeout: Duration::from_secs(1),
            auth: String::new(),
            auth_provider: None,
            oauth2_key: None,
            oauth2_secret: None,
            oauth2_redirect_uri: None,
            basic_auth: Vec::new(),
            cookie_secret: None,
            max_workers: 5000,
            max_tasks: kept.max_tasks,
            db: None,
            persistent: None,
            state_save_interval: Duration::ZERO,
            broker_api: None,
            ca_certs: None,
            certfile: None,
            keyfile: None,
            xheaders: false,
            auto_refresh: true,
            purge_offline_workers: None,
            enable_events: true,
            natural_time: false,
            tasks_columns: value::words("name,uuid,state,received,runtime,worker"),
            url_prefix: String::new(),
            task_runtime_metric_buckets: buckets::DEFAULT.to_vec(),
            read_only: false,
            logging: None,
            log_file_prefix: None,
            unauthenticated_api: false,
            github_oauth_domain: "github.com".to_owned(),
            gitlab_oauth_domain: "gitlab.com".to_owned(),
            gitlab_auth_allowed_groups: Vec::new(),
            gitlab_min_access_level: 20,
            oauth2_okta_base_url: None,
            oidc_issuer: None,
            flower_compat: Compat::Fixed,
            allow_unauthenticated: None,
            allowed_hosts: Vec::new(),
            users: None,
            default_role: None,
            proxy_header: None,
            proxy_from: Vec::new(),
            redact_keys: value::words(KEYS),
            redact_paths: Vec::new(),
            metrics_worker_label: WorkerLabel::Full,
            store: None,
            store_max_bytes: kept.max_bytes,
            keep_successes: kept.successes,
            keep_payloads: kept.payloads,
            keep_failures: kept.failures,
            keep_audit: kept.audit,
        }
    }
}

impl Options {
    /// Whether answers are Flower's, mistakes included.
    pub(crate) fn strict(&self) -> bool {
        self.flower_compat == Compat::Strict
    }

    /// Whether callers are asked who they are.
    pub(crate) fn authenticates(&self) -> bool {
        !self.basic_auth.is_empty()
            || self.auth_provider.is_some()
            || self.users.is_some()
            || self.proxy_header.is_some()
    }

    /// How events are heard and kept.
    pub(crate) fn watch(&self) -> feed::Start {
        feed::Start {
            store: StoreOptions {
                path: self.store_path(),
                max_bytes: self.store_max_bytes,
                max_tasks: self.max_tasks,
                successes: self.keep_successes,
                payloads: self.keep_payloads,
                failures: self.keep_failures,
                audit: self.keep_audit,
            },
            runtime_buckets: self.task_runtime_metric_buckets.clone(),
            enable_events: self.enable_events,
            max_workers: self.max_workers,
            purge_offline: self.purge_offline_workers,
            redact: self.redact(),
        }
    }

    /// What is not written down.
    pub(crate) fn redact(&self) -> Redact {
        // Both were read when they were given.
        Redact::new(&self.redact_keys, &self.redact_paths).unwrap_or_default()
    }

    /// Where the history is kept; `None`: in memory.
    pub fn store_path(&self) -> Option<PathBuf> {
        match (&self.store, self.persistent) {
            (Some(path), _) if path.as_os_str() == ":memory:" => None,
            (Some(path), _) => Some(path.clone()),
            (None, Some(false)) => None,
            (None, _) => Some(self.db.as_ref().map_or_else(
                || PathBuf::from(DEFAULT_STORE),
                |db| {
                    let mut path = db.clone().into_os_string();
                    path.push(".sqlite");
                    path.into()
                },
            )),
        }
    }
}

/// The store, unless an option says otherwise.
const DEFAULT_STORE: &str = "taskq-board.sqlite";
