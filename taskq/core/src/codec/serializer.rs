//! The formats of message bodies and results.

use std::fmt;

use bytes::Bytes;

use super::{CodecError, CodecErrorKind, Value, json, msgpack, signed, yaml};

/// A format, by Celery's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Serializer {
    /// `json`: the default, and the only one that every Celery accepts unasked.
    #[default]
    Json,
    /// `msgpack`: smaller; holds no dates, UUIDs or decimals.
    Msgpack,
    /// `yaml`: holds dates, but no UUIDs or decimals.
    Yaml,
    /// `auth`: JSON that is signed, see [`Signatures`](super::Signatures).
    Auth,
}

impl Serializer {
    /// Every format that needs no keys.
    pub const ALL: [Self; 3] = [Self::Json, Self::Msgpack, Self::Yaml];

    /// Celery's name: `json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Msgpack => "msgpack",
            Self::Yaml => "yaml",
            Self::Auth => "auth",
        }
    }

    /// The content type: `application/json`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Msgpack => "application/x-msgpack",
            Self::Yaml => "application/x-yaml",
            Self::Auth => "application/data",
        }
    }

    /// The content encoding: `utf-8` or `binary`.
    pub fn content_encoding(self) -> &'static str {
        match self {
            Self::Json | Self::Yaml | Self::Auth => "utf-8",
            Self::Msgpack => "binary",
        }
    }

    /// The format of that name or content type.
    ///
    /// # Errors
    /// [`Refused`](CodecErrorKind::Refused), naming what there is.
    pub fn from_name(name: &str) -> Result<Self, CodecError> {
        let mut all = Self::ALL.into_iter().chain([Self::Auth]);
        let found = all.find(|format| format.name() == name || format.content_type() == name);
        found.ok_or_else(|| {
            let message = match name {
                "pickle" | "application/x-python-serialize" => {
                    format!("`{name}` is never read or written: use `json`, `msgpack`, `yaml` or `auth`")
                }
                _ => format!("there is no serializer `{name}`: use `json`, `msgpack`, `yaml` or `auth`"),
            };
            CodecError::new(CodecErrorKind::Refused, message)
        })
    }

    /// Writes a value.
    ///
    /// # Errors
    /// [`Value`](CodecErrorKind::Value) when the format cannot hold it.
    pub fn encode(self, value: &Value) -> Result<Bytes, CodecError> {
        match self {
            Self::Json => json::to_bytes(value),
            Self::Msgpack => msgpack::encode(value),
            Self::Yaml => yaml::encode(value),
            Self::Auth => signed::seal(&json::to_bytes(value)?, Self::Json),
        }
    }

    /// Reads a value.
    ///
    /// # Errors
    /// When the bytes are not of this format, are nested too deep or hold types nobody knows.
    pub fn decode(self, bytes: &[u8]) -> Result<Value, CodecError> {
        match self {
            Self::Json => json::from_slice(bytes),
            Self::Msgpack => msgpack::decode(bytes),
            Self::Yaml => yaml::decode(bytes),
            Self::Auth => {
                let (format, inner) = signed::unseal(bytes)?;
                format.decode(&inner)
            }
        }
    }
}

impl fmt::Display for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Serializer {
    type Err = CodecError;

    fn from_str(name: &str) -> Result<Self, CodecError> {
        Self::from_name(name)
    }
}
