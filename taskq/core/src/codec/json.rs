//! Kombu's dialect of JSON: markers for what JSON cannot hold, `NaN` and infinities as bare words, integers of
//! any size.
//!
//! Reading takes `serde_json`'s road straight into the caller's type unless the input holds something of the
//! dialect; then it goes through [`Value`](super::Value).

mod key;
mod marker;
mod number;
mod parse;
mod read;
mod split;
mod write;

pub(crate) use read::from_plain_slice;
pub use read::from_slice;
pub use split::{split_list, split_map};
pub use write::{append, to_bytes, to_string};
