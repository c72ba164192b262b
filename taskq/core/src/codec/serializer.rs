//! The formats of bodies and results.

use bytes::Bytes;

use super::{CodecError, CodecErrorKind, Value, json, msgpack, yaml};

/// A format of bodies and results. Celery: `task_serializer`, `result_serializer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Serializer {
    /// kombu's JSON dialect.
    #[default]
    Json,
    /// MessagePack: bytes stay bytes, but there are no dates.
    Msgpack,
    /// YAML, the safe subset.
    Yaml,
}

impl Serializer {
    /// The format of a name, as settings have it: `json`, `msgpack`, `yaml`.
    ///
    /// # Errors
    /// Names the ones there are; pickle is refused with the reason.
    pub fn from_name(name: &str) -> Result<Self, CodecError> {
        match name {
            "json" | "application/json" => Ok(Self::Json),
            "msgpack" | "application/x-msgpack" => Ok(Self::Msgpack),
            "yaml" | "application/x-yaml" => Ok(Self::Yaml),
            "pickle" | "application/x-python-serialize" => Err(pickle()),
            other => Err(CodecError::new(
                CodecErrorKind::Refused,
                format!("unknown serializer `{other}`: use `json`, `msgpack` or `yaml`"),
            )),
        }
    }

    /// kombu's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
            Self::Yaml => "yaml",
        }
    }

    /// Its content type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Msgpack => "application/x-msgpack",
            Self::Yaml => "application/x-yaml",
        }
    }

    /// Its content encoding.
    pub fn content_encoding(self) -> &'static str {
        match self {
            Self::Msgpack => "binary",
            Self::Json | Self::Yaml => "utf-8",
        }
    }

    /// Writes a value.
    ///
    /// # Errors
    /// When the format has no such value.
    pub fn encode(self, value: &Value) -> Result<Bytes, CodecError> {
        match self {
            Self::Json => json::to_bytes(value),
            Self::Msgpack => msgpack::encode(value),
            Self::Yaml => yaml::encode(value),
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// When the bytes are not in this format, or nested too deep.
    pub fn decode(self, bytes: &[u8]) -> Result<Value, CodecError> {
        match self {
            Self::Json => json::from_slice(bytes),
            Self::Msgpack => msgpack::decode(bytes),
            Self::Yaml => yaml::decode(bytes),
        }
    }
}

/// Pickle runs code of the sender's choice when it is read.
pub(super) fn pickle() -> CodecError {
    CodecError::new(
        CodecErrorKind::Refused,
        "content type `application/x-python-serialize` (pickle) is never read, whatever `accept_content` says: \
         it runs code of the sender's choice; send json, msgpack or yaml (`task_serializer`)",
    )
}
