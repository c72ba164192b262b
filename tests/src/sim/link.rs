//! A process's way to the servers, and what goes wrong on it.
//!
//! A dead process's calls never return and change nothing any more: that is what `kill -9` looks like from outside.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::sleep;

use super::{
    book::Book,
    plan::{CALM, Outage, Server},
};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// It fails and has done nothing.
    Before,
    /// It is done, and its answer is lost.
    After,
    /// It takes its time.
    Slow(Duration),
}

thread_local! {
    /// The dice of the simulation that runs on this thread.
    static DICE: RefCell<fastrand::Rng> = const { RefCell::new(fastrand::Rng::with_seed(0)) };
}

/// Starts the dice of a simulation.
pub(super) fn seed(seed: u64) {
    DICE.with_borrow_mut(|dice| *dice = fastrand::Rng::with_seed(seed));
    // What the code under test draws for itself: jitter.
    fastrand::seed(seed);
}

/// Throws the dice.
pub(super) fn draw<T>(from: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
    DICE.with_borrow_mut(from)
}

/// A process's way to broker, backend and schedule.
pub(super) struct Link {
    pub(super) book: Arc<Book>,
    /// The process, as the trace names it.
    pub(super) name: String,
    /// Calls that fail, in thousandths.
    error_rate: u32,
    outages: Vec<Outage>,
    dead: AtomicBool,
}

impl Link {
    pub(super) fn new(book: &Arc<Book>, name: String, error_rate: u32, outages: Vec<Outage>) -> Arc<Self> {
        Arc::new(Self { book: Arc::clone(book), name, error_rate, outages, dead: AtomicBool::new(false) })
    }

    /// Ends the process: nothing that it still does is seen by anybody.
    pub(super) fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.book.killed(&self.name);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// A call to a server. `failed` makes the error that may pass.
    pub(super) async fn call<T, E>(
        &self,
        server: Server,
        what: impl fmt::Display,
        failed: impl Fn(&str) -> E,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.alive().await;
        let now = self.book.elapsed();
        let fault = self.draw();
        self.book.trace(&self.name, format_args!("{what} {fault:?}"));
        let away = |outage: &&Outage| outage.what == server && outage.from <= now && now < outage.to;
        if let Some(outage) = self.outages.iter().find(away) {
            self.book.disturbed(&self.name);
            if !outage.hangs {
                return Err(failed("refused"));
            }
            sleep(outage.to.saturating_sub(now)).await;
            self.alive().await;
            self.book.disturbed(&self.name);
        }
        match fault {
            None => call.await,
            Some(Fault::Before) => {
                self.book.disturbed(&self.name);
                Err(failed("not done"))
            }
            Some(Fault::After) => {
                self.book.disturbed(&self.name);
                self.book.answers_are_lost(true);
                let done = call.await;
                self.book.answers_are_lost(false);
                done.and_then(|_| Err(failed("done, but the answer is lost")))
            }
            Some(Fault::Slow(by)) => {
                sleep(by).await;
                self.alive().await;
                self.book.disturbed(&self.name);
                call.await
            }
        }
    }

    /// Waits for ever once the process is dead.
    pub(super) async fn alive(&self) {
        if self.is_dead() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether something goes wrong now that goes wrong so often, in thousandths.
    pub(super) fn goes_wrong(&self, thousandths: u32) -> bool {
        self.error_rate > 0 && self.book.elapsed() < CALM && draw(|dice| dice.u32(..1_000)) < thousandths
    }

    fn draw(&self) -> Option<Fault> {
        if !self.goes_wrong(self.error_rate) {
            return None;
        }
        Some(draw(|dice| match dice.u8(..4) {
            0 => Fault::Before,
            1 => Fault::After,
            _ => Fault::Slow(Duration::from_millis(dice.u64(1..4_000))),
        }))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("name", &self.name).finish_non_exhaustive()
    }
}
