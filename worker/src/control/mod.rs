//! Remote control: hears commands, does what they say, answers.
//!
//! Kept true here: no message, however broken, ends the listener or keeps the worker from its tasks; every
//! command that wants an answer and is meant for this node gets one, an error included; answers that nobody
//! takes any more are dropped and counted.

mod answer;
mod args;
mod events;
mod gossip;
mod limits;
mod panel;
mod pool;
mod queues;
mod remembered;
mod revoke;
mod stats;
mod tasks;

use std::{sync::Arc, time::Duration};

use taskq_core::{
    broker::{Broadcast, BrokerError},
    control::{self, Command},
};
use tokio::{sync::mpsc, time::sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

pub(crate) use self::{
    events::mingle,
    panel::Panel,
    remembered::{catch_up, keep_reading, read as read_remembered},
};

/// Pause before listening again after the broker refused.
const AGAIN: Duration = Duration::from_secs(1);

/// What listens. Dropping it ends it.
pub(crate) type Listening = [AbortOnDropHandle<()>; 3];

/// Starts to listen, where the broker has fan-out and the settings allow it.
pub(crate) fn start(panel: Panel) -> Option<Listening> {
    let settings = panel.node.app.settings();
    if !settings.worker_enable_remote_control {
        return None;
    }
    let exchange = control::exchange(&settings.control_exchange);
    let Some(broadcast) = panel.node.broker.broadcast() else {
        info!("the broker has no fan-out: no remote control");
        return None;
    };
    let (answers, waiting) = mpsc::channel(answer::BOUND);
    let node = Arc::clone(&panel.node);
    let own = AbortOnDropHandle::new;
    Some([
        own(tokio::spawn(answer::send(Arc::clone(&node), waiting))),
        own(tokio::spawn(gossip::listen(node))),
        own(tokio::spawn(listen(Arc::new(panel), broadcast, exchange, answers))),
    ])
}

async fn listen(
    panel: Arc<Panel>,
    broadcast: Arc<dyn Broadcast>,
    exchange: String,
    answers: mpsc::Sender<answer::Answer>,
) {
    loop {
        if let Err(error) = hear(&panel, broadcast.as_ref(), &exchange, &answers).await {
            warn!(%error, exchange, "could not listen for remote control; trying again");
        }
        sleep(AGAIN).await;
    }
}

async fn hear(
    panel: &Arc<Panel>,
    broadcast: &dyn Broadcast,
    exchange: &str,
    answers: &mpsc::Sender<answer::Answer>,
) -> Result<(), BrokerError> {
    let mut subscription = broadcast.subscribe(exchange, "").await?;
    loop {
        let message = subscription.next().await?;
        match Command::read(&message) {
            Ok(command) => {
                panel.node.app.adjust_clock(command.clock);
                if command.is_for(&panel.node.name) {
                    panel.obey(command, answers).await;
                }
            }
            Err(why) => {
                panel.node.counters.bad_commands.inc();
                debug!(exchange, why, "dropped a control message that cannot be read");
            }
        }
    }
}
