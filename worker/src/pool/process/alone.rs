//! Suspects: messages whose process died as often as `max_deaths` allows.
//!
//! Kept true here: a suspect runs in a child that has had no run before it and gets none after it, and no other
//! suspect runs in this worker meanwhile; so what it kills is that child, and what dies with it is not innocent.

use taskq_core::Error;
use tokio::sync::SemaphorePermit;
use tracing::warn;

use super::{Crew, CrewOptions, child};
use crate::{held::Held, node::Node, tasks::Known};

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
            turn = node.alone.acquire() => turn.ok()?,
        };
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

    /// Lets the child go.
    pub(crate) async fn end(self) {
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
    most > 0 && deliveries > most && !known.is_builtin && known.policy.acks_late && can_serve
}
