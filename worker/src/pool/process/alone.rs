//! Suspects: messages whose process died as often as `max_deaths` allows.
//!
//! Kept true here: a suspect runs in a child that has had no run before it and gets none after it, and no other
//! suspect runs in this worker meanwhile; so what it kills is that child, and what dies with it is not innocent.
//! Hundreds may have been held by a worker that one of them killed: once that one was found, or some were innocent,
//! the others run like any other, until they are there once more.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use taskq_core::Error;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};
use tracing::warn;

use super::{Crew, CrewOptions, child};
use crate::{held::Held, node::Node, tasks::Known};

/// So many innocents in a row, and whoever is there for the first time is believed.
const INNOCENTS: u32 = 8;

/// For so long.
const BELIEVED: Duration = Duration::from_secs(60);

/// What a worker knows of its suspects.
#[derive(Debug)]
pub(crate) struct Suspicion {
    /// One permit: one runs at a time.
    turn: Semaphore,
    innocents: AtomicU32,
    believed: Mutex<Option<Instant>>,
}

impl Default for Suspicion {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), innocents: AtomicU32::new(0), believed: Mutex::default() }
    }
}

impl Suspicion {
    fn believes(&self) -> bool {
        let believed = *self.believed.lock().unwrap_or_else(PoisonError::into_inner);
        believed.is_some_and(|since| since.elapsed() < BELIEVED)
    }

    /// How a run alone has ended.
    fn judged(&self, died: bool) {
        let innocents = match died {
            true => self.innocents.swap(0, Ordering::AcqRel),
            false => self.innocents.fetch_add(1, Ordering::AcqRel) + 1,
        };
        if died || innocents >= INNOCENTS {
            self.innocents.store(0, Ordering::Release);
            *self.believed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

/// A child for one suspect.
#[derive(Debug)]
pub(crate) struct Alone<'a> {
    crew: Crew,
    _turn: SemaphorePermit<'a>,
}

impl<'a> Alone<'a> {
    /// The child for a delivery, if it is a suspect; waits for the turn. `None`: it runs like any other.
    pub(crate) async fn hire(node: &'a Node, known: &Known, held: &Held) -> Option<Self> {
        if !is_suspect(node, known, held.deliveries) {
            return None;
        }
        let turn = tokio::select! {
            biased;
            _ = held.cancelled() => return None,
            turn = node.suspicion.turn.acquire() => turn.ok()?,
        };
        // The one before it may have been the culprit.
        if !is_suspect(node, known, held.deliveries) {
            return None;
        }
        let started = tokio::select! {
            biased;
            _ = held.cancelled() => return None,
            started = start(node) => started,
        };
        match started {
            Ok(crew) => {
                let deaths = held.deliveries - 1;
                warn!(task = %known.name, id = %held.id, deaths, "it runs alone: its processes died");
                Some(Self { crew, _turn: turn })
            }
            Err(error) => {
                warn!(id = %held.id, %error, "no child for a task whose processes died; it runs like any other");
                None
            }
        }
    }

    pub(crate) fn crew(&self) -> &Crew {
        &self.crew
    }

    /// Lets the child go. `died`: it has killed it.
    pub(crate) async fn end(self, node: &Node, died: bool) {
        node.suspicion.judged(died);
        self.crew.close().await;
    }
}

async fn start(node: &Node) -> Result<Crew, Error> {
    let options = CrewOptions { max_tasks: Some(1), ..CrewOptions::new(node.app.settings()) };
    Crew::start(1, options).await
}

/// Whether its process died as often as may be: earlier deliveries that came to no end. One that was acknowledged
/// early does not come back.
fn is_suspect(node: &Node, known: &Known, deliveries: u32) -> bool {
    let most = node.tuning.max_deaths;
    let can_serve = node.crew.is_some() || child::is_offered();
    let is_new = deliveries == most.saturating_add(1);
    most > 0
        && deliveries > most
        && !(is_new && node.suspicion.believes())
        && !known.is_builtin
        && known.policy.acks_late
        && can_serve
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn others_are_believed_when_the_culprit_was_found_or_many_were_innocent() {
        let suspicion = Suspicion::default();
        (1..INNOCENTS).for_each(|_| suspicion.judged(false));
        assert!(!suspicion.believes());
        suspicion.judged(false);
        assert!(suspicion.believes());
        tokio::time::advance(BELIEVED).await;
        assert!(!suspicion.believes(), "not for ever");
        suspicion.judged(true);
        assert!(suspicion.believes());
    }
}
