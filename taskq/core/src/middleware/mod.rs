//! Code around every publish and every run.
//!
//! Kept true here: middlewares are called in the order they were added, outermost first; one that does not
//! call `next` stops what follows; an app without middleware pays nothing.

mod hooks;
mod next;

pub use hooks::{Hooks, hooks};
pub use next::{ExecuteEnd, ExecuteNext, PublishEnd, PublishNext};

use crate::{BoxFuture, Error, protocol::Request, send::Draft, task::Outcome};

/// Code around every publish and every run. Both methods call the next one by default.
pub trait Middleware: Send + Sync + 'static {
    /// Around the publish of a message: before it is encoded, until it is stored.
    ///
    /// # Errors
    /// Whatever it returns is what the caller of `.delay()` gets.
    fn publish<'a>(
        &'a self,
        draft: &'a mut Draft,
        next: PublishNext<'a>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        next.run(draft)
    }

    /// Around a run: from the decoded message to its outcome. Panics of the task have become failures here.
    fn execute<'a>(&'a self, request: &'a mut Request, next: ExecuteNext<'a>) -> BoxFuture<'a, Outcome> {
        next.run(request)
    }
}
