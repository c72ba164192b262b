//! `sqlite:./taskq.db`: one file for messages and results.

use std::sync::Arc;

use taskq_core::{
    Error,
    backend::ResultBackend,
    broker::Broker,
    config::{Settings, Urls},
    schedule::ScheduleStore,
};
use taskq_sqlite::{SqliteBackend, SqliteBroker, SqliteOptions, SqliteSchedules};

pub(super) async fn broker(urls: &Urls, settings: &Settings) -> Result<Arc<dyn Broker>, Error> {
    Ok(Arc::new(SqliteBroker::open(urls.first().expose(), options(settings)).await?))
}

pub(super) async fn backend(urls: &Urls, settings: &Settings) -> Result<Arc<dyn ResultBackend>, Error> {
    Ok(Arc::new(SqliteBackend::open(urls.first().expose(), options(settings)).await?))
}

pub(super) async fn schedules(urls: &Urls, settings: &Settings) -> Result<Arc<dyn ScheduleStore>, Error> {
    let publishes = urls == settings.write_url();
    Ok(Arc::new(SqliteSchedules::open(urls.first().expose(), options(settings), publishes).await?))
}

fn options(settings: &Settings) -> SqliteOptions {
    let mut options = SqliteOptions::default();
    options.result_expires = settings.result_expires;
    options.result_failure_expires = settings.result_failure_expires;
    options
}
