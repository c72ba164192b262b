//! Waiting until there may be something to take, without taking anything: what a consumer of several queues does, and
//! one whose server does not let it [arm](super::armed) a take.
//!
//! Each queue is watched on a connection of its own with `BLMOVE` from the list to itself: it returns as soon
//! as the list is not empty and changes nothing, so an answer that gets lost loses no message. Only the most
//! urgent list is watched, where everything without an explicit priority is. Of writes to the others taskq
//! [tells](super::wake); what Python writes there is found with every take, at least every [`TICK`], and where nothing
//! has come for a while at least every second.

use std::{sync::Arc, time::Duration};

use redis::Cmd;
use tokio::{sync::Notify, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Shared, armed::Waits, wake};
use crate::conn::Link;

/// How often a consumer that waits looks by itself.
pub(super) const TICK: Duration = Duration::from_millis(500);
/// The same once it has found nothing for so many times in a row.
const IDLE: (u32, Duration) = (4, Duration::from_secs(1));
/// The longest `BLMOVE`. The read deadline is this and the time for an answer.
const BLOCK: Duration = Duration::from_secs(15);
/// Queues that are watched; more are found by looking.
const WATCHED: usize = 8;

/// How long to wait after so many looks that found nothing.
pub(super) fn pause(found_nothing: u32) -> Duration {
    let (looks, tick) = IDLE;
    if found_nothing < looks { TICK } else { tick }
}

/// Watches queues while a consumer waits.
#[derive(Debug)]
pub(super) struct Watch {
    /// Something may be there.
    pub(super) wake: Arc<Notify>,
    tasks: JoinSet<()>,
    arm: Vec<Arc<Notify>>,
    waits: Arc<Waits>,
}

impl Watch {
    pub(super) fn new(shared: &Shared) -> Self {
        Self {
            wake: Arc::default(),
            tasks: JoinSet::new(),
            arm: Vec::new(),
            waits: Arc::new(Waits::new(shared)),
        }
    }

    /// Watches these queues from now on.
    pub(super) fn set(&mut self, shared: &Arc<Shared>, queues: &[String], stop: &CancellationToken) {
        self.tasks.abort_all();
        self.arm.clear();
        self.spawn(wake::listen(Arc::clone(shared), unwatched(shared, queues), Arc::clone(&self.wake)), stop);
        for queue in queues.iter().take(WATCHED) {
            let arm = Arc::new(Notify::new());
            self.arm.push(Arc::clone(&arm));
            let list = shared.keys.list(queue, None);
            let watch = watch(Arc::clone(shared), list, arm, Arc::clone(&self.wake));
            self.spawn(watch, stop);
        }
    }

    fn spawn(&mut self, watch: impl Future<Output = ()> + Send + 'static, stop: &CancellationToken) {
        let stop = stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = watch => {}
            }
        });
    }

    /// The notifiers that make watchers look: once for each time nothing was found.
    pub(super) fn watchers(&self) -> Vec<Arc<Notify>> {
        self.arm.clone()
    }

    /// Where takes can wait.
    pub(super) fn waits(&self) -> Arc<Waits> {
        Arc::clone(&self.waits)
    }
}

/// The channels of what is not watched.
fn unwatched(shared: &Shared, queues: &[String]) -> Vec<String> {
    let keys = &shared.keys;
    let mut channels = Vec::new();
    for (at, queue) in queues.iter().enumerate() {
        let watched = usize::from(at < WATCHED);
        channels.extend(keys.lists(queue).iter().skip(watched).map(|list| keys.wake(list)));
        channels.push(keys.wake(&keys.delayed(queue)));
    }
    channels
}

/// A connection on which [`command`] has its time.
pub(super) fn link(shared: &Shared) -> Link {
    shared.link.sibling(BLOCK + shared.options.socket_timeout)
}

/// Waits until something is in the list.
pub(super) fn command(list: &str) -> Cmd {
    let mut command = redis::cmd("BLMOVE");
    command.arg(list).arg(list).arg("RIGHT").arg("RIGHT").arg(BLOCK.as_secs_f64());
    command
}

async fn watch(shared: Arc<Shared>, list: String, arm: Arc<Notify>, wake: Arc<Notify>) {
    let link = link(&shared);
    let command = command(&list);
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
