//! Entries of Celery's schedulers.

use std::{path::Path, sync::Arc};

use clap::Args;
use taskq_core::{
    codec::{self, Map},
    schedule::{Entry, ScheduleStore, Source},
};

use super::{
    super::{Exit, Failure, Session},
    add,
};

/// Add the entries of another scheduler
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// A file with a `beat_schedule` as JSON, or the address of redbeat's Redis
    source: String,
    /// What redbeat's keys begin with (its `redbeat_key_prefix`)
    #[cfg(feature = "redis")]
    #[arg(long, value_name = "TEXT", default_value = taskq_redis::REDBEAT_PREFIX)]
    redbeat_prefix: String,
}

impl Import {
    pub(super) async fn run(&self, session: &Session, store: &Arc<dyn ScheduleStore>) -> Result<(), Failure> {
        let entries = if self.source.contains("://") {
            Box::pin(self.redbeat(session)).await?
        } else {
            of_file(Path::new(&self.source))?
        };
        add::put(session, store, entries).await
    }

    #[cfg(feature = "redis")]
    async fn redbeat(&self, session: &Session) -> Result<Vec<Entry>, Failure> {
        let urls = taskq_core::config::Urls::parse(&self.source)
            .map_err(|error| Failure::usage(format!("`SOURCE` is no address: {error}")))?;
        let found = session.within(taskq_redis::read_redbeat(&urls, &self.redbeat_prefix)).await?;
        for why in &found.unreadable {
            session.out.note(&format!("left out: {why}"));
        }
        Ok(found.entries)
    }

    #[cfg(not(feature = "redis"))]
    #[allow(clippy::unused_async)] // as with the feature
    async fn redbeat(&self, _: &Session) -> Result<Vec<Entry>, Failure> {
        Err(Failure::usage("this program was built without the feature `redis`, which reads redbeat"))
    }
}

fn of_file(file: &Path) -> Result<Vec<Entry>, Failure> {
    let shown = file.display();
    let text = std::fs::read(file)
        .map_err(|error| Failure::new(Exit::Failed, format!("could not read `{shown}`: {error}")))?;
    let map: Map = codec::json::from_slice(&text)
        .map_err(|error| Failure::new(Exit::Failed, format!("`{shown}` is no JSON object: {error}")))?;
    Ok(Entry::all_from_map(&map, Source::Runtime)?)
}
