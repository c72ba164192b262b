//! How much is shown, by Celery's rules: what is too long ends in `...`, and what has no room left at all is
//! `, ...` with the brackets closed.

/// Characters shown, roughly: quotes and the dots themselves come on top.
const LENGTH: usize = 1024;

/// Containers within containers that are shown; deeper ones are `[...]`.
pub(super) const LEVELS: usize = 3;

/// The text so far, and the room that is left.
pub(super) struct Budget {
    out: String,
    left: usize,
    is_cut: bool,
}

impl Default for Budget {
    fn default() -> Self {
        Self { out: String::with_capacity(64), left: LENGTH, is_cut: false }
    }
}

impl Budget {
    pub(super) fn into_text(self) -> String {
        self.out
    }

    /// Whether everything further is left out.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Whether there is room for another piece.
    fn has_room(&mut self) -> bool {
        if !self.is_cut && self.left == 0 {
            self.out.push_str(", ...");
            self.is_cut = true;
        }
        !self.is_cut
    }

    fn push(&mut self, text: &str) {
        self.out.push_str(text);
        self.left = self.left.saturating_sub(text.chars().count());
    }

    /// Separators and what stands for a container too deep, which are never shortened.
    pub(super) fn mark(&mut self, text: &str) {
        if self.has_room() {
            self.push(text);
        }
    }

    /// The bracket that opens a container, and whether there was room for it.
    pub(super) fn open(&mut self, text: &str) -> bool {
        self.mark(text);
        !self.is_cut
    }

    /// The bracket that closes a container that was opened: it stands even where there is no room.
    pub(super) fn close(&mut self, text: &str) {
        self.push(text);
    }

    /// A number, a word, a typed value.
    pub(super) fn token(&mut self, text: &str) {
        if self.has_room() {
            let (text, dots) = shortened(text, self.left);
            self.push(text);
            self.push(dots);
        }
    }

    /// A text: in single quotes, of which those inside are escaped, and nothing else is.
    pub(super) fn quoted(&mut self, text: &str) {
        if !self.has_room() {
            return;
        }
        let (text, dots) = shortened(text, self.left);
        self.push("'");
        for (index, piece) in text.split('\'').enumerate() {
            if index > 0 {
                self.push("\\'");
            }
            self.push(piece);
        }
        self.push(dots);
        self.push("'");
    }

    /// Bytes: `b'text'`, or their hexadecimal digits when they are no text.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if !self.has_room() {
            return;
        }
        let (shown, dots) = match bytes.get(..self.left) {
            Some(shown) if bytes.len() > self.left => (shown, "..."),
            _ => (bytes, ""),
        };
        self.push("b'");
        match std::str::from_utf8(shown) {
            Ok(text) => self.push(text),
            Err(_) => {
                use std::fmt::Write;
                let hex = shown.iter().fold(String::with_capacity(shown.len() * 2), |mut hex, byte| {
                    _ = write!(hex, "{byte:02x}");
                    hex
                });
                self.push(&hex);
            }
        }
        self.push(dots);
        self.push("'");
    }
}

/// The first `most` characters, without the last word when it is cut, and the dots that say so.
fn shortened(text: &str, most: usize) -> (&str, &'static str) {
    if text.len() < most {
        return (text, "");
    }
    match text.char_indices().nth(most - 1) {
        None => (text, ""),
        Some((last, character)) => {
            let cut = &text[..last + character.len_utf8()];
            (cut.rsplit_once(' ').map_or(cut, |(words, _)| words), "...")
        }
    }
}
