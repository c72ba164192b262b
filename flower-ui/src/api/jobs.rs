//! `/preview` and `/jobs`: the same thing done to many tasks.
//!
//! Kept true here: it is counted before it is confirmed, and what was counted is what is done; a job can be stopped
//! between two tasks; how many plans and jobs are remembered is bounded.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value as Json, json};
use taskq_core::{codec::Value, result::AsyncResult};

use super::{
    audit::Act,
    body::Body,
    problem::{Problem, Reply, now, reply},
    tasks::{again, rows, search},
};
use crate::{
    auth::{Caller, Permission},
    query::{Page, TaskQuery},
    server::Shared,
};

/// Tasks of one job.
const MOST: usize = 50_000;
/// Tasks that are read at a time.
const READ: u64 = 1_000;
/// Plans that wait to be confirmed, and for how long, in seconds.
const PLANS: usize = 32;
const WAITS: f64 = 600.0;
/// Jobs that are remembered.
const JOBS: usize = 100;
/// Tasks that are shown before.
const SAMPLE: usize = 10;
/// Reasons of failures that are kept of a job.
const REASONS: usize = 20;

/// What may be done to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Retry,
    Revoke,
    Terminate,
    Forget,
}

impl Action {
    fn read(word: &str) -> Result<Self, Problem> {
        Ok(match word {
            "retry" => Self::Retry,
            "revoke" => Self::Revoke,
            "terminate" => Self::Terminate,
            "forget" => Self::Forget,
            _ => {
                return Err(Problem::argument(format!("`{word}` cannot be done to many tasks"))
                    .fix("actions are retry, revoke, terminate, forget"));
            }
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::Retry => "job.retry",
            Self::Revoke => "job.revoke",
            Self::Terminate => "job.terminate",
            Self::Forget => "job.forget",
        }
    }

    fn permission(self) -> Permission {
        match self {
            Self::Retry => Permission::TaskRetry,
            Self::Revoke => Permission::TaskRevoke,
            Self::Terminate => Permission::TaskTerminate,
            Self::Forget => Permission::TaskDelete,
        }
    }
}

/// What waits to be confirmed.
#[derive(Debug)]
struct Plan {
    token: String,
    at: f64,
    user: String,
    action: Action,
    ids: Vec<String>,
}

/// What is being done.
#[derive(Debug)]
struct Job {
    id: String,
    at: f64,
    user: String,
    action: Action,
    total: usize,
    done: AtomicU64,
    failed: AtomicU64,
    stopped: AtomicBool,
    over: AtomicBool,
    reasons: Mutex<Vec<Json>>,
}

impl Job {
    fn json(&self) -> Json {
        let state = match (self.over.load(Ordering::Relaxed), self.stopped.load(Ordering::Relaxed)) {
            (false, false) => "running",
            (false, true) => "stopping",
            (true, true) => "stopped",
            (true, false) => "done",
        };
        json!({
            "id": self.id, "at": self.at, "user": self.user, "action": self.action.word(), "state": state,
            "total": self.total, "done": self.done.load(Ordering::Relaxed),
            "failed": self.failed.load(Ordering::Relaxed), "reasons": *held(&self.reasons),
        })
    }

    fn failed(&self, id: &str, problem: &Problem) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut reasons = held(&self.reasons);
        if reasons.len() < REASONS {
            reasons.push(json!({"id": id, "why": problem.detail()}));
        }
    }
}

/// Plans and jobs.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    plans: Mutex<VecDeque<Plan>>,
    jobs: Mutex<VecDeque<Arc<Job>>>,
}

fn held<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/preview", post(preview))
        .route("/api/v1/jobs", get(list).post(start))
        .route("/api/v1/jobs/{id}/stop", post(stop))
}

async fn preview(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    let action = Action::read(body.required("action")?)?;
    caller.require(action.permission())?;
    let (ids, sample, more) = match body.text("query")? {
        Some(text) => matching(&shared, &caller, text).await?,
        None => named(&shared, &caller, &body).await?,
    };
    let warning = more.then(|| format!("there are more; one job takes {MOST}"));
    let count = ids.len();
    let token = format!("{:032x}", fastrand::u128(..));
    let at = now(&shared);
    let user = caller.shown().to_owned();
    {
        let mut plans = held(&shared.v1.jobs.plans);
        plans.retain(|plan| at - plan.at < WAITS);
        if plans.len() >= PLANS {
            plans.pop_front();
        }
        plans.push_back(Plan { token: token.clone(), at, user, action, ids });
    }
    Ok(reply(&shared, json!({"token": token, "count": count, "sample": sample, "warning": warning})))
}

/// Ids, some rows, and whether there are more.
type Chosen = (Vec<String>, Json, bool);

