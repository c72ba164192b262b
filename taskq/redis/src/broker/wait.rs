//! Waiting until there may be something to take, without taking anything.
//!
//! Each queue is watched on a connection of its own with `BLMOVE` from the list to itself: it returns as soon
//! as the list is not empty and changes nothing, so an answer that gets lost loses no message. Only the most
//! urgent list is watched, where everything without an explicit priority is; the others are looked at with
//! every take, which happens at least every [`TICK`].

use std::{sync::Arc, time::Duration};

use tokio::{sync::Notify, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::Shared;

/// How often a consumer that waits looks by itself.
pub(super) const TICK: Duration = Duration::from_millis(500);
/// The longest `BLMOVE`. The read deadline is this and the time for an answer.
const BLOCK: Duration = Duration::from_secs(2);
/// Queues that are watched; more are found by looking.
const WATCHED: usize = 8;

/// Watches queues while a consumer waits.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Something may be there.
    pub(super) wake: Arc<Notify>,
    tasks: JoinSet<()>,
    arm: Vec<Arc<Notify>>,
}

impl Watch {
    /// Watches these queues from now on.
    pub(super) fn set(&mut self, shared: &Arc<Shared>, queues: &[String], stop: &CancellationToken) {
        self.tasks.abort_all();
        self.arm.clear();
        for queue in queues.iter().take(WATCHED) {
            let arm = Arc::new(Notify::new());
            self.arm.push(Arc::clone(&arm));
            let list = shared.keys.list(queue, None);
            let watch = watch(Arc::clone(shared), list, arm, Arc::clone(&self.wake));
            let stop = stop.clone();
            self.tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = watch => {}
                }
            });
        }
    }

    /// The notifiers that make watchers look: once for each time nothing was found.
    pub(super) fn armed(&self) -> Vec<Arc<Notify>> {
        self.arm.clone()
    }
}

async fn watch(shared: Arc<Shared>, list: String, arm: Arc<Notify>, wake: Arc<Notify>) {
    let link = shared.link.sibling(BLOCK + shared.options.socket_timeout);
    let mut command = redis::cmd("BLMOVE");
    command.arg(&list).arg(&list).arg("RIGHT").arg("RIGHT").arg(BLOCK.as_secs_f64());
    loop {
        arm.notified().await;
        loop {
            match link.run::<Option<Vec<u8>>>("wait for messages", &command).await {
                Ok(Some(_)) => break,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "could not wait for messages");
                    sleep(TICK).await;
                }
            }
        }
        wake.notify_one();
    }
}
