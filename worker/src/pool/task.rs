//! Runs async tasks: a loop on the runtime that takes job after job.

use std::sync::Arc;

use taskq_core::task::TaskKind;

use super::{Inner, queue::Next};

/// Jobs in a row before the runtime's other tasks get their turn. Tasks that never wait would starve them.
const JOBS_PER_TURN: u32 = 32;

pub(super) async fn run(inner: Arc<Inner>) {
    let mut ended = None;
    let mut in_a_row = 0;
    loop {
        match inner.next(TaskKind::Async, ended.take()) {
            Next::Job(job, entered, wake) => {
                Inner::act(&inner, wake);
                inner.executor.run(job).await;
                ended = Some(entered);
                in_a_row += 1;
                if in_a_row % JOBS_PER_TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
            Next::Idle(wake) => {
                Inner::act(&inner, wake);
                inner.queue.runner_waits().await;
            }
            Next::Closed => return,
        }
    }
}
