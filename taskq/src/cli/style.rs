//! Colour, only where it helps a person: a terminal, and nobody said no.

use std::io::IsTerminal;

/// Writes text in a style, or plainly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    on: bool,
}

impl Style {
    /// Plain text.
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { on: false };

    /// For `stream`: coloured on a terminal, unless `-C` was given or `NO_COLOR` is set.
    pub(crate) fn for_stream(stream: &impl IsTerminal, no_color: bool) -> Self {
        let refused = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: !refused && stream.is_terminal() }
    }

    /// Whether colours are written.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// What can be skipped.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// What went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    /// What went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.wrap("32", text)
    }
}
