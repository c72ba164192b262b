//! `move`: puts what waits in a queue into another one.

use clap::Args;
use serde_json::json;

use super::{Failure, Session};
use crate::progress;

/// Move what is ready in a queue to another queue of the same broker
#[derive(Args, Debug)]
pub(crate) struct Move {
    /// The queue to empty
    from: String,

    /// The queue to put them in; it must exist
    to: String,
}

impl Move {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let Self { from, to } = self;
        if from == to {
            return Err(Failure::usage(format!("could not move `{from}` to itself")));
        }
        let admin = session.admin().await?;
        let stats = session.within(admin.stats(std::slice::from_ref(from))).await?;
        let waiting = stats.first().map_or(0, |queue| queue.ready);
        let bar = progress::bar(session.out.draws_progress(), from, waiting);
        // No deadline: a long queue takes its time, and the bar shows it.
        let moved = admin.move_ready(from, to, &|moved| bar.set_position(moved)).await;
        bar.finish_and_clear();
        let moved = moved?;
        session.out.print(
            || json!({"from": from, "to": to, "moved": moved}),
            |_| format!("{moved} moved from {from} to {to}"),
        )
    }
}
