//! Bodies and results to bytes and back: kombu's JSON, msgpack, YAML, and the compressions around them.
//!
//! Kept true here: nothing that arrives can crash or exhaust the process (nesting, size and inflation are
//! bounded, pickle is never executed), and every refusal is a typed [`CodecError`].

mod accept;
pub mod compress;
mod error;
pub mod json;
mod msgpack;
pub mod repr;
mod serializer;
pub mod typed;
mod value;
mod value_de;
mod yaml;

use serde::{Serialize, de::DeserializeOwned};

pub use accept::Accept;
pub use error::{CodecError, CodecErrorKind};
pub use serializer::Serializer;
pub use value::{Map, Value};

/// Any serializable value as a [`Value`], typed kinds kept.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn to_value<T: Serialize + ?Sized>(value: &T) -> Result<Value, CodecError> {
    json::from_slice(&json::to_bytes(value)?)
}

/// A [`Value`] as a type of the user's.
///
/// # Errors
/// When it does not fit.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, CodecError> {
    T::deserialize(value)
}
