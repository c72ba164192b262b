//! What nearly every program with tasks imports: `use taskq::prelude::*;`.

pub use jiff::ToSpan;

pub use crate::{
    App, AsyncResult, Error, Main, TaskContext, TaskError, TaskId, WaitError, args, kwargs, task,
};
