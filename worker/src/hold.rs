//! Tasks that may run longer than the broker lets their messages be held.

use taskq_core::broker::HoldLimit;
use tracing::warn;

use crate::tasks::{Known, Tasks};

/// Names that a warning shows.
const SHOWN: usize = 5;

/// Warns of tasks whose message comes back, and runs again, before they end.
pub(crate) fn warn_of_limits(tasks: &Tasks, limit: &HoldLimit) {
    let mut above: Vec<&str> =
        tasks.iter().filter(|known| outlasts(known, limit)).map(|known| known.name.as_ref()).collect();
    if above.is_empty() {
        return;
    }
    above.sort_unstable();
    let more = above.len().saturating_sub(SHOWN);
    above.truncate(SHOWN);
    warn!(
        tasks = above.join(", "),
        more,
        limit = ?limit.after,
        set_by = limit.set_by,
        "the time limits of these tasks are longer than the broker lets a message be held: it takes the message back \
         while the task runs, and it runs again; raise the broker's limit, lower theirs, or acknowledge early \
         (`acks_late = false`)"
    );
}

/// Whether it may still hold its message then. One without a limit promises nothing.
fn outlasts(known: &Known, limit: &HoldLimit) -> bool {
    let longest = known.policy.time_limit.or(known.policy.soft_time_limit);
    !known.is_builtin && known.policy.acks_late && longest.is_some_and(|longest| longest > limit.after)
}
