//! The connections of a worker, opened at its start; waits for a server that is away.

use std::{sync::Arc, time::Duration};

use taskq_core::{
    Error, ErrorKind,
    backend::ResultBackend,
    broker::{Broker, Consumer, Topology},
};
use tokio::time::sleep;
use tracing::error;

use crate::{Stop, hold, plan::Plan};

/// First and longest pause between attempts.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What a worker works with.
pub(crate) struct Connected {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) backend: Arc<dyn ResultBackend>,
    pub(crate) consumer: Box<dyn Consumer>,
}

/// Connects, declares the queues and starts to consume. `None`: told to stop meanwhile.
///
/// # Errors
/// What no retry can mend, or anything when the attempts are used up.
pub(crate) async fn open(plan: &Plan, stop: &Stop) -> Result<Option<Connected>, Error> {
    let mut pause = PAUSE.0;
    for attempt_number in 1_u32.. {
        let error = tokio::select! {
            biased;
            () = stop.warm_asked() => return Ok(None),
            connected = attempt(plan) => match connected {
                Ok(connected) => return Ok(Some(connected)),
                Err(error) => error,
            }
        };
        let used_up = plan.connect_attempts.is_some_and(|most| attempt_number >= most.get());
        if !error.is_retryable() || used_up {
            return Err(error);
        }
        error!(%error, again_in = ?pause, "could not connect");
        plan.seen.not_connected(error.to_string());
        tokio::select! {
            biased;
            () = stop.warm_asked() => return Ok(None),
            () = sleep(pause) => {}
        }
        pause = (pause * 2).min(PAUSE.1);
    }
    Ok(None) // four billion attempts later
}

async fn attempt(plan: &Plan) -> Result<Connected, Error> {
    let broker = plan.app.read_broker().await?;
    broker.declare(&Topology { queues: plan.queues.clone() }).await?;
    let backend = plan.app.backend().await?;
    if let Some(known) = plan.tasks.shares_rate()
        && plan.tuning.rate_limits
        && broker.rate_limits().or_else(|| backend.rate_limits()).is_none()
    {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!(
                "task `{}` has a rate limit for all workers together, but neither the broker nor the result backend \
                 can keep it: use Redis or SQLite as `result_backend`, or `rate_limit_scope = \"worker\"`",
                known.name
            ),
        ));
    }
    let consumer = broker.consume(plan.consume_spec()).await?;
    if let Some(limit) = consumer.hold_limit() {
        hold::warn_of_limits(&plan.tasks, &limit);
    }
    Ok(Connected { broker, backend, consumer })
}
