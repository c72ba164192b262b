//! The error of every codec.

use std::fmt;

use serde::{de, ser};

/// What is wrong with a value or its encoded form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    kind: CodecErrorKind,
    message: String,
    offset: Option<usize>,
}

/// The classes of codec errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CodecErrorKind {
    /// Not well-formed in its format, or not UTF-8.
    Syntax,
    /// Arguments that do not fit the parameters of the task.
    Arguments,
    /// Headers that are not those of a task.
    Headers,
    /// Nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    Depth,
    /// Larger than the limit, after decompression.
    TooLarge,
    /// A typed value of a type nobody knows.
    UnknownType,
    /// A content type that is not accepted.
    Refused,
    /// A signature that proves nothing, or keys that are missing.
    Signature,
    /// A compression nobody knows.
    UnknownCompression,
    /// A value of another type than asked for, or that the format cannot hold.
    Value,
}

impl CodecError {
    /// An error; the message says what was wrong with what.
    #[cold]
    pub fn new(kind: CodecErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), offset: None }))
    }

    #[cold]
    pub(super) fn at(kind: CodecErrorKind, message: impl Into<String>, offset: usize) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), offset: Some(offset) }))
    }

    /// Arguments that do not fit; the text is Python's.
    #[cold]
    pub fn arguments(message: impl Into<String>) -> Self {
        Self::new(CodecErrorKind::Arguments, message)
    }

    /// Headers that are not those of a task.
    #[cold]
    pub fn headers(message: impl Into<String>) -> Self {
        Self::new(CodecErrorKind::Headers, message)
    }

    /// What kind of error this is.
    pub fn kind(&self) -> CodecErrorKind {
        self.0.kind
    }

    /// Where in the input, in bytes from its start, when that is known.
    pub fn offset(&self) -> Option<usize> {
        self.0.offset
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match self.0.offset {
            Some(offset) => write!(f, " at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for CodecError {}

impl de::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(CodecErrorKind::Value, message.to_string())
    }
}

impl ser::Error for CodecError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(CodecErrorKind::Value, message.to_string())
    }
}