async fn matching(shared: &Shared, caller: &Caller, text: &str) -> Result<Chosen, Problem> {
    let query = TaskQuery { search: search(shared, Some(text))?, ..TaskQuery::default() };
    let mut page = Page { limit: Some(READ), ..Page::default() };
    let mut ids = Vec::new();
    let mut sample = Json::Null;
    loop {
        let found = shared.store.tasks(&query, &page).await;
        let mut found = found.map_err(|error| Problem::history(&error))?;
        if ids.is_empty() {
            let first = &found.rows[..found.rows.len().min(SAMPLE)];
            sample = json!(rows(first, caller));
        }
        ids.extend(found.rows.drain(..).map(|task| task.id));
        if ids.len() >= MOST || found.next.is_none() {
            let more = ids.len() > MOST || found.next.is_some();
            ids.truncate(MOST);
            return Ok((ids, sample, more));
        }
        page.after = found.next;
    }
}

async fn named(shared: &Shared, caller: &Caller, body: &Body) -> Result<Chosen, Problem> {
    let mut ids = body.texts("targets")?;
    if ids.is_empty() {
        return Err(Problem::argument("neither `query` nor `targets` is given"));
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let more = ids.len() > MOST;
    ids.truncate(MOST);
    let mut first = Vec::new();
    for id in ids.iter().take(SAMPLE) {
        first.extend(shared.store.task(id).await.ok().flatten());
    }
    Ok((ids, json!(rows(&first, caller)), more))
}

async fn start(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    let token = body.required("token")?;
    let plan = {
        let mut plans = held(&shared.v1.jobs.plans);
        let own = |plan: &Plan| {
            plan.token == token && plan.user == caller.shown() && now(&shared) - plan.at < WAITS
        };
        let at = plans.iter().position(own);
        at.and_then(|at| plans.remove(at))
    };
    let plan = plan.ok_or_else(|| {
        Problem::missing("nothing of yours waits under this token")
            .fix("a preview holds for ten minutes, once")
    })?;
    caller.require(plan.action.permission())?;
    let job = Arc::new(Job {
        id: format!("{:016x}", fastrand::u64(..)),
        at: now(&shared),
        user: plan.user,
        action: plan.action,
        total: plan.ids.len(),
        done: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
        over: AtomicBool::new(false),
        reasons: Mutex::default(),
    });
    {
        let mut jobs = held(&shared.v1.jobs.jobs);
        if jobs.len() >= JOBS {
            jobs.pop_front();
        }
        jobs.push_back(Arc::clone(&job));
    }
    let act = Act::new(&caller, plan.action.word(), &job.id, json!({"tasks": job.total}));
    tokio::spawn(run(shared.clone(), caller, Arc::clone(&job), plan.ids, act));
    Ok(reply(&shared, job.json()))
}

async fn run(shared: Shared, caller: Caller, job: Arc<Job>, ids: Vec<String>, act: Act) {
    for id in ids {
        if shared.stop.is_cancelled() {
            job.stopped.store(true, Ordering::Relaxed);
        }
        if job.stopped.load(Ordering::Relaxed) {
            break;
        }
        match one(&shared, &caller, job.action, &id).await {
            Ok(()) => _ = job.done.fetch_add(1, Ordering::Relaxed),
            Err(problem) => job.failed(&id, &problem),
        }
    }
    job.over.store(true, Ordering::Relaxed);
    act.done(&shared, &Ok(()), |()| job.json()).await;
}

async fn one(shared: &Shared, caller: &Caller, action: Action, id: &str) -> Result<(), Problem> {
    let result = AsyncResult::<Value>::new(&shared.app, id);
    let told = match action {
        Action::Retry => return again(shared, caller, id, &Body::default()).await.map(drop),
        Action::Revoke => result.revoke().await,
        Action::Terminate => result.revoke().terminate("SIGTERM").await,
        Action::Forget => result.forget().await,
    };
    told.map_err(|error| Problem::unavailable("it could not be told", &error))
}

async fn list(State(shared): State<Shared>) -> Reply {
    let jobs: Vec<Json> = held(&shared.v1.jobs.jobs).iter().rev().map(|job| job.json()).collect();
    Ok(reply(&shared, json!({"jobs": jobs})))
}

async fn stop(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    let job = held(&shared.v1.jobs.jobs).iter().find(|job| job.id == id).cloned();
    let job = job.ok_or_else(|| Problem::missing(format!("there is no job `{id}`")))?;
    caller.require(job.action.permission())?;
    job.stopped.store(true, Ordering::Relaxed);
    Act::new(&caller, "job.stop", &id, Json::Null).done(&shared, &Ok(()), |()| Json::Null).await;
    Ok(reply(&shared, job.json()))
}
