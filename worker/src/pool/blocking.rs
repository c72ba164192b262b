//! Runs blocking tasks: a thread that takes job after job.
//!
//! The thread stands inside the runtime's context, not inside `block_on`: tasks may spawn, use timers, and call
//! `Handle::block_on` themselves.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use taskq_core::task::TaskKind;

use super::{Inner, queue::Next};

pub(super) fn run(inner: &Arc<Inner>) {
    let _context = inner.runtime.enter();
    let mut ended = None;
    loop {
        match inner.next(TaskKind::Blocking, ended.take()) {
            Next::Job(job, entered, wake) => {
                Inner::act(inner, wake);
                block_on(inner.executor.run(job));
                ended = Some(entered);
            }
            Next::Idle(wake) => {
                Inner::act(inner, wake);
                inner.queue.thread_waits();
            }
            Next::Closed => return,
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls on this thread, parked in between.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
