//! `/schedules`: periodic tasks, when they run next, and what can be done to them.

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use taskq_core::{
    Timestamp,
    broker::{Queue, Topology},
    schedule::{Change, Claim, Entry, EntryState, ScheduleStore, Tick, TickKind, TickRecord},
};

use super::{
    audit::Act,
    plain,
    problem::{Problem, Reply, reply},
};
use crate::{
    auth::{Caller, Permission, Target},
    server::Shared,
};

/// Runs that are told in advance.
const NEXT: usize = 5;
/// Runs that are told in the list, and on the page of one entry.
const LAST: usize = 20;
const HISTORY: usize = 200;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/schedules", get(list))
        .route("/api/v1/schedules/{entry}", get(detail))
        .route("/api/v1/schedules/{entry}/{action}", post(act))
}

/// An entry with its state.
type Known = (Entry, EntryState);

/// What the store says.
#[derive(Debug)]
struct Schedule {
    entries: Vec<Known>,
    unreadable: Vec<(String, String)>,
    leader: Option<String>,
}

async fn list(State(shared): State<Shared>) -> Reply {
    let store = match shared.app.schedules().await {
        Ok(store) => store,
        Err(error) => return Ok(reply(&shared, none(&error.to_string()))),
    };
    let schedule = match read(&shared, &*store).await {
        Ok(schedule) => schedule,
        Err(error) => return Ok(reply(&shared, none(&error.to_string()))),
    };
    let mut rows = Vec::with_capacity(schedule.entries.len());
    for (entry, state) in &schedule.entries {
        let history = store.history(&entry.name, LAST).await.unwrap_or_default();
        rows.push(row(&shared, entry, state, &history));
    }
    let note = match (&schedule.leader, rows.is_empty()) {
        (_, true) => Some("the schedule is empty: `taskq schedule add` adds an entry"),
        (None, _) => Some("no beat leads: start one with `taskq beat`, nothing runs until then"),
        _ => None,
    };
    let unreadable: Vec<Json> =
        schedule.unreadable.iter().map(|(name, why)| json!({"name": name, "why": why})).collect();
    Ok(reply(
        &shared,
        json!({
            "schedules": rows, "leader": schedule.leader, "readable": true, "note": note,
            "unreadable": unreadable,
        }),
    ))
}

fn none(why: &str) -> Json {
    json!({"schedules": [], "leader": null, "readable": false, "note": why, "unreadable": []})
}

async fn detail(State(shared): State<Shared>, caller: Caller, Path(name): Path<String>) -> Reply {
    let store = open(&shared).await?;
    let (entry, state) = find(&shared, &*store, &name).await?;
    let history = store.history(&name, HISTORY).await.map_err(|error| unreadable(&error))?;
    let mut body = row(&shared, &entry, &state, &history);
    body["history"] = history.iter().map(tick).collect();
    let sight = caller.sight(&shared, Target::task(Some(&entry.call.task), None));
    if !sight.any() {
        return Ok(reply(&shared, body));
    }
    let args: Vec<Json> = entry.call.args.iter().map(plain::plain).collect();
    let mut seen = sight.of(json!({"args": args, "kwargs": plain::object(&entry.call.kwargs)}));
    (body["args"], body["kwargs"]) = (seen["args"].take(), seen["kwargs"].take());
    Ok(reply(&shared, body))
}

