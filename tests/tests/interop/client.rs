//! A Rust program that calls tasks of other programs.

use taskq::core::config::Sources;
use taskq::{App, Error, Value, task};
use taskq_tests::redis_server::RedisServer;

/// An app of a program that only sends.
pub(crate) fn app(redis: &RedisServer, settings: &[(&str, Value)]) -> Result<App, Error> {
    // Numbers mean what they mean to Celery.
    let celerys = Sources::none().set("redis_priority", "celery");
    let sources = settings.iter().fold(celerys, |all, (name, value)| all.set(*name, value.clone()));
    let sources =
        sources.set("broker_url", redis.url(0).as_str()).set("result_backend", redis.url(1).as_str());
    App::builder().sources(sources).build()
}

// The tasks of `conf_tasks.py` as this program sees them: the bodies are never run.

#[task(name = "conf_tasks.add")]
pub(crate) async fn add(x: i64, y: i64) -> i64 {
    x + y
}

#[task(name = "conf_tasks.tsum")]
pub(crate) async fn tsum(nums: Vec<f64>) -> f64 {
    nums.iter().sum()
}

#[task(name = "conf_tasks.identity")]
pub(crate) async fn identity(x: Value) -> Value {
    x
}

#[task(name = "conf_tasks.big")]
pub(crate) async fn big(n: usize) -> String {
    "x".repeat(n)
}

#[task(name = "conf_tasks.raise_error")]
pub(crate) async fn raise_error() {}

#[task(name = "conf_tasks.whoami")]
pub(crate) async fn whoami() -> String {
    String::new()
}

#[task(name = "conf_tasks.record")]
pub(crate) async fn record(id: String, key: String) -> String {
    drop(key);
    id
}

#[task(name = "conf_tasks.record_worker")]
pub(crate) async fn record_worker(id: String, key: String) -> String {
    drop(key);
    id
}
