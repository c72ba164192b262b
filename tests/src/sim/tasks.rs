//! The tasks of the simulation. Each tells the book when it begins and how it ends.

use std::{sync::Arc, time::Duration};

use taskq::{Failure, TaskContext, TaskError, core::backend::ChordCopy, task};
use tokio::time::sleep;

use super::link::Link;

/// Where the tasks of one process write down what they do.
#[derive(Clone, Debug)]
pub(super) struct Desk(pub(super) Arc<Link>);

/// A run in the book.
struct Running<'a> {
    desk: &'a Desk,
    id: String,
    number: usize,
    is_done: bool,
}

impl Desk {
    /// Looked up in the run, not declared: every program that links these tasks would have to have one.
    fn of(cx: &TaskContext) -> &Self {
        cx.state().expect("a simulated app has a desk")
    }

    fn begin(&self, cx: &TaskContext) -> Running<'_> {
        let id = cx.id().as_str().to_owned();
        let copy = ChordCopy::of(&cx.request().headers).map(|copy| copy.token);
        let number = self.0.book.begin(&self.0.name, &id, cx.retries(), copy);
        Running { desk: self, id, number, is_done: false }
    }
}

impl Running<'_> {
    fn done(mut self) {
        self.is_done = true;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // A dead process tells nothing.
        if !self.desk.0.is_dead() {
            self.desk.0.book.end(&self.id, self.number, self.is_done);
        }
    }
}

/// Takes its time, and answers what it was given.
#[task(bind, name = "sim.step")]
pub(super) async fn step(cx: &TaskContext, millis: u64, answer: u32) -> u32 {
    let run = Desk::of(cx).begin(cx);
    sleep(Duration::from_millis(millis)).await;
    run.done();
    answer
}

/// Asks for retries.
#[task(bind, name = "sim.flaky", max_retries = 10)]
pub(super) async fn flaky(cx: &TaskContext, retries: u32, millis: u64) -> Result<u32, TaskError> {
    let run = Desk::of(cx).begin(cx);
    sleep(Duration::from_millis(20)).await;
    run.done();
    if cx.retries() < retries {
        return Err(cx.retry().countdown(Duration::from_millis(millis)).into());
    }
    Ok(cx.retries())
}

/// Fails.
#[task(bind, name = "sim.broken")]
pub(super) async fn broken(cx: &TaskContext) -> Result<u32, TaskError> {
    Desk::of(cx).begin(cx).done();
    Err(Failure::new("ValueError", "as planned").into())
}

/// The body of a chord: wants the answers of all members, in order.
#[task(bind, name = "sim.gather")]
pub(super) async fn gather(cx: &TaskContext, parts: Vec<u32>, members: u32) -> u32 {
    let run = Desk::of(cx).begin(cx);
    if !parts.iter().copied().eq(0..members) {
        Desk::of(cx).0.book.broken(format!("the body `{}` got {parts:?} of {members} members", cx.id()));
    }
    run.done();
    members
}

/// What a beat sends.
#[task(bind, name = "sim.tick")]
pub(super) async fn tick(cx: &TaskContext) -> u32 {
    Desk::of(cx).begin(cx).done();
    0
}
