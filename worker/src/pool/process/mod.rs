//! The process pool: tasks run in children of this program, so that one can be killed without the others.
//!
//! ```text
//! worker: slot → crew.take → hand.run ══ pipe ══ child: decode → middleware → task → outcome ══ pipe ══ effects
//! ```
//!
//! Kept true here: what a run comes to is decided, stored and settled in the worker alone, so a child may die at
//! any moment; a message whose child died is given back, or dead, or failed, by policy; a run that is to end
//! early has ended when its effects begin.

mod alone;
mod child;
mod crew;
mod frame;
mod hand;
mod remote;
mod wire;

pub use self::child::{is_child, serve_child};
pub(crate) use self::{
    alone::{Alone, Suspicion},
    crew::{Crew, CrewOptions},
    hand::Hand,
    remote::{Ended, run},
};

/// Set for children. No setting: those begin with `TASKQ_`.
const VARIABLE: &str = "_TASKQ_CHILD";
