//! Steps that run at the same time, and what runs with all their results.

use std::{fmt, future::IntoFuture, marker::PhantomData};

use serde::de::DeserializeOwned;

use super::{Chain, Node, Step, close};
use crate::{
    BoxFuture, Error,
    app::App,
    backend::WaitError,
    canvas::Signature,
    codec::{Value, from_value},
    result::{GroupResult, ResultTree},
    send::SendOptions,
};

/// Tasks that run at the same time: of one type, `group([add.s(1, 1), add.s(2, 2)])`, which gives a `Vec`, or
/// of up to eight types, `group((add.s(1, 1), fetch.s(url)))`, which gives a tuple. Awaiting it sends it.
///
/// Options of a group are those of every member; a callback is that of the first.
#[must_use = "a group is sent when it is awaited"]
pub struct Group<In, Out> {
    members: Vec<Node>,
    options: SendOptions,
    app: Option<App>,
    /// The members have all their arguments.
    opens: bool,
    types: PhantomData<fn(In) -> Out>,
}

/// A group of these members. Celery: `group(…)`.
pub fn group<In, M: Members<In>>(members: M) -> Group<In, M::Results> {
    let (app, opens) = (members.chosen_app(), members.opens());
    Group { members: members.into_nodes(), options: SendOptions::default(), app, opens, types: PhantomData }
}

/// The members at the same time, then `body` with all their results. Celery: `chord(header)(body)`; the same as
/// `group(members) | body`.
pub fn chord<In, M: Members<In>, B: Step<M::Results>>(members: M, body: B) -> Chain<In, B::Output> {
    group(members).then(body)
}

impl<In, Out> Group<In, Out> {
    /// Sends it through this app instead of the current one.
    pub fn app(mut self, app: &App) -> Self {
        self.app = Some(app.clone());
        self
    }

    /// Then this step, with the results of all members. Celery: `group | body`, a chord.
    pub fn then<S: Step<Out>>(self, next: S) -> Chain<In, S::Output> {
        let app = self.app.clone().or_else(|| next.chosen_app());
        let opens = self.opens;
        Chain::of(vec![Node::chord(self.node(), Some(next.into_next()))], app, opens)
    }

    /// Sends each member so much later than the one before it: `start`, `start + step`, …, and never more than
    /// `stop`. Celery: `group.skew()`.
    pub fn skew(
        mut self,
        start: std::time::Duration,
        step: std::time::Duration,
        stop: Option<std::time::Duration>,
    ) -> Self {
        let mut at = start;
        for member in &mut self.members {
            member.signature.options.countdown = Some(at);
            at = stop.map_or(at + step, |stop| (at + step).min(stop));
        }
        self
    }

    crate::__send_option_methods!([.options]);

    fn node(self) -> Node {
        let mut node = Node::group(self.members);
        node.signature.options = self.options;
        node
    }
}

impl<Out: Gather> Group<(), Out> {
    /// Sends it: `group.delay().await?`, or just `group.await?`.
    ///
    /// # Errors
    /// As [`App::send_canvas`].
    pub async fn delay(self) -> Result<Out::Handle, Error> {
        let app = self.app.clone().map_or_else(App::current, Ok)?;
        Ok(Out::handle(&app.send_node(self.node()).await?))
    }

    /// Sends it from code that cannot await.
    ///
    /// # Errors
    /// As [`delay`](Self::delay).
    pub fn delay_blocking(self) -> Result<Out::Handle, Error> {
        crate::app::block_on(self.delay())
    }
}

impl<Out: Gather + 'static> IntoFuture for Group<(), Out> {
    type Output = Result<Out::Handle, Error>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.delay())
    }
}

impl<In, Out> Step<In> for Group<In, Out> {
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

impl<In, Out, S: Step<Out>> std::ops::BitOr<S> for Group<In, Out> {
    type Output = Chain<In, S::Output>;

    fn bitor(self, next: S) -> Self::Output {
        self.then(next)
    }
}

impl<In, Out> From<Group<In, Out>> for Signature {
    fn from(group: Group<In, Out>) -> Self {
        group.node().into_signature()
    }
}

impl<In, Out> fmt::Debug for Group<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group").field("members", &self.members.len()).finish_non_exhaustive()
    }
}

