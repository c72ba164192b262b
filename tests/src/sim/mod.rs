//! A simulation: workers and beats over a broker in memory, on a clock that jumps, with faults drawn from a seed.
//!
//! Kept true here: everything of a run follows from its seed. There is one thread and one paused clock; chance
//! comes from the seed; ids are given, not drawn. So a seed that breaks a promise breaks it every time.
//!
//! | part | what it is |
//! |---|---|
//! | [`Plan`] | what a seed means: what is sent, who runs, what goes wrong when |
//! | `link` | a process's way to the servers: cut, slow, answers lost, or dead with its process |
//! | `broker`, `backend`, `schedules` | the drivers in memory, seen through a link |
//! | `book` | what happened, and what must never happen |
//! | `world` | lives one plan to its end |

mod backend;
mod book;
mod broker;
mod clock;
mod link;
mod plan;
mod schedules;
mod tasks;
mod world;

pub use plan::Plan;
pub use world::{Verdict, live};
