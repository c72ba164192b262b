//! A typed call that is not sent yet.

use std::{future::IntoFuture, marker::PhantomData};

use bytes::Bytes;

use super::{Draft, SendOptions, draft::Invocation};
use crate::{
    BoxFuture, Error, ErrorKind,
    app::App,
    backend::Child,
    canvas::{Signature, routed},
    codec::json,
    result::AsyncResult,
    task::{Task, TaskContext, TaskOptions},
};

/// A call of a task with its arguments, not sent yet. Awaiting it sends it:
/// `add.delay(2, 3).await?` is `Call::<Add>::new(args).await?`.
///
/// The future answers when the broker has stored the message, or with an error after `publish_timeout`.
#[must_use = "a call is sent when it is awaited"]
#[derive(Debug)]
pub struct Call<T: Task> {
    /// JSON list and JSON object, or why there are none.
    args: Result<(Bytes, Bytes), Error>,
    options: SendOptions,
    immutable: bool,
    app: Option<App>,
    task: PhantomData<fn() -> T>,
}

impl<T: Task> Call<T> {
    /// A call with these arguments.
    #[allow(clippy::needless_pass_by_value)] // generated code hands over what it has just built
    pub fn new(args: T::Args) -> Self {
        Self::with_options(args, SendOptions::default())
    }

    /// A call with these arguments and options; what `task.with()…delay(…)` makes.
    #[allow(clippy::needless_pass_by_value)]
    pub fn with_options(args: T::Args, options: SendOptions) -> Self {
        let args = T::encode(&args).map_err(|error| {
            Error::with_source(
                ErrorKind::Encode,
                format!("could not encode the arguments of `{}`", T::NAME),
                error,
            )
        });
        Self { args, options, immutable: false, app: None, task: PhantomData }
    }

    /// As a signature it does not take the result of what ran before. Celery: `.si()`.
    pub fn immutable(mut self) -> Self {
        self.immutable = true;
        self
    }

    /// Sends it through this app instead of the current one.
    pub fn app(mut self, app: &App) -> Self {
        self.app = Some(app.clone());
        self
    }

    /// Its options, to read or change.
    pub fn options_mut(&mut self) -> &mut SendOptions {
        &mut self.options
    }

    crate::__send_option_methods!([.options]);

    /// Sends it.
    ///
    /// # Errors
    /// When the arguments cannot be encoded, an option is impossible, there is no app, or the broker did not
    /// confirm in time.
    pub async fn send(self) -> Result<AsyncResult<T::Output>, Error> {
        let app = self.app.map_or_else(App::current, Ok)?;
        let own = known(&app, T::NAME).copied().unwrap_or(T::OPTIONS);
        let (args, kwargs) = self.args?;
        if app.settings().task_always_eager {
            return app.run_eagerly::<T>((args, kwargs), self.options, &own).await;
        }
        let call = Invocation { task: T::NAME, args, kwargs, own: Some(&own), routed: None };
        let trail = self.options.add_to_parent.unwrap_or(true);
        let draft = Draft::new(&app, call, self.options)?;
        let result = AsyncResult::of(&app, &draft);
        app.publish(draft).await?;
        sent(&app, &result, trail);
        Ok(result)
    }

    /// Sends it from code that cannot await, such as a blocking task or a program without a runtime.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_blocking(self) -> Result<AsyncResult<T::Output>, Error> {
        crate::app::block_on(self.send())
    }

    /// Runs the task here and now, without a broker (Celery: `apply`). The result is in the answer at once.
    ///
    /// # Errors
    /// When the arguments cannot be encoded. A task that fails is an `Ok` whose result is the failure.
    pub async fn apply(self) -> Result<AsyncResult<T::Output>, Error> {
        let app = self.app.map_or_else(App::current, Ok)?;
        let own = known(&app, T::NAME).copied().unwrap_or(T::OPTIONS);
        app.apply_eagerly::<T>(self.args?, self.options, &own).await
    }

    /// The message it would send.
    ///
    /// # Errors
    /// As [`send`](Self::send), but for the broker.
    pub fn into_draft(self) -> Result<Draft, Error> {
        let app = self.app.map_or_else(App::current, Ok)?;
        let own = known(&app, T::NAME).copied().unwrap_or(T::OPTIONS);
        let (args, kwargs) = self.args?;
        let call = Invocation { task: T::NAME, args, kwargs, own: Some(&own), routed: None };
        Draft::new(&app, call, self.options)
    }

    pub(crate) fn app_given(&self) -> Option<App> {
        self.app.clone()
    }

    pub(crate) fn into_signature(self) -> Signature {
        let mut signature = Signature {
            task: T::NAME.to_owned(),
            options: self.options,
            immutable: self.immutable,
            ..Signature::default()
        };
        let decoded = self.args.map_err(|error| error.to_string()).and_then(|(args, kwargs)| {
            let read = json::from_slice(&args).and_then(|args| Ok((args, json::from_slice(&kwargs)?)));
            read.map_err(|error| format!("could not encode the arguments of `{}`: {error}", T::NAME))
        });
        match decoded {
            Ok((args, kwargs)) => (signature.args, signature.kwargs) = (args, kwargs),
            Err(problem) => signature.options.note(problem),
        }
        signature
    }
}

