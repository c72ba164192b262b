//! From URLs to clients: TCP, TLS, unix sockets, sentinels.
//!
//! Kept true here: every link of one driver goes to the same server. When one of them finds another server,
//! after a fail-over, the others follow with their next command: a message is settled where it was taken.

use std::sync::{
    Mutex as StdMutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use redis::{
    Client, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use secrecy::ExposeSecret as _;
use taskq_core::{
    broker::{BrokerError, BrokerErrorKind},
    config::{ServiceUrl, Urls},
};
use tokio::sync::Mutex;

use crate::{options::RedisOptions, sentinel::SentinelOptions, tls::TlsOptions};

/// The port of a sentinel whose address has none.
const SENTINEL_PORT: u16 = 26379;

/// Where to connect to, in order of preference.
pub(crate) struct Addresses {
    all: Vec<Address>,
    here: StdMutex<Here>,
    /// Counts changes of the server.
    era: AtomicU64,
    shown: String,
    db: i64,
}

/// Who answered last.
#[derive(Default)]
struct Here {
    index: usize,
    server: Option<ConnectionAddr>,
}

/// A way to a server that may answer.
pub(crate) struct Candidate {
    pub(crate) client: Client,
    index: usize,
}

enum Address {
    Server(Box<Client>),
    Sentinels { all: Box<Mutex<SentinelClient>>, master: String },
}

impl std::fmt::Debug for Addresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Addresses {
    pub(crate) fn new(urls: &Urls, options: &RedisOptions) -> Result<Self, BrokerError> {
        // One TLS provider everywhere; a second installation is refused, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let wrong = |why: String| BrokerError::new(BrokerErrorKind::Config, format!("`{urls}`: {why}"));
        let mut db = 0;
        let mut all = Vec::new();
        if urls.scheme() == "sentinel" {
            let (address, number) = sentinels(urls, &options.sentinel, &options.tls).map_err(wrong)?;
            db = number;
            all.push(address);
        } else {
            for url in urls.iter() {
                let info = server(url).map_err(wrong)?;
                db = info.redis_settings().db();
                all.push(Address::Server(Box::new(options.tls.client(info).map_err(wrong)?)));
            }
        }
        if !options.tls.verify {
            tracing::warn!(
                "`ssl_cert_reqs` is none: whoever stands between us and `{urls}` can read and change everything"
            );
        }
        Ok(Self { all, here: StdMutex::default(), era: AtomicU64::new(0), shown: urls.to_string(), db })
    }

    /// The number of the database.
    pub(crate) fn db(&self) -> i64 {
        self.db
    }

    /// The addresses without their passwords.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The client to connect with; `attempt` counts failures, so that each goes to another address.
    pub(crate) async fn client(&self, attempt: usize) -> redis::RedisResult<Candidate> {
        let first = self.here.lock().unwrap_or_else(PoisonError::into_inner).index;
        let index = (first + attempt) % self.all.len();
        let client = match &self.all[index] {
            Address::Server(client) => client.as_ref().clone(),
            Address::Sentinels { all, master } => {
                all.lock().await.async_get_client().await.map_err(|error| named(error, master))?
            }
        };
        Ok(Candidate { client, index })
    }

    /// Notes that a server answered. Returns the era that its connections belong to.
    pub(crate) fn answered(&self, candidate: &Candidate) -> u64 {
        let addr = candidate.client.get_connection_info().addr();
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.index = candidate.index;
        let moved = here.server.as_ref().is_some_and(|server| server != addr);
        if moved || here.server.is_none() {
            here.server = Some(addr.clone());
        }
        if !moved {
            return self.era();
        }
        tracing::warn!(address = %self.shown, server = %addr, "failed over to another server");
        self.era.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// Changes when the server that all connections should go to has.
    pub(crate) fn era(&self) -> u64 {
        self.era.load(Ordering::Acquire)
    }

    pub(crate) fn count(&self) -> usize {
        self.all.len()
    }
}

/// `redis://user:password@host:port/db`, `rediss://…`, `redis+socket:///path?virtual_host=db&password=…`.
fn server(url: &ServiceUrl) -> Result<ConnectionInfo, String> {
    let text = url.expose();
    let text = match url.scheme().as_ref() {
        "redis+socket" | "unix" => {
            let rest = url.rest().trim_start_matches("//");
            // kombu names the database `virtual_host`, the client `db`.
            let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
            let query: String = query
                .replace("virtual_host=/", "db=")
                .replace("virtual_host=", "db=")
                .replace("username=", "user=");
            let query = query.replace("password=", "pass=");
            if query.is_empty() {
                format!("redis+unix://{path}")
            } else {
                format!("redis+unix://{path}?{query}")
            }
        }
        // kombu's `ssl_cert_reqs` and the like are for the options, not for the client.
        _ => text.split_once('?').map_or(text, |(before, _)| before).to_owned(),
    };
    text.as_str().into_connection_info().map_err(|error| error.to_string())
}

/// `sentinel://:password@host:26379/db;sentinel://host2:26379/db`; user, password and database are the server's.
fn sentinels(urls: &Urls, options: &SentinelOptions, tls: &TlsOptions) -> Result<(Address, i64), String> {
    let master = options.master_name.as_deref().filter(|name| !name.is_empty()).ok_or(
        "`master_name` is missing: name the master that the sentinels watch in `broker_transport_options` \
         (for results: `result_backend_transport_options`)",
    )?;
    let mut addresses = Vec::new();
    let mut settings: Option<RedisConnectionInfo> = None;
    for url in urls.iter() {
        let (addr, its) = sentinel(url)?;
        addresses.push(options.tls.address(&addr));
        // As in Celery, the first address speaks for all.
        settings.get_or_insert(its);
    }
    let settings = settings.unwrap_or_default();
    let said = |error: redis::RedisError| error.to_string();
    let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)
        .map_err(said)?
        .set_client_to_redis_db(settings.db());
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(user) = settings.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = &options.password {
        builder = builder.set_client_to_sentinel_password(password.expose_secret());
    }
    if let Some(user) = &options.username {
        builder = builder.set_client_to_sentinel_username(user);
    }
    if tls.on {
        builder = builder.set_client_to_redis_tls_mode(tls.mode());
        if let Some(files) = tls.certificates()? {
            builder = builder.set_client_to_redis_certificates(files);
        }
    }
    if options.tls.on
        && let Some(files) = options.tls.certificates()?
    {
        builder = builder.set_client_to_sentinel_certificates(files);
    }
    let all = Box::new(Mutex::new(builder.build().map_err(said)?));
    Ok((Address::Sentinels { all, master: master.to_owned() }, settings.db()))
}

/// The client says that there is no such master, and not which.
fn named(error: RedisError, master: &str) -> RedisError {
    match error.kind() {
        kind @ ErrorKind::MasterNameNotFoundBySentinel => RedisError::from((
            kind,
            "the sentinels know no master with the `master_name` of the transport options that is up",
            format!("`{master}`"),
        )),
        _ => error,
    }
}

/// Where one sentinel is, and what its address says about the server.
fn sentinel(url: &ServiceUrl) -> Result<(ConnectionAddr, RedisConnectionInfo), String> {
    let text = url.rest();
    let text = text.split_once('?').map_or(text, |(before, _)| before);
    // The client has no sentinels in addresses; only the port differs from those of servers.
    let host = url::Url::parse(&format!("sentinel:{text}")).map_err(|error| error.to_string())?;
    let port = host.port().unwrap_or(SENTINEL_PORT);
    let info = format!("redis:{text}").as_str().into_connection_info().map_err(|error| error.to_string())?;
    let ConnectionAddr::Tcp(host, _) = info.addr() else { return Err("no host".to_owned()) };
    Ok((ConnectionAddr::Tcp(host.clone(), port), info.redis_settings().clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ConnectionInfo {
        server(&ServiceUrl::new(text).unwrap()).unwrap()
    }

    #[test]
    fn urls_of_every_kind() {
        let info = parse("redis://me:secret@h:7000/3");
        assert_eq!(info.redis_settings().db(), 3);
        assert_eq!(info.redis_settings().username(), Some("me"));
        assert_eq!(info.addr(), &ConnectionAddr::Tcp("h".into(), 7000));
        assert!(matches!(parse("rediss://h/0?ssl_cert_reqs=required").addr(), ConnectionAddr::TcpTls { .. }));
        let info = parse("redis+socket:///run/r.sock?virtual_host=2");
        assert_eq!(info.addr(), &ConnectionAddr::Unix("/run/r.sock".into()));
        assert_eq!(info.redis_settings().db(), 2);
    }

    #[test]
    fn sentinels_have_a_port_of_their_own_and_the_servers_password() {
        let parse = |text: &str| sentinel(&ServiceUrl::new(text).unwrap()).unwrap();
        let (addr, settings) = parse("sentinel://me:26@one/3");
        assert_eq!(addr, ConnectionAddr::Tcp("one".into(), 26379));
        assert_eq!((settings.password(), settings.db()), (Some("26"), 3));
        assert_eq!(parse("sentinel://one:6379").0, ConnectionAddr::Tcp("one".into(), 6379));
    }

    #[test]
    fn the_master_must_be_named() {
        let urls = Urls::parse("sentinel://:hunter2@one;sentinel://two").unwrap();
        let error = Addresses::new(&urls, &RedisOptions::default()).unwrap_err().to_string();
        assert!(error.contains("`master_name` is missing") && !error.contains("hunter2"), "{error}");
    }
}
