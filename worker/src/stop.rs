//! How a worker is told to stop, and how hard.
//!
//! Kept true here: a level is only ever raised, and everybody who waits for a lower one is woken too.

use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

/// Tells a worker to stop. Clones tell the same worker.
///
/// | level | what happens |
/// |---|---|
/// | [`warm`](Self::warm) | takes nothing new, gives back what has not started, lets running tasks finish |
/// | [`cold`](Self::cold) | cancels running tasks and gives them back too |
/// | [`now`](Self::now) | waits for nothing any more; leases lapse and other workers take over |
#[derive(Clone, Debug, Default)]
pub struct Stop {
    warm: CancellationToken,
    cold: CancellationToken,
    now: CancellationToken,
}

impl Stop {
    /// Nobody has said stop.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes nothing new and lets running tasks finish, within the grace. Celery: warm shutdown.
    pub fn warm(&self) {
        self.warm.cancel();
    }

    /// Gives running tasks back as well. Celery: cold shutdown.
    pub fn cold(&self) {
        self.warm.cancel();
        self.cold.cancel();
    }

    /// Waits for nothing any more.
    pub fn now(&self) {
        self.cold();
        self.now.cancel();
    }

    /// One level up from where it is: what a further signal means.
    pub fn escalate(&self) {
        if self.is_cold() {
            self.now();
        } else if self.is_warm() {
            self.cold();
        } else {
            self.warm();
        }
    }

    /// Whether a warm stop, or a harder one, was asked for.
    pub fn is_warm(&self) -> bool {
        self.warm.is_cancelled()
    }

    /// Whether a cold stop, or a harder one, was asked for.
    pub fn is_cold(&self) -> bool {
        self.cold.is_cancelled()
    }

    /// Whether nothing is waited for any more.
    pub fn is_now(&self) -> bool {
        self.now.is_cancelled()
    }

    /// Waits until a warm stop is asked for.
    pub fn warm_asked(&self) -> WaitForCancellationFuture<'_> {
        self.warm.cancelled()
    }

    /// Waits until a cold stop is asked for.
    pub fn cold_asked(&self) -> WaitForCancellationFuture<'_> {
        self.cold.cancelled()
    }

    /// Waits until it is asked for at once.
    pub fn now_asked(&self) -> WaitForCancellationFuture<'_> {
        self.now.cancelled()
    }
}

#[cfg(test)]
mod tests {
    use super::Stop;

    #[test]
    fn each_signal_is_one_level_harder() {
        let stop = Stop::new();
        let seen = |stop: &Stop| (stop.is_warm(), stop.is_cold(), stop.is_now());
        assert_eq!(seen(&stop), (false, false, false));
        stop.escalate();
        assert_eq!(seen(&stop), (true, false, false));
        stop.escalate();
        assert_eq!(seen(&stop), (true, true, false));
        stop.escalate();
        assert_eq!(seen(&stop), (true, true, true));
    }

    #[test]
    fn a_hard_stop_includes_the_soft_ones() {
        let stop = Stop::new();
        let other = stop.clone();
        other.now();
        assert!(stop.is_warm() && stop.is_cold() && stop.is_now());
    }
}
