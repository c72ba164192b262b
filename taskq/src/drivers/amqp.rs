//! RabbitMQ, from Celery's settings to the driver's options.

use std::{path::PathBuf, sync::Arc};

use taskq_amqp::{AmqpBroker, AmqpOptions, QueueType, RpcBackend, RpcOptions};
use taskq_core::{
    Error, ErrorKind,
    backend::ResultBackend,
    broker::Broker,
    codec::Value,
    config::{Settings, Urls},
};

pub(super) async fn broker(urls: &Urls, settings: &Settings) -> Result<Arc<dyn Broker>, Error> {
    Ok(Arc::new(AmqpBroker::connect(urls, options(urls, settings)?).await?))
}

/// `rpc://`: results come through the broker.
pub(super) async fn backend(settings: &Settings) -> Result<Arc<dyn ResultBackend>, Error> {
    let urls = settings.write_url();
    let scheme = urls.first().scheme();
    if !matches!(scheme.as_ref(), "amqp" | "amqps" | "pyamqp") {
        return Err(wrong(&format!(
            "`result_backend`: `rpc://` sends results through RabbitMQ, and `broker_url` is `{urls}`: name a place for \
             results, such as `redis://` or `sqlite:`, or use RabbitMQ as the broker"
        )));
    }
    let mut rpc = RpcOptions::default();
    rpc.expires = settings.result_expires;
    rpc.persistent = settings.result_persistent.unwrap_or(false);
    rpc.serializer = settings.result_serializer;
    rpc.connection = options(urls, settings)?;
    Ok(Arc::new(RpcBackend::connect(urls, rpc).await?))
}

fn options(urls: &Urls, settings: &Settings) -> Result<AmqpOptions, Error> {
    let transport = &settings.broker_transport_options;
    let mut options = AmqpOptions::from_map(transport)?;
    if !transport.contains_key("connect_timeout") {
        options.connect_timeout = settings.broker_connection_timeout;
    }
    // Its default, 120 s, is Celery's; ours is shorter, so that a silent broker is noticed.
    if !transport.contains_key("heartbeat") && settings.source("broker_heartbeat").is_some() {
        options.heartbeat = settings.broker_heartbeat;
    }
    if options.login_method.is_none() {
        options.login_method.clone_from(&settings.broker_login_method);
    }
    options.shuffle = settings.broker_failover_strategy.as_deref() == Some("shuffle");
    options.queue_max_priority =
        settings.task_queue_max_priority.map(|max| max.try_into().unwrap_or(u8::MAX));
    if settings.task_default_queue_type == "quorum" {
        options.queue_type = QueueType::Quorum;
    }
    // The default queue does, and those that are made on demand (`task_create_missing_queue_type`).
    options.queues_say_type = true;
    if settings.broker_native_delayed_delivery_queue_type == "classic" {
        options.delayed_queue_type = QueueType::Classic;
    }
    options.management = settings.broker_api.as_ref().map(|urls| urls.first().clone());
    for (name, value) in query(urls) {
        tls(&mut options, &name, &Value::from(value)).map_err(|what| wrong(&format!("`{urls}`: {what}")))?;
    }
    match &settings.broker_use_ssl {
        Value::Null | Value::Bool(false) => {}
        Value::Bool(true) => options.tls = true,
        Value::Map(map) => {
            options.tls |= !map.is_empty();
            for (name, value) in map {
                tls(&mut options, name, value).map_err(|what| wrong(&format!("`broker_use_ssl`: {what}")))?;
            }
        }
        _ => return Err(wrong("`broker_use_ssl`: must be true, false or a table")),
    }
    match options.client_cert {
        Some((ref cert, ref key)) if cert.as_os_str().is_empty() || key.as_os_str().is_empty() => {
            Err(wrong("`broker_use_ssl`: `certfile` and `keyfile` belong together"))
        }
        _ => Ok(options),
    }
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Config, what.to_owned())
}

/// One of the options of Python's `ssl`, with or without the `ssl_` that they have in addresses.
fn tls(options: &mut AmqpOptions, name: &str, value: &Value) -> Result<(), String> {
    let name = name.strip_prefix("ssl_").unwrap_or(name);
    let path =
        || value.as_str().map(PathBuf::from).ok_or_else(|| format!("`{name}` must be the path of a file"));
    match name {
        "ca_certs" => options.ca_certs = Some(path()?),
        "certfile" => options.client_cert.get_or_insert_default().0 = path()?,
        "keyfile" => options.client_cert.get_or_insert_default().1 = path()?,
        "server_hostname" => {
            options.server_name =
                Some(value.as_str().ok_or_else(|| format!("`{name}` must be a text"))?.to_owned());
        }
        // What is less than this driver demands: certificates and names are verified all the same.
        "cert_reqs" | "check_hostname" => {
            let lax = value.as_bool() == Some(false)
                || value.as_i64() == Some(0)
                || value.as_str().is_some_and(|text| text.to_ascii_lowercase().ends_with("none"));
            if lax {
                tracing::warn!("`{name}`: certificates are verified all the same");
            }
        }
        "ssl_version" | "version" | "ciphers" => {}
        _ => {
            return Err(format!(
                "`{name}` is not known; there are `ca_certs`, `certfile`, `keyfile`, `server_hostname`, `cert_reqs`"
            ));
        }
    }
    Ok(())
}

/// The TLS options in the query of the first address: `amqps://h//?ssl_ca_certs=/ca.pem`.
fn query(urls: &Urls) -> Vec<(String, String)> {
    let (_, query) = urls.first().expose().split_once('?').unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .filter(|(name, _)| name.starts_with("ssl_"))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(url: &str, settings: &Settings) -> Result<AmqpOptions, String> {
        options(&Urls::parse(url).unwrap(), settings).map_err(|error| error.to_string())
    }

    #[test]
    fn celerys_settings_are_read() {
        let mut settings = Settings::default();
        let options = read("amqp://h", &settings).unwrap();
        assert_eq!(options.heartbeat, Some(Duration::from_secs(2)));
        assert_eq!((options.queue_type, options.tls), (QueueType::Classic, false));
        settings.task_queue_max_priority = Some(10);
        settings.task_default_queue_type = "quorum".into();
        settings.broker_use_ssl = Value::Bool(true);
        let options = read("amqp://h", &settings).unwrap();
        assert_eq!((options.queue_max_priority, options.queue_type), (Some(10), QueueType::Quorum));
        assert!(options.tls);
    }

    #[test]
    fn tls_is_read_from_the_address_and_the_setting_wins() {
        let mut settings = Settings::default();
        let url = "amqps://h//?ssl_ca_certs=/a%20b.pem&ssl_certfile=/c&ssl_keyfile=/k";
        let options = read(url, &settings).unwrap();
        assert_eq!(options.ca_certs, Some("/a b.pem".into()));
        assert_eq!(options.client_cert, Some(("/c".into(), "/k".into())));
        let map = |name: &str| Value::Map([(name.to_owned(), Value::from("/z"))].into_iter().collect());
        settings.broker_use_ssl = map("ca_certs");
        assert_eq!(read(url, &settings).unwrap().ca_certs, Some("/z".into()));
        settings.broker_use_ssl = map("keyfile");
        assert!(read("amqp://h", &settings).unwrap_err().contains("belong together"));
        settings.broker_use_ssl = map("ca_cert");
        assert!(read("amqp://h", &settings).unwrap_err().contains("`ca_cert` is not known"));
    }
}
