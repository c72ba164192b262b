//! Who sends the body.

use std::time::Duration;

use taskq_core::backend::{CHORD_CLAIM, ChordProgress, TaskMeta};
use tokio::{task::JoinSet, time::Instant};

use super::bench::{Bench, claimed, claimed_at_last, count, counted, done, failed, numbers};

/// Many workers count the same last member at once.
pub async fn the_claim_is_given_to_one_of_many(bench: &Bench) {
    let group = bench.start(2).await;
    counted(&bench.one, &group, 0, &done(1)).await;
    let last = done(2);
    let mut counting = JoinSet::new();
    for turn in 0..20 {
        let store = if turn % 2 == 0 { bench.one.clone() } else { bench.other.clone() };
        let (group, last) = (group.clone(), last.clone());
        counting.spawn(async move { count(&store, &group, 1, &last).await });
    }
    let all = counting.join_all().await;
    let claims = all.iter().filter(|progress| matches!(progress, ChordProgress::Claimed(_))).count();
    let busy = all.iter().filter(|progress| matches!(progress, ChordProgress::Busy)).count();
    assert_eq!((claims, busy), (1, 19), "{all:?}");
}

/// Its holder is gone: whoever counts a member again gets it, with all results; the old holder gets nothing.
pub async fn a_claim_that_lapsed_is_taken_over(bench: &Bench) {
    let group = bench.start(2).await;
    counted(&bench.one, &group, 0, &done(1)).await;
    let last = done(2);
    let dead = claimed(&bench.one, &group, 1, &last).await;
    let taken = claimed_at_last(&bench.other, &group, 1, &last).await;
    assert_ne!(dead.token, taken.token);
    assert!(!bench.one.renew(&dead).await.expect("renew"), "the old claim was renewed");
    assert!(!bench.one.finish(&dead).await.expect("finish"), "the old claim finished the chord");
    assert!(bench.other.renew(&taken).await.expect("renew"));
    assert!(bench.other.finish(&taken).await.expect("finish"));
    assert_eq!(numbers(taken), [1, 2]);
}

/// While the body is published nobody else gets the claim, though the first term is over.
pub async fn a_renewed_claim_outlasts_the_first(bench: &Bench) {
    let group = bench.start(1).await;
    let only = done(1);
    let claim = claimed(&bench.one, &group, 0, &only).await;
    assert!(bench.one.renew(&claim).await.expect("renew"));
    let until = Instant::now() + CHORD_CLAIM + Duration::from_secs(1);
    while Instant::now() < until {
        let progress = count(&bench.other, &group, 0, &only).await;
        assert!(matches!(progress, ChordProgress::Busy), "{progress:?}");
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    assert!(bench.one.finish(&claim).await.expect("finish"));
}

/// Its holder gives it up: nobody has to wait.
pub async fn a_released_claim_is_free_at_once(bench: &Bench) {
    let group = bench.start(1).await;
    let only = done(1);
    let claim = claimed(&bench.one, &group, 0, &only).await;
    bench.one.release(&claim).await.expect("release");
    let next = claimed(&bench.other, &group, 0, &only).await;
    bench.one.release(&claim).await.expect("release nothing");
    assert!(matches!(count(&bench.one, &group, 0, &only).await, ChordProgress::Busy));
    assert!(bench.other.finish(&next).await.expect("finish"));
}

/// Nobody gets a second body out of a member that is delivered again.
pub async fn after_the_end_late_members_are_told(bench: &Bench) {
    let group = bench.start(2).await;
    let metas = [done(1), done(2)];
    counted(&bench.one, &group, 0, &metas[0]).await;
    let claim = claimed(&bench.one, &group, 1, &metas[1]).await;
    assert!(bench.one.finish(&claim).await.expect("finish"));
    for (index, meta) in (0..).zip(&metas) {
        let progress = count(&bench.other, &group, index, meta).await;
        assert!(matches!(progress, ChordProgress::Done), "{progress:?}");
    }
    assert!(!bench.one.renew(&claim).await.expect("renew"));
}

/// A copy of a member that comes after the failure does not fail the chord again.
pub async fn a_failed_chord_is_not_failed_again(bench: &Bench) {
    let group = bench.start(1).await;
    let bad = failed("x");
    let claim = claimed(&bench.one, &group, 0, &bad).await;
    bench.one.fail(&claim).await.expect("fail");
    let progress = count(&bench.other, &group, 0, &bad).await;
    assert!(matches!(progress, ChordProgress::Counted | ChordProgress::Done), "{progress:?}");
    assert!(!bench.one.renew(&claim).await.expect("renew"));
}

/// What failed may run again: the header is complete with it, also when whoever failed the chord says so late.
pub async fn a_chord_opened_again_waits_for_what_failed(bench: &Bench) {
    for late in [false, true] {
        let group = bench.start(2).await;
        let (good, bad) = (done(1), failed("x"));
        counted(&bench.one, &group, 0, &good).await;
        let claim = claimed(&bench.one, &group, 1, &bad).await;
        if !late {
            bench.one.fail(&claim).await.expect("fail");
        }
        bench.other.reopen(&group, std::slice::from_ref(&bad.id)).await.expect("reopen");
        if late {
            bench.one.fail(&claim).await.expect("fail nothing");
        }
        let mended = TaskMeta { id: bad.id.clone(), ..done(2) };
        let claim = claimed(&bench.other, &group, 1, &mended).await;
        assert!(bench.other.renew(&claim).await.expect("renew"));
        assert_eq!(numbers(claim), [1, 2]);
    }
}

/// The same frozen chord, sent once more after its end.
pub async fn a_chord_that_starts_again_counts_anew(bench: &Bench) {
    let group = bench.start(1).await;
    let only = done(1);
    let claim = claimed(&bench.one, &group, 0, &only).await;
    assert!(bench.one.finish(&claim).await.expect("finish"));
    bench.start_as(&group, 1).await;
    assert_eq!(numbers(claimed(&bench.other, &group, 0, &only).await), [1]);
}
