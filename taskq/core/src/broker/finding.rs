//! What a look at a server's set-up finds: what is wrong, and what to do about it.

use std::fmt;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Good,
    /// Worth knowing.
    Notice,
    /// It may lose or delay tasks one day.
    Warning,
    /// It loses or delays tasks.
    Problem,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Problem => "problem",
        })
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: `redis.maxmemory-policy`.
    pub check: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found: one line, lower case.
    pub what: String,
    /// What to do; `None` where there is nothing to do.
    pub fix: Option<String>,
}

impl Finding {
    /// As it should be.
    pub fn good(check: &'static str, what: impl Into<String>) -> Self {
        Self { check, severity: Severity::Good, what: what.into(), fix: None }
    }

    /// Something to do about.
    pub fn new(
        check: &'static str,
        severity: Severity,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self { check, severity, what: what.into(), fix: Some(fix.into()) }
    }
}
