//! The scheduler: sends the entries of a schedule when they are due.
//!
//! Kept true here: any number of beats may run; one leads, and another takes over within seconds when it is
//! gone. A tick is claimed in the store before, or in the same step as, its message is published, under the
//! leader's token: neither two beats nor a restart sends a tick twice, and none is forgotten.
//!
//! [`Beat`] runs it. Inside, `plan` says what is due next, `misfire` what of the past is still to be sent,
//! `overlap` what to do while the run before goes on, `sources` which entries there are.

#![forbid(unsafe_code)]

mod beat;
mod compose;
mod misfire;
mod overlap;
mod ping;
mod plan;
mod report;
mod sources;
mod term;

pub use beat::{Beat, BeatOptions};
pub use report::Report;
