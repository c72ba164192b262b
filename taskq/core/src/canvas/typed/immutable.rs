//! A call that takes no result of what ran before it.

use std::{fmt, future::IntoFuture};

use super::{Chain, Node, Step};
use crate::{
    BoxFuture, Error,
    app::App,
    canvas::Signature,
    result::AsyncResult,
    send::{Call, Draft},
    task::Task,
};

/// A call with all its arguments, wherever it stands: `add.si(2, 3)`. Awaiting it sends it.
#[must_use = "a call is sent when it is awaited"]
pub struct ImmutableCall<T: Task>(Call<T>);

impl<T: Task> ImmutableCall<T> {
    /// This call, immutable.
    pub fn new(call: Call<T>) -> Self {
        Self(call.immutable())
    }

    /// Sends it through this app instead of the current one.
    pub fn app(self, app: &App) -> Self {
        Self(self.0.app(app))
    }

    crate::__send_option_methods!([.0.options_mut()]);

    /// Sends it.
    ///
    /// # Errors
    /// As [`Call::send`].
    pub async fn send(self) -> Result<AsyncResult<T::Output>, Error> {
        self.0.send().await
    }

    /// The message it would send.
    ///
    /// # Errors
    /// As [`Call::send`], but for the broker.
    pub fn into_draft(self) -> Result<Draft, Error> {
        self.0.into_draft()
    }
}

impl<T: Task, In> Step<In> for ImmutableCall<T> {
    type Output = T::Output;

    fn into_node(self) -> Node {
        Node::task(self.0.into_signature())
    }

    fn chosen_app(&self) -> Option<App> {
        self.0.app_given()
    }
}

impl<T: Task> IntoFuture for ImmutableCall<T> {
    type Output = Result<AsyncResult<T::Output>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        self.0.into_future()
    }
}

impl<T: Task> From<ImmutableCall<T>> for Signature {
    fn from(call: ImmutableCall<T>) -> Self {
        call.0.into_signature()
    }
}

impl<T: Task> fmt::Debug for ImmutableCall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ImmutableCall").field(&T::NAME).finish()
    }
}

super::chain::before!([T: Task] ImmutableCall<T>, (), T::Output);
super::chain::before!([T: Task] Call<T>, (), T::Output);
