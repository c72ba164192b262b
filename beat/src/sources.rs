//! Which entries there are: those of code and settings go into the store, and leave it when they are gone there.

use std::collections::BTreeMap;

use taskq_core::{
    Error,
    app::App,
    schedule::{Change, Entry, Overlap, ScheduleStore, Snapshot, Source},
};
use tracing::{info, warn};

/// Brings the store up to date with the app's own entries.
///
/// # Errors
/// When the store cannot be read or written.
pub(crate) async fn sync(app: &App, store: &dyn ScheduleStore) -> Result<Snapshot, Error> {
    let snapshot = store.snapshot().await?;
    for (name, why) in &snapshot.unreadable {
        let own = app.entries().iter().any(|entry| entry.name == *name);
        if !own {
            warn!(entry = name, why, "an entry of the schedule cannot be read, and is left alone");
        }
    }
    let changes = changes(app.entries(), &snapshot);
    if changes.is_empty() {
        return Ok(snapshot);
    }
    for change in &changes {
        match change {
            Change::Put(entry) => info!(entry = entry.name, schedule = %entry.describe(), "entry stored"),
            Change::Remove(name) => info!(entry = name, "entry removed: it is gone from code and settings"),
            _ => {}
        }
    }
    store.change(&changes).await?;
    store.snapshot().await
}

fn changes(own: &[Entry], snapshot: &Snapshot) -> Vec<Change> {
    let stored: BTreeMap<&str, &Entry> =
        snapshot.entries.iter().map(|entry| (entry.name.as_str(), entry)).collect();
    let mut changes = Vec::new();
    for entry in own {
        let known = snapshot.states.contains_key(&entry.name);
        // What cannot be stored makes no difference: a schedule of its own, arguments computed at send time.
        let same = match stored.get(entry.name.as_str()) {
            Some(stored) => stored.source == entry.source && stored.to_map() == entry.to_map(),
            None => known && entry.to_map().is_none(),
        };
        if !same {
            changes.push(Change::Put(Box::new(entry.clone())));
        }
    }
    let gone = stored.values().filter(|stored| {
        stored.source != Source::Runtime && !own.iter().any(|entry| entry.name == stored.name)
    });
    changes.extend(gone.map(|entry| Change::Remove(entry.name.clone())));
    changes
}

/// Says what will probably not work as meant.
pub(crate) fn check(app: &App) {
    for entry in app.entries() {
        let task = &entry.call.task;
        let known = app.registry().get(task);
        if known.is_none() {
            warn!(
                entry = entry.name,
                task, "no task of that name in this program: a worker elsewhere must know it"
            );
        }
        let ignores =
            known.and_then(|def| def.options.ignore_result).unwrap_or(app.settings().task_ignore_result);
        if entry.overlap != Overlap::Allow && ignores {
            warn!(
                entry = entry.name,
                task, "`overlap` needs the result of the run before, and the task stores none"
            );
        }
    }
}
