//! From URLs to addresses, by kombu's rules.
//!
//! `amqp://user:password@host:port/vhost`: everything after the first `/` is the virtual host, percent-encoded;
//! an empty one is `/`, so `amqp://host`, `amqp://host/` and `amqp://host//` mean the same.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
};

use lapin::{
    tcp::{OwnedIdentity, OwnedTLSConfig},
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo},
};
use taskq_core::{
    broker::{BrokerError, BrokerErrorKind},
    config::{ServiceUrl, Urls},
};
use url::form_urlencoded;

use crate::options::AmqpOptions;

/// Where to connect to, in order of preference.
pub(crate) struct Addresses {
    all: Vec<AMQPUri>,
    /// The one that answered last.
    good: Mutex<usize>,
    shown: String,
    tls: OwnedTLSConfig,
    pub(super) options: AmqpOptions,
}

impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Addresses {
    /// Reads addresses and certificates; connects to nothing.
    ///
    /// # Errors
    /// `Config`, with the redacted addresses, when one cannot be read or a certificate file is missing.
    pub(crate) fn new(urls: &Urls, options: AmqpOptions) -> Result<Self, BrokerError> {
        // One TLS provider everywhere; a second installation is refused, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let wrong = |why: String| BrokerError::new(BrokerErrorKind::Config, format!("`{urls}`: {why}"));
        let all: Result<Vec<_>, String> = urls.iter().map(|url| parse(url, &options)).collect();
        let all = all.map_err(wrong)?;
        let first = if options.shuffle { random(all.len()) } else { 0 };
        let tls = certificates(&options).map_err(wrong)?;
        Ok(Self { all, good: Mutex::new(first), shown: urls.to_string(), tls, options })
    }

    /// The addresses without their passwords.
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// The user that we log in as.
    pub(crate) fn user(&self) -> &str {
        &self.all[0].authority.userinfo.username
    }

    /// The virtual host.
    pub(crate) fn vhost(&self) -> &str {
        &self.all[0].vhost
    }

    /// The address to try; `attempt` counts failures, so that each goes to another one.
    pub(super) fn uri(&self, attempt: usize) -> AMQPUri {
        let good = *self.good.lock().unwrap_or_else(PoisonError::into_inner);
        self.all[(good + attempt) % self.all.len()].clone()
    }

    /// Notes that the address of this attempt answered.
    pub(super) fn answered(&self, attempt: usize) {
        let mut good = self.good.lock().unwrap_or_else(PoisonError::into_inner);
        *good = (*good + attempt) % self.all.len();
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn tls(&self) -> OwnedTLSConfig {
        self.tls.clone()
    }
}

/// A number below `end` that differs from process to process.
fn random(end: usize) -> usize {
    let [byte, ..] = *uuid::Uuid::new_v4().as_bytes();
    usize::from(byte) % end.max(1)
}

fn parse(url: &ServiceUrl, options: &AmqpOptions) -> Result<AMQPUri, String> {
    let scheme = match url.scheme().as_ref() {
        "amqps" => AMQPScheme::AMQPS,
        _ if options.tls => AMQPScheme::AMQPS,
        _ => AMQPScheme::AMQP,
    };
    let rest = url.rest().trim_start_matches("//");
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let (host, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':').unwrap_or("")),
        None => host.rsplit_once(':').unwrap_or((host, "")),
    };
    let port = match port {
        "" => scheme.default_port(),
        port => port.parse().map_err(|_| format!("`{port}` is no port"))?,
    };
    let or = |text: &str, default: &str| -> Result<String, String> {
        Ok(match decode(text)? {
            empty if empty.is_empty() => default.to_owned(),
            text => text,
        })
    };
    let userinfo = AMQPUserInfo { username: or(user, "guest")?, password: or(password, "guest")? };
    Ok(AMQPUri {
        authority: AMQPAuthority { userinfo, host: or(host, "localhost")?, port },
        vhost: or(path, "/")?,
        query: parameters(query, options)?,
        scheme,
    })
}

