//! Time limits of one run.
//!
//! Soft: the task's cancellation token is cancelled. A task that has looked at its token decides itself how to
//! end; another one is dropped at its next await. Hard: it is dropped, whatever it does. A blocking task cannot
//! be dropped: it is told, nothing more (a hard limit in its declaration is refused at start).

use std::{future::Future, pin::pin, time::Duration};

use bytes::Bytes;
use taskq_core::{
    codec::Value,
    task::{Failure, FailureKind, TaskContext, TaskError, TaskKind},
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

use crate::tasks::Limits;

type Ran = Result<Bytes, TaskError>;

/// Runs within limits.
pub(crate) async fn within(
    kind: TaskKind,
    limits: Limits,
    cx: &TaskContext,
    run: impl Future<Output = Ran>,
) -> Ran {
    match kind {
        TaskKind::Async => on_runtime(limits, cx, run).await,
        TaskKind::Blocking => on_thread(limits, cx, run).await,
    }
}

async fn on_runtime(limits: Limits, cx: &TaskContext, run: impl Future<Output = Ran>) -> Ran {
    let mut run = pin!(run);
    let mut hard = pin!(after(limits.hard));
    tokio::select! {
        biased;
        ran = &mut run => return ran,
        () = &mut hard => { cx.cancel(); return Err(hard_limit(limits.hard, DROPPED)); }
        () = after(limits.soft) => cx.cancel(),
    }
    if !cx.watches_cancellation() {
        return Err(soft_limit());
    }
    tokio::select! {
        biased;
        ran = &mut run => ran,
        () = &mut hard => Err(hard_limit(limits.hard, DROPPED)),
    }
}

async fn on_thread(limits: Limits, cx: &TaskContext, run: impl Future<Output = Ran>) -> Ran {
    // One that the settings give to every task was told at the start.
    if cx.request().headers.timelimit.0.is_some() && limits.hard.is_some() {
        warn!(
            task = %cx.request().headers.task, id = %cx.id(),
            "the call's hard time limit is not enforced: the task blocks a thread, which cannot be stopped"
        );
    }
    let told = cx.clone();
    let _watch = limits.soft.map(|soft| {
        AbortOnDropHandle::new(tokio::spawn(async move {
            sleep(soft).await;
            told.cancel();
        }))
    });
    run.await
}

async fn after(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}

fn soft_limit() -> TaskError {
    let mut failure = Failure::new("SoftTimeLimitExceeded", "")
        .with_args(Vec::new())
        .in_module(MODULE)
        .of_kind(FailureKind::Timeout);
    failure.traceback = Some("SoftTimeLimitExceeded: the run was dropped at its next await".into());
    failure.into()
}

/// The failure of a run beyond its hard limit. `what`: what was done about it.
pub(crate) fn hard_limit(limit: Option<Duration>, what: &str) -> TaskError {
    let seconds = limit.unwrap_or_default().as_secs_f64();
    // Python shows whole numbers of seconds as it was given them.
    let shown = if seconds.fract() == 0.0 && seconds < 1e15 {
        Value::Int(seconds as i64)
    } else {
        Value::Float(seconds)
    };
    let mut failure =
        Failure::new(HARD, "").with_args(vec![shown]).in_module(MODULE).of_kind(FailureKind::Timeout);
    failure.traceback = Some(format!("{HARD}: {what} after {seconds} s"));
    failure.into()
}

/// Whether a failure is an overrun hard limit.
pub(crate) fn is_hard_limit(failure: &Failure) -> bool {
    failure.kind == FailureKind::Timeout && failure.error.exc_type == HARD
}

const HARD: &str = "TimeLimitExceeded";
const DROPPED: &str = "the run was dropped";
const MODULE: &str = "billiard.exceptions";
