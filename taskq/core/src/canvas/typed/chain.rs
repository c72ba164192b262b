//! Steps that run one after the other.

use std::{fmt, future::IntoFuture, marker::PhantomData};

use super::{Node, Step, close};
use crate::{
    BoxFuture, Error,
    app::App,
    canvas::{Kind, Signature},
    result::AsyncResult,
    send::SendOptions,
};

/// A workflow that takes `In` and gives `Out`: `fetch.s(url) | count.p(word)`. One that takes nothing is sent by
/// awaiting it.
///
/// Options of a chain: an id, callbacks and the place in a group are those of the last step, errbacks and stamps
/// go to every step, all others to the first.
#[must_use = "a workflow is sent when it is awaited"]
pub struct Chain<In, Out> {
    steps: Vec<Node>,
    options: SendOptions,
    app: Option<App>,
    /// The first step has all its arguments.
    opens: bool,
    types: PhantomData<fn(In) -> Out>,
}

impl<In, Out> Chain<In, Out> {
    /// A chain of one step.
    pub fn new<S: Step<In, Output = Out>>(step: S) -> Self {
        let (app, opens) = (step.chosen_app(), step.opens());
        Self::of(vec![step.into_node()], app, opens)
    }

    pub(super) fn of(steps: Vec<Node>, app: Option<App>, opens: bool) -> Self {
        Self { steps, options: SendOptions::default(), app, opens, types: PhantomData }
    }

    /// Sends it through this app instead of the current one.
    pub fn app(mut self, app: &App) -> Self {
        self.app = Some(app.clone());
        self
    }

    /// Then this step, which takes what this chain gives. Celery: `|`.
    pub fn then<S: Step<Out>>(mut self, next: S) -> Chain<In, S::Output> {
        if self.options != SendOptions::default() {
            let options = std::mem::take(&mut self.options);
            self.steps = crate::canvas::unchained(options, self.steps);
        }
        let app = self.app.or_else(|| next.chosen_app());
        push(&mut self.steps, next.into_next());
        Chain { steps: self.steps, options: self.options, app, opens: self.opens, types: PhantomData }
    }

    /// Says that what it gives can be read as another type: the JSON of one is that of the other.
    pub fn reads_as<U>(self) -> Chain<In, U> {
        Chain {
            steps: self.steps,
            options: self.options,
            app: self.app,
            opens: self.opens,
            types: PhantomData,
        }
    }

    crate::__send_option_methods!([.options]);

    fn node(self) -> Node {
        let mut node = Node { signature: Signature::of_kind("chain"), kind: Kind::Chain(self.steps) };
        node.signature.options = self.options;
        if node.signature.options == SendOptions::default()
            && let Kind::Chain(steps) = &mut node.kind
            && steps.len() == 1
            && let Some(only) = steps.pop()
        {
            return only;
        }
        node
    }
}

/// Appends a step. A group before it is the header of a chord from now on, also when it has one member only.
fn push(steps: &mut Vec<Node>, next: Node) {
    match steps.pop() {
        Some(group) if matches!(group.kind, Kind::Group(_)) => steps.push(Node::chord(group, Some(next))),
        last => {
            steps.extend(last);
            steps.push(next);
        }
    }
}

impl<Out> Chain<(), Out> {
    /// Sends it: `workflow.delay().await?`, or just `workflow.await?`.
    ///
    /// # Errors
    /// As [`App::send_canvas`].
    pub async fn delay(self) -> Result<AsyncResult<Out>, Error> {
        let app = self.app.clone().map_or_else(App::current, Ok)?;
        let alone =
            matches!(self.steps.last(), Some(Node { kind: Kind::Group(members), .. }) if members.len() == 1);
        let tree = app.send_node(self.node()).await?;
        Ok(if alone && tree.members().is_none() { tree.as_group_of_one() } else { tree }.result())
    }

    /// Sends it from code that cannot await.
    ///
    /// # Errors
    /// As [`delay`](Self::delay).
    pub fn delay_blocking(self) -> Result<AsyncResult<Out>, Error> {
        crate::app::block_on(self.delay())
    }
}

impl<In, Out> Step<In> for Chain<In, Out> {
    type Output = Out;

    fn into_node(self) -> Node {
        self.node()
    }

    fn into_next(self) -> Node {
        let opens = self.opens;
        let mut node = self.node();
        if opens {
            close(&mut node);
        }
        node
    }

    fn opens(&self) -> bool {
        self.opens
    }

    fn chosen_app(&self) -> Option<App> {
        self.app.clone()
    }
}

impl<Out: 'static> IntoFuture for Chain<(), Out> {
    type Output = Result<AsyncResult<Out>, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.delay())
    }
}

impl<In, Out> From<Chain<In, Out>> for Signature {
    fn from(chain: Chain<In, Out>) -> Self {
        chain.node().into_signature()
    }
}

impl<In, Out> fmt::Debug for Chain<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("steps", &self.steps).finish_non_exhaustive()
    }
}

impl<In, Out, S: Step<Out>> std::ops::BitOr<S> for Chain<In, Out> {
    type Output = Chain<In, S::Output>;

    fn bitor(self, next: S) -> Self::Output {
        self.then(next)
    }
}

/// `.then` and `|` of a type that is a single step.
macro_rules! before {
    ([$($generics:tt)*] $step:ty, $in:ty, $out:ty) => {
        impl<$($generics)*> $step {
            /// Then this step, which takes what this one gives. Celery: `|`.
            pub fn then<__Next: $crate::canvas::CanvasStep<$out>>(self, next: __Next) -> Chain<$in, __Next::Output> {
                Chain::<$in, $out>::new(self).then(next)
            }
        }

        impl<$($generics)*, __Next: $crate::canvas::CanvasStep<$out>> ::std::ops::BitOr<__Next> for $step {
            type Output = Chain<$in, __Next::Output>;

            fn bitor(self, next: __Next) -> Self::Output {
                self.then(next)
            }
        }
    };
}

pub(super) use before;
