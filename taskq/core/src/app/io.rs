//! The thread an app's connections live on.
//!
//! A program may have several runtimes (every `#[tokio::test]` brings its own), or none. Connections and the
//! batcher must not die with the runtime that happened to use them first, so they have a small one of their
//! own. Callers only wait on channels, which work from anywhere.
//!
//! A simulation has one runtime, whose clock is its own: it lets connections live there.

use std::{future::Future, thread, time::Duration};

use tokio::{
    runtime::{Builder, Handle},
    task::JoinHandle,
    time::{Instant, Sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{Error, ErrorKind};

/// How long work on threads may take to end when the app goes.
const SHUTDOWN: Duration = Duration::from_secs(1);

/// A thread with a runtime, which ends when this is dropped; or the runtime that this was made in.
#[derive(Debug)]
pub(crate) struct Io {
    handle: Handle,
    stop: CancellationToken,
}

impl Io {
    pub(super) fn start() -> Result<Self, Error> {
        let failed = |error| Error::with_source(ErrorKind::Other, "could not start the I/O thread", error);
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        // Not joined: the last handle may be dropped on this very thread.
        thread::Builder::new()
            .name("taskq-io".to_owned())
            .spawn(move || {
                runtime.block_on(stopped.cancelled());
                runtime.shutdown_timeout(SHUTDOWN);
            })
            .map_err(failed)?;
        Ok(Self { handle, stop })
    }

    /// The runtime of the caller, instead of a thread.
    pub(super) fn here() -> Result<Self, Error> {
        let failed =
            |error| Error::with_source(ErrorKind::Other, "could not connect outside of a runtime", error);
        Ok(Self { handle: Handle::try_current().map_err(failed)?, stop: CancellationToken::new() })
    }

    /// The time now, by the thread's clock.
    pub(crate) fn now(&self) -> Instant {
        let _entered = self.handle.enter();
        Instant::now()
    }

    /// Runs a future on the thread.
    pub(crate) fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(future)
    }

    /// Runs blocking code on a thread beside it.
    pub(crate) fn spawn_blocking<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> JoinHandle<R> {
        self.handle.spawn_blocking(work)
    }

    /// A timer that runs on the thread's clock, to be awaited from anywhere.
    pub(crate) fn sleep_until(&self, deadline: Instant) -> Sleep {
        let _entered = self.handle.enter();
        tokio::time::sleep_until(deadline)
    }
}

impl Drop for Io {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
