//! A task: what `#[task]` generates, what a worker calls, and what a run may end with.

mod cancel;
mod context;
#[doc(hidden)]
pub mod convert;
mod def;
mod duration;
mod error;
mod failure;
#[doc(hidden)]
pub mod name;
mod options;
mod outcome;
mod registry;
mod retry;
mod retry_request;
mod state;

use std::future::Future;

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

pub use context::{ContextParts, TaskContext};
pub use def::{TaskDef, TaskKind};
pub use duration::IntoDuration;
pub use error::TaskError;
pub use failure::{Failure, FailureKind};
pub use options::{RateLimit, RateScope, TaskOptions};
pub use outcome::Outcome;
pub use registry::Registry;
pub use retry::{decide, retry_delay};
pub use retry_request::RetryRequest;
pub use state::{StateKey, States};

use crate::{
    codec::{CodecError, json},
    protocol::Param,
};

/// A task, as a type. `#[task]` implements it for the unit value that replaces the function; write it by hand
/// only for tasks made at run time.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a task",
    note = "a task is a function with `#[taskq::task]`; pass the function's name itself, such as `tasks::add`"
)]
pub trait Task: Copy + Send + Sync + 'static {
    /// The parameters as a struct: serializes as the list of positional arguments, deserializes from a map of
    /// names (absent optional parameters take their defaults) or from a list.
    type Args: Serialize + DeserializeOwned + Send + 'static;
    /// What a successful run returns.
    type Output: Serialize + DeserializeOwned + Send + 'static;
    /// The registered name. Celery: `name`; default `<module path with dots>.<function>`.
    const NAME: &'static str;
    /// The parameters in order; keyword arguments from Python map by name.
    const PARAMS: &'static [Param];
    /// Where it runs.
    const KIND: TaskKind = TaskKind::Async;
    /// The options given to the macro.
    const OPTIONS: TaskOptions = TaskOptions::DEFAULT;
    /// The types of `#[state]` parameters: a worker that lacks one refuses to start.
    const STATES: &'static [StateKey] = &[];

    /// The arguments as they travel: a JSON list of the positional ones, and a JSON object of those that can
    /// only be given by name (parameters after `#[args]`, and `#[kwargs]`).
    ///
    /// # Errors
    /// When one cannot be encoded.
    fn encode(args: &Self::Args) -> Result<(Bytes, Bytes), CodecError> {
        Ok((json::to_bytes(args)?, Bytes::from_static(b"{}")))
    }

    /// Runs the task. For [`TaskKind::Blocking`] the future blocks and must be polled on a thread of its own.
    fn call(
        args: Self::Args,
        cx: TaskContext,
    ) -> impl Future<Output = Result<Self::Output, TaskError>> + Send;
}
