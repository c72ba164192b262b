//! What a person sees while a command works: one line a step, with its time at the end.
//!
//! Everything here goes to stderr, so that stdout holds only what the command is for.

use std::fmt::Display;
use std::time::Instant;

use anyhow::Result;

/// Announces a step that shows its own output.
pub(crate) fn heading(text: impl Display) {
    eprintln!("\n==> {text}");
}

/// Says one thing that the reader should know.
pub(crate) fn note(text: impl Display) {
    eprintln!("    {text}");
}

/// Runs a quiet step and prints what it found and how long it took.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<(T, String)>) -> Result<T> {
    let began = Instant::now();
    eprint!("    {name} … ");
    match work() {
        Ok((value, found)) => {
            eprintln!("{found} ({:.1} s)", began.elapsed().as_secs_f32());
            Ok(value)
        }
        Err(error) => {
            eprintln!("failed");
            Err(error)
        }
    }
}
