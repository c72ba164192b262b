//! `memory://name`: shared by everything in this process that uses that name, gone with the process.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use taskq_core::{
    backend::{MemoryBackend, ResultBackend},
    broker::{Broker, MemoryBroker},
    config::{Settings, Urls},
    schedule::{MemorySchedules, ScheduleStore},
    time::system_clock,
};

pub(super) fn broker(urls: &Urls, _: &Settings) -> Arc<dyn Broker> {
    Arc::new(MemoryBroker::shared(name(urls)))
}

pub(super) fn backend(urls: &Urls, settings: &Settings) -> Arc<dyn ResultBackend> {
    let backend = MemoryBackend::shared(name(urls));
    Arc::new(backend.expires(settings.result_expires).failure_expires(settings.result_failure_expires))
}

pub(super) fn schedules(urls: &Urls) -> Arc<dyn ScheduleStore> {
    static BY_NAME: LazyLock<Mutex<HashMap<String, MemorySchedules>>> = LazyLock::new(Mutex::default);
    let mut by_name = BY_NAME.lock().unwrap_or_else(PoisonError::into_inner);
    let store = by_name.entry(name(urls).to_owned());
    Arc::new(store.or_insert_with(|| MemorySchedules::new(system_clock())).clone())
}

fn name(urls: &Urls) -> &str {
    urls.first().rest().trim_start_matches('/')
}
