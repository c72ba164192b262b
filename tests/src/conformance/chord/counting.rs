//! Counting members.

use taskq_core::{
    backend::{ChordPart, ChordProgress, State, TaskOutput},
    codec::{Value, json},
};

use super::bench::{Bench, claimed, count, counted, done, failed, numbers, value};
use crate::conformance::backend::bench as results;

/// However the members end, the body gets them in the order of the header.
pub async fn the_last_member_claims_and_gets_the_results_in_order(bench: &Bench) {
    let group = bench.start(3).await;
    counted(&bench.one, &group, 2, &done(30)).await;
    counted(&bench.other, &group, 0, &done(10)).await;
    assert_eq!(numbers(claimed(&bench.one, &group, 1, &done(20)).await), [10, 20, 30]);
}

/// Also when its second run returned something else, to another worker.
pub async fn a_redelivered_member_counts_once(bench: &Bench) {
    let group = bench.start(2).await;
    let first = done(1);
    for _ in 0..3 {
        counted(&bench.one, &group, 0, &first).await;
        let again = taskq_core::backend::TaskMeta { id: first.id.clone(), ..done(100) };
        counted(&bench.other, &group, 0, &again).await;
    }
    assert_eq!(numbers(claimed(&bench.one, &group, 1, &done(2)).await), [1, 2]);
}

/// The sender says the size before its last message, when the first members may be over.
pub async fn members_may_end_before_the_size_is_known(bench: &Bench) {
    let group = taskq_core::protocol::TaskId::new().to_string();
    counted(&bench.one, &group, 0, &done(1)).await;
    counted(&bench.other, &group, 1, &done(2)).await;
    bench.start_as(&group, 3).await;
    assert_eq!(numbers(claimed(&bench.one, &group, 2, &done(3)).await), [1, 2, 3]);
}

/// Members of several chords in one call; answers stand in the order of the parts.
pub async fn a_batch_is_counted_member_by_member(bench: &Bench) {
    let (two, three) = (bench.start(2).await, bench.start(3).await);
    let metas: Vec<_> = (0..4).map(done).collect();
    let places = [(&two, 0), (&three, 0), (&two, 1), (&three, 1)];
    let parts: Vec<_> = places
        .iter()
        .zip(&metas)
        .map(|((group, index), meta)| ChordPart { group, id: &meta.id, index: Some(*index), meta })
        .collect();
    let mut progress = bench.one.count(&parts).await.expect("count");
    assert_eq!(progress.len(), 4);
    for at in [0, 1, 3] {
        assert!(matches!(progress[at], ChordProgress::Counted), "{progress:?}");
    }
    let ChordProgress::Claimed(claim) = progress.remove(2) else { panic!("{progress:?}") };
    assert_eq!((claim.group.clone(), numbers(claim)), (two, vec![0, 2]));
    assert_eq!(numbers(claimed(&bench.one, &three, 2, &done(9)).await), [1, 3, 9]);
    assert!(bench.one.count(&[]).await.expect("count nothing").is_empty());
}

/// The claimer learns who failed, and with what.
pub async fn a_failed_member_is_told_with_its_error(bench: &Bench) {
    let group = bench.start(2).await;
    let bad = failed("bad luck");
    counted(&bench.one, &group, 0, &bad).await;
    let found = super::bench::members(claimed(&bench.other, &group, 1, &done(2)).await);
    assert_eq!((&found[0].id, &found[0].state, &found[0].output), (&bad.id, &State::Failure, &bad.output));
    assert_eq!(found[1].state, State::Success);
}

/// `add_to_chord` before the header is complete.
pub async fn a_chord_that_grows_waits_for_what_was_added(bench: &Bench) {
    let group = bench.start(1).await;
    bench.other.grow(&group, 1).await.expect("grow");
    bench.one.grow(&group, 1).await.expect("grow");
    counted(&bench.one, &group, 0, &done(1)).await;
    counted(&bench.one, &group, 1, &done(2)).await;
    assert_eq!(numbers(claimed(&bench.other, &group, 2, &done(3)).await), [1, 2, 3]);
}

/// A frozen signature that stands in the header twice has one id.
pub async fn one_task_at_two_places_counts_twice(bench: &Bench) {
    let group = bench.start(2).await;
    let first = done(1);
    counted(&bench.one, &group, 0, &first).await;
    let second = taskq_core::backend::TaskMeta { id: first.id.clone(), ..done(2) };
    assert_eq!(numbers(claimed(&bench.one, &group, 1, &second).await), [1, 2]);
}

/// A large header, backwards, in batches.
pub async fn a_thousand_members_come_in_order(bench: &Bench) {
    let group = bench.start(1_000).await;
    let metas: Vec<_> = (0..1_000).map(done).collect();
    let mut claim = None;
    let mut members: Vec<_> = (0..1_000_i64).zip(&metas).collect();
    members.reverse();
    for chunk in members.chunks(250) {
        let parts: Vec<_> = chunk
            .iter()
            .map(|(index, meta)| ChordPart { group: &group, id: &meta.id, index: Some(*index), meta })
            .collect();
        for progress in bench.one.count(&parts).await.expect("count") {
            if let ChordProgress::Claimed(taken) = progress {
                assert!(claim.replace(taken).is_none(), "claimed twice");
            }
        }
    }
    assert_eq!(numbers(claim.expect("claimed")), (0..1_000).collect::<Vec<_>>());
}

/// Texts, maps, markers and floats come to the body as they were returned; a member without index comes last.
pub async fn values_of_every_kind_reach_the_body(bench: &Bench) {
    let texts =
        [r#""\u00fc""#, r#"{"a":[1,2.5,null,true]}"#, r#"{"__type__":"date","__value__":"2030-01-02"}"#];
    let group = bench.start(4).await;
    let last = results::ready(State::Success, TaskOutput::Value(Value::Str("last".into())));
    let part = ChordPart { group: &group, id: &last.id, index: None, meta: &last };
    assert!(matches!(bench.one.count(&[part]).await.expect("count")[0], ChordProgress::Counted));
    for (index, text) in (0..).zip(texts) {
        let progress = count(&bench.other, &group, index, &results::success(text)).await;
        if let ChordProgress::Claimed(claim) = progress {
            let found: Vec<_> = super::bench::members(claim).iter().map(value).collect();
            let mut expected: Vec<Value> =
                texts.iter().map(|text| json::from_slice(text.as_bytes()).expect("JSON")).collect();
            expected.push(Value::Str("last".into()));
            assert_eq!(found, expected);
            return;
        }
    }
    panic!("never claimed");
}
