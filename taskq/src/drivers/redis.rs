//! Redis, from Celery's settings to the driver's options.

use std::{collections::BTreeMap, sync::Arc};

use taskq_core::{
    Error, ErrorKind,
    backend::ResultBackend,
    broker::Broker,
    codec::{Map, Value},
    config::{Settings, Urls},
    schedule::ScheduleStore,
};
use taskq_redis::{BackendOptions, RedisBackend, RedisBroker, RedisOptions, RedisSchedules, TlsOptions};

pub(super) async fn broker(urls: &Urls, settings: &Settings) -> Result<Arc<dyn Broker>, Error> {
    Ok(Arc::new(RedisBroker::connect(urls, options(urls, settings)?).await?))
}

pub(super) async fn schedules(urls: &Urls, settings: &Settings) -> Result<Arc<dyn ScheduleStore>, Error> {
    let publishes = urls == settings.write_url();
    let options = if publishes { options(urls, settings)? } else { RedisOptions::default() };
    Ok(Arc::new(RedisSchedules::connect(urls, options, publishes).await?))
}

/// What the broker's settings say.
fn options(urls: &Urls, settings: &Settings) -> Result<RedisOptions, Error> {
    let mut options = RedisOptions::from_map(&settings.broker_transport_options)?;
    options.mirror_unacked |= settings.redis_mirror_unacked;
    if settings.source("broker_connection_timeout").is_some()
        && !settings.broker_transport_options.contains_key("socket_connect_timeout")
    {
        options.connect_timeout = settings.broker_connection_timeout;
    }
    tls(&mut options, urls, &settings.broker_use_ssl, "broker_use_ssl")?;
    Ok(options)
}

pub(super) async fn backend(urls: &Urls, settings: &Settings) -> Result<Arc<dyn ResultBackend>, Error> {
    let mut options = BackendOptions::default();
    options.expires = settings.result_expires;
    options.failure_expires = settings.result_failure_expires;
    options.chord_expires = settings.result_chord_expires;
    options.chord_join_timeout = settings.result_chord_join_timeout;
    options.serializer = settings.result_serializer;
    options.compression.clone_from(&settings.result_compression);
    // What belongs to results is read here, the rest says how to connect.
    let mut transport: Map = settings.result_backend_transport_options.clone();
    if let Some(prefix) = transport.shift_remove("global_keyprefix") {
        let wrong = || {
            Error::new(
                ErrorKind::Config,
                "`result_backend_transport_options`: `global_keyprefix` must be a text",
            )
        };
        options.key_prefix = prefix.as_str().ok_or_else(wrong)?.to_owned();
    }
    if let Some(ordered) = transport.shift_remove("result_chord_ordered") {
        let wrong = || {
            Error::new(
                ErrorKind::Config,
                "`result_backend_transport_options`: `result_chord_ordered` must be true or false",
            )
        };
        options.chord_ordered = ordered.as_bool().ok_or_else(wrong)?;
    }
    transport.shift_remove("retry_policy");
    options.connection = RedisOptions::from_map(&transport)?;
    if !transport.contains_key("socket_connect_timeout")
        && let Some(timeout) = settings.redis_socket_connect_timeout
    {
        options.connection.connect_timeout = timeout;
    }
    // Its default, 120 s, is Celery's; ours is shorter, so that a silent server is noticed.
    if !transport.contains_key("socket_timeout") && settings.source("redis_socket_timeout").is_some() {
        options.connection.socket_timeout =
            settings.redis_socket_timeout.unwrap_or(options.connection.socket_timeout);
    }
    tls(&mut options.connection, urls, &settings.redis_backend_use_ssl, "redis_backend_use_ssl")?;
    Ok(Arc::new(RedisBackend::connect(urls, options).await?))
}

/// Reads Celery's TLS options; the setting wins over the address.
fn tls(options: &mut RedisOptions, urls: &Urls, given: &Value, setting: &str) -> Result<(), Error> {
    let wrong = |what: String| Error::new(ErrorKind::Config, format!("`{setting}`: {what}"));
    let tls = &mut options.tls;
    for (name, value) in query(urls) {
        tls.set(&name, &Value::from(value))
            .map_err(|what| Error::new(ErrorKind::Config, format!("`{urls}`: {what}")))?;
    }
    match given {
        Value::Null | Value::Bool(false) => {}
        Value::Bool(true) => tls.on = true,
        Value::Map(map) => {
            tls.on |= !map.is_empty();
            for (name, value) in map {
                // Celery's name for Redis, or the one for AMQP.
                let name = if name.starts_with("ssl_") { name.clone() } else { format!("ssl_{name}") };
                tls.set(&name, value).map_err(wrong)?;
            }
        }
        _ => return Err(wrong("must be true, false or a table".to_owned())),
    }
    Ok(())
}

/// The TLS options in the query of the first address: `rediss://h/0?ssl_ca_certs=/ca.pem`.
fn query(urls: &Urls) -> BTreeMap<String, String> {
    let (_, query) = urls.first().expose().split_once('?').unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| TlsOptions::NAMES.contains(&name.as_ref()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_is_read_from_the_address_and_the_setting_wins() {
        let urls = Urls::parse("rediss://h/0?ssl_ca_certs=/a%20b.pem&ssl_cert_reqs=required&db=1").unwrap();
        let mut options = RedisOptions::default();
        tls(&mut options, &urls, &Value::Bool(true), "broker_use_ssl").unwrap();
        assert_eq!(options.tls.ca_certs, Some("/a b.pem".into()));
        let map =
            |name: &str| Value::Map([(name.to_owned(), Value::Str("/c.pem".into()))].into_iter().collect());
        tls(&mut options, &urls, &map("ssl_ca_certs"), "broker_use_ssl").unwrap();
        assert_eq!(options.tls.ca_certs, Some("/c.pem".into()));
        let error = tls(&mut options, &urls, &map("ca_cert"), "broker_use_ssl").unwrap_err().to_string();
        assert!(error.contains("`ssl_ca_cert`") && error.contains("`ssl_ca_certs`"), "{error}");
        let plain = Urls::parse("redis://h/0").unwrap();
        let mut options = RedisOptions::default();
        tls(&mut options, &plain, &Value::Bool(false), "broker_use_ssl").unwrap();
        assert!(!options.tls.on);
        tls(&mut options, &plain, &map("ca_certs"), "broker_use_ssl").unwrap();
        assert!(options.tls.on, "a table asks for TLS whatever the address says");
    }
}
