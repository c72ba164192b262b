//! The contract suites against the broker and the backend in memory.

use std::sync::Arc;

use taskq_core::{
    BoxFuture,
    backend::{MemoryBackend, ResultBackend},
    broker::{Broker, MemoryBroker},
};
use taskq_tests::conformance;

#[derive(Debug, Default)]
struct Memory {
    broker: MemoryBroker,
    backend: MemoryBackend,
}

impl conformance::broker::Factory for Memory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Broker>> {
        Box::pin(async { Arc::new(self.broker.clone()) as _ })
    }

    fn inject_raw<'a>(&'a self, queue: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async { self.broker.inject_raw(queue, bytes.to_vec()) })
    }
}

impl conformance::backend::Factory for Memory {
    fn open(&self) -> BoxFuture<'_, Arc<dyn ResultBackend>> {
        Box::pin(async { Arc::new(self.backend.clone()) as _ })
    }
}

mod broker {
    use super::*;

    taskq_tests::broker_conformance!(Memory::default());
}

mod backend {
    use super::*;

    taskq_tests::backend_conformance!(Memory::default());
}

mod chord {
    use super::*;

    taskq_tests::chord_conformance!(Memory::default());
}

/// The suites in one call, as somebody with a driver of their own runs them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_suites_run_in_one_call() {
    tokio::join!(
        conformance::broker::exercise(Memory::default()),
        conformance::backend::exercise(Memory::default())
    );
}
