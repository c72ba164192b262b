//! `events`: what workers and clients tell, as it happens.

mod camera;
mod live;
mod terminal;
mod view;

use std::io::{IsTerminal, stdin, stdout};

use clap::Args;
use taskq_core::{
    codec::{Value, json, repr},
    event::Event,
};

use super::{Failure, Session, remote};

/// Watch workers and tasks live, or the events that they tell
#[derive(Args, Debug)]
pub(crate) struct Events {
    /// Print one line for each event, until Ctrl-C; with `--json`, one JSON document a line
    #[arg(short = 'd', long)]
    dump: bool,

    /// End after so many events
    #[arg(long, value_name = "N", requires = "dump")]
    limit: Option<u64>,

    #[command(flatten)]
    camera: camera::CameraArgs,
}

impl Events {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let on_terminal = stdin().is_terminal() && stdout().is_terminal();
        if !self.dump && !self.camera.is_given() && !on_terminal {
            return Err(Failure::usage("the live view needs a terminal")
                .hint("`events --dump` prints one line for each event, `events --camera` what is known, every so often"));
        }
        let mut feed = session.within(session.app.event_feed()).await?;
        if self.dump {
            session.out.note("listening for events; Ctrl-C ends it. Workers tell of tasks with `-E`, or after `control enable_events`");
        }
        // Those that are quiet say that they are there. Without remote control they do so by themselves.
        let _ = session.app.control().ask("heartbeat").tell().await;
        if self.camera.is_given() {
            return self.camera.run(session, feed).await;
        }
        if !self.dump {
            let live = live::Live::new(session.app.settings().read_url().to_string());
            return terminal::show(feed, live).await;
        }
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 {
            let event = tokio::select! {
                event = feed.next() => event?,
                _ = tokio::signal::ctrl_c() => break,
            };
            session.out.line(&if session.out.is_json() { document(&event) } else { line(&event) })?;
            left -= 1;
        }
        if feed.garbage() > 0 {
            session.out.note(&format!("{} events could not be read", feed.garbage()));
        }
        Ok(())
    }
}

fn document(event: &Event) -> String {
    let map = Value::Map(event.to_map());
    json::to_string(&map).unwrap_or_else(|_| remote::plain(&map).to_string())
}

/// `celery@host [2026-11-21 10:00:00.123456Z] task received: proj.add(1a2b…) args=(2, 3) …`
fn line(event: &Event) -> String {
    let micros = (event.timestamp * 1e6) as i64;
    let at =
        taskq_core::Timestamp::from_microsecond(micros).map_or_else(|_| "?".to_owned(), |at| at.to_string());
    let what = event.kind.replace('-', " ");
    let fields: Vec<String> = event
        .fields
        .iter()
        .filter(|(name, value)| !value.is_null() && !matches!(name.as_str(), "uuid" | "name" | "traceback"))
        .map(|(name, value)| format!("{name}={}", repr::value(value)))
        .collect();
    let task = match (event.text("name"), event.uuid()) {
        (Some(name), Some(id)) => format!(": {name}({id})"),
        (None, Some(id)) => format!(": {id}"),
        _ => String::new(),
    };
    format!("{} [{at}] {what}{task} {}", event.hostname, fields.join(" ")).trim_end().to_owned()
}
