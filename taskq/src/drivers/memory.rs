//! `memory://name`: shared by everything in this process that uses that name, gone with the process.

use std::sync::Arc;

use taskq_core::{
    backend::{MemoryBackend, ResultBackend},
    broker::{Broker, MemoryBroker},
    config::{Settings, Urls},
};

pub(super) fn broker(urls: &Urls, _: &Settings) -> Arc<dyn Broker> {
    Arc::new(MemoryBroker::shared(name(urls)))
}

pub(super) fn backend(urls: &Urls, settings: &Settings) -> Arc<dyn ResultBackend> {
    Arc::new(MemoryBackend::shared(name(urls)).expires(settings.result_expires))
}

fn name(urls: &Urls) -> &str {
    urls.first().rest().trim_start_matches('/')
}
