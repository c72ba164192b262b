//! The rest of a chain: what a middleware calls to go on.

use std::{fmt, sync::Arc};

use super::Middleware;
use crate::{BoxFuture, Error, protocol::Request, send::Draft, task::Outcome};

/// The end of a publish chain: what stores the message.
pub trait PublishEnd: Send + Sync {
    /// Publishes.
    fn publish<'a>(&'a self, draft: &'a mut Draft) -> BoxFuture<'a, Result<(), Error>>;
}

/// The end of an execute chain: what runs the task.
pub trait ExecuteEnd: Send + Sync {
    /// Runs the task.
    fn execute<'a>(&'a self, request: &'a mut Request) -> BoxFuture<'a, Outcome>;
}

/// The rest of a publish chain.
#[derive(Clone, Copy)]
pub struct PublishNext<'a> {
    rest: &'a [Arc<dyn Middleware>],
    end: &'a dyn PublishEnd,
}

impl<'a> PublishNext<'a> {
    /// A chain over `stack` that ends in `end`.
    pub fn new(stack: &'a [Arc<dyn Middleware>], end: &'a dyn PublishEnd) -> Self {
        Self { rest: stack, end }
    }

    /// Goes on with the next middleware, or publishes.
    pub fn run(self, draft: &'a mut Draft) -> BoxFuture<'a, Result<(), Error>> {
        match self.rest.split_first() {
            Some((next, rest)) => next.publish(draft, Self { rest, end: self.end }),
            None => self.end.publish(draft),
        }
    }
}

impl fmt::Debug for PublishNext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublishNext({} to go)", self.rest.len())
    }
}

/// The rest of an execute chain.
#[derive(Clone, Copy)]
pub struct ExecuteNext<'a> {
    rest: &'a [Arc<dyn Middleware>],
    end: &'a dyn ExecuteEnd,
}

impl<'a> ExecuteNext<'a> {
    /// A chain over `stack` that ends in `end`.
    pub fn new(stack: &'a [Arc<dyn Middleware>], end: &'a dyn ExecuteEnd) -> Self {
        Self { rest: stack, end }
    }

    /// Goes on with the next middleware, or runs the task.
    pub fn run(self, request: &'a mut Request) -> BoxFuture<'a, Outcome> {
        match self.rest.split_first() {
            Some((next, rest)) => next.execute(request, Self { rest, end: self.end }),
            None => self.end.execute(request),
        }
    }
}

impl fmt::Debug for ExecuteNext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExecuteNext({} to go)", self.rest.len())
    }
}
