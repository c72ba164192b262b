//! What happens around a crash: what is sent, and what comes before and after the kill.
//!
//! In each scene `a` is the message that the process is killed over, `b` what follows it, and `x1` to `x3` are
//! others of the same queue.

use taskq::{App, Error, Signature, args, prelude::*};

/// A scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// A task.
    Plain,
    /// A task that is acknowledged before it runs.
    Early,
    /// A task with a time in the future.
    Delayed,
    /// A task, and `b` with its result.
    Chain,
    /// A task that asks for a second attempt, `b`.
    Retry,
    /// A chord of `x1` to `x3` and `b`.
    Chord,
    /// A task, then a chord of `x1` to `x3` and `b`.
    ChordAfter,
    /// A task that is put aside.
    Dead,
    /// The worker is told to stop while `a` runs and the others wait in it.
    Stop,
    /// Another worker was killed while `a` ran and the others waited in it; this one takes over.
    TakeOver,
    /// `a` was put aside, and is put back by hand.
    Replay,
}

pub(crate) const OTHERS: [&str; 3] = ["x1", "x2", "x3"];

fn call(task: &str, args: taskq::Args) -> Signature {
    Signature::by_name(format!("crash.{task}"), args)
}

fn step(name: &str) -> Signature {
    call("step", args![name])
}

fn next(name: &str) -> Signature {
    call("next", args![name])
}

impl Scene {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "a task",
            Self::Early => "a task with early acknowledgement",
            Self::Delayed => "a delayed task",
            Self::Chain => "a chain",
            Self::Retry => "a retry",
            Self::Chord => "a chord",
            Self::ChordAfter => "a chain with a chord",
            Self::Dead => "a dead letter",
            Self::Stop => "a worker that stops",
            Self::TakeOver => "a worker that takes over",
            Self::Replay => "a replay",
        }
    }

    /// Whether something follows `a`.
    pub(crate) fn has_b(self) -> bool {
        matches!(self, Self::Chain | Self::Retry | Self::Chord | Self::ChordAfter)
    }

    /// Whether there is an `a` that ends well.
    pub(crate) fn has_a(self) -> bool {
        !matches!(self, Self::Chord | Self::Dead)
    }

    /// Whether `a` runs until the gate is open.
    pub(crate) fn holds(self) -> bool {
        matches!(self, Self::Stop | Self::TakeOver)
    }

    /// Sends everything.
    pub(crate) async fn send(self, app: &App) -> Result<(), Error> {
        let first = match self {
            Self::Plain => step("a"),
            Self::Early => call("early", args!["a"]),
            Self::Delayed => step("a").countdown(2.seconds()),
            Self::Chain => Signature::chain([step("a"), next("b")]),
            Self::Retry => call("retried", args!["a", "b"]),
            Self::Chord => Signature::chord(OTHERS.map(step), next("b")),
            Self::ChordAfter => {
                let header = Signature::group(OTHERS.map(next));
                Signature::chain([step("a"), header, next("b")])
            }
            Self::Dead | Self::Replay => call("picky", args!["a"]),
            Self::Stop | Self::TakeOver => call("hold", args!["a"]),
        };
        app.send_canvas(first).await?;
        if !matches!(self, Self::Chord | Self::ChordAfter | Self::Delayed) {
            for other in OTHERS {
                app.send_canvas(step(other)).await?;
            }
        }
        Ok(())
    }

    /// Whether `x1` to `x3` are sent.
    pub(crate) fn has_others(self) -> bool {
        self != Self::Delayed
    }
}
