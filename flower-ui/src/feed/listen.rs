//! Listening to the broker, for as long as the board runs.
//!
//! Kept true here: a lost connection is tried again after 0.2 to 5 seconds, never rarer, and not by all boards at
//! the same moment; that it was lost is known within seconds although the driver reconnects by itself, since a
//! message is sent every few seconds and has to go through.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use taskq_core::{Error, ErrorKind, app::App, event::EventFeed};
use tokio::{
    sync::Notify,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::intake::Intake;
use crate::live::{Live, clock};

/// Shortest and longest pause between two tries to connect; a random part of up to a half is taken off.
pub(super) const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// How often a message is sent: as often as Flower tells workers to send events.
const PROBE: Duration = Duration::from_secs(5);
/// How long it may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(4);
/// Events taken in before others on this thread get a turn.
const TURN: usize = 500;
/// No worker has this name: a command to it is a message that nobody acts on.
const NOBODY: &str = "board-probe@nowhere";

/// Hears events and takes them in, until `stop`.
pub(super) async fn listen(app: App, live: Arc<Live>, mut intake: Intake, stop: CancellationToken) {
    let mut pause = PAUSES.0;
    loop {
        let heard = tokio::select! {
            feed = app.event_feed() => match feed {
                Ok(feed) => {
                    pause = PAUSES.0;
                    live.heard(Ok(()));
                    hear(feed, &live, &mut intake, &stop).await
                }
                Err(error) => Err(error),
            },
            () = stop.cancelled() => return,
        };
        let Err(error) = heard else { return };
        live.heard(Err(&error.to_string()));
        tracing::warn!(%error, "events cannot be heard; trying again");
        tokio::select! {
            () = sleep(jittered(pause)) => {}
            () = stop.cancelled() => return,
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn hear(
    mut feed: EventFeed,
    live: &Live,
    intake: &mut Intake,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut garbage = 0;
    let mut turn = 0;
    loop {
        let event = tokio::select! {
            event = feed.next() => event?,
            () = stop.cancelled() => return Ok(()),
        };
        if feed.garbage() > garbage {
            live.garbage(feed.garbage() - garbage);
            garbage = feed.garbage();
        }
        intake.take(event, clock());
        turn += 1;
        if turn % TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
}

pub(super) fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(1.0 - fastrand::f64() / 2.0)
}

/// Sends a message every few seconds, until `stop`: `enable_events` to all workers if so. Tells `back` when one
/// goes through after one that did not.
pub(super) async fn probe(
    app: App,
    live: Arc<Live>,
    enable_events: bool,
    back: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut every = interval(PROBE);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_lost = false;
    loop {
        tokio::select! {
            _ = every.tick() => {}
            () = stop.cancelled() => return,
        }
        live.purge();
        let start = Instant::now();
        let ask = match enable_events {
            true => app.control().ask("enable_events"),
            false => app.control().ask("ping").destination([NOBODY]),
        };
        let told = match timeout(PROBE_TIMEOUT, ask.tell()).await {
            Ok(told) => told,
            Err(_) => Err(Error::new(
                ErrorKind::Timeout,
                format!("the broker took no message for {} s", PROBE_TIMEOUT.as_secs()),
            )),
        };
        match told {
            Ok(()) => {
                live.probed(Ok(start.elapsed()));
                if std::mem::take(&mut is_lost) {
                    back.notify_one();
                }
            }
            // No fan-out: there is nothing to lose.
            Err(error) if error.kind() == ErrorKind::Unsupported => {}
            Err(error) => {
                is_lost = true;
                live.probed(Err(&error.to_string()));
            }
        }
    }
}
