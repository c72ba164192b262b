//! What the overview tells of schedules.

use serde_json::{Value as Json, json};

use crate::{api::plain, server::Shared};

/// An entry that should have run by now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Missed {
    pub(super) entry: String,
    /// When it was due, in seconds since 1970.
    pub(super) due: f64,
    pub(super) has_leader: bool,
}

/// What runs next, and what was missed for longer than `tolerance` seconds.
pub(super) async fn look(shared: &Shared, tolerance: f64) -> (Vec<Json>, Vec<Missed>) {
    let Ok(store) = shared.app.schedules().await else { return Default::default() };
    let Ok(snapshot) = store.snapshot().await else { return Default::default() };
    let (zone, now) = (shared.app.settings().zone(), shared.app.clock().now());
    let mut next = Vec::new();
    let mut missed = Vec::new();
    for entry in &snapshot.entries {
        let state = snapshot.states.get(&entry.name).cloned().unwrap_or_default();
        if state.paused || !entry.enabled || entry.is_spent(state.runs) {
            continue;
        }
        let Some(since) = state.last_due.or(state.since) else { continue };
        let Some(due) = entry.next_due(since, &zone) else { continue };
        let late = plain::seconds(now) - plain::seconds(due.timestamp()) - entry.jitter.as_secs_f64();
        if late > tolerance {
            missed.push(Missed {
                entry: entry.name.clone(),
                due: plain::seconds(due.timestamp()),
                has_leader: snapshot.leader.is_some(),
            });
        }
        let coming = if due.timestamp() > now { Some(due) } else { entry.next_due(now, &zone) };
        next.extend(coming.map(|at| (plain::seconds(at.timestamp()), entry.name.clone())));
    }
    next.sort_by(|a, b| a.0.total_cmp(&b.0));
    (next.into_iter().map(|(at, name)| json!({"name": name, "next": at})).collect(), missed)
}
