//! What a command prints: a document for machines with `--json`, text for people without.
//!
//! Data goes to standard output, everything said about it to standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::{
    failure::{Exit, Failure},
    style::Style,
};

/// Where a command's words go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    /// Style of standard output.
    pub(crate) style: Style,
    /// Style of standard error.
    pub(crate) notes: Style,
}

impl Output {
    /// As the global options say.
    pub(crate) fn new(json: bool, quiet: bool, no_color: bool) -> Self {
        Self {
            json,
            quiet,
            style: Style::for_stream(&io::stdout(), no_color),
            notes: Style::for_stream(&io::stderr(), no_color),
        }
    }

    /// Prints `value` with `--json`, else what `text` makes.
    pub(crate) fn print<T: Serialize>(
        self,
        value: impl FnOnce() -> T,
        text: impl FnOnce(Style) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            let document = serde_json::to_string_pretty(&value())
                .map_err(|error| Failure::new(Exit::Failed, format!("could not write JSON: {error}")))?;
            self.line(&document)
        } else {
            self.line(&text(self.style))
        }
    }

    /// Prints a line to standard output. A reader that went away (`| head`) is no error.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Exit::Failed, format!("could not write to standard output: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Tells something beside the data, unless `-q` was given. Never fails: nobody may be listening.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            let _ = writeln!(io::stderr(), "{} {text}", self.notes.dim("note:"));
        }
    }

    /// Whether `--json` was given.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether progress may be drawn: a person watches and did not ask for quiet.
    pub(crate) fn draws_progress(self) -> bool {
        !self.quiet && !self.json && io::stderr().is_terminal()
    }

    /// Asks for a yes on the terminal; `None` when nobody is there to answer.
    pub(crate) fn confirm(self, question: &str) -> Option<bool> {
        if !io::stdin().is_terminal() {
            return None;
        }
        let _ = write!(io::stderr(), "{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim(), "y" | "Y" | "yes"))
    }
}
