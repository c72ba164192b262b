//! Celery's task handlers as one middleware.

use bytes::Bytes;

use super::{ExecuteNext, Middleware};
use crate::{
    BoxFuture,
    protocol::Request,
    task::{Failure, Outcome},
};

/// What to do before and after runs. Celery: the methods of the same names on a task class.
///
/// They are called on the runtime and must not block; what has to wait belongs into a [`Middleware`].
pub trait Hooks: Send + Sync + 'static {
    /// Whether they are called for this task. Default: for all.
    fn applies_to(&self, task: &str) -> bool {
        let _ = task;
        true
    }

    /// Before the task runs.
    fn before_start(&self, request: &Request) {
        let _ = request;
    }

    /// After a run that returned a value; `value` is its JSON.
    fn on_success(&self, request: &Request, value: &Bytes) {
        let _ = (request, value);
    }

    /// After a run that failed for good.
    fn on_failure(&self, request: &Request, failure: &Failure) {
        let _ = (request, failure);
    }

    /// After a run that will be repeated.
    fn on_retry(&self, request: &Request, cause: &Failure) {
        let _ = (request, cause);
    }

    /// After every run, last.
    fn after_return(&self, request: &Request, outcome: &Outcome) {
        let _ = (request, outcome);
    }
}

/// Makes a middleware of hooks.
pub fn hooks(hooks: impl Hooks) -> impl Middleware {
    HookMiddleware(hooks)
}

struct HookMiddleware<H>(H);

impl<H: Hooks> Middleware for HookMiddleware<H> {
    fn execute<'a>(&'a self, request: &'a mut Request, next: ExecuteNext<'a>) -> BoxFuture<'a, Outcome> {
        if !self.0.applies_to(&request.headers.task) {
            return next.run(request);
        }
        Box::pin(async move {
            // The run may change its request; the hooks see the one that came.
            let seen = request.clone();
            self.0.before_start(&seen);
            let outcome = next.run(request).await;
            match &outcome {
                Outcome::Success(value) => self.0.on_success(&seen, value),
                Outcome::Failure(failure) => self.0.on_failure(&seen, failure),
                Outcome::Retry { cause, .. } => self.0.on_retry(&seen, cause),
                Outcome::Ignore | Outcome::Replace(_) | Outcome::Reject { .. } | Outcome::Revoked { .. } => {}
            }
            self.0.after_return(&seen, &outcome);
            outcome
        })
    }
}
