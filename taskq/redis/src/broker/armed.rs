//! A take that waits on the server: `BLMOVE` of a queue's most urgent list to itself, and the take in the same write.
//! The server does the take when it ends the wait, and what comes is here after one way through the network.
//!
//! Kept true here: what is armed ends within the fetch that armed it, by itself or because it is told to (`CLIENT
//! UNBLOCK`), so nothing is taken that nobody waits for; its answer is taken in, or counts as lost like that of any
//! take. Where the server does not let us end a wait nothing is armed, and [watching](super::wait) has to do.

use std::{
    ops::Range,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{Pipeline, Value};
use taskq_core::broker::{BrokerError, BrokerErrorKind};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{
    Shared,
    held::{Held, Reserved},
    take::{self, Taken},
    wait,
};
use crate::{
    conn::{self, Line, Link},
    error,
};

/// The most that it takes: more comes with the take that follows at once.
const MOST: usize = 16;
/// First pause before a wait that was not under way yet is ended once more.
const AGAIN: Duration = Duration::from_millis(2);

const WHAT: &str = "wait for messages";

/// Where takes wait: one after the other, on a connection of their own.
#[derive(Debug)]
pub(super) struct Waits {
    link: Link,
    /// The server has let us end a wait once.
    tried: AtomicBool,
    /// It does not.
    refused: AtomicBool,
}

impl Waits {
    pub(super) fn new(shared: &Shared) -> Self {
        Self { link: wait::link(shared), tried: AtomicBool::new(false), refused: AtomicBool::new(false) }
    }

    /// Whether something can be armed, as far as is known.
    pub(super) fn can(&self) -> bool {
        !self.refused.load(Relaxed)
    }

    /// The connection, of which waits can be ended.
    async fn line(&self, shared: &Shared) -> Result<Line, BrokerError> {
        self.link.connect(WHAT).await?;
        let known = async {
            let line = self.link.line(WHAT).await?;
            if !self.tried.load(Relaxed) {
                // `CLIENT UNBLOCK` is among what is often forbidden; this ends nothing.
                unblock(shared, &line).await?;
                self.tried.store(true, Relaxed);
            }
            Ok(line)
        };
        known.await.inspect_err(|error: &BrokerError| {
            if matches!(error.kind(), BrokerErrorKind::Refused | BrokerErrorKind::Other) {
                self.refused.store(true, Relaxed);
            }
        })
    }
}

/// Ends the wait of a connection. False: it does not wait.
///
/// A server without the mends of 2025 (redis/redis#14164, valkey-io/valkey#2117) crashes when it is told to unblock who
/// waits for the end of a `CLIENT PAUSE`, or of the pause in which a replica takes over. A transaction that writes waits
/// for that end itself.
async fn unblock(shared: &Shared, line: &Line) -> Result<bool, BrokerError> {
    let mut transaction = redis::pipe();
    transaction.atomic();
    transaction.del(shared.keys.nothing()).ignore();
    transaction.cmd("CLIENT").arg("UNBLOCK").arg(line.id);
    let [ended] = shared.link.pipe("end a wait for messages", &transaction).await?;
    Ok(ended)
}

type Answers = Pin<Box<dyn Future<Output = Result<Vec<Value>, BrokerError>> + Send>>;

/// A take that waits. It must be waited for, or [disarmed](Self::disarm).
pub(super) struct Armed {
    shared: Arc<Shared>,
    held: Arc<Held>,
    waits: Arc<Waits>,
    reserved: Reserved,
    /// Where it was sent; unset: nowhere yet.
    sent: Arc<OnceLock<Line>>,
    answers: Answers,
}

/// What came of it.
pub(super) enum Came {
    /// What was there; it may be nothing.
    Taken(Taken),
    /// It could not take, another take can.
    Look,
    /// It could not wait, and took nothing.
    Failed(BrokerError),
    /// It may have taken something that we do not know of.
    Lost(BrokerError),
}

impl Armed {
    /// Arms a take of at most `max`. It is sent when it is first waited for.
    pub(super) fn new(
        shared: &Arc<Shared>,
        held: &Arc<Held>,
        waits: &Arc<Waits>,
        queue: &String,
        max: usize,
        lease: Duration,
    ) -> Self {
        let reserved = held.reserve(max.min(MOST));
        let mut pipeline = Pipeline::with_capacity(2);
        pipeline.add_command(wait::command(&shared.keys.list(queue, None)));
        pipeline.add_command(take::later(shared, held, queue, &reserved, lease));
        let sent = Arc::new(OnceLock::new());
        let answers: Answers = {
            let (shared, waits, sent) = (Arc::clone(shared), Arc::clone(waits), Arc::clone(&sent));
            Box::pin(async move {
                let line = waits.line(&shared).await?;
                let line = sent.get_or_init(|| line);
                waits.link.each_on(WHAT, line, &pipeline).await
            })
        };
        let (shared, held, waits) = (Arc::clone(shared), Arc::clone(held), Arc::clone(waits));
        Self { shared, held, waits, reserved, sent, answers }
    }

    /// The numbers that are reserved for it.
    pub(super) fn numbers(&self) -> &Range<u64> {
        &self.reserved.numbers
    }

    /// Whether it would take for an owner that is none any more, or at a server that was left.
    pub(super) fn is_void(&self) -> bool {
        let was_left = self.sent.get().is_some_and(|line| !self.waits.link.is_current(line));
        was_left || self.held.owner().0 != self.reserved.owner
    }

    /// Waits for it. Cancel safe; not to be called again once it has come.
    pub(super) async fn came(&mut self) -> Came {
        let answers = (&mut self.answers).await;
        self.read(answers)
    }

    fn read(&self, answers: Result<Vec<Value>, BrokerError>) -> Came {
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) if self.sent.get().is_none() => return self.nothing(Came::Failed(error)),
            Err(error) => return Came::Lost(error),
        };
        let Ok([waited, taken]) = <[Value; 2]>::try_from(answers) else {
            return Came::Lost(
                self.failed((redis::ErrorKind::Client, "not one answer for each command").into()),
            );
        };
        let taken = match taken {
            Value::ServerError(error) if error.code() == "NOSCRIPT" => return self.nothing(Came::Look),
            Value::ServerError(error) => return Came::Lost(self.failed(error.into())),
            taken => match take::came(&self.shared, &self.held, &self.reserved, taken) {
                Ok(Some(taken)) => taken,
                Ok(None) => return Came::Look,
                Err(error) => return Came::Lost(self.failed(error.into())),
            },
        };
        match waited {
            // The take was done at once.
            Value::ServerError(error) if taken.len() == 0 => {
                self.nothing(Came::Failed(self.failed(error.into())))
            }
            _ => Came::Taken(taken),
        }
    }

    fn failed(&self, error: redis::RedisError) -> BrokerError {
        error::broker(WHAT, self.shared.link.shown(), error)
    }

    /// Nothing was taken under its numbers.
    fn nothing(&self, came: Came) -> Came {
        self.held.add(&self.reserved.owner, std::slice::from_ref(&self.reserved.numbers), Vec::new());
        came
    }

    /// Ends it within a read deadline: it takes what is there at once, or nothing.
    pub(super) async fn disarm(mut self) -> Came {
        let Some(line) = self.sent.get().cloned() else { return self.nothing(Came::Look) };
        let deadline = Instant::now() + self.shared.link.response_timeout();
        let mut again = AGAIN;
        let error = loop {
            // At another server its number is somebody else's.
            if !self.waits.link.is_current(&line) {
                break self.failed(conn::timed_out());
            }
            let end = async {
                // It may not have begun, or be over: then its answer is on the way.
                let until =
                    if unblock(&self.shared, &line).await? { deadline } else { Instant::now() + again };
                sleep_until(until).await;
                Ok(())
            };
            tokio::select! {
                biased;
                answers = &mut self.answers => return self.read(answers),
                ended = timeout_at(deadline, end) => match ended {
                    Ok(Ok(())) if Instant::now() < deadline => again *= 2,
                    Ok(Err(error)) => break error,
                    _ => break self.failed(conn::timed_out()),
                },
            }
        };
        // Who is not connected waits for nothing.
        self.waits.link.drop_line(line).await;
        Came::Lost(error)
    }
}
