//! Every option: its name, what it means, and how its text is read.

use super::{Options, buckets, provider, value};

/// How an option is read from text.
type Read = fn(&mut Options, &str) -> Result<(), String>;

/// An option.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name, with underscores; dashes do as well.
    pub name: &'static str,
    /// What its value is called in the help; none: yes or no, and no value is yes.
    pub value: Option<&'static str>,
    /// What it means.
    pub help: &'static str,
    /// Whether Flower has it.
    pub of_flower: bool,
    pub(super) read: Read,
}

impl Spec {
    /// Its variable in the environment.
    pub fn env(&self) -> String {
        format!("FLOWER_{}", self.name.to_uppercase())
    }
}

macro_rules! options {
    ($($of:ident $name:ident $(= $value:literal)?, $help:literal, $read:expr;)*) => {
        /// Every option, Flower's first.
        pub const OPTIONS: &[Spec] = &[$(Spec {
            name: stringify!($name),
            value: options!(@value $($value)?),
            help: $help,
            of_flower: options!(@of $of),
            read: |options, text| {
                options.$name = $read(text)?;
                Ok(())
            },
        }),*];
    };
    (@value) => { None };
    (@value $value:literal) => { Some($value) };
    (@of flower) => { true };
    (@of ours) => { false };
}

options! {
    flower port = "PORT", "Port; 0 takes a free one [default: 5555]", value::number;
    flower address = "ADDRESS", "Address to listen on; `0.0.0.0` is every one [default: 127.0.0.1]", value::text;
    flower unix_socket = "PATH", "Listen on a UNIX socket instead", value::path;
    flower debug, "Log more", value::yes;
    flower inspect_timeout = "MS", "How long replies of workers are waited for, in milliseconds [default: 1000]", value::milliseconds;
    flower auth = "PATTERN", "Who may log in: `a@x.org`, `a@x.org|b@x.org`, or `.*@x.org`", value::emails;
    flower auth_provider = "PROVIDER", "Who says who somebody is: google, github, gitlab, okta, oidc, or Flower's class name", provider::read;
    flower oauth2_key = "ID", "This board's client id at the provider", value::some;
    flower oauth2_secret = "SECRET", "Its secret; better in a file: `oauth2_secret=@/run/secrets/oauth2`", value::secret;
    flower oauth2_redirect_uri = "URL", "This board's `/login` as the provider sees it", value::some;
    flower basic_auth = "USER:PASSWORD,…", "Who may log in with a password; better in a file, one a line: `@/run/secrets/board`", value::pairs;
    flower cookie_secret = "SECRET", "Signs sessions, which otherwise end with the process", value::secret;
    flower max_workers = "N", "Workers kept in memory [default: 5000]", value::number;
    flower max_tasks = "N", "Tasks kept; the oldest that succeeded go first [default: 10000000]", value::number;
    flower db = "PATH", "Beside it, as `PATH.sqlite`, the history is kept unless `store` says where", value::path;
    flower persistent, "Whether history outlives the process [default: yes]", value::maybe;
    flower state_save_interval = "MS", "Accepted: everything is saved within a second", value::milliseconds;
    flower broker_api = "URL", "RabbitMQ's management API, such as `http://guest:guest@localhost:15672/api/`", value::web;
    flower ca_certs = "FILE", "Clients must show a certificate that one of these has signed", value::path;
    flower certfile = "FILE", "Certificate chain for HTTPS, PEM", value::path;
    flower keyfile = "FILE", "Its private key, PEM", value::path;
    flower xheaders, "Believe `X-Real-Ip` and `X-Scheme`: behind a proxy that sets them", value::yes;
    flower auto_refresh, "Pages refresh themselves [default: yes]", value::yes;
    flower purge_offline_workers = "SECONDS", "Hide workers that are silent for so long, and drop their metrics", value::some_seconds;
    flower enable_events, "Tell workers to send events [default: yes]", value::yes;
    flower natural_time, "Times as `2 minutes ago`", value::yes;
    flower tasks_columns = "NAMES", "Columns of the tasks page [default: name,uuid,state,received,runtime,worker]", value::list;
    flower url_prefix = "PATH", "Serve below this path", value::prefix;
    flower task_runtime_metric_buckets = "SECONDS,…", "Buckets of the runtime histogram", buckets::read;
    flower read_only, "Refuse every operation", value::yes;
    flower logging = "LEVEL", "Log level; `-l` does the same (not in a file)", value::level;
    flower log_file_prefix = "FILE", "Log to this file; `-f` does the same (not in a file)", value::path;
    flower unauthenticated_api, "Open `/api` to everybody while no authentication is set up", value::yes;
    flower github_oauth_domain = "HOST", "GitHub Enterprise [default: github.com]", value::text;
    flower gitlab_oauth_domain = "HOST", "A GitLab of your own [default: gitlab.com]", value::text;
    flower gitlab_auth_allowed_groups = "GROUPS", "GitLab groups whose members may log in", value::list;
    flower gitlab_min_access_level = "N", "Access level a member needs [default: 20]", value::number;
    flower oauth2_okta_base_url = "URL", "Okta's address, up to `/v1` not included", value::some;
    ours oidc_issuer = "URL", "The OpenID Connect provider: Keycloak, Entra, …", value::some;
    ours flower_compat = "strict|fixed", "Answer as Flower does also where Flower is broken [default: fixed]", value::compat;
    ours allow_unauthenticated = "read-only|full", "Start on an address others reach without asking who they are", value::anonymous;
    ours allowed_hosts = "HOSTS", "Host names this board is called by, while it does not ask who somebody is", value::list;
    ours users = "FILE", "Who may do what, and their passwords: TOML", value::path;
    ours default_role = "viewer|operator|admin", "Role of those whom `users` does not list [default: admin without `users`, else none]", value::role;
    ours proxy_header = "NAME", "Header in which a proxy says who somebody is, such as `X-Forwarded-User`", value::header;
    ours proxy_from = "SOURCES", "Who is believed that header: addresses, networks, `unix` for the socket", value::sources;
    ours redact_keys = "PATTERNS", "Keys whose values are not written down; empty: none [default: passwords, tokens, secrets, cards]", value::keys;
    ours redact_paths = "PATHS", "What else is not: `kwargs.user.mail,args[0].pin,result.items[*].card`", value::paths;
    ours metrics_worker_label = "off|host|full", "What the label `worker` of the metrics tells [default: full]", value::label;
    ours store = "PATH", "Where the history is kept; `:memory:` keeps none [default: taskq-board.sqlite]", value::path;
    ours store_max_bytes = "BYTES", "Size that the store may grow to; the oldest that succeeded go first [default: 4294967296]", value::number;
    ours keep_successes = "DAYS", "How long tasks that succeeded are kept [default: 7]", value::days;
    ours keep_payloads = "DAYS", "How long their arguments and results are kept [default: 1]", value::days;
    ours keep_failures = "DAYS", "How long all other tasks are kept [default: 30]", value::days;
    ours keep_audit = "DAYS", "How long it is kept who did what [default: 400]", value::days;
}

/// What Flower or Tornado has and this board has not, with the reason.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("format_task", "is a Python function; nothing of it can run here"),
    ("log_file_max_size", "is not needed: rotate with `logrotate`"),
    ("log_file_num_backups", "is not needed: rotate with `logrotate`"),
    ("log_rotate_when", "is not needed: rotate with `logrotate`"),
    ("log_rotate_interval", "is not needed: rotate with `logrotate`"),
    ("log_rotate_mode", "is not needed: rotate with `logrotate`"),
    ("log_to_stderr", "is not needed: logs go to standard error unless `log_file_prefix` is given"),
];

/// The option of that name, with dashes or underscores.
pub(super) fn find(name: &str) -> Option<&'static Spec> {
    let name = name.replace('-', "_");
    OPTIONS.iter().find(|spec| spec.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_book_names_every_option() {
        let book =
            concat!(include_str!("../../../docs/board.md"), include_str!("../../../docs/board-access.md"));
        let left: Vec<_> =
            OPTIONS.iter().filter(|spec| !book.contains(&format!("`{}`", spec.name))).collect();
        assert!(left.is_empty(), "neither docs/board.md nor docs/board-access.md names {left:?}");
    }
}
