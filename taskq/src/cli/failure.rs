//! How a command ends when it does not end well: one error, a way to mend it, an exit code.

use taskq_core::{Error, ErrorKind};

use super::style::Style;

/// Exit codes of the command line, as its help and `docs/cli.md` list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It was tried and failed.
    Failed = 1,
    /// The command line or a setting is wrong; nothing was tried.
    Usage = 2,
    /// The task asked about failed, or was revoked.
    TaskFailed = 3,
    /// The result is not there (yet).
    NotReady = 4,
    /// The broker or the result backend cannot be reached (`EX_UNAVAILABLE`, as Celery's `status`).
    Unreachable = 69,
}

/// Why a command ended, for a person.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
}

impl Failure {
    /// A failure; the message is lower case, without a full stop.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), detail: None, hint: None }
    }

    /// A wrong command line or setting.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// Lines shown below the message, as they are.
    pub(crate) fn detail(mut self, lines: impl Into<String>) -> Self {
        self.detail = Some(lines.into());
        self
    }

    /// How to mend it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The text for standard error.
    pub(crate) fn render(&self, style: Style) -> String {
        let mut text = format!("{} {}", style.bad("error:"), self.message);
        if let Some(detail) = &self.detail {
            for line in detail.lines() {
                text.push_str("\n  ");
                text.push_str(line);
            }
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\n  {} {hint}", style.dim("hint:")));
        }
        text
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let exit = match error.kind() {
            ErrorKind::Config | ErrorKind::Registration => Exit::Usage,
            ErrorKind::Connection | ErrorKind::Timeout => Exit::Unreachable,
            _ => Exit::Failed,
        };
        let failure = Self::new(exit, error.to_string());
        match exit {
            Exit::Unreachable => failure.hint(
                "is the server running, and is the URL right? `-b URL` or `TASKQ_BROKER_URL` gives another one; \
                 `-b sqlite:./taskq.db` needs no server",
            ),
            _ => failure,
        }
    }
}

impl From<taskq_core::broker::BrokerError> for Failure {
    fn from(error: taskq_core::broker::BrokerError) -> Self {
        Error::from(error).into()
    }
}

impl From<taskq_core::backend::BackendError> for Failure {
    fn from(error: taskq_core::backend::BackendError) -> Self {
        Error::from(error).into()
    }
}

/// The known name nearest to a wrong one, if it is near enough to be meant.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_where_and_how_to_mend_it() {
        let failure = Failure::usage("`--args` is no JSON").detail("[1,,2]\n   ^").hint("write `[1, 2]`");
        assert_eq!(
            failure.render(Style::PLAIN),
            "error: `--args` is no JSON\n  [1,,2]\n     ^\n  hint: write `[1, 2]`"
        );
        assert_eq!(failure.exit() as u8, 2);
    }
}
