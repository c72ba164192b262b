//! Values and the formats they travel in: kombu's JSON dialect, msgpack and yaml, compressions, and Python's
//! way of showing arguments.
//!
//! Kept true here: what kombu writes is read back as the same value (dates, decimals, UUIDs, bytes, integers of
//! any size, `NaN`); what we write, kombu reads; and no input, however deep, large or broken, does worse than a
//! [`CodecError`].

mod accept;
pub mod compress;
mod error;
pub mod json;
mod msgpack;
pub mod repr;
mod serializer;
pub(crate) mod signed;
mod token;
pub mod typed;
mod value;
mod yaml;

pub use accept::Accept;
pub use error::{CodecError, CodecErrorKind};
pub use serializer::Serializer;
pub use signed::{SignatureParts, Signatures};
pub use value::{Map, Value, from_value, to_value};

/// Containers nested deeper than this are refused, in every format.
pub const MAX_DEPTH: usize = 128;