async fn act(
    State(shared): State<Shared>,
    caller: Caller,
    Path((name, action)): Path<(String, String)>,
) -> Reply {
    let (permission, word, change) = match action.as_str() {
        "run" => {
            (Permission::ScheduleRun, "schedule.run", Change::RunNow(name.clone(), shared.app.clock().now()))
        }
        "pause" => (Permission::ScheduleEdit, "schedule.pause", Change::Pause(name.clone(), true)),
        "resume" => (Permission::ScheduleEdit, "schedule.resume", Change::Pause(name.clone(), false)),
        "delete" => (Permission::ScheduleEdit, "schedule.delete", Change::Remove(name.clone())),
        _ => return Err(Problem::missing(format!("a schedule has no action `{action}`"))),
    };
    caller.require_some(permission)?;
    let mut audit = Act::new(&caller, word, &name, Json::Null);
    let result = changed(&shared, &caller, permission, &name, &change).await;
    if let Ok((_, before)) = &result {
        let after = match &change {
            Change::Remove(_) => Json::Null,
            Change::Pause(_, paused) => json!({"when": before["when"], "paused": paused}),
            _ => before.clone(),
        };
        audit.change(before.clone(), after);
    }
    audit.done(&shared, &result, |_| Json::Null).await;
    let (leader, _) = result?;
    let note = match (word, &leader) {
        ("schedule.run", Some(_)) => "the leading beat sends it within a second or so",
        ("schedule.run", None) => "no beat leads: it is sent when one does",
        _ => "done",
    };
    Ok(reply(&shared, json!({"name": name, "action": action, "leader": leader, "note": note})))
}

async fn changed(
    shared: &Shared,
    caller: &Caller,
    permission: Permission,
    name: &str,
    change: &Change,
) -> Result<(Option<String>, Json), Problem> {
    let store = open(shared).await?;
    let (entry, state) = find(shared, &*store, name).await?;
    caller.require_call(shared, permission, &entry.call)?;
    if matches!(change, Change::Remove(_)) && shared.app.entries().iter().any(|entry| entry.name == name) {
        return Err(Problem::conflict(format!(
            "`{name}` stands in the program or its settings: a beat would add it again"
        ))
        .fix("remove it there, or pause it"));
    }
    let failed = |error: &taskq_core::Error| Problem::unavailable("the schedule cannot be changed", error);
    store.change(std::slice::from_ref(change)).await.map_err(|error| failed(&error))?;
    let leader = store.snapshot().await.map_err(|error| failed(&error))?.leader;
    Ok((leader, json!({"when": entry.describe(), "paused": state.paused})))
}

async fn open(shared: &Shared) -> Result<std::sync::Arc<dyn ScheduleStore>, Problem> {
    shared.app.schedules().await.map_err(|error| unreadable(&error))
}

fn unreadable(error: &taskq_core::Error) -> Problem {
    Problem::unavailable("the schedule cannot be read", error)
}

async fn find(shared: &Shared, store: &dyn ScheduleStore, name: &str) -> Result<Known, Problem> {
    let schedule = read(shared, store).await.map_err(|error| unreadable(&error))?;
    let found = schedule.entries.into_iter().find(|(entry, _)| entry.name == name);
    found.ok_or_else(|| Problem::missing(format!("there is no schedule entry `{name}`")))
}

async fn read(shared: &Shared, store: &dyn ScheduleStore) -> Result<Schedule, taskq_core::Error> {
    let snapshot = store.snapshot().await?;
    Ok(Schedule {
        entries: snapshot.known(shared.app.entries()),
        unreadable: snapshot.unreadable,
        leader: snapshot.leader,
    })
}

fn row(shared: &Shared, entry: &Entry, state: &EntryState, history: &[TickRecord]) -> Json {
    let default = shared.app.settings().zone();
    let zone = entry.zone_or(&default);
    json!({
        "name": entry.name,
        "task": entry.call.task,
        "words": entry.describe(),
        "zone": zone_name(zone),
        "next": next(entry, state, shared.app.clock().now(), &default),
        "last": history.first().map(tick),
        "paused": state.paused,
        "enabled": entry.enabled,
        "runs": state.runs,
        "asked": state.asked.map(plain::seconds),
        "since": state.since.map(plain::seconds),
        "last_due": state.last_due.map(plain::seconds),
        "source": entry.source.name(),
        "late": history.iter().map(|tick| tick.late().as_secs_f64()).collect::<Vec<_>>(),
    })
}

