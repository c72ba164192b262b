//! `/preview` and `/jobs`: something done many times.
//!
//! Kept true here: it is counted before it is confirmed, and what was counted is what is done; a job can be stopped
//! between two steps; how many plans and jobs are remembered is bounded.

mod choose;
mod run;
mod work;

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
use tokio::sync::Notify;

use self::{choose::Chosen, work::Work};
use super::{
    audit::Act,
    body::Body,
    problem::{Problem, Reply, now, reply},
};
use crate::{auth::Caller, server::Shared};

/// Steps of one job.
const MOST: usize = 50_000;
/// Plans that wait to be confirmed, and for how long, in seconds.
const PLANS: usize = 32;
const WAITS: f64 = 600.0;
/// Jobs that are remembered.
const JOBS: usize = 100;
/// Reasons of failures that are kept of a job.
const REASONS: usize = 20;

/// How fast, and when to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Pace {
    /// Steps a second; `None`: as fast as it goes.
    rate: Option<f64>,
    /// After so many steps somebody has to say that it may go on.
    canary: Option<usize>,
    /// It stops by itself when more than this share of the tasks that it sent has failed.
    stop_over: Option<f64>,
}

impl Pace {
    fn read(body: &Body) -> Result<Self, Problem> {
        let rate = body.float("rate")?;
        if rate.is_some_and(|rate| rate <= 0.0) {
            return Err(Problem::argument("`rate` has to be more than 0 steps a second"));
        }
        let stop_over = body.float("stop_over")?;
        if stop_over.is_some_and(|share| !(0.0..1.0).contains(&share)) {
            return Err(Problem::argument("`stop_over` has to be a share: at least 0, less than 1"));
        }
        let canary = body.int("canary")?.and_then(|count| usize::try_from(count).ok()).filter(|it| *it > 0);
        Ok(Self { rate, canary, stop_over })
    }
}

/// What waits to be confirmed.
#[derive(Debug)]
struct Plan {
    token: String,
    at: f64,
    user: String,
    work: Work,
    pace: Pace,
}

/// What is being done.
#[derive(Debug)]
struct Job {
    id: String,
    at: f64,
    user: String,
    work: Work,
    pace: Pace,
    done: AtomicU64,
    failed: AtomicU64,
    /// Tasks that it sent, and that failed again.
    failed_again: AtomicU64,
    stopped: AtomicBool,
    waits: AtomicBool,
    over: AtomicBool,
    go_on: Notify,
    reasons: Mutex<Vec<Json>>,
    /// Why it stopped by itself.
    why: Mutex<Option<String>>,
}

impl Job {
    fn json(&self) -> Json {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let state = match (is(&self.over), is(&self.stopped)) {
            (false, false) if is(&self.waits) => "waiting",
            (false, false) => "running",
            (false, true) => "stopping",
            (true, true) => "stopped",
            (true, false) => "done",
        };
        json!({
            "id": self.id, "at": self.at, "user": self.user, "action": self.work.word(), "state": state,
            "total": self.work.len(), "done": self.done.load(Ordering::Relaxed),
            "failed": self.failed.load(Ordering::Relaxed),
            "failed_again": self.failed_again.load(Ordering::Relaxed), "reasons": *held(&self.reasons),
            "what": self.work.shown(), "rate": self.pace.rate, "why": *held(&self.why),
        })
    }

    /// Whether what became of the tasks that it sends matters.
    fn watches(&self) -> bool {
        self.pace.stop_over.is_some() || self.pace.canary.is_some()
    }

    fn failed(&self, step: usize, problem: &Problem) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let mut reasons = held(&self.reasons);
        if reasons.len() < REASONS {
            reasons.push(json!({"id": self.work.name(step), "why": problem.detail()}));
        }
    }

    fn stop(&self, why: Option<String>) {
        *held(&self.why) = why;
        self.stopped.store(true, Ordering::Relaxed);
        self.go_on.notify_waiters();
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
        .route("/api/v1/jobs/{id}/resume", post(resume))
}

async fn preview(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    let Chosen { work, sample, more } = choose::choose(&shared, &caller, &body).await?;
    caller.require_some(work.permission())?;
    let warning = more.then(|| format!("there are more; one job takes {MOST}"));
    let count = work.len();
    let pace = Pace::read(&body)?;
    let token = format!("{:032x}", fastrand::u128(..));
    let at = now(&shared);
    let user = caller.shown().to_owned();
    {
        let mut plans = held(&shared.v1.jobs.plans);
        plans.retain(|plan| at - plan.at < WAITS);
        if plans.len() >= PLANS {
            plans.pop_front();
        }
        plans.push_back(Plan { token: token.clone(), at, user, work, pace });
    }
    Ok(reply(&shared, json!({"token": token, "count": count, "sample": sample, "warning": warning})))
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
    caller.require_some(plan.work.permission())?;
    let job = Arc::new(Job {
        id: format!("{:016x}", fastrand::u64(..)),
        at: now(&shared),
        user: plan.user,
        work: plan.work,
        pace: plan.pace,
        done: AtomicU64::new(0),
        failed: AtomicU64::new(0),
        failed_again: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
        waits: AtomicBool::new(false),
        over: AtomicBool::new(false),
        go_on: Notify::new(),
        reasons: Mutex::default(),
        why: Mutex::default(),
    });
    {
        let mut jobs = held(&shared.v1.jobs.jobs);
        if jobs.len() >= JOBS {
            jobs.pop_front();
        }
        jobs.push_back(Arc::clone(&job));
    }
    let act = Act::new(&caller, job.work.word(), &job.id, job.work.shown());
    tokio::spawn(run::run(shared.clone(), caller, Arc::clone(&job), act));
    Ok(reply(&shared, job.json()))
}

async fn list(State(shared): State<Shared>) -> Reply {
    let jobs: Vec<Json> = held(&shared.v1.jobs.jobs).iter().rev().map(|job| job.json()).collect();
    Ok(reply(&shared, json!({"jobs": jobs})))
}

async fn stop(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    let job = job(&shared, &caller, &id)?;
    job.stop(None);
    Act::new(&caller, "job.stop", &id, Json::Null).done(&shared, &Ok(()), |()| Json::Null).await;
    Ok(reply(&shared, job.json()))
}

async fn resume(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    let job = job(&shared, &caller, &id)?;
    if !job.waits.swap(false, Ordering::Relaxed) {
        return Err(Problem::conflict("the job does not wait for anybody"));
    }
    job.go_on.notify_waiters();
    Act::new(&caller, "job.resume", &id, Json::Null).done(&shared, &Ok(()), |()| Json::Null).await;
    Ok(reply(&shared, job.json()))
}

fn job(shared: &Shared, caller: &Caller, id: &str) -> Result<Arc<Job>, Problem> {
    let job = held(&shared.v1.jobs.jobs).iter().find(|job| job.id == id).cloned();
    let job = job.ok_or_else(|| Problem::missing(format!("there is no job `{id}`")))?;
    caller.require_some(job.work.permission())?;
    Ok(job)
}
