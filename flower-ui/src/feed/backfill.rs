//! Learning what happened while nothing could be heard: at the start, and after an outage.
//!
//! Kept true here: what is learnt this way is marked as inferred and never overrules an event; a worker or a
//! backend that does not answer costs nothing but what it would have told.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    Timestamp,
    app::App,
    backend::{State, TaskMeta, TaskOutput},
    codec::{Map, Value, repr},
    event::exception,
    protocol::TaskId,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    live::{Change, Live, clock},
    record::{Call, End, Mark, Said, Step, Told, seconds, shorten},
    store::Store,
};

/// Unfinished tasks that are asked for; the newest.
const MOST: usize = 10_000;
/// Tasks that are asked for in one go.
const BATCH: usize = 200;
/// How long workers may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks each time that `back` is told, until `stop`.
pub(super) async fn run(
    app: App,
    store: Arc<Store>,
    live: Arc<Live>,
    back: Arc<Notify>,
    stop: CancellationToken,
) {
    let backfill = Backfill { app, store, live };
    loop {
        tokio::select! {
            () = back.notified() => {}
            () = stop.cancelled() => return,
        }
        let work = async {
            backfill.ask_workers().await;
            backfill.ask_results().await;
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => return,
        }
    }
}

struct Backfill {
    app: App,
    store: Arc<Store>,
    live: Arc<Live>,
}

impl Backfill {
    /// What workers run, hold and have scheduled.
    async fn ask_workers(&self) {
        for (method, step) in
            [("active", Step::Started), ("reserved", Step::Received), ("scheduled", Step::Received)]
        {
            let replies = match self.app.control().ask(method).timeout(PATIENCE).await {
                Ok(replies) => replies,
                Err(error) => {
                    tracing::debug!(%error, method, "workers could not be asked what they have");
                    return;
                }
            };
            for (worker, tasks) in replies {
                let Value::List(tasks) = tasks else { continue };
                for task in tasks {
                    self.held(&worker, step, task).await;
                }
            }
        }
    }

    /// A task that a worker has.
    async fn held(&self, worker: &str, step: Step, task: Value) {
        let Value::Map(mut task) = task else { return };
        let mut eta = text(&task, "eta");
        // What waits for its time is wrapped.
        if let Some(Value::Map(request)) = task.shift_remove("request") {
            task = request;
        } else {
            eta = None;
        }
        let Some(id) = text(&task, "id") else { return };
        if let Ok(Some(known)) = self.store.task(&id).await
            && known
                .attempts
                .iter()
                .any(|it| it.worker.as_deref() == Some(worker) && it.received.or(it.started).is_some())
        {
            return;
        }
        let now = clock();
        let at = match task.get("time_start") {
            Some(Value::Float(at)) if step == Step::Started && *at > 1e9 && *at <= now => *at,
            _ => now,
        };
        let shown = |name: &str| match task.get(name)? {
            Value::Null => None,
            Value::Str(text) => Some(shorten(text.clone())),
            other => Some(shorten(repr::value(other))),
        };
        let routing_key = match task.get("delivery_info") {
            Some(Value::Map(info)) => text(info, "routing_key"),
            _ => None,
        };
        let host: Arc<str> = worker.into();
        let said = Said {
            name: shown("name").or_else(|| shown("type")).map(Arc::from),
            args: shown("args"),
            kwargs: shown("kwargs"),
            eta,
            routing_key: routing_key.map(Arc::from),
            ..Said::default()
        };
        let mark = Mark {
            at,
            step,
            host: Arc::clone(&host),
            clock: 0,
            inferred: true,
            retries: None,
            eta: said.eta.as_deref().and_then(seconds),
            end: None,
        };
        self.tell(Told { id: id.into(), mark, call: Some(Call { at, host, said }) });
    }

    /// How tasks ended that are not known to have.
    async fn ask_results(&self) {
        let ids = match self.store.unfinished(MOST).await {
            Ok(ids) if !ids.is_empty() => ids,
            _ => return,
        };
        let Ok(backend) = self.app.backend().await else { return };
        let ids: Vec<TaskId> = ids.iter().map(|id| TaskId::from(id.as_str())).collect();
        let mut found = 0;
        for ids in ids.chunks(BATCH) {
            match backend.fetch(ids).await {
                Ok(metas) => {
                    for meta in metas.into_iter().flatten().filter(|meta| meta.state.is_ready()) {
                        self.ended(meta);
                        found += 1;
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "results could not be asked for how tasks ended");
                    break;
                }
            }
        }
        self.live.backfilled(found);
    }

    fn ended(&self, meta: TaskMeta) {
        let step = match meta.state {
            State::Success => Step::Succeeded,
            State::Failure => Step::Failed,
            _ => Step::Revoked,
        };
        let (mut result, mut error) = (None, None);
        match &meta.output {
            TaskOutput::Json(json) => result = Some(repr::raw_value(json)),
            TaskOutput::Value(value) => result = Some(repr::value(value)),
            TaskOutput::Error(told) => error = Some(exception(told)),
        }
        let at = meta.date_done.map_or_else(clock, |at: Timestamp| at.as_microsecond() as f64 / 1e6);
        let worker = meta.extended.as_ref().map(|extended| extended.worker.as_str()).unwrap_or_default();
        let end = End {
            result: result.filter(|_| step == Step::Succeeded).map(shorten),
            exception: error.map(shorten),
            traceback: meta.traceback.map(shorten),
            ..End::default()
        };
        let mark = Mark {
            at,
            step,
            host: worker.into(),
            clock: 0,
            inferred: true,
            retries: None,
            eta: None,
            end: Some(Box::new(end)),
        };
        self.tell(Told { id: meta.id.as_str().into(), mark, call: None });
    }

    fn tell(&self, told: Told) {
        let id = Arc::clone(&told.id);
        self.store.tell(told);
        self.live.changed(|| Change::Task(id));
    }
}

fn text(map: &Map, name: &str) -> Option<String> {
    map.get(name)?.as_str().map(str::to_owned)
}
