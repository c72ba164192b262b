//! The batcher: one per app, on the app's own I/O thread, so that runtimes may come and go around it.
//!
//! Callers hand over parcels and wait for the confirmation. While one batch is on its way, the next collects:
//! a lone `.delay()` goes out at once, a flood goes out by the hundreds.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::Instant,
};

use super::{RetryPolicy, flush::Flush};
use crate::{
    Error, ErrorKind,
    app::Connections,
    broker::{Outgoing, Queue},
};

/// Messages that may wait to be published. More callers wait for room, up to their deadline.
const WAITING_MESSAGES: usize = 4_096;

/// Messages that go out in one round trip of a bulk send: more could never find room.
pub(super) const BULK_MESSAGES: usize = WAITING_MESSAGES;

/// A batch is sent when it has so many messages …
const BATCH_MESSAGES: usize = 256;

/// … or so many bytes, or nothing else is waiting.
const BATCH_BYTES: usize = 64 * 1024;

/// What a caller hands over: messages that are confirmed or fail together.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) messages: Vec<Outgoing>,
    /// Declared before the first message is sent to them.
    pub(crate) queues: Vec<Arc<Queue>>,
    /// For messages: a queue's name.
    pub(crate) destination: String,
    pub(crate) timeout: Duration,
    /// `timeout` after the call, by the clock of the I/O thread.
    pub(crate) deadline: Instant,
    pub(crate) retry: RetryPolicy,
}

/// A parcel whose sender waits.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) parcel: Parcel,
    /// `None` once answered.
    pub(super) done: Option<oneshot::Sender<Result<(), Error>>>,
    _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Command {
    Publish(Pending),
    /// Answered when everything before it has been.
    Drain(oneshot::Sender<()>),
}

/// The handle to the batcher.
#[derive(Debug)]
pub(crate) struct Publisher {
    commands: mpsc::Sender<Command>,
    room: Arc<Semaphore>,
}

impl Publisher {
    /// Starts the batcher on the I/O thread of `connections`. It ends when the handle is dropped.
    pub(crate) fn start(connections: &Arc<Connections>) -> Result<Self, Error> {
        // Every command holds room or is a rare drain, so the channel itself never has to wait.
        let (commands, inbox) = mpsc::channel(WAITING_MESSAGES + 16);
        let flush = Flush::new(Arc::clone(connections));
        connections.io()?.spawn(run(inbox, flush));
        Ok(Self { commands, room: Arc::new(Semaphore::new(WAITING_MESSAGES)) })
    }

    /// Publishes and waits for the confirmation.
    pub(crate) async fn publish(&self, connections: &Connections, parcel: Parcel) -> Result<(), Error> {
        let room = self.room(connections, &parcel).await?;
        let (done, confirmed) = oneshot::channel();
        let pending = Pending { parcel, done: Some(done), _room: room };
        self.commands.send(Command::Publish(pending)).await.map_err(|_| closed())?;
        confirmed.await.unwrap_or_else(|_| Err(closed()))
    }

    async fn room(&self, connections: &Connections, parcel: &Parcel) -> Result<OwnedSemaphorePermit, Error> {
        let wanted = u32::try_from(parcel.messages.len().clamp(1, WAITING_MESSAGES)).unwrap_or(1);
        if let Ok(room) = Arc::clone(&self.room).try_acquire_many_owned(wanted) {
            return Ok(room);
        }
        // The caller's runtime may have no timer, or a paused one: this is the I/O thread's.
        let late = connections.io()?.sleep_until(parcel.deadline);
        tokio::select! {
            biased;
            room = Arc::clone(&self.room).acquire_many_owned(wanted) => room.map_err(|_| closed()),
            () = late => Err(Error::new(
                ErrorKind::Timeout,
                format!(
                    "could not send to `{}` in time: {WAITING_MESSAGES} messages are waiting to be stored at `{}`",
                    parcel.destination,
                    connections.settings().write_url(),
                ),
            )),
        }
    }

    /// Messages handed over and not answered.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        WAITING_MESSAGES - self.room.available_permits()
    }

    /// Waits until everything handed over before has been answered.
    pub(crate) async fn drain(&self) {
        let (done, drained) = oneshot::channel();
        if self.commands.send(Command::Drain(done)).await.is_ok() {
            // An error means that the batcher has ended, and with it everything that waited.
            let _ = drained.await;
        }
    }
}

fn closed() -> Error {
    Error::new(ErrorKind::Other, "could not send: the app is closed")
}

async fn run(mut inbox: mpsc::Receiver<Command>, mut flush: Flush) {
    while let Some(first) = inbox.recv().await {
        let mut next = Some(first);
        let mut batch = Vec::new();
        let mut drains = Vec::new();
        let (mut messages, mut bytes) = (0, 0);
        while let Some(command) = next.take() {
            match command {
                Command::Drain(done) => drains.push(done),
                Command::Publish(pending) => {
                    messages += pending.parcel.messages.len();
                    bytes += pending.parcel.messages.iter().map(|out| out.message.body.len()).sum::<usize>();
                    batch.push(pending);
                }
            }
            if messages < BATCH_MESSAGES && bytes < BATCH_BYTES {
                next = inbox.try_recv().ok();
            }
        }
        if !batch.is_empty() {
            flush.run(batch).await;
        }
        for drained in drains {
            let _ = drained.send(()); // who asked may have gone
        }
    }
}
