//! From URLs to clients: TCP, TLS, unix sockets, sentinels.

use std::sync::Mutex as StdMutex;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    TlsCertificates, TlsMode,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use taskq_core::{
    broker::{BrokerError, BrokerErrorKind},
    config::{ServiceUrl, Urls},
};
use tokio::sync::Mutex;

use crate::options::RedisOptions;

/// Where to connect to, in order of preference.
pub(crate) struct Addresses {
    all: Vec<Address>,
    /// The one that answered last.
    good: StdMutex<usize>,
    shown: String,
    db: i64,
}

enum Address {
    Server(Box<Client>),
    Sentinels(Box<Mutex<SentinelClient>>),
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
        let tls = certificates(options).map_err(wrong)?;
        let mut db = 0;
        let mut all = Vec::new();
        if urls.scheme() == "sentinel" {
            let (address, number) = sentinels(urls, options, tls).map_err(wrong)?;
            db = number;
            all.push(address);
        } else {
            for url in urls.iter() {
                let info = server(url).map_err(wrong)?;
                db = info.redis_settings().db();
                let client = match (info.addr(), &tls) {
                    (ConnectionAddr::TcpTls { .. }, Some(tls)) => Client::build_with_tls(info, tls.clone()),
                    _ => Client::open(info),
                };
                all.push(Address::Server(Box::new(client.map_err(|error| wrong(error.to_string()))?)));
            }
        }
        Ok(Self { all, good: StdMutex::new(0), shown: urls.to_string(), db })
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
    pub(crate) async fn client(&self, attempt: usize) -> redis::RedisResult<Client> {
        let good = *self.good.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &self.all[(good + attempt) % self.all.len()] {
            Address::Server(client) => Ok(client.as_ref().clone()),
            Address::Sentinels(sentinels) => sentinels.lock().await.async_get_client().await,
        }
    }

    /// Notes that the address of this attempt answered.
    pub(crate) fn answered(&self, attempt: usize) {
        let mut good = self.good.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *good = (*good + attempt) % self.all.len();
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

fn certificates(options: &RedisOptions) -> Result<Option<TlsCertificates>, String> {
    let read = |path: &std::path::PathBuf| {
        std::fs::read(path).map_err(|error| format!("could not read `{}`: {error}", path.display()))
    };
    let root_cert = options.ca_certs.as_ref().map(read).transpose()?;
    let client_tls = match &options.client_cert {
        Some((cert, key)) => Some(ClientTlsConfig { client_cert: read(cert)?, client_key: read(key)? }),
        None => None,
    };
    Ok((root_cert.is_some() || client_tls.is_some()).then_some(TlsCertificates { client_tls, root_cert }))
}

/// `sentinel://:password@host:26379/db;sentinel://host2:26379/db`; the password is the server's.
fn sentinels(
    urls: &Urls,
    options: &RedisOptions,
    tls: Option<TlsCertificates>,
) -> Result<(Address, i64), String> {
    let mut addresses = Vec::new();
    let mut settings = RedisConnectionInfo::default();
    for url in urls.iter() {
        let text = format!("redis:{}", url.rest());
        let text = text.split_once('?').map_or(text.as_str(), |(before, _)| before);
        let info = text.into_connection_info().map_err(|error| error.to_string())?;
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err("no host".to_owned()) };
        let port = if url.expose().contains(&format!(":{port}")) { *port } else { 26379 };
        addresses.push(ConnectionAddr::Tcp(host.clone(), port));
        settings = info.redis_settings().clone();
    }
    let mut builder =
        SentinelClientBuilder::new(addresses, options.master_name.clone(), SentinelServerType::Master)
            .map_err(|error| error.to_string())?
            .set_client_to_redis_db(settings.db());
    if let Some(password) = settings.password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if let Some(user) = settings.username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(tls) = tls {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_redis_certificates(tls);
    }
    let db = settings.db();
    let client = builder.build().map_err(|error| error.to_string())?;
    Ok((Address::Sentinels(Box::new(Mutex::new(client))), db))
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
}
