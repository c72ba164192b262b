//! Answers `ping`, so that `inspect ping` reaches a beat as it reaches workers.
//!
//! Kept true here: only `ping` is answered, since a refusal would clutter what workers say to their commands; a
//! beat that has not reached its store for too long stays silent, which is what a probe can act on; nothing
//! that is heard here disturbs the schedule.

use std::time::Duration;

use taskq_core::{
    Error, ErrorKind,
    app::{self, App},
    control::{self, Command, Reply, ReplyTo},
};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use crate::report::Report;

/// The name before the `@`: as Celery.
const NODE: &str = "celerybeat";
/// Pause before listening again. As Celery.
const AGAIN: Duration = Duration::from_secs(5);
/// A limit that follows from the settings is no tighter than this. As Celery.
const LEAST_LIMIT: Duration = Duration::from_secs(60);

/// Listens, if the setting `beat_enable_remote_control` says so. Dropping it ends it.
pub(crate) fn start(app: &App, report: &Report) -> Option<AbortOnDropHandle<()>> {
    if !app.settings().beat_enable_remote_control {
        return None;
    }
    let node = Node { app: app.clone(), report: report.clone(), name: format!("{NODE}@{}", app::hostname()) };
    Some(AbortOnDropHandle::new(tokio::spawn(node.listen())))
}

#[derive(Debug)]
struct Node {
    app: App,
    report: Report,
    name: String,
}

impl Node {
    async fn listen(self) {
        info!(node = self.name, "beat answers ping");
        loop {
            if let Err(error) = self.hear().await {
                warn!(%error, node = self.name, "could not listen for ping; trying again");
            }
            sleep(AGAIN).await;
        }
    }

    async fn hear(&self) -> Result<(), Error> {
        let exchange = control::exchange(&self.app.settings().control_exchange);
        let mut subscription = self.app.broadcast().await?.subscribe(&exchange, "").await?;
        loop {
            let message = subscription.next().await?;
            let Ok(command) = Command::read(&message) else { continue };
            self.app.adjust_clock(command.clock);
            if command.method != "ping" || !command.is_for(&self.name) {
                continue;
            }
            if let Some(silent) = self.stalled() {
                warn!(node = self.name, ?silent, "ping is not answered: the schedule has not been looked at");
                continue;
            }
            if let Some(to) = command.reply_to
                && let Err(error) = self.answer(&to, command.ticket).await
            {
                debug!(%error, "an answer was not delivered");
            }
        }
    }

    async fn answer(&self, to: &ReplyTo, ticket: Option<String>) -> Result<(), Error> {
        let (node, clock) = (self.name.clone(), self.app.tick());
        let reply = Reply { node, value: control::ok("pong"), ticket, clock }
            .to(to)
            .map_err(|error| Error::with_source(ErrorKind::Encode, "could not write an answer", error))?;
        Ok(self.app.broker().await?.publish(&[reply]).await?)
    }

    /// For how long the schedule was not looked at, if that is too long.
    fn stalled(&self) -> Option<Duration> {
        let settings = self.app.settings();
        let limit = settings
            .beat_remote_control_max_tick_age
            .unwrap_or_else(|| LEAST_LIMIT.max(settings.beat_max_loop_interval * 2));
        let looked = self.report.looked()?;
        let silent: Duration = self.app.clock().now().duration_since(looked).try_into().ok()?;
        (!limit.is_zero() && silent > limit).then_some(silent)
    }
}
