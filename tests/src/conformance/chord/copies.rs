//! Copies of what ends a chord: one is taken.

use std::sync::Arc;

use taskq_core::{
    backend::{ChordClaim, ChordCopy, ChordStore, TaskMeta},
    protocol::TaskId,
};
use tokio::task::JoinSet;

use super::bench::{Bench, claimed, done, failed};

async fn take(store: &Arc<dyn ChordStore>, claim: &ChordClaim, place: u32) -> bool {
    store.take(&ChordCopy::under(claim, place)).await.expect("take")
}

/// A claim of one worker, and the one that another worker gets instead of it.
async fn two_claims(bench: &Bench, group: &str, only: &TaskMeta) -> [ChordClaim; 2] {
    let first = claimed(&bench.one, group, 0, only).await;
    bench.one.release(&first).await.expect("release");
    [first, claimed(&bench.other, group, 0, only).await]
}

/// Whichever it is, it may be delivered again; each message of a body is told apart by its place.
pub async fn of_two_copies_the_first_one_taken_runs(bench: &Bench) {
    let (group, only) = (bench.start(1).await, done(1));
    let [first, second] = two_claims(bench, &group, &only).await;
    assert_ne!(first.token, second.token);
    assert!(take(&bench.other, &second, 0).await);
    assert!(!take(&bench.one, &first, 0).await, "a copy was taken");
    assert!(take(&bench.one, &second, 0).await, "the same message, delivered again");
    assert!(take(&bench.one, &first, 1).await, "another message");
    assert!(!take(&bench.other, &second, 1).await, "a copy was taken");
    assert!(bench.other.finish(&second).await.expect("finish"));
    assert!(!take(&bench.one, &first, 0).await, "a copy was taken after the end of the chord");
    assert!(take(&bench.one, &second, 0).await, "the same message, delivered after the end of the chord");
}

/// Many workers are given one each at the same time.
pub async fn of_many_copies_one_is_taken(bench: &Bench) {
    let (group, only) = (bench.start(1).await, done(1));
    let claim = claimed(&bench.one, &group, 0, &only).await;
    let mut taking = JoinSet::new();
    for turn in 0..20 {
        let store = if turn % 2 == 0 { bench.one.clone() } else { bench.other.clone() };
        let claim = ChordClaim { token: TaskId::new().to_string(), ..claim.clone() };
        taking.spawn(async move { take(&store, &claim, 0).await });
    }
    let taken = taking.join_all().await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1, "{taken:?}");
}

/// The same frozen chord, sent once more after its end: its body is another one.
pub async fn a_chord_that_starts_again_has_copies_of_its_own(bench: &Bench) {
    let (group, only) = (bench.start(1).await, done(1));
    let claim = claimed(&bench.one, &group, 0, &only).await;
    assert!(take(&bench.one, &claim, 0).await);
    assert!(bench.one.finish(&claim).await.expect("finish"));
    bench.start_as(&group, 1).await;
    let again = two_claims(bench, &group, &only).await;
    assert!(take(&bench.other, &again[0], 0).await, "the body of the second run");
    assert!(!take(&bench.other, &again[1], 0).await, "a copy was taken");
}

/// Who is told of its second failure is told of something else than of its first.
pub async fn a_chord_opened_again_has_copies_of_its_own(bench: &Bench) {
    let (group, bad) = (bench.start(1).await, failed("x"));
    let claim = claimed(&bench.one, &group, 0, &bad).await;
    assert!(take(&bench.one, &claim, 0).await);
    bench.one.fail(&claim).await.expect("fail");
    bench.other.reopen(&group, std::slice::from_ref(&bad.id)).await.expect("reopen");
    let claim = claimed(&bench.other, &group, 0, &bad).await;
    assert!(take(&bench.other, &claim, 0).await);
}
