//! A broker with a queue of its own, an app on it, and workers in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use taskq::App;
use taskq::core::broker::{BrokerAdmin, QueueStats};
use taskq::worker::{Worker, WorkerHandle, WorkerOptions};

use crate::tasks::{echo, noop};

/// Published per call of `delay_many`.
pub const BULK: usize = 1_000;
/// Work that takes longer has lost tasks.
pub const STUCK: Duration = Duration::from_secs(600);
/// How often a drain is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// Where results go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Results {
    /// Nowhere.
    Off,
    /// To the broker's own server; `rpc://` with RabbitMQ.
    On,
}

/// An app whose queue nobody else uses.
#[derive(Debug, Clone)]
pub struct Rig {
    /// Where the broker is.
    pub url: String,
    /// Its queue.
    pub queue: String,
    /// Sends to it.
    pub app: App,
    settings: Vec<(&'static str, String)>,
}

impl Rig {
    /// An app on a new queue of the broker at `url`.
    ///
    /// # Errors
    /// If the settings are refused.
    pub fn new(url: &str, results: Results) -> Result<Self> {
        Self::with(url, results, &[])
    }

    /// The same with more settings.
    ///
    /// # Errors
    /// If the settings are refused.
    pub fn with(url: &str, results: Results, more: &[(&'static str, &str)]) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let queue = format!("bench-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut settings = vec![("broker_url", url.to_owned()), ("task_default_queue", queue.clone())];
        if results == Results::On {
            let backend = if url.starts_with("amqp") { "rpc://" } else { url };
            settings.push(("result_backend", backend.to_owned()));
        }
        settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let mut builder = App::builder();
        for (name, value) in &settings {
            builder = builder.set(*name, value.as_str());
        }
        if results == Results::Off {
            builder = builder.set("task_ignore_result", true);
            settings.push(("task_ignore_result", "true".to_owned()));
        }
        Ok(Self { url: url.to_owned(), queue, app: builder.build()?, settings })
    }

    /// What a process of its own has to be told.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.settings.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Publishes that many [`noop`].
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn fill(&self, tasks: usize) -> Result<()> {
        for _ in 0..tasks.div_ceil(BULK) {
            self.app.delay_many((0..BULK).map(|_| noop.s())).await?;
        }
        Ok(())
    }

    /// Publishes that many [`echo`].
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn fill_echo(&self, tasks: usize) -> Result<()> {
        for _ in 0..tasks.div_ceil(BULK) {
            self.app.delay_many((0..BULK as i64).map(|x| echo.s(x))).await?;
        }
        Ok(())
    }

    /// A worker in this process that consumes.
    ///
    /// # Errors
    /// If it cannot start.
    pub async fn worker(&self, options: &WorkerOptions) -> Result<WorkerHandle> {
        let mut worker = Worker::new(&self.app, options)?.start();
        worker.ready().await?;
        Ok(worker)
    }

    /// How many of `tasks`, which are queued, a new worker takes, runs and settles a second.
    ///
    /// # Errors
    /// If it does not end.
    pub async fn drain(&self, tasks: usize, options: &WorkerOptions) -> Result<f64> {
        let began = Instant::now();
        let worker = self.worker(options).await?;
        succeeded(&worker, tasks).await?;
        let took = began.elapsed();
        worker.stop().await?;
        Ok(tasks as f64 / took.as_secs_f64())
    }

    async fn admin(&self) -> Result<Arc<dyn BrokerAdmin>> {
        self.app.broker().await?.admin().context("the broker cannot be looked into")
    }

    /// What is in its queue.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn stats(&self) -> Result<QueueStats> {
        let stats = self.admin().await?.stats(std::slice::from_ref(&self.queue)).await?;
        stats.into_iter().next().context("the broker says nothing of the queue")
    }

    /// Throws away what waits in its queue.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn purge(&self) -> Result<()> {
        self.admin().await?.purge(&self.queue, &|_| ()).await?;
        Ok(())
    }

    /// Frees what it holds.
    ///
    /// # Errors
    /// Those of the broker.
    pub async fn close(self) -> Result<()> {
        self.app.close().await.context("could not close")
    }
}

/// Waits until `worker` has succeeded with that many.
///
/// # Errors
/// If it does not.
pub async fn succeeded(worker: &WorkerHandle, tasks: usize) -> Result<()> {
    let began = Instant::now();
    while worker.stats().succeeded < tasks as u64 {
        ensure!(began.elapsed() < STUCK, "{:?} after {STUCK:?}", worker.stats());
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}
