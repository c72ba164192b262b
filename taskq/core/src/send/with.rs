//! Options before arguments: `fetch.with().queue("low").delay(url, 1)`.

use std::{fmt, ops::Deref};

use bytes::Bytes;

use super::{Call, SendOptions};
use crate::{
    BoxFuture, Error, app::App, canvas::Partial, codec::CodecError, result::AsyncResult, task::Task,
};

/// A task whose calls are typed: what `#[task]` adds to [`Task`].
pub trait Typed: Task {
    /// The generated methods `delay`, `s`, `si` and `delay_many`, over what is prepared for the call.
    type Calls: Default + AsMut<Prepared>;
}

/// The options of calls to come; what the generated methods build on.
#[derive(Clone, Debug, Default)]
pub struct Prepared {
    options: SendOptions,
    app: Option<App>,
}

impl Prepared {
    /// The call with these arguments.
    pub fn call<T: Task>(&self, args: T::Args) -> Call<T> {
        let call = Call::with_options(args, self.options.clone());
        match &self.app {
            Some(app) => call.app(app),
            None => call,
        }
    }

    /// The call that lacks its first argument; the others are encoded.
    pub fn partial<T: Task, In>(&self, rest: Result<(Bytes, Bytes), CodecError>) -> Partial<In, T::Output> {
        Partial::new(T::NAME, rest, self.options.clone(), self.app.clone())
    }

    /// Many calls, sent in as few round trips as possible.
    pub fn call_many<T, I>(&self, args: I) -> BoxFuture<'static, Result<Vec<AsyncResult<T::Output>>, Error>>
    where
        T: Task,
        I: IntoIterator,
        I::Item: Into<T::Args>,
    {
        let mut prepared = self.clone();
        if self.options.task_id.is_some() {
            prepared.options.note("many calls cannot share one `task_id`");
        }
        let calls: Vec<Call<T>> = args.into_iter().map(|args| prepared.call(args.into())).collect();
        Box::pin(async move { prepared.app.map_or_else(App::current, Ok)?.delay_many(calls).await })
    }
}

/// The options of a call, given before its arguments: what `task.with()` returns.
///
/// Ends with one of the task's own methods: `.delay(…)`, `.s(…)`, `.si(…)`, `.delay_many(…)`. They leave the
/// options in place, so that several calls can share them.
#[must_use = "options do nothing until the task is called with them"]
pub struct With<T: Typed>(T::Calls);

impl<T: Typed> With<T> {
    /// No options yet.
    pub fn new() -> Self {
        Self(T::Calls::default())
    }

    /// Sends it through this app instead of the current one.
    pub fn app(mut self, app: &App) -> Self {
        self.prepared().app = Some(app.clone());
        self
    }

    /// Replaces all options by these.
    pub fn options(mut self, options: SendOptions) -> Self {
        self.prepared().options = options;
        self
    }

    fn prepared(&mut self) -> &mut Prepared {
        self.0.as_mut()
    }

    crate::__send_option_methods!([.prepared().options]);
}

impl<T: Typed> Default for With<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Typed> Deref for With<T> {
    type Target = T::Calls;

    fn deref(&self) -> &T::Calls {
        &self.0
    }
}

impl<T: Typed<Calls: fmt::Debug>> fmt::Debug for With<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("With").field(&self.0).finish()
    }
}