fn parameters(query: &str, options: &AmqpOptions) -> Result<AMQPQueryString, String> {
    let mut parameters = AMQPQueryString::default();
    let heartbeat = options.heartbeat.map_or(0, |interval| interval.as_secs().max(1));
    parameters.heartbeat = Some(u16::try_from(heartbeat).unwrap_or(u16::MAX));
    if let Some(method) = &options.login_method {
        parameters.auth_mechanism = Some(method.parse()?);
    }
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let number = || value.parse::<u64>().map_err(|_| format!("`{name}={value}` is no number"));
        let small = || u16::try_from(number()?).map_err(|_| format!("`{name}={value}` is beyond 65535"));
        match name.as_ref() {
            "heartbeat" => parameters.heartbeat = Some(small()?),
            "channel_max" => parameters.channel_max = Some(small()?),
            "frame_max" => parameters.frame_max = Some(u32::try_from(number()?).unwrap_or(u32::MAX)),
            "auth_mechanism" | "login_method" => parameters.auth_mechanism = Some(value.parse()?),
            // Others belong to kombu or to TLS, which is read elsewhere.
            _ => {}
        }
    }
    Ok(parameters)
}

fn decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) if byte == b'%' => {
                bytes.push(decoded);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| "what is percent-encoded is not UTF-8".to_owned())
}

fn certificates(options: &AmqpOptions) -> Result<OwnedTLSConfig, String> {
    let read = |path: &std::path::Path| {
        std::fs::read(path).map_err(|error| format!("`{}`: {error}", path.display()))
    };
    let mut tls = OwnedTLSConfig::default();
    if let Some(path) = &options.ca_certs {
        let text = String::from_utf8(read(path)?);
        tls.cert_chain = Some(text.map_err(|_| format!("`{}` is no PEM file", path.display()))?);
    }
    if let Some((cert, key)) = &options.client_cert {
        tls.identity = Some(OwnedIdentity::PKCS8 { pem: read(cert)?, key: read(key)? });
    }
    Ok(tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> AMQPUri {
        parse(&ServiceUrl::new(url).unwrap(), &AmqpOptions::default()).unwrap()
    }

    #[test]
    fn virtual_hosts_are_kombus() {
        for (url, vhost) in [
            ("amqp://", "/"),
            ("amqp://h", "/"),
            ("amqp://h/", "/"),
            ("amqp://h//", "/"),
            ("amqp://h/%2F", "/"),
            ("amqp://h/prod", "prod"),
            ("pyamqp://h:1/a%20b", "a b"),
            ("amqp://h//prod", "/prod"),
            ("amqp://h/a/b?heartbeat=7", "a/b"),
        ] {
            assert_eq!(read(url).vhost, vhost, "{url}");
        }
    }

    #[test]
    fn the_rest_of_an_address() {
        let uri = read("amqps://me:p%40ss%2f@[::1]/v?heartbeat=7&frame_max=8192&x=y");
        assert_eq!(
            (uri.authority.userinfo.username.as_str(), uri.authority.userinfo.password.as_str()),
            ("me", "p@ss/")
        );
        assert_eq!((uri.authority.host.as_str(), uri.authority.port), ("::1", 5671));
        assert_eq!((uri.query.heartbeat, uri.query.frame_max), (Some(7), Some(8192)));
        let uri = read("amqp://");
        assert_eq!((uri.authority.host.as_str(), uri.authority.port), ("localhost", 5672));
        assert_eq!(uri.authority.userinfo.username, "guest");
        assert_eq!(uri.query.heartbeat, Some(2));
    }

    #[test]
    fn a_bad_address_is_named_without_its_password() {
        let urls = Urls::parse("amqp://me:secret@h:port//").unwrap();
        let error = Addresses::new(&urls, AmqpOptions::default()).unwrap_err().to_string();
        assert!(error.contains("`port` is no port") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn each_failure_goes_to_the_next_address() {
        let urls = Urls::parse("amqp://a;amqp://b;amqp://c").unwrap();
        let addresses = Addresses::new(&urls, AmqpOptions::default()).unwrap();
        let host = |attempt| addresses.uri(attempt).authority.host;
        assert_eq!([host(0), host(1), host(2), host(3)], ["a", "b", "c", "a"]);
        addresses.answered(1);
        assert_eq!([host(0), host(1)], ["b", "c"]);
    }
}
