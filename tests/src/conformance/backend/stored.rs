//! Storing, reading, forgetting.

use taskq_core::{
    backend::{State, StoredError, TaskMeta, TaskOutput},
    protocol::TaskId,
};

use super::bench::{Bench, json, ready, soon, success, value};

/// An unknown task reads as nothing (PENDING to the caller).
pub async fn nothing_is_stored_of_an_unknown_task(bench: &Bench) {
    assert_eq!(bench.read(&TaskId::new()).await, None);
    assert_eq!(bench.other.fetch(&[]).await.expect("fetch"), []);
    bench.backend.store(&[]).await.expect("store nothing");
    bench.backend.forget(&[]).await.expect("forget nothing");
}

/// Answers stand in the order asked, with gaps, also for an id that is asked twice.
pub async fn a_batch_is_read_in_the_order_asked(bench: &Bench) {
    let metas: Vec<_> = (0..5).map(|n| success(&n.to_string())).collect();
    bench.store_all(&metas).await;
    let ids = [&metas[3].id, &TaskId::new(), &metas[0].id, &metas[3].id].map(Clone::clone);
    let read = bench.other.fetch(&ids).await.expect("fetch");
    let numbers: Vec<_> =
        read.iter().map(|meta| meta.as_ref().and_then(|meta| value(meta).as_i64())).collect();
    assert_eq!(numbers, [Some(3), None, Some(0), Some(3)]);
}

/// STARTED, RETRY, FAILURE and a second run: the last one stands.
pub async fn states_follow_each_other(bench: &Bench) {
    let id = TaskId::new();
    let error = || TaskOutput::Error(StoredError::builtin("ValueError", "x"));
    for (state, output) in [
        (State::Received, TaskOutput::NULL),
        (State::Started, TaskOutput::NULL),
        (State::Retry, error()),
        (State::Failure, error()),
        (State::Started, TaskOutput::NULL),
        (State::Success, json("1")),
    ] {
        bench.store(&TaskMeta::new(id.clone(), state.clone(), output)).await;
        assert_eq!(bench.read(&id).await.expect("stored").state, state);
    }
}

/// A late failure of a task that ran twice does not replace its success.
pub async fn success_is_never_overwritten(bench: &Bench) {
    let first = success("1");
    bench.store(&first).await;
    let late = [
        TaskMeta { id: first.id.clone(), ..success("2") },
        TaskMeta::new(first.id.clone(), State::Started, TaskOutput::NULL),
        TaskMeta {
            id: first.id.clone(),
            ..ready(State::Failure, TaskOutput::Error(StoredError::builtin("ValueError", "late")))
        },
    ];
    for meta in &late {
        bench.store(meta).await;
        bench.store_by_other(meta).await;
    }
    let read = bench.read(&first.id).await.expect("stored");
    assert_eq!((&read.state, value(&read).as_i64()), (&State::Success, Some(1)));
}

/// The rules hold within one call too.
pub async fn the_last_of_a_batch_wins_unless_success_came_before(bench: &Bench) {
    let (id, done) = (TaskId::new(), success("1"));
    let batch = [
        TaskMeta::new(id.clone(), State::Started, TaskOutput::NULL),
        done.clone(),
        TaskMeta::new(id.clone(), State::Retry, TaskOutput::Error(StoredError::builtin("E", "x"))),
        TaskMeta::new(done.id.clone(), State::Started, TaskOutput::NULL),
    ];
    bench.store_all(&batch).await;
    assert_eq!(bench.read(&id).await.expect("stored").state, State::Retry);
    assert_eq!(bench.read(&done.id).await.expect("stored").state, State::Success);
}

/// A forgotten result reads as nothing; the others stay; the id can be used again.
pub async fn what_is_forgotten_is_gone(bench: &Bench) {
    let metas = [success("1"), success("2"), success("3")];
    bench.store_all(&metas).await;
    bench.other.forget(&[metas[0].id.clone(), TaskId::new(), metas[2].id.clone()]).await.expect("forget");
    assert_eq!(bench.read(&metas[0].id).await, None);
    assert!(bench.read(&metas[1].id).await.is_some());
    bench.store(&TaskMeta::new(metas[0].id.clone(), State::Started, TaskOutput::NULL)).await;
    assert_eq!(bench.read(&metas[0].id).await.expect("stored").state, State::Started);
}

/// A large batch is one call each way.
pub async fn a_thousand_results_in_one_call(bench: &Bench) {
    let metas: Vec<_> = (0..1_000).map(|n| success(&n.to_string())).collect();
    let ids: Vec<_> = metas.iter().map(|meta| meta.id.clone()).collect();
    soon("storing", bench.store_all(&metas)).await;
    let read = soon("reading", bench.other.fetch(&ids)).await.expect("fetch");
    for (n, meta) in read.iter().enumerate() {
        let number = value(meta.as_ref().expect("stored")).as_i64();
        assert_eq!(number, i64::try_from(n).ok());
    }
    bench.backend.forget(&ids).await.expect("forget");
    assert!(bench.other.fetch(&ids).await.expect("fetch").iter().all(Option::is_none));
}
