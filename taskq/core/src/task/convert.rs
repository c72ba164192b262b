//! What a `#[task]` function may return, as the generated code sees it.
//!
//! The macro knows the return type only as tokens, so the choice between the ways to turn an error into a
//! [`TaskError`] is made by method resolution: the traits of [`kinds`] are implemented for [`Raised`] behind
//! fewer and fewer references, and the compiler takes the first that fits.

use std::{error::Error as StdError, marker::PhantomData, sync::Arc};

use super::{Failure, TaskContext, TaskError};

/// `Result`, under whatever alias (`io::Result<T>`, `anyhow::Result<T>`).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is named `Result` but is not `std::result::Result`",
    label = "not a result"
)]
pub trait TaskResult {
    /// What a successful run returns.
    type Output;
    /// What a failed run returns.
    type Error;

    /// The result itself.
    fn into_result(self) -> Result<Self::Output, Self::Error>;
}

impl<T, E> TaskResult for Result<T, E> {
    type Output = T;
    type Error = E;

    fn into_result(self) -> Self {
        self
    }
}

/// Tells at compile time whether a type is a `Result`: the inherent constant wins over the trait's.
pub struct Returned<T>(PhantomData<T>);

impl<T, E> Returned<Result<T, E>> {
    /// It is.
    pub const IS_RESULT: bool = true;
}

/// Every other type.
pub trait NoResult {
    /// It is not.
    const IS_RESULT: bool = false;
}

impl<T> NoResult for Returned<T> {}

/// Stands for an error of type `E` while its conversion is chosen.
pub struct Raised<E>(PhantomData<E>);

impl<E> Raised<E> {
    /// For the type of this error.
    pub fn by(_: &E) -> Self {
        Self(PhantomData)
    }
}

/// The conversions, tried in this order.
pub mod kinds {
    use super::{PhantomData, Raised, StdError, TaskError};

    /// Wraps an error of unknown type: `anyhow::Error`, `Box<dyn Error + Send + Sync>`.
    pub struct Wrapper;
    /// Has a conversion: `TaskError` itself, any `std::error::Error`, texts.
    pub struct Plain;
    /// Only its text can cross threads: `Box<dyn Error>`.
    pub struct Text;
    /// None of them.
    pub struct Unknown<E>(pub(super) PhantomData<E>);

    /// First.
    pub trait WrapperKind {
        /// How to convert it.
        fn kind(&self) -> Wrapper {
            Wrapper
        }
    }
    impl<E: AsRef<dyn StdError + Send + Sync> + Send + Sync + 'static> WrapperKind for &&&Raised<E> {}

    /// Second.
    pub trait PlainKind {
        /// How to convert it.
        fn kind(&self) -> Plain {
            Plain
        }
    }
    impl<E: Into<TaskError>> PlainKind for &&Raised<E> {}

    /// Third.
    pub trait TextKind {
        /// How to convert it.
        fn kind(&self) -> Text {
            Text
        }
    }
    impl<E: Into<Box<dyn StdError>>> TextKind for &Raised<E> {}

    /// Last.
    pub trait UnknownKind<E> {
        /// How to convert it.
        fn kind(&self) -> Unknown<E> {
            Unknown(PhantomData)
        }
    }
    impl<E> UnknownKind<E> for Raised<E> {}
}

impl kinds::Wrapper {
    /// Converts.
    pub fn convert<E>(self, error: E) -> TaskError
    where
        E: AsRef<dyn StdError + Send + Sync> + Send + Sync + 'static,
    {
        Failure::from_wrapper(error).into()
    }
}

impl kinds::Plain {
    /// Converts.
    pub fn convert<E: Into<TaskError>>(self, error: E) -> TaskError {
        error.into()
    }
}

impl kinds::Text {
    /// Converts.
    pub fn convert<E: Into<Box<dyn StdError>>>(self, error: E) -> TaskError {
        error.into().to_string().into()
    }
}

/// What a task may fail with. Never implemented: it is asked for only when nothing else fits.
#[diagnostic::on_unimplemented(
    message = "a task cannot fail with `{Self}`",
    label = "not an error type",
    note = "implement `std::error::Error` (and `Send + Sync`) for it, or return `TaskError`, `anyhow::Error`, `String`"
)]
pub trait TaskFailure {}

impl<E> kinds::Unknown<E> {
    /// Refuses.
    pub fn convert(self, _: E) -> TaskError
    where
        E: TaskFailure,
    {
        TaskError::Ignore
    }
}

/// The state behind a `#[state] x: &T` parameter. Workers check at start that it is there, so the error is
/// seen only where a task is run by hand.
pub fn state<T: Send + Sync + 'static>(cx: &TaskContext) -> Result<&T, TaskError> {
    cx.state().ok_or_else(missing_state::<T>)
}

/// The state behind a `#[state] x: Arc<T>` parameter.
pub fn shared_state<T: Send + Sync + 'static>(cx: &TaskContext) -> Result<Arc<T>, TaskError> {
    cx.shared_state().ok_or_else(missing_state::<T>)
}

fn missing_state<T>() -> TaskError {
    let name = std::any::type_name::<T>();
    let text = format!("no state of type `{name}`: add it with `.state(…)` when the app is built");
    Failure::new("ImproperlyConfigured", text).in_module("celery.exceptions").into()
}
