//! Steps that are only known by name: tasks of other programs.

use std::{fmt, marker::PhantomData};

use super::{Chain, Node, Step};
use crate::canvas::{Kind, Signature};

/// A signature of which the program says what it gives: `Signature::by_name("proj.count", args![]).typed::<u64>()`.
/// As a later step it takes the result before it, whatever that is, unless it is immutable.
#[must_use = "a step does nothing until the workflow it is in is sent"]
pub struct Untyped<Out> {
    signature: Signature,
    output: PhantomData<fn() -> Out>,
}

impl Signature {
    /// Says what it gives, so that typed steps can follow and the result can be read. That it is so shows when
    /// the value is decoded: a worker that gets another one fails the step that follows.
    pub fn typed<Out>(self) -> Untyped<Out> {
        Untyped { signature: self, output: PhantomData }
    }
}

impl<Out> Untyped<Out> {
    /// As the start of a workflow.
    pub fn start(self) -> Chain<(), Out> {
        Chain::of(vec![read(self.signature)], None, false)
    }

    /// Then this step, which takes what this one gives; this one starts the workflow.
    pub fn then<S: Step<Out>>(self, next: S) -> Chain<(), S::Output> {
        self.start().then(next)
    }
}

impl<In, Out> Step<In> for Untyped<Out> {
    type Output = Out;

    fn into_node(self) -> Node {
        read(self.signature)
    }
}

impl<Out, S: Step<Out>> std::ops::BitOr<S> for Untyped<Out> {
    type Output = Chain<(), S::Output>;

    fn bitor(self, next: S) -> Self::Output {
        self.then(next)
    }
}

impl<Out> From<Untyped<Out>> for Signature {
    fn from(untyped: Untyped<Out>) -> Self {
        untyped.signature
    }
}

impl<Out> fmt::Debug for Untyped<Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Untyped").field(&self.signature).finish()
    }
}

/// The tree of a signature; one that is none is reported when it is sent.
pub(super) fn read(signature: Signature) -> Node {
    Node::read(signature).unwrap_or_else(|error| {
        let mut broken = Signature { task: "celery.chain".to_owned(), ..Signature::default() };
        broken.options.note(error.to_string());
        Node { signature: broken, kind: Kind::Task }
    })
}
