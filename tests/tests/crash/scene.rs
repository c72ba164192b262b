//! What happens around a crash: what is sent, and what comes before and after the kill.
//!
//! In each scene `a` is the message that the process is killed over, `b` what follows it, and `x1` to `x3` are
//! others of the same queue.

use taskq::{
    App, Error, ResultTree, Signature, args,
    core::{
        broker::{Outgoing, Topology},
        codec::Serializer,
        protocol::{Embed, Headers, Properties, Protocol, TaskId, TaskMessage, format_timestamp},
    },
    prelude::*,
};

/// A scene.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// A task.
    Plain,
    /// A task that is acknowledged before it runs.
    Early,
    /// A task with a time in the future.
    Delayed,
    /// The same, as Python sends it: the queue has it at once, and the first worker that takes it parks it.
    Parked,
    /// A task, and `b` with its result.
    Chain,
    /// A task that asks for a second attempt, `b`.
    Retry,
    /// A chord of `x1` to `x3` and `b`.
    Chord,
    /// A task, then a chord of `x1` to `x3` and `b`.
    ChordAfter,
    /// A chord of `x1` to `x3`, of which the last fails, and the errback `b` of its body.
    ChordFails,
    /// A task that is put aside.
    Dead,
    /// The worker is told to stop while `a` runs and the others wait in it.
    Stop,
    /// Another worker was killed while `a` ran and the others waited in it; this one takes over.
    TakeOver,
    /// `a` was put aside, and is put back by hand.
    Replay,
    /// A task whose sender waits for its result, which comes through the broker: `b` is what the sender writes down.
    Asked,
    /// A task that runs in a child.
    InChild,
    /// A task that runs in a child until somebody else has taken over.
    ChildHolds,
}

pub(crate) const OTHERS: [&str; 3] = ["x1", "x2", "x3"];

fn call(task: &str, args: taskq::Args) -> Signature {
    Signature::by_name(format!("crash.{task}"), args)
}

pub(crate) fn step(name: &str) -> Signature {
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
            Self::Parked => "a delayed task of Python",
            Self::Chain => "a chain",
            Self::Retry => "a retry",
            Self::Chord => "a chord",
            Self::ChordAfter => "a chain with a chord",
            Self::ChordFails => "a chord that fails",
            Self::Dead => "a dead letter",
            Self::Stop => "a worker that stops",
            Self::TakeOver => "a worker that takes over",
            Self::Replay => "a replay",
            Self::Asked => "a task whose sender waits",
            Self::InChild => "a task in a child",
            Self::ChildHolds => "a task in a child that goes on",
        }
    }

    /// Whether something follows `a`.
    pub(crate) fn has_b(self) -> bool {
        use Scene::*;
        matches!(self, Chain | Retry | Chord | ChordAfter | ChordFails | Asked)
    }

    /// Whether there is an `a` that ends well.
    pub(crate) fn has_a(self) -> bool {
        !matches!(self, Self::Chord | Self::ChordFails | Self::Dead)
    }

    /// Whether `a` runs until the gate is open.
    pub(crate) fn holds(self) -> bool {
        matches!(self, Self::Stop | Self::TakeOver | Self::ChildHolds)
    }

    /// How the tasks of its workers run.
    pub(crate) fn pool(self) -> &'static str {
        if matches!(self, Self::InChild | Self::ChildHolds) { "processes" } else { "threads" }
    }

    /// Sends everything to a queue; answers what comes of the first, if that is known.
    pub(crate) async fn send(self, app: &App, queue: &str) -> Result<Option<ResultTree>, Error> {
        let first = match self {
            Self::Parked => return send_as_python(app, queue).await.map(|()| None),
            Self::Plain | Self::Asked | Self::InChild => step("a"),
            Self::Early => call("early", args!["a"]),
            Self::Delayed => step("a").countdown(2.seconds()),
            Self::Chain => Signature::chain([step("a"), next("b")]),
            Self::Retry => call("retried", args!["a", "b"]),
            Self::Chord => Signature::chord(OTHERS.map(step), next("b")),
            Self::ChordAfter => {
                let header = Signature::group(OTHERS.map(next));
                Signature::chain([step("a"), header, next("b")])
            }
            Self::ChordFails => {
                let header = [step("x1"), step("x2"), call("broken", args!["x3"])];
                Signature::chord(header, next("never").link_error(next("b")))
            }
            Self::Dead | Self::Replay => call("picky", args!["a"]),
            Self::Stop | Self::TakeOver | Self::ChildHolds => call("hold", args!["a"]),
        };
        let sent = app.send_canvas(first).await?;
        if !matches!(self, Self::Chord | Self::ChordAfter | Self::ChordFails | Self::Delayed) {
            for other in OTHERS {
                app.send_canvas(step(other)).await?;
            }
        }
        Ok(Some(sent))
    }

    /// Whether `x1` to `x3` are sent.
    pub(crate) fn has_others(self) -> bool {
        !matches!(self, Self::Delayed | Self::Parked)
    }
}

/// Sends `a` with a time in the future and nothing that tells the broker of it.
async fn send_as_python(app: &App, queue: &str) -> Result<(), Error> {
    let (broker, default) = (app.broker().await?, app.routing().default_queue());
    broker.declare(&Topology { queues: vec![default.as_ref().clone()] }).await?;
    let mut headers = Headers::new("crash.step", TaskId::new());
    let due = app.clock().now().saturating_add(std::time::Duration::from_secs(2)).expect("a time");
    headers.eta = Some(format_timestamp(due));
    let message = TaskMessage {
        headers,
        properties: Properties::default(),
        args: br#"["a"]"#.as_slice().into(),
        kwargs: b"{}".as_slice().into(),
        embed: Embed::default(),
    };
    let message = message.encode(Protocol::V2, Serializer::Json, None).expect("a message");
    let out = Outgoing { message, exchange: String::new(), routing_key: queue.to_owned(), not_before: None };
    Ok(broker.publish(&[out]).await?)
}
