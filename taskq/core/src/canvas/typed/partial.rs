//! A call that lacks its first argument.

use std::{fmt, marker::PhantomData};

use bytes::Bytes;

use super::{Chain, Node, Step};
use crate::{
    app::App,
    canvas::Signature,
    codec::{CodecError, json},
    send::SendOptions,
};

/// A call of a task whose first argument comes from the step before it: `mul.p(4)`.
#[must_use = "a step does nothing until the workflow it is in is sent"]
pub struct Partial<In, Out> {
    signature: Signature,
    app: Option<App>,
    types: PhantomData<fn(In) -> Out>,
}

impl<In, Out> Partial<In, Out> {
    /// A call of this task with these further arguments, a JSON list and a JSON object.
    pub(crate) fn new(
        task: &str,
        rest: Result<(Bytes, Bytes), CodecError>,
        options: SendOptions,
        app: Option<App>,
    ) -> Self {
        let mut signature = Signature { task: task.to_owned(), options, ..Signature::default() };
        let read =
            |(args, kwargs): (Bytes, Bytes)| Ok((json::from_slice(&args)?, json::from_slice(&kwargs)?));
        match rest.and_then(read) {
            Ok((args, kwargs)) => (signature.args, signature.kwargs) = (args, kwargs),
            Err(error) => {
                signature.options.note(format!("could not encode the arguments of `{task}`: {error}"));
            }
        }
        Self { signature, app, types: PhantomData }
    }

    crate::__send_option_methods!([.signature.options]);
}

super::chain::before!([In, Out] Partial<In, Out>, In, Out);

impl<In, Out> Step<In> for Partial<In, Out> {
    type Output = Out;

    fn into_node(self) -> Node {
        Node::task(self.signature)
    }

    fn chosen_app(&self) -> Option<App> {
        self.app.clone()
    }
}

impl<In, Out> From<Partial<In, Out>> for Signature {
    fn from(partial: Partial<In, Out>) -> Self {
        partial.signature
    }
}

impl<In, Out> fmt::Debug for Partial<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Partial").field(&self.signature).finish()
    }
}
