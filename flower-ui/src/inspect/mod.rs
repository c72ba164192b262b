//! What workers say about themselves when asked: kept, and dated.
//!
//! Kept true here: a worker that does not answer keeps what it said before; what is kept says when it was said;
//! at most so many workers are kept as the options say.

use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use futures_util::future::join_all;
use indexmap::IndexMap;
use taskq_core::{
    Error,
    app::App,
    codec::{Map, Value},
    control::Ask,
};

use crate::server::Shared;

/// What everybody is asked.
const ALL: [&str; 4] = ["stats", "active_queues", "registered", "conf"];
/// What one worker is asked besides: these answers may be long.
const ONE: [&str; 5] = ["scheduled", "active", "reserved", "revoked", LIMITS];
/// Our own name for `registered` with all limits, which Flower does not ask for.
pub(crate) const LIMITS: &str = "limits";
/// What limits a task, as Celery calls it.
const LIMITING: [&str; 3] = ["rate_limit", "soft_time_limit", "time_limit"];

/// How often new workers are looked for.
const AGAIN: Duration = Duration::from_secs(2);

/// What workers said.
#[derive(Debug)]
pub(crate) struct Cache {
    workers: RwLock<IndexMap<String, Map>>,
    /// How many workers are kept.
    bound: usize,
}

impl Cache {
    /// Knows nobody.
    pub(crate) fn new(bound: usize) -> Self {
        Self { workers: RwLock::default(), bound: bound.max(1) }
    }

    /// What a worker said.
    pub(crate) fn get(&self, worker: &str) -> Option<Map> {
        self.workers.read().unwrap_or_else(PoisonError::into_inner).get(worker).cloned()
    }

    /// Whether it ever said something.
    pub(crate) fn knows(&self, worker: &str) -> bool {
        self.workers.read().unwrap_or_else(PoisonError::into_inner).contains_key(worker)
    }

    /// What everybody said.
    pub(crate) fn all(&self) -> Map {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        workers.iter().map(|(name, said)| (name.clone(), Value::Map(said.clone()))).collect()
    }

    /// The queues that workers consume, sorted.
    pub(crate) fn queues(&self) -> Vec<String> {
        self.texts("active_queues", |queue| queue.get("name")?.as_str())
    }

    /// Whether a worker can run tasks of that name.
    pub(crate) fn can_run(&self, task: &str) -> bool {
        // Limits follow the name: `shop.sleepy [rate_limit=0]`.
        self.texts("registered", Value::as_str).iter().any(|known| known.split(' ').next() == Some(task))
    }

    fn texts(&self, method: &str, read: impl Fn(&Value) -> Option<&str>) -> Vec<String> {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        let lists = workers.values().filter_map(|said| said.get(method)?.as_list());
        let mut texts: Vec<String> =
            lists.flatten().filter_map(|item| read(item).map(str::to_owned)).collect();
        texts.sort();
        texts.dedup();
        texts
    }

    /// Asks everybody, or one worker more closely, and keeps what is answered within `timeout`.
    ///
    /// # Errors
    /// When nobody could be asked at all.
    pub(crate) async fn refresh(
        &self,
        app: &App,
        timeout: Duration,
        worker: Option<&str>,
    ) -> Result<(), Error> {
        let more = if worker.is_some() { &ONE[..] } else { &[] };
        let asked = ALL.iter().chain(more).map(|method| {
            let ask = question(app, method).timeout(timeout);
            let ask = match worker {
                Some(worker) => ask.destination([worker]),
                None => ask,
            };
            async move { (*method, ask.await) }
        });
        let mut failed = None;
        for (method, replies) in join_all(asked).await {
            match replies {
                Ok(replies) => {
                    for (name, value) in replies {
                        self.keep(app, name, method, value);
                    }
                }
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    fn keep(&self, app: &App, worker: String, method: &str, mut value: Value) {
        if method == "stats"
            && let Value::Map(stats) = &mut value
            && let Some(Value::Map(broker)) = stats.get_mut("broker")
        {
            broker.shift_remove("alternates");
        }
        let now = app.clock().now().as_microsecond() as f64 / 1e6;
        let mut workers = self.workers.write().unwrap_or_else(PoisonError::into_inner);
        if !workers.contains_key(&worker) && workers.len() >= self.bound {
            workers.shift_remove_index(0); // the one that is known longest
        }
        let said = workers.entry(worker).or_default();
        said.insert(method.to_owned(), value);
        said.insert("timestamp".to_owned(), Value::Float(now));
    }
}

/// Asks everybody at the start, and whoever comes up later.
pub(crate) async fn keep_asking(shared: Shared) {
    let timeout = shared.options.inspect_timeout;
    let mut asked = false;
    loop {
        if !asked {
            asked = shared.workers.refresh(&shared.app, timeout, None).await.is_ok();
        } else if !shared.options.strict() {
            let workers = shared.live.workers();
            for worker in
                workers.iter().filter(|worker| worker.alive && !shared.workers.knows(&worker.hostname))
            {
                let _ = shared.workers.refresh(&shared.app, timeout, Some(&worker.hostname)).await; // asked again
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// As Flower asks it.
fn question(app: &App, method: &str) -> Ask {
    let ask = app.control().ask(method);
    match method {
        LIMITS => {
            let items = LIMITING.map(Value::from).to_vec();
            app.control().ask("registered").arg("taskinfoitems", Value::List(items))
        }
        "registered" => ask.arg("taskinfoitems", Value::List(Vec::new())),
        "conf" => ask.arg("with_defaults", false),
        // Arguments as texts, as Flower shows them.
        "active" => ask.arg("safe", true),
        _ => ask,
    }
}
