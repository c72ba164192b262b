//! What an entry does while its run before is not over.

use jiff::SignedDuration;
use taskq_core::{
    Error, Timestamp,
    app::App,
    backend::State,
    result::AsyncResult,
    schedule::{Entry, EntryState, Overlap},
};

/// What to do with a tick that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Send it.
    Send,
    /// Leave it out.
    LeaveOut,
    /// Look again in a moment.
    Wait,
}

/// Decides by the stored result of the run before.
///
/// # Errors
/// When the result cannot be read, or the run before cannot be revoked.
pub(crate) async fn decide(
    app: &App,
    entry: &Entry,
    state: &EntryState,
    now: Timestamp,
) -> Result<Decision, Error> {
    if entry.overlap == Overlap::Allow {
        return Ok(Decision::Send);
    }
    let Some(id) = &state.last_task else { return Ok(Decision::Send) };
    let before: AsyncResult<()> = AsyncResult::new(app, id.clone());
    let is_over = match before.state().await? {
        // Never stored: it waits, or its result has expired.
        State::Pending => result_has_expired(app, state, now),
        state => state.is_ready(),
    };
    if is_over {
        return Ok(Decision::Send);
    }
    match entry.overlap {
        Overlap::Allow => Ok(Decision::Send),
        Overlap::Skip => Ok(Decision::LeaveOut),
        Overlap::QueueOne => Ok(Decision::Wait),
        Overlap::CancelPrevious => {
            before.revoke().terminate("SIGTERM").await?;
            Ok(Decision::Send)
        }
    }
}

fn result_has_expired(app: &App, state: &EntryState, now: Timestamp) -> bool {
    let kept = app.settings().result_expires.and_then(|kept| SignedDuration::try_from(kept).ok());
    match (kept, state.last_sent) {
        (Some(kept), Some(sent)) => now.duration_since(sent) > kept,
        (None, _) => false,
        (_, None) => true,
    }
}
