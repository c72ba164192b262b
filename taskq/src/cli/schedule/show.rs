//! Looking at the schedule.

use std::sync::Arc;

use jiff::{SignedDuration, Zoned};
use serde::Serialize;
use taskq_core::{
    Timestamp,
    schedule::{Entry, EntryState, ScheduleStore},
};

use super::{
    super::{
        Failure, Session,
        table::{Align, Table},
        time_arg,
    },
    all, find, zone,
};

/// The most lines of a calendar.
const LINES: usize = 100_000;

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    task: &'a str,
    schedule: String,
    zone: String,
    state: &'static str,
    next: Option<String>,
    last: Option<String>,
    last_task: Option<&'a str>,
    runs: u64,
    source: &'static str,
}

pub(super) async fn list(session: &Session, store: &Arc<dyn ScheduleStore>) -> Result<(), Failure> {
    let entries = all(session, store).await?;
    if entries.is_empty() && !session.out.is_json() {
        session.out.note("the schedule is empty: `schedule add` adds an entry");
        return Ok(());
    }
    let zone = zone(session);
    let now = Timestamp::now();
    let row = |(entry, state): &'_ (Entry, EntryState)| {
        let next = next_of(entry, state, now, &zone);
        (next, state.last_sent.map(|at| at.to_zoned(entry.zone_or(&zone).clone())))
    };
    let times: Vec<_> = entries.iter().map(row).collect();
    session.out.print(
        || {
            let rows = entries.iter().zip(&times).map(|((entry, state), (next, last))| Row {
                name: &entry.name,
                task: &entry.call.task,
                schedule: entry.describe().into_owned(),
                zone: name_of(entry.zone_or(&zone)),
                state: state_of(entry, state),
                next: next.as_ref().map(ToString::to_string),
                last: last.as_ref().map(ToString::to_string),
                last_task: state.last_task.as_ref().map(taskq_core::protocol::TaskId::as_str),
                runs: state.runs,
                source: entry.source.name(),
            });
            rows.collect::<Vec<_>>()
        },
        |style| {
            let mut table = Table::new([
                ("entry", Align::Left),
                ("task", Align::Left),
                ("when", Align::Left),
                ("next", Align::Left),
                ("last", Align::Left),
                ("runs", Align::Right),
                ("state", Align::Left),
            ]);
            for ((entry, state), (next, last)) in entries.iter().zip(&times) {
                table.row([
                    entry.name.clone(),
                    entry.call.task.clone(),
                    entry.describe().into_owned(),
                    next.as_ref().map_or_else(|| "never".to_owned(), shown),
                    last.as_ref().map_or_else(String::new, shown),
                    state.runs.to_string(),
                    state_of(entry, state).to_owned(),
                ]);
            }
            table.render(style)
        },
    )
}

pub(super) async fn next(
    session: &Session,
    store: &Arc<dyn ScheduleStore>,
    name: &str,
    count: usize,
) -> Result<(), Failure> {
    let (entry, state) = find(session, store, name).await?;
    let zone = zone(session);
    let mut times = Vec::new();
    let mut next = next_of(&entry, &state, Timestamp::now(), &zone);
    while let Some(due) = next.filter(|_| times.len() < count) {
        next = entry.next_due(due.timestamp(), &zone);
        times.push(due);
    }
    if times.is_empty() && !session.out.is_json() {
        session.out.note(&format!("`{name}` will not be due any more"));
        return Ok(());
    }
    session.out.print(
        || times.iter().map(ToString::to_string).collect::<Vec<_>>(),
        |_| {
            let lines = times.iter().map(|due| format!("{}  {}", due.strftime("%a"), shown(due)));
            lines.collect::<Vec<_>>().join("\n")
        },
    )
}

pub(super) async fn calendar(session: &Session, store: &Arc<dyn ScheduleStore>) -> Result<(), Failure> {
    let zone = zone(session);
    let now = Timestamp::now();
    let end = now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now);
    let mut times: Vec<(Zoned, String, String)> = Vec::new();
    let mut dense = Vec::new();
    for (entry, state) in all(session, store).await? {
        if state.paused || !entry.enabled {
            continue;
        }
        let before = times.len();
        let mut next = next_of(&entry, &state, now, &zone);
        while let Some(due) = next.filter(|due| due.timestamp() < end && times.len() < LINES) {
            next = entry.next_due(due.timestamp(), &zone);
            times.push((due, entry.name.clone(), entry.call.task.clone()));
        }
        // More than one an hour: one line for all.
        if times.len() - before > 24 {
            let count = times.len() - before;
            times.truncate(before);
            dense.push(format!("`{}` {}: {count} times", entry.name, entry.describe()));
        }
    }
    times.sort_by(|a, b| a.0.cmp(&b.0));
    dense.iter().for_each(|line| session.out.note(line));
    session.out.print(
        || {
            let line = |(due, entry, task): &(Zoned, String, String)| {
                serde_json::json!({"due": due.to_string(), "entry": entry, "task": task})
            };
            times.iter().map(line).collect::<Vec<_>>()
        },
        |style| {
            let mut table =
                Table::new([("due", Align::Left), ("entry", Align::Left), ("task", Align::Left)]);
            for (due, entry, task) in &times {
                table.row([shown(due), entry.clone(), task.clone()]);
            }
            table.render(style)
        },
    )
}

pub(super) async fn history(
    session: &Session,
    store: &Arc<dyn ScheduleStore>,
    name: &str,
    limit: usize,
) -> Result<(), Failure> {
    let (entry, _) = find(session, store, name).await?;
    let history = session.within(store.history(name, limit)).await?;
    if history.is_empty() && !session.out.is_json() {
        session.out.note(&format!("`{name}` has sent nothing yet"));
        return Ok(());
    }
    let zone = zone(session);
    let zone = entry.zone_or(&zone);
    session.out.print(
        || {
            let line = |tick: &taskq_core::schedule::TickRecord| {
                serde_json::json!({
                    "kind": tick.kind.name(),
                    "due": tick.due.to_string(),
                    "at": tick.at.to_string(),
                    "late_seconds": tick.late().as_secs_f64(),
                    "task_id": tick.task.as_str(),
                })
            };
            history.iter().map(line).collect::<Vec<_>>()
        },
        |style| {
            let mut table = Table::new([
                ("due", Align::Left),
                ("kind", Align::Left),
                ("late", Align::Right),
                ("task id", Align::Left),
            ]);
            for tick in &history {
                table.row([
                    shown(&tick.due.to_zoned(zone.clone())),
                    tick.kind.name().to_owned(),
                    time_arg::show(tick.late()),
                    tick.task.to_string(),
                ]);
            }
            table.render(style)
        },
    )
}

fn next_of(entry: &Entry, state: &EntryState, now: Timestamp, zone: &jiff::tz::TimeZone) -> Option<Zoned> {
    if entry.is_spent(state.runs) {
        return None;
    }
    // An interval counts from its last run; what it missed is not a next time.
    let base = state.last_due.or(state.since).unwrap_or(now);
    let mut next = entry.next_due(base, zone)?;
    if next.timestamp() <= now {
        next = entry.next_due(now, zone)?;
    }
    Some(next)
}

fn state_of(entry: &Entry, state: &EntryState) -> &'static str {
    match (entry.enabled, state.paused) {
        (false, _) => "disabled",
        (true, true) => "paused",
        (true, false) => "active",
    }
}

fn shown(at: &Zoned) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn name_of(zone: &jiff::tz::TimeZone) -> String {
    zone.iana_name().map_or_else(|| "local".to_owned(), str::to_owned)
}
