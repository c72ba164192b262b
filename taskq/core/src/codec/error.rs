//! What encoding and decoding may end with.

use std::fmt;

/// The classes of codec errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecErrorKind {
    /// The bytes are not what their content type says.
    Syntax,
    /// Nested deeper than 128 levels.
    Depth,
    /// Larger than the limit, after decompression.
    TooLarge,
    /// A typed value (`__type__`) of an unknown type.
    UnknownType,
    /// The content type is not accepted.
    Refused,
    /// The compression is not known.
    UnknownCompression,
    /// The arguments do not fit the parameters.
    Arguments,
    /// A header has the wrong type.
    Headers,
    /// A value cannot be written in that format, or does not fit the wanted type.
    Value,
}

/// An error of encoding or decoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError {
    kind: CodecErrorKind,
    message: String,
}

impl CodecError {
    /// An error; the message says what and where.
    #[cold]
    pub fn new(kind: CodecErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Arguments that do not fit, in Python's words.
    #[cold]
    pub fn arguments(message: impl Into<String>) -> Self {
        Self::new(CodecErrorKind::Arguments, message)
    }

    /// A header of the wrong type.
    #[cold]
    pub fn headers(message: impl Into<String>) -> Self {
        Self::new(CodecErrorKind::Headers, message)
    }

    /// Its class.
    pub fn kind(&self) -> CodecErrorKind {
        self.kind
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CodecError {}

impl serde::de::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(CodecErrorKind::Value, message.to_string())
    }
}

impl serde::ser::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(CodecErrorKind::Value, message.to_string())
    }
}
