//! The end of a run before its time.
//!
//! Kept true here: who looks at the token after the run was told to end finds it cancelled. Most tasks never look, so
//! the token is made when one does.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering::SeqCst, fence},
};

use tokio_util::sync::CancellationToken;

#[derive(Debug, Default)]
pub(super) struct Cancel {
    token: OnceLock<CancellationToken>,
    cancelled: AtomicBool,
}

impl Cancel {
    /// With a token of somebody else's, who may cancel it, too.
    pub(super) fn by(token: Option<CancellationToken>) -> Self {
        Self { token: token.map(OnceLock::from).unwrap_or_default(), cancelled: AtomicBool::new(false) }
    }

    pub(super) fn token(&self) -> &CancellationToken {
        let token = self.token.get_or_init(CancellationToken::new);
        // Either this sees that it is cancelled, or whoever cancels sees the token.
        fence(SeqCst);
        if self.cancelled.load(SeqCst) {
            token.cancel();
        }
        token
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, SeqCst);
        fence(SeqCst);
        if let Some(token) = self.token.get() {
            token.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_is_looked_at_late_is_cancelled() {
        let cancel = Cancel::default();
        assert!(!cancel.token().is_cancelled());
        cancel.cancel();
        assert!(cancel.token().is_cancelled());

        let unseen = Cancel::default();
        unseen.cancel();
        assert!(unseen.token().is_cancelled());
    }

    #[test]
    fn whoever_gave_the_token_hears_of_it_and_may_cancel() {
        let given = CancellationToken::new();
        Cancel::by(Some(given.clone())).cancel();
        assert!(given.is_cancelled());

        let given = CancellationToken::new();
        let cancel = Cancel::by(Some(given.clone()));
        given.cancel();
        assert!(cancel.token().is_cancelled());
    }
}
