//! Signatures: calls as values that can be stored, passed on and joined.

mod args;
mod options;
mod signature;

pub use args::{Args, Kwargs};
pub use signature::Signature;
