//! Waiting for a result: never past it, never for nothing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use taskq_core::{
    backend::{State, StoredError, TaskMeta, TaskOutput, WaitError},
    protocol::TaskId,
};

use super::bench::{Bench, ready, soon, success, value};

/// No notification comes for what is there already.
pub async fn a_result_stored_before_is_there_at_once(bench: &Bench) {
    let meta = success("7");
    bench.store(&meta).await;
    for backend in [&bench.backend, &bench.other] {
        let read = soon("the wait", backend.wait(&meta.id, None)).await.expect("wait");
        assert_eq!(value(&read).as_i64(), Some(7));
    }
}

/// The waiter hears of what another client stores, at whatever moment around the start of the wait.
pub async fn a_result_stored_meanwhile_ends_the_wait(bench: &Bench) {
    for delay in [0, 1, 5, 20, 100] {
        let meta = success("7");
        let other = Arc::clone(&bench.other);
        let id = meta.id.clone();
        let waiting = tokio::spawn(async move { other.wait(&id, Some(super::bench::SOON)).await });
        tokio::time::sleep(Duration::from_millis(delay)).await;
        bench.store(&meta).await;
        let read = soon("the wait", waiting).await.expect("the waiter").expect("wait");
        assert_eq!((&read.id, value(&read).as_i64()), (&meta.id, Some(7)));
    }
}

/// STARTED, RETRY and states of the user's own are not the end.
pub async fn states_before_the_end_do_not_end_the_wait(bench: &Bench) {
    let meta = success("7");
    let (other, id) = (Arc::clone(&bench.other), meta.id.clone());
    let waiting = tokio::spawn(async move { other.wait(&id, None).await });
    for state in [State::Received, State::Started, State::from("PROGRESS"), State::Retry] {
        bench.store(&TaskMeta::new(meta.id.clone(), state, TaskOutput::NULL)).await;
        assert!(!waiting.is_finished());
    }
    bench.store(&meta).await;
    let read = soon("the wait", waiting).await.expect("the waiter").expect("wait");
    assert_eq!(read.state, State::Success);
}

/// Every final state ends the wait; it is the caller who turns it into an error.
pub async fn a_failure_and_a_revocation_end_the_wait(bench: &Bench) {
    for state in [State::Failure, State::Revoked] {
        let meta = ready(state.clone(), TaskOutput::Error(StoredError::builtin("ValueError", "x")));
        let (other, id) = (Arc::clone(&bench.other), meta.id.clone());
        let waiting = tokio::spawn(async move { other.wait(&id, None).await });
        bench.store(&meta).await;
        let read = soon("the wait", waiting).await.expect("the waiter").expect("wait");
        assert_eq!((read.state, read.output), (state, meta.output));
    }
}

/// The time-out names the task and the time; a later wait still works.
pub async fn the_time_out_says_so_and_leaves_nothing_behind(bench: &Bench) {
    let meta = success("7");
    for after in [Duration::ZERO, Duration::from_millis(150)] {
        let start = Instant::now();
        match soon("the time-out", bench.other.wait(&meta.id, Some(after))).await {
            Err(WaitError::Timeout { id, after: said }) => assert_eq!((&id, said), (&meta.id, after)),
            other => panic!("expected a time-out, got {other:?}"),
        }
        assert!(start.elapsed() >= after);
    }
    bench.store(&meta).await;
    let read = soon("the wait", bench.other.wait(&meta.id, Some(Duration::from_secs(10)))).await;
    assert_eq!(value(&read.expect("wait")).as_i64(), Some(7));
}

/// Several waiters for one task, and one client that waits for many tasks at once.
pub async fn many_wait_for_one_and_one_for_many(bench: &Bench) {
    let metas: Vec<_> = (0..50).map(|n| success(&n.to_string())).collect();
    let mut waiting = tokio::task::JoinSet::new();
    for id in metas.iter().map(|meta| &meta.id).chain(std::iter::repeat_n(&metas[0].id, 10)) {
        let (other, id): (_, TaskId) = (Arc::clone(&bench.other), id.clone());
        waiting.spawn(async move {
            let meta = other.wait(&id, None).await.expect("wait");
            assert_eq!(meta.id, id);
        });
    }
    for chunk in metas.chunks(7) {
        bench.store_all(chunk).await;
    }
    for _ in 0..60 {
        soon("all waits", waiting.join_next()).await.expect("60 waiters").expect("a waiter");
    }
}

/// Dropping one wait leaves the other waits for the same task alone.
pub async fn a_cancelled_wait_disturbs_nobody(bench: &Bench) {
    let meta = success("7");
    let (other, id) = (Arc::clone(&bench.other), meta.id.clone());
    let stays = tokio::spawn(async move { other.wait(&id, None).await });
    for _ in 0..20 {
        let _ = tokio::time::timeout(Duration::from_millis(3), bench.other.wait(&meta.id, None)).await;
    }
    bench.store(&meta).await;
    soon("the other wait", stays).await.expect("the waiter").expect("wait");
    soon("a new wait", bench.other.wait(&meta.id, None)).await.expect("wait");
}
