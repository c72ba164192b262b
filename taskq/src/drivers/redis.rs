//! Redis, from Celery's settings to the driver's options.

use std::{path::PathBuf, sync::Arc};

use taskq_core::{
    Error, ErrorKind,
    backend::ResultBackend,
    broker::Broker,
    codec::{Map, Value},
    config::{Settings, Urls},
};
use taskq_redis::{BackendOptions, RedisBackend, RedisBroker, RedisOptions};

pub(super) async fn broker(urls: &Urls, settings: &Settings) -> Result<Arc<dyn Broker>, Error> {
    let mut options = RedisOptions::from_map(&settings.broker_transport_options)?;
    tls(&mut options, &settings.broker_use_ssl, "broker_use_ssl")?;
    Ok(Arc::new(RedisBroker::connect(urls, options).await?))
}

pub(super) async fn backend(urls: &Urls, settings: &Settings) -> Result<Arc<dyn ResultBackend>, Error> {
    let mut options = BackendOptions::default();
    options.expires = settings.result_expires;
    options.failure_expires = settings.result_failure_expires;
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
    for theirs in ["result_chord_ordered", "retry_policy"] {
        transport.shift_remove(theirs);
    }
    options.connection = RedisOptions::from_map(&transport)?;
    if !transport.contains_key("socket_connect_timeout")
        && let Some(timeout) = settings.redis_socket_connect_timeout
    {
        options.connection.connect_timeout = timeout;
    }
    tls(&mut options.connection, &settings.redis_backend_use_ssl, "redis_backend_use_ssl")?;
    Ok(Arc::new(RedisBackend::connect(urls, options).await?))
}

/// Celery's TLS map: `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs`.
fn tls(options: &mut RedisOptions, given: &Value, setting: &str) -> Result<(), Error> {
    let Value::Map(map) = given else { return Ok(()) };
    let path = |name: &str| map.get(name).and_then(Value::as_str).map(PathBuf::from);
    for name in map.keys() {
        if !["ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs"].contains(&name.as_str()) {
            return Err(Error::new(ErrorKind::Config, format!("`{setting}`: `{name}` is not known")));
        }
    }
    options.ca_certs = path("ssl_ca_certs").or(options.ca_certs.take());
    options.client_cert = match (path("ssl_certfile"), path("ssl_keyfile")) {
        (Some(cert), Some(key)) => Some((cert, key)),
        (None, None) => options.client_cert.take(),
        _ => {
            let text = format!("`{setting}`: `ssl_certfile` and `ssl_keyfile` belong together");
            return Err(Error::new(ErrorKind::Config, text));
        }
    };
    Ok(())
}
