//! The typed front of canvases: what a step takes is what the step before it gives, checked by the compiler.
//!
//! Kept true here: nothing of it is on the wire. Every value of these types is a [`Node`] that untyped code
//! could have built, except that a group of one stays a group.

mod chain;
mod group;
mod immutable;
mod map;
mod partial;
mod untyped;

pub use chain::Chain;
pub use group::{Gather, Group, Members, TupleResult, chord, group};
pub use immutable::ImmutableCall;
pub use map::MapTask;
pub use partial::Partial;
pub use untyped::Untyped;

use super::{Kind, Node, Signature};
use crate::{app::App, send::Call, task::Task};

/// A step of a workflow that takes `In` from the step before it; `()` is a step that needs none.
///
/// | value | takes | gives |
/// |---|---|---|
/// | `add.s(2, 3)` | nothing | the task's result |
/// | `add.si(2, 3)` | anything, and leaves it | the task's result |
/// | `add.p(3)` | the first argument | the task's result |
/// | `a \| b` | what `a` takes | what `b` gives |
/// | `group([a, b])`, `group((a, b))` | what every member takes | a `Vec`, a tuple |
/// | `Signature::by_name(…).typed::<T>()` | anything | `T` |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot follow a step that gives `{In}`",
    label = "this step does not take `{In}`",
    note = "`task.p(…)` takes the result of the step before it as its first argument, which must have the type \
            that step gives; `task.si(…)` has all its arguments and takes no result; `task.s(…)` can only come first"
)]
pub trait Step<In> {
    /// What it gives.
    type Output;

    /// The step as a part of a canvas.
    fn into_node(self) -> Node;

    /// The step as a part that something precedes.
    #[doc(hidden)]
    fn into_next(self) -> Node
    where
        Self: Sized,
    {
        self.into_node()
    }

    /// The app that it is to be sent through.
    #[doc(hidden)]
    fn chosen_app(&self) -> Option<App> {
        None
    }

    /// Whether it has all its arguments, so that nothing may be put in front of them.
    #[doc(hidden)]
    fn opens(&self) -> bool {
        false
    }
}

impl<T: Task> Step<()> for Call<T> {
    type Output = T::Output;

    fn into_node(self) -> Node {
        Node::task(self.into_signature())
    }

    /// All arguments are there: the `null` of a step that gives nothing is not one of them.
    fn into_next(self) -> Node {
        self.immutable().into_node()
    }

    fn chosen_app(&self) -> Option<App> {
        self.app_given()
    }

    fn opens(&self) -> bool {
        true
    }
}

impl<In> Step<In> for Signature {
    type Output = crate::codec::Value;

    fn into_node(self) -> Node {
        untyped::read(self)
    }
}

/// Makes what runs first in a node ignore what precedes it.
fn close(node: &mut Node) {
    match &mut node.kind {
        Kind::Task => node.signature.immutable = true,
        Kind::Chain(steps) => steps.first_mut().into_iter().for_each(close),
        Kind::Group(members) => members.iter_mut().for_each(close),
        Kind::Chord(chord) => chord.header.iter_mut().for_each(close),
    }
}
