//! Progress on standard error, drawn only where a person watches.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Output;

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// A turning sign for something that takes unknown time.
pub(super) fn spinner(out: Output, message: String) -> ProgressBar {
    if !out.draws_progress() {
        return ProgressBar::hidden();
    }
    let spinner = ProgressBar::new_spinner().with_message(message);
    spinner.enable_steady_tick(TICK);
    spinner
}

/// A bar for something of known length.
pub(super) fn bar(out: Output, prefix: &str, length: u64) -> ProgressBar {
    if !out.draws_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length).with_prefix(prefix.to_owned());
    match ProgressStyle::with_template("{prefix} {wide_bar} {human_pos}/{human_len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
