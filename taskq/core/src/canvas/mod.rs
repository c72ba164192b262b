//! Signatures and what they are composed to: calls as values that can be stored, passed on and joined.
//!
//! A [`Signature`] is the map that travels; a [`Node`] is the tree it describes; [`expand`] turns it into the
//! messages that start it, for clients and workers alike.

mod args;
mod compose;
mod deep;
mod expand;
mod freeze;
mod links;
mod map;
mod merge;
mod node;
mod options;
mod replace;
mod send;
mod signature;
mod stamp;
mod typed;
mod unchain;

pub use args::{Args, Kwargs};
pub(crate) use deep::deep;
pub use expand::{Expansion, Step, expand};
pub(crate) use freeze::after;
pub(crate) use map::routed;
pub use node::{Chord, Kind, Node};
pub use replace::replacement;
pub use signature::Signature;
pub use stamp::StampingVisitor;
pub use typed::{
    Chain, Gather, Group, ImmutableCall, MapTask, Members, Partial, Step as CanvasStep, TupleResult, Untyped,
    chord, group,
};
pub(crate) use unchain::unchained;
