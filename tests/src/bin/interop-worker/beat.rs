//! `interop-worker beat`: the scheduler, told by the same environment.
//!
//! `SCHEDULE_FILE` is where the schedule is kept when neither broker nor backend can keep it.

use std::env;

use taskq::beat::Beat;
use taskq::core::codec::{Map, json};
use taskq::core::config::Sources;
use taskq::{App, Error, ErrorKind, Registry, Value};
use taskq_worker::{SignalRule, Signals, Stop};
use tokio_util::sync::CancellationToken;

pub(crate) async fn run(registry: Registry) -> Result<(), Error> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let conf = variable("CONF").unwrap_or_else(|| "{}".to_owned());
    let conf: Map = json::from_slice(conf.as_bytes())
        .map_err(|error| Error::with_source(ErrorKind::Config, "could not read `CONF`", error))?;
    let broker =
        variable("BROKER_URL").ok_or_else(|| Error::new(ErrorKind::Config, "`BROKER_URL` is not set"))?;
    let backend = variable("RESULT_BACKEND").unwrap_or_else(|| "disabled://".to_owned());
    let keeps = [&broker, &backend].into_iter().any(|url| url.starts_with("redis"));
    let mut sources = Sources::none()
        .lenient()
        .set("redis_priority", "celery")
        .set_all(conf)
        .set("broker_url", Value::Str(broker))
        .set("result_backend", Value::Str(backend));
    if let Some(file) = variable("SCHEDULE_FILE").filter(|_| !keeps) {
        sources = sources.set("beat_store", Value::Str(format!("sqlite:{file}")));
    }
    let app = App::builder().sources(sources).registry(registry).build()?;
    app.install();
    let stop = Stop::new();
    let _signals = Signals::install(&stop, SignalRule::Celery)
        .map_err(|error| Error::with_source(ErrorKind::Other, "could not listen for signals", error))?;
    let ended = CancellationToken::new();
    let cancel = ended.clone();
    tokio::spawn(async move {
        stop.warm_asked().await;
        cancel.cancel();
    });
    Beat::new(&app).run(ended).await?;
    app.close().await
}
