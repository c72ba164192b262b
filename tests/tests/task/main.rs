//! What `#[task]` makes of a function, seen from a program that uses it.

mod calls;
mod decoys;
mod lints;
mod options;
mod parameters;
mod returns;
mod run;
