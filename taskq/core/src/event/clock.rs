//! Logical time (Lamport): orders what several processes tell, whatever their clocks say.
//!
//! Kept true here: it never goes back, and is always past every time that was seen.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// The most that one message may move it ahead of what it was. A broken or hostile sender must not use the
/// clock up: Celery orders elections by it.
const LEAP: u64 = 1 << 40;

/// A logical clock. Clones are the same clock. Celery: `app.clock`.
#[derive(Clone, Debug, Default)]
pub struct Lamport(Arc<AtomicU64>);

impl Lamport {
    /// Advances it and answers its new value (Celery: `forward`).
    pub fn tick(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Moves it past a time that was seen in a message (Celery: `adjust`).
    pub fn adjust(&self, seen: u64) -> u64 {
        if seen < self.now().saturating_add(LEAP) {
            self.0.fetch_max(seen, Ordering::Relaxed);
        }
        self.tick()
    }

    /// The time now.
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_past_what_it_sees_and_never_back_and_no_sender_can_use_it_up() {
        let clock = Lamport::default();
        assert_eq!(clock.adjust(10), 11);
        assert_eq!(clock.adjust(3), 12);
        assert_eq!(clock.adjust(u64::MAX), 13);
    }
}
