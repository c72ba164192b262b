//! An app on a broker and a backend in memory.

use std::{ops::Deref, sync::Arc, time::Duration};

use super::{Enqueued, ManualClock};
use crate::{
    BoxFuture, Error, Timestamp,
    app::{App, AppBuilder, Drivers, block_on},
    backend::{MemoryBackend, ResultBackend},
    broker::{Broker, BrokerAdmin, MemoryBroker},
    canvas::Signature,
    config::{Settings, Sources, Urls},
};

/// Messages looked at per queue.
const PEEK: usize = 100_000;

/// An app whose broker and results are in memory, of its own, on a clock that is moved by hand.
///
/// It dereferences to its [`App`]: `add.with().app(&app).delay(1, 2)`.
#[derive(Debug)]
pub struct TestApp {
    app: App,
    broker: MemoryBroker,
    clock: Arc<ManualClock>,
}

impl TestApp {
    /// An app with every linked task and all defaults.
    ///
    /// # Panics
    /// When two tasks have one name.
    #[must_use]
    pub fn new() -> Self {
        Self::with(App::builder()).expect("the linked tasks are all right")
    }

    /// An app from a builder, which may add tasks, state, middleware and settings; broker, backend and clock are
    /// replaced, and neither file nor environment is read.
    ///
    /// # Errors
    /// As [`AppBuilder::build`].
    pub fn with(builder: AppBuilder) -> Result<Self, Error> {
        let now = Timestamp::now();
        let clock = Arc::new(ManualClock::new(now));
        let broker = MemoryBroker::with_clock(Arc::clone(&clock) as _);
        let backend = MemoryBackend::with_clock(Arc::clone(&clock) as _);
        let app = builder
            .sources(Sources::none())
            .set("broker_url", "memory://")
            .clock(Arc::clone(&clock) as _)
            .drivers(Arc::new(InMemory { broker: broker.clone(), backend }))
            .build()?;
        Ok(Self { app, broker, clock })
    }

    /// The app; clone it to hand it on.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Its broker.
    pub fn broker(&self) -> &MemoryBroker {
        &self.broker
    }

    /// Its clock.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// What waits in all queues, by queue, the most urgent first, delayed ones last.
    pub fn enqueued(&self) -> Vec<Enqueued> {
        // A broker in memory answers at once.
        block_on(async {
            let mut all = Vec::new();
            for queue in self.broker.queues().await.unwrap_or_default() {
                let peeked = self.broker.peek(&queue, PEEK).await.unwrap_or_default();
                let settings = self.app.settings();
                all.extend(peeked.into_iter().filter_map(|peeked| Enqueued::read(&queue, peeked, settings)));
            }
            all
        })
    }

    /// The one task with these arguments that waits, in any queue unless the signature names one.
    ///
    /// # Panics
    /// When none does, or more than one; the message lists what waits.
    #[track_caller]
    pub fn assert_enqueued(&self, expected: impl Into<Signature>) -> Enqueued {
        let expected = expected.into();
        let waiting = self.enqueued();
        let mut found: Vec<&Enqueued> = waiting.iter().filter(|one| one.is(&expected)).collect();
        match (found.pop(), found.len()) {
            (Some(one), 0) => one.clone(),
            (None, _) => panic!("no call like {} waits; there are:{}", shown(&expected), list(&waiting)),
            (Some(_), more) => {
                panic!("{} calls like {} wait; there are:{}", more + 1, shown(&expected), list(&waiting))
            }
        }
    }

    /// Nothing waits.
    ///
    /// # Panics
    /// When something does; the message lists it.
    #[track_caller]
    pub fn assert_nothing_enqueued(&self) {
        let waiting = self.enqueued();
        assert!(waiting.is_empty(), "these calls wait:{}", list(&waiting));
    }
}

impl Default for TestApp {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestApp {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}

fn shown(signature: &Signature) -> String {
    let on = signature.options.queue.as_ref().map(|queue| format!(" on `{queue}`")).unwrap_or_default();
    let args = crate::codec::repr::args(&signature.args);
    format!("`{}` {args} {}{on}", signature.task, crate::codec::repr::kwargs(&signature.kwargs))
}

fn list(waiting: &[Enqueued]) -> String {
    if waiting.is_empty() {
        return " none".to_owned();
    }
    let line = |one: &Enqueued| {
        let (args, kwargs) = (crate::codec::repr::args(&one.args), crate::codec::repr::kwargs(&one.kwargs));
        format!("\n  `{}` {args} {kwargs} on `{}`", one.headers.task, one.queue)
    };
    waiting.iter().map(line).collect()
}

#[derive(Debug)]
struct InMemory {
    broker: MemoryBroker,
    backend: MemoryBackend,
}

impl Drivers for InMemory {
    fn broker<'a>(&'a self, _: &'a Urls, _: &'a Settings) -> BoxFuture<'a, Result<Arc<dyn Broker>, Error>> {
        Box::pin(async { Ok(Arc::new(self.broker.clone()) as Arc<dyn Broker>) })
    }

    fn backend<'a>(
        &'a self,
        _: &'a Urls,
        _: &'a Settings,
    ) -> BoxFuture<'a, Result<Arc<dyn ResultBackend>, Error>> {
        Box::pin(async { Ok(Arc::new(self.backend.clone()) as Arc<dyn ResultBackend>) })
    }
}
