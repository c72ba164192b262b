//! Why a task ended: what REVOKED and FAILURE alone do not tell.

use std::fmt;

/// The true reason of an end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndReason {
    /// Its `expires` had passed before it could run.
    Expired,
    /// Somebody revoked it before it ran.
    Revoked,
    /// Somebody had it stopped while it ran.
    Terminated {
        /// The signal's number, if told: 9 is SIGKILL.
        signal: Option<i64>,
    },
    /// The task refused its message; `requeue` gives it back to the queue.
    Rejected {
        /// Whether it goes back to the queue.
        requeue: bool,
    },
    /// No such task in the worker that received it.
    NotRegistered,
    /// The process or the worker that ran it was lost.
    LostWorker,
    /// It ran for too long.
    TimeLimit {
        /// Whether the task itself was told to end (soft), rather than being stopped (hard).
        soft: bool,
    },
}

impl EndReason {
    /// One word for queries (`reason:expired`) and storage.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Terminated { .. } => "terminated",
            Self::Rejected { .. } => "rejected",
            Self::NotRegistered => "not_registered",
            Self::LostWorker => "lost_worker",
            Self::TimeLimit { .. } => "time_limit",
        }
    }

    /// All words.
    pub const WORDS: [&'static str; 7] =
        ["expired", "revoked", "terminated", "rejected", "not_registered", "lost_worker", "time_limit"];

    /// What the text of an exception tells, as Python shows it: `WorkerLostError('…')`.
    pub fn of_exception(text: &str) -> Option<Self> {
        let class = text.split(['(', ':', ' ']).next().unwrap_or_default();
        Some(match class.rsplit('.').next().unwrap_or_default() {
            "SoftTimeLimitExceeded" => Self::TimeLimit { soft: true },
            "TimeLimitExceeded" => Self::TimeLimit { soft: false },
            "WorkerLostError" | "WorkerShutdown" | "WorkerTerminate" => Self::LostWorker,
            "NotRegistered" => Self::NotRegistered,
            "Reject" => Self::Rejected { requeue: text.trim_end().ends_with("True)") },
            "Terminated" => Self::Terminated { signal: None },
            _ => return None,
        })
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("Expired"),
            Self::Revoked => f.write_str("Revoked"),
            Self::Terminated { signal: None } => f.write_str("Terminated"),
            Self::Terminated { signal: Some(number) } => match signal_name(*number) {
                Some(name) => write!(f, "Terminated {name}"),
                None => write!(f, "Terminated by signal {number}"),
            },
            Self::Rejected { requeue: false } => f.write_str("Rejected"),
            Self::Rejected { requeue: true } => f.write_str("Rejected, back to the queue"),
            Self::NotRegistered => f.write_str("Not registered"),
            Self::LostWorker => f.write_str("Lost worker"),
            Self::TimeLimit { soft: true } => f.write_str("Soft time limit"),
            Self::TimeLimit { soft: false } => f.write_str("Time limit"),
        }
    }
}

fn signal_name(number: i64) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        6 => "SIGABRT",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        12 => "SIGUSR2",
        15 => "SIGTERM",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_an_exception_tells_why() {
        let reason = |text| EndReason::of_exception(text).map(|reason| reason.to_string());
        assert_eq!(reason("SoftTimeLimitExceeded()").as_deref(), Some("Soft time limit"));
        assert_eq!(reason("TimeLimitExceeded(30,)").as_deref(), Some("Time limit"));
        assert_eq!(reason("WorkerLostError('Worker exited prematurely')").as_deref(), Some("Lost worker"));
        assert_eq!(reason("NotRegistered('shop.nope')").as_deref(), Some("Not registered"));
        assert_eq!(reason("Reject('bad', False)").as_deref(), Some("Rejected"));
        assert_eq!(reason("Reject('bad', True)").as_deref(), Some("Rejected, back to the queue"));
        assert_eq!(reason("ValueError('TimeLimitExceeded')"), None);
        assert_eq!(EndReason::Terminated { signal: Some(9) }.to_string(), "Terminated SIGKILL");
    }
}