/// Due times of an entry that lie between and have passed, at most `most`; some of them as text with whether they
/// were sent; whether there are more.
pub(super) async fn due_between(
    shared: &Shared,
    name: &str,
    from: f64,
    to: f64,
    most: usize,
) -> Result<(Vec<Timestamp>, Json, bool), Problem> {
    let at = |seconds: f64| {
        #[allow(clippy::cast_possible_truncation)] // checked by the conversion
        let micros = (seconds * 1e6) as i64;
        Timestamp::from_microsecond(micros).map_err(|_| Problem::argument(format!("{seconds} is no time")))
    };
    let (from, to) = (at(from)?, at(to)?.min(shared.app.clock().now()));
    if from > to {
        return Err(Problem::argument("`from` has to be before `to`, and in the past"));
    }
    let store = open(shared).await?;
    let (entry, _) = find(shared, &*store, name).await?;
    let zone = shared.app.settings().zone();
    let mut due = Vec::new();
    let mut after = from.checked_sub(jiff::SignedDuration::from_micros(1)).unwrap_or(from);
    while due.len() <= most
        && let Some(next) =
            entry.next_due(after, &zone).map(|next| next.timestamp()).filter(|next| *next <= to)
    {
        due.push(next);
        after = next;
    }
    let more = due.len() > most;
    due.truncate(most);
    let sent =
        store.history(name, taskq_core::schedule::HISTORY).await.map_err(|error| unreadable(&error))?;
    let was_sent = |due: Timestamp| sent.iter().any(|tick| tick.due == due && tick.kind != TickKind::LeftOut);
    let sample =
        due.iter().take(NEXT).map(|due| json!({"due": plain::seconds(*due), "sent": was_sent(*due)}));
    let sample = sample.collect();
    Ok((due, sample, more))
}

/// Sends an entry for a due time that has passed, once.
pub(super) async fn send(shared: &Shared, name: &str, due: Timestamp) -> Result<(), Problem> {
    let failed = |error: &dyn std::error::Error| Problem::unavailable("the task could not be sent", error);
    let store = open(shared).await?;
    let (entry, _) = find(shared, &*store, name).await?;
    let broker = shared.app.broker().await.map_err(|error| failed(&error))?;
    let draft = shared.app.draft(entry.call_at(due)).map_err(|error| failed(&error))?;
    if let Some(queue) = draft.queue() {
        let topology = Topology { queues: vec![Queue::clone(queue)] };
        broker.declare(&topology).await.map_err(|error| failed(&error))?;
    }
    let message = shared.app.prepare(draft).await.map_err(|error| failed(&error))?;
    let Some(message) = message else { return Err(Problem::conflict("a middleware kept the task back")) };
    let tick = Tick {
        entry: entry.name.clone(),
        kind: TickKind::Backfill,
        due,
        after: None,
        at: shared.app.clock().now(),
        task: entry.task_id(due),
        message: Some(Box::new(message.clone())),
    };
    let claims = store.claim(0, &[tick]).await.map_err(|error| failed(&error))?;
    if claims.first() != Some(&Claim::Won) {
        return Err(Problem::conflict("it had been sent before"));
    }
    if !store.publishes() {
        broker.publish(&[message]).await.map_err(|error| failed(&error))?;
    }
    Ok(())
}

fn zone_name(zone: &TimeZone) -> Option<String> {
    zone.iana_name().map(str::to_owned)
}

fn tick(tick: &TickRecord) -> Json {
    json!({
        "kind": tick.kind.name(),
        "due": plain::seconds(tick.due),
        "sent": plain::seconds(tick.at),
        "late": tick.late().as_secs_f64(),
        "task": tick.task.as_str(),
    })
}

/// The next due times; none while it is paused or off.
fn next(entry: &Entry, state: &EntryState, now: Timestamp, default: &TimeZone) -> Vec<f64> {
    if state.paused || !entry.enabled || entry.is_spent(state.runs) {
        return Vec::new();
    }
    let mut times = Vec::new();
    let mut after = state.last_due.or(state.since).unwrap_or(now);
    while times.len() < NEXT
        && let Some(due) = entry.next_due(after, default)
    {
        // What was missed is caught up with at once, or left out.
        after = due.timestamp().max(now);
        times.push(plain::seconds(due.timestamp()));
    }
    times
}
