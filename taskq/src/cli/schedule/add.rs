//! Adding entries while beats run.

use std::sync::Arc;

use clap::Args;
use serde_json::json;
use taskq_core::{
    codec::{self, Map, Value},
    schedule::{Change, Entry, ScheduleStore, Source},
};

use super::super::{Exit, Failure, Session};

/// Add an entry, or replace one that was added
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Its name
    name: String,
    /// The task to send
    #[arg(short, long)]
    task: String,
    /// Every so often: `30s`, `5m`, `1h 30m`
    #[arg(long, value_name = "TIME", group = "when")]
    every: Option<String>,
    /// By a crontab, such as `0 4 * * mon-fri`; six fields begin with seconds
    #[arg(long, value_name = "CRONTAB", group = "when")]
    cron: Option<String>,
    /// Once, such as `2030-01-02T03:04:05Z`
    #[arg(long, value_name = "TIME", group = "when")]
    at: Option<String>,
    /// Zone of its times, such as `Europe/Rome`
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Positional arguments, a JSON list
    #[arg(short, long, value_name = "JSON")]
    args: Option<String>,
    /// Keyword arguments, a JSON object
    #[arg(short, long, value_name = "JSON")]
    kwargs: Option<String>,
    /// Queue
    #[arg(short = 'Q', long)]
    queue: Option<String>,
    /// A task that has not started by then is dropped: `90s`
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    /// Later by up to so much, at random
    #[arg(long, value_name = "TIME")]
    jitter: Option<String>,
    /// Not more often than this
    #[arg(long, value_name = "N")]
    max_runs: Option<u32>,
    /// While the run before goes on: `allow`, `skip`, `queue_one`, `cancel_previous`
    #[arg(long, value_name = "POLICY")]
    overlap: Option<String>,
    /// Missed times: `none`, `last`, or how old they may be to be sent all, such as `1h`
    #[arg(long, value_name = "POLICY")]
    catch_up: Option<String>,
}

impl Add {
    pub(super) async fn run(&self, session: &Session, store: &Arc<dyn ScheduleStore>) -> Result<(), Failure> {
        let entry = Entry::from_map(&self.name, &self.map()?, Source::Runtime)?;
        put(session, store, vec![entry]).await
    }

    fn map(&self) -> Result<Map, Failure> {
        let mut map = Map::default();
        map.insert("task".to_owned(), Value::Str(self.task.clone()));
        for (name, text) in [
            ("every", &self.every),
            ("cron", &self.cron),
            ("at", &self.at),
            ("tz", &self.tz),
            ("queue", &self.queue),
            ("expires", &self.expires),
            ("jitter", &self.jitter),
            ("overlap", &self.overlap),
            ("catch_up", &self.catch_up),
        ] {
            map.extend(text.as_ref().map(|text| (name.to_owned(), Value::Str(text.clone()))));
        }
        map.extend(self.max_runs.map(|most| ("max_runs".to_owned(), Value::Int(most.into()))));
        for (name, text) in [("args", &self.args), ("kwargs", &self.kwargs)] {
            if let Some(text) = text {
                let value = codec::json::from_slice(text.as_bytes()).map_err(|error| {
                    Failure::usage(format!("`--{name}` is no JSON: {error}"))
                        .hint("write `--args '[1, \"two\"]'` or `--kwargs '{\"x\": 1}'`")
                })?;
                map.insert(name.to_owned(), value);
            }
        }
        Ok(map)
    }
}

/// Adds entries, or replaces those that were added.
pub(super) async fn put(
    session: &Session,
    store: &Arc<dyn ScheduleStore>,
    entries: Vec<Entry>,
) -> Result<(), Failure> {
    let own = |entry: &&Entry| session.app.entries().iter().any(|own| own.name == entry.name);
    if let Some(own) = entries.iter().find(own) {
        return Err(Failure::new(
            Exit::Failed,
            format!("`{}` stands in the program or its settings: a beat would put that back", own.name),
        )
        .hint("change it there, or take another name"));
    }
    for entry in entries.iter().filter(|entry| session.app.registry().get(&entry.call.task).is_none()) {
        session
            .out
            .note(&format!("no task `{}` in this program: a worker elsewhere must know it", entry.call.task));
    }
    let changes: Vec<Change> = entries.iter().map(|entry| Change::Put(Box::new(entry.clone()))).collect();
    session.within(store.change(&changes)).await?;
    session.out.print(
        || {
            entries
                .iter()
                .map(|entry| json!({"entry": entry.name, "schedule": entry.describe()}))
                .collect::<Vec<_>>()
        },
        |_| {
            let line = |entry: &Entry| format!("`{}` is sent {}", entry.name, entry.describe());
            entries.iter().map(line).collect::<Vec<_>>().join("\n")
        },
    )
}
