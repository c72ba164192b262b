//! The contract suites against a SQLite file.

use std::sync::Arc;

use taskq_core::{BoxFuture, backend::ResultBackend, broker::Broker};
use taskq_sqlite::{SqliteBackend, SqliteBroker, SqliteOptions};
use taskq_tests::conformance;
use tempfile::TempDir;

/// A file in a folder of its own. Its clients are in one process and so share one writer; several processes on
/// one file are tested in `sqlite_processes`.
#[derive(Debug)]
struct Sqlite(TempDir);

impl Sqlite {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn url(&self) -> String {
        format!("sqlite:{}/taskq.db", self.0.path().display())
    }

    async fn broker(&self) -> SqliteBroker {
        SqliteBroker::open(&self.url(), SqliteOptions::default()).await.expect("open the broker")
    }
}

impl conformance::broker::Factory for Sqlite {
    fn open(&self) -> BoxFuture<'_, Arc<dyn Broker>> {
        Box::pin(async { Arc::new(self.broker().await) as _ })
    }

    fn inject_raw<'a>(&'a self, queue: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, ()> {
        Box::pin(async {
            self.broker().await.inject_raw(queue, bytes.to_vec()).await.expect("inject bytes");
        })
    }
}

impl conformance::backend::Factory for Sqlite {
    fn open(&self) -> BoxFuture<'_, Arc<dyn ResultBackend>> {
        Box::pin(async {
            let backend = SqliteBackend::open(&self.url(), SqliteOptions::default()).await;
            Arc::new(backend.expect("open the backend")) as _
        })
    }
}

mod broker {
    use super::*;

    taskq_tests::broker_conformance!(Sqlite::new());
}

mod backend {
    use super::*;

    taskq_tests::backend_conformance!(Sqlite::new());
}

mod chord {
    use super::*;

    taskq_tests::chord_conformance!(Sqlite::new());
}