impl<T: Task> IntoFuture for Call<T> {
    type Output = Result<AsyncResult<T::Output>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

/// The options of a task that this process has registered; annotations are in them.
pub(crate) fn known<'a>(app: &'a App, task: &str) -> Option<&'a TaskOptions> {
    app.registry().get(task).map(|def| &def.options)
}

/// Notes what was sent with the task that sent it.
pub(crate) fn sent<T>(app: &App, result: &AsyncResult<T>, trail: bool) {
    if trail
        && let Some(parent) = TaskContext::current()
        && known(app, &parent.request().headers.task).is_none_or(|own| own.trail)
    {
        parent.add_child(Child { id: result.id().to_string(), parent: None, members: None });
    }
}

impl App {
    /// Sends many calls of one task in as few round trips as possible; the results are in the same order.
    ///
    /// # Errors
    /// When one cannot be sent; others may have been.
    pub async fn delay_many<T: Task>(
        &self,
        calls: impl IntoIterator<Item = Call<T>>,
    ) -> Result<Vec<AsyncResult<T::Output>>, Error> {
        if self.settings().task_always_eager {
            let mut results = Vec::new();
            for call in calls {
                results.push(call.app(self).send().await?);
            }
            return Ok(results);
        }
        let calls: Vec<Call<T>> = calls.into_iter().collect();
        let trails: Vec<bool> = calls.iter().map(|call| call.options.add_to_parent.unwrap_or(true)).collect();
        let drafts: Vec<Draft> =
            calls.into_iter().map(|call| call.app(self).into_draft()).collect::<Result<_, _>>()?;
        let results: Vec<_> = drafts.iter().map(|draft| AsyncResult::of(self, draft)).collect();
        self.publish_many(drafts).await?;
        for (result, trail) in results.iter().zip(trails) {
            sent(self, result, trail);
        }
        Ok(results)
    }

    /// Sends a signature: a task named at run time, which may live in another program.
    ///
    /// # Errors
    /// As [`Call::send`].
    pub async fn send_signature(
        &self,
        signature: Signature,
    ) -> Result<AsyncResult<crate::codec::Value>, Error> {
        if signature.subtask_type.is_some() {
            return Ok(self.send_canvas(signature).await?.result());
        }
        let Signature { task, args, kwargs, options, .. } = signature;
        let own = known(self, &task);
        let encode = |error| {
            Error::with_source(
                ErrorKind::Encode,
                format!("could not encode the arguments of `{task}`"),
                error,
            )
        };
        let args = json::to_bytes(&args).map_err(encode)?;
        let kwargs = json::to_bytes(&kwargs).map_err(encode)?;
        if self.settings().task_always_eager {
            return self.run_named_eagerly(&task, args, kwargs, options).await;
        }
        let trail = options.add_to_parent.unwrap_or(true);
        let draft = Draft::new(self, Invocation { task: &task, args, kwargs, own, routed: None }, options)?;
        let result = AsyncResult::of(self, &draft);
        self.publish(draft).await?;
        sent(self, &result, trail);
        Ok(result)
    }

    /// Sends a task by name: `app.send("proj.tasks.add", args![2, 3], kwargs! {}).await?`.
    ///
    /// # Errors
    /// As [`Call::send`].
    pub async fn send(
        &self,
        task: impl Into<String>,
        args: crate::canvas::Args,
        kwargs: crate::canvas::Kwargs,
    ) -> Result<AsyncResult<crate::codec::Value>, Error> {
        self.send_signature(Signature::by_name(task, args).with_kwargs(kwargs)).await
    }

    /// The message a signature of one task would send.
    ///
    /// # Errors
    /// When an argument cannot be encoded or an option is impossible.
    pub fn draft(&self, signature: Signature) -> Result<Draft, Error> {
        self.draft_under(signature, TaskContext::current().as_ref())
    }

    /// As [`draft`](Self::draft), sent by this task or by none.
    pub(crate) fn draft_under(
        &self,
        signature: Signature,
        parent: Option<&TaskContext>,
    ) -> Result<Draft, Error> {
        let routed = routed(&signature).to_owned();
        let Signature { task, args, kwargs, options, .. } = signature;
        let encode = |error| {
            Error::with_source(
                ErrorKind::Encode,
                format!("could not encode the arguments of `{task}`"),
                error,
            )
        };
        let args = json::to_bytes(&args).map_err(encode)?;
        let kwargs = json::to_bytes(&kwargs).map_err(encode)?;
        let call = Invocation { task: &task, args, kwargs, own: known(self, &task), routed: Some(&routed) };
        Draft::under(self, call, options, parent)
    }
}
