//! Task ids: opaque text on the wire, UUIDv7 when we draw them.

use std::{
    borrow::Borrow,
    fmt,
    sync::{Arc, LazyLock},
};

use serde::{Deserialize, Serialize};

/// The id of a task. Any text up to 155 characters works everywhere; ours are UUIDs (version 7, so that they
/// sort by time). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(Arc<str>);

impl TaskId {
    /// A new id.
    #[allow(clippy::new_without_default)] // a default that differs every time would surprise
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7().as_hyphenated().to_string().into())
    }

    /// What stands for no id.
    pub(crate) fn none() -> Self {
        static NONE: LazyLock<Arc<str>> = LazyLock::new(|| "".into());
        Self(Arc::clone(&NONE))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl From<&str> for TaskId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for TaskId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<uuid::Uuid> for TaskId {
    fn from(uuid: uuid::Uuid) -> Self {
        Self(uuid.as_hyphenated().to_string().into())
    }
}

impl AsRef<str> for TaskId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TaskId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for TaskId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;
        impl serde::de::Visitor<'_> for IdVisitor {
            type Value = TaskId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a task id")
            }
            fn visit_str<E>(self, text: &str) -> Result<TaskId, E> {
                Ok(TaskId::from(text))
            }
        }
        deserializer.deserialize_str(IdVisitor)
    }
}