/// The results of a group: what awaiting it gives.
pub trait Gather: Sized {
    /// The handle to wait with.
    type Handle;

    /// The handle of what was sent.
    #[doc(hidden)]
    fn handle(tree: &ResultTree) -> Self::Handle;
}

impl<T> Gather for Vec<T> {
    type Handle = GroupResult<T>;

    fn handle(tree: &ResultTree) -> GroupResult<T> {
        tree.group()
    }
}

/// The results of a group whose members have different types.
pub struct TupleResult<R> {
    results: GroupResult<Value>,
    types: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> TupleResult<R> {
    /// Waits for all values.
    ///
    /// # Errors
    /// As [`GroupResult::get`].
    pub async fn get(&self) -> Result<R, WaitError> {
        let values = self.results.get().await?;
        from_value(Value::List(values))
            .map_err(|error| WaitError::Decode { id: self.results.id().into(), reason: error.to_string() })
    }

    /// The results one by one, untyped.
    pub fn results(&self) -> &GroupResult<Value> {
        &self.results
    }
}

impl<R> fmt::Debug for TupleResult<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.results.fmt(f)
    }
}

/// What a group can be made of: a `Vec` or an array of steps of one type, or a tuple of up to eight steps.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the members of a group",
    label = "not members of a group that takes `{In}`",
    note = "a group is made of a `Vec` or an array of steps of one type, or of a tuple of 2 to 8 steps; all of \
            them take the same from the step before: nothing (`task.s(…)`), or one value (`task.p(…)`)"
)]
pub trait Members<In> {
    /// What they give together.
    type Results;

    /// The members as parts of a canvas.
    fn into_nodes(self) -> Vec<Node>;

    /// The app that one of them is to be sent through.
    #[doc(hidden)]
    fn chosen_app(&self) -> Option<App>;

    /// Whether one of them has all its arguments.
    #[doc(hidden)]
    fn opens(&self) -> bool;
}

impl<In, S: Step<In>> Members<In> for Vec<S> {
    type Results = Vec<S::Output>;

    fn into_nodes(self) -> Vec<Node> {
        self.into_iter().map(Step::into_node).collect()
    }

    fn chosen_app(&self) -> Option<App> {
        self.iter().find_map(Step::chosen_app)
    }

    fn opens(&self) -> bool {
        self.iter().any(Step::opens)
    }
}

impl<In, S: Step<In>, const N: usize> Members<In> for [S; N] {
    type Results = Vec<S::Output>;

    fn into_nodes(self) -> Vec<Node> {
        self.into_iter().map(Step::into_node).collect()
    }

    fn chosen_app(&self) -> Option<App> {
        self.iter().find_map(Step::chosen_app)
    }

    fn opens(&self) -> bool {
        self.iter().any(Step::opens)
    }
}

macro_rules! tuple {
    ($($step:ident),+) => {
        impl<In, $($step: Step<In>),+> Members<In> for ($($step,)+) {
            type Results = ($($step::Output,)+);

            #[allow(non_snake_case)]
            fn into_nodes(self) -> Vec<Node> {
                let ($($step,)+) = self;
                vec![$($step.into_node()),+]
            }

            #[allow(non_snake_case)]
            fn chosen_app(&self) -> Option<App> {
                let ($($step,)+) = self;
                None$(.or_else(|| $step.chosen_app()))+
            }

            #[allow(non_snake_case)]
            fn opens(&self) -> bool {
                let ($($step,)+) = self;
                false$(|| $step.opens())+
            }
        }

        impl<$($step),+> Gather for ($($step,)+) {
            type Handle = TupleResult<Self>;

            fn handle(tree: &ResultTree) -> Self::Handle {
                TupleResult { results: tree.group(), types: PhantomData }
            }
        }
    };
}

tuple!(A, B);
tuple!(A, B, C);
tuple!(A, B, C, D);
tuple!(A, B, C, D, E);
tuple!(A, B, C, D, E, F);
tuple!(A, B, C, D, E, F, G);
tuple!(A, B, C, D, E, F, G, H);
