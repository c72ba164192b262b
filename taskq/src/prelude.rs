//! What nearly every program with tasks imports: `use taskq::prelude::*;`.

pub use jiff::ToSpan;

pub use crate::{
    App, AsyncResult, Error, GroupResult, Main, MapTask as _, Signature, TaskContext, TaskError, TaskId,
    WaitError, args, chord, group, kwargs, task,
};
