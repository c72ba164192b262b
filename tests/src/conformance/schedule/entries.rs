//! Entries: adding, changing, removing.

use std::{borrow::Cow, sync::Arc};

use taskq_core::schedule::{Change, Claim, Entry, Overlap, Schedule, Source};

use super::bench::{Bench, at, entry, tick};

/// A store that nobody used reads as empty.
pub async fn an_empty_store_has_nothing(bench: &Bench) {
    let snapshot = bench.store.snapshot().await.expect("snapshot");
    assert!(snapshot.entries.is_empty() && snapshot.states.is_empty() && snapshot.leader.is_none());
    assert_eq!(bench.store.history("none", 10).await.expect("history"), []);
    assert!(!bench.change(Change::Remove("none".into())).await);
    assert!(!bench.change(Change::Pause("none".into(), true)).await);
    assert!(!bench.change(Change::RunNow("none".into(), at(0))).await);
}

/// Definitions come back as they were, in the order of their names.
pub async fn what_was_put_is_read_by_others(bench: &Bench) {
    let mut second = entry("b \"quoted\" / é");
    second.overlap = Overlap::Skip;
    second.source = Source::Code;
    second.max_runs = Some(3);
    let entries = [entry("a"), second];
    let changes = entries.iter().rev().map(|entry| Change::Put(Box::new(entry.clone())));
    bench.store.change(&changes.collect::<Vec<_>>()).await.expect("change");
    let snapshot = bench.other.snapshot().await.expect("snapshot");
    assert_eq!(snapshot.entries, entries);
    assert!(snapshot.states.values().all(|state| state.since.is_some() && state.runs == 0));
    assert!(snapshot.unreadable.is_empty());
}

/// Somebody edits an entry: it goes on where it was, and stays paused.
pub async fn a_new_definition_keeps_the_state(bench: &Bench) {
    bench.put("a").await;
    let token = bench.lead("beat").await;
    assert_eq!(bench.claim(token, &tick("a", 1, None)).await, Claim::Won);
    assert!(bench.change(Change::Pause("a".into(), true)).await);
    let before = bench.state("a").await.expect("a state");
    let mut changed = entry("a");
    changed.max_runs = Some(7);
    bench.change(Change::Put(Box::new(changed.clone()))).await;
    assert_eq!(bench.state("a").await.expect("a state"), before);
    assert!(before.paused && before.runs == 1);
    assert_eq!(bench.other.snapshot().await.expect("snapshot").entries, [changed]);
    assert!(bench.change(Change::Pause("a".into(), false)).await);
    assert!(!bench.state("a").await.expect("a state").paused);
}

/// Removed, and added again: it starts afresh.
pub async fn what_is_removed_is_gone_with_its_state(bench: &Bench) {
    bench.put("a").await;
    bench.put("b").await;
    let token = bench.lead("beat").await;
    bench.claim(token, &tick("a", 1, None)).await;
    assert!(bench.change(Change::Remove("a".into())).await);
    assert!(bench.state("a").await.is_none() && bench.state("b").await.is_some());
    bench.put("a").await;
    let state = bench.state("a").await.expect("a state");
    assert_eq!((state.last_due, state.runs), (None, 0));
    assert_eq!(bench.other.history("a", 10).await.expect("history"), []);
}

/// A beat asks only for the revision until it changes.
pub async fn every_change_raises_the_revision(bench: &Bench) {
    let mut last = bench.other.revision().await.expect("revision");
    for change in [
        Change::Put(Box::new(entry("a"))),
        Change::Pause("a".into(), true),
        Change::RunNow("a".into(), at(1)),
        Change::Remove("a".into()),
    ] {
        bench.change(change).await;
        let revision = bench.other.revision().await.expect("revision");
        assert!(revision > last, "{revision} after {last}");
        assert_eq!(bench.other.snapshot().await.expect("snapshot").revision, revision);
        last = revision;
    }
}

#[derive(Debug)]
struct FullMoon;

impl Schedule for FullMoon {
    fn next(&self, after: &jiff::Zoned) -> Option<jiff::Zoned> {
        Some(after.clone())
    }

    fn describe(&self) -> Cow<'_, str> {
        Cow::Borrowed("at full moon")
    }
}

/// Only its program knows the schedule, but the store knows what happened.
pub async fn somebody_s_own_schedule_keeps_its_state(bench: &Bench) {
    let own: Arc<dyn Schedule> = Arc::new(FullMoon);
    let own = Entry::new("own", own, entry("own").call);
    bench.change(Change::Put(Box::new(own))).await;
    let token = bench.lead("beat").await;
    assert_eq!(bench.claim(token, &tick("own", 1, None)).await, Claim::Won);
    let snapshot = bench.other.snapshot().await.expect("snapshot");
    assert!(snapshot.entries.is_empty() || snapshot.entries[0].describe() == "at full moon");
    assert!(snapshot.unreadable.iter().all(|(name, why)| name == "own" && why.contains("at full moon")));
    assert_eq!(snapshot.states["own"].last_due, Some(at(1)));
}
