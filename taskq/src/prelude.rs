//! What nearly every program with tasks imports: `use taskq::prelude::*;`.

pub use jiff::ToSpan;

pub use crate::{Error, TaskContext, TaskError, TaskId, WaitError};
