//! Which pool runs the tasks.

use std::fmt;

/// Which pool runs the tasks (`worker_pool`, `-P`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolKind {
    /// Async tasks on the runtime, blocking ones on threads. taskq's default. Also `async`, and what
    /// `eventlet` and `gevent` are read as.
    #[default]
    Threads,
    /// One task at a time. Celery: `solo`.
    Solo,
    /// Children of the same program. Celery: `prefork`.
    Processes,
}

impl PoolKind {
    /// Reads a name, taskq's or Celery's.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "threads" | "async" | "eventlet" | "gevent" => Some(Self::Threads),
            "solo" => Some(Self::Solo),
            "processes" | "prefork" => Some(Self::Processes),
            _ => None,
        }
    }

    /// taskq's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Solo => "solo",
            Self::Processes => "processes",
        }
    }
}

impl fmt::Display for PoolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
