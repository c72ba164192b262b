//! Progress on standard error, drawn only where a person watches, with log lines above it.

use std::{
    io::{self, IsTerminal, Write},
    sync::LazyLock,
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Everything that is drawn now.
static DRAWN: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A turning sign for something that takes unknown time; nothing where `watched` is false.
pub(crate) fn spinner(watched: bool, message: impl Into<String>) -> ProgressBar {
    if !watched {
        return ProgressBar::hidden();
    }
    let spinner = DRAWN.add(ProgressBar::new_spinner().with_message(message.into()));
    spinner.enable_steady_tick(TICK);
    spinner
}

/// A bar for something of known length; nothing where `watched` is false.
pub(crate) fn bar(watched: bool, prefix: &str, length: u64) -> ProgressBar {
    if !watched {
        return ProgressBar::hidden();
    }
    let bar = DRAWN.add(ProgressBar::new(length).with_prefix(prefix.to_owned()));
    match ProgressStyle::with_template("{prefix} {wide_bar} {human_pos}/{human_len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Standard error for log lines: what is drawn makes way for each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if io::stderr().is_terminal() {
            DRAWN.suspend(|| io::stderr().write_all(line))?;
        } else {
            io::stderr().write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
