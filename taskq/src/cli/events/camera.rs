//! `events --camera`: what monitors know, every so often, to a function of the program or as JSON lines to a file.
//!
//! Kept true here: a snapshot has every task that was told of since the one before; a camera that fails, or takes its
//! time, loses none of them: the next snapshot comes later.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use serde_json::{Value as Json, json};
use taskq_core::{
    Timestamp,
    event::{EventFeed, Film, Shutter, Snapshot},
    task::RateLimit,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, MissedTickBehavior, interval_at},
};

use super::super::{Exit, Failure, Session, pidfile::Pidfile};

/// Options of a camera.
#[derive(Args, Debug)]
#[command(next_help_heading = "Camera")]
pub(super) struct CameraArgs {
    /// Hand over what is known, every so often: to the program's camera of that name, or as a JSON line to that file
    /// (`-`: standard output)
    #[arg(short = 'c', long, value_name = "NAME|FILE", conflicts_with = "dump")]
    camera: Option<String>,

    /// Seconds between two snapshots
    #[arg(
        short = 'F',
        long,
        visible_alias = "freq",
        value_name = "SECONDS",
        default_value_t = 1.0,
        requires = "camera"
    )]
    frequency: f64,

    /// At most so many snapshots, such as `10/m`
    #[arg(short = 'r', long, value_name = "RATE", requires = "camera")]
    maxrate: Option<RateLimit>,

    /// Write the process id there, and end if another process that lives has done so
    #[arg(long, value_name = "FILE", requires = "camera")]
    pidfile: Option<PathBuf>,
}

/// Where snapshots go.
enum Target {
    Shutter(Shutter),
    Lines(File),
    Output,
}

impl CameraArgs {
    pub(super) fn is_given(&self) -> bool {
        self.camera.is_some()
    }

    /// Takes snapshots until SIGTERM or Ctrl-C, and a last one then.
    pub(super) async fn run(&self, session: &Session, mut feed: EventFeed) -> Result<(), Failure> {
        let pause = self.pause()?;
        let mut target = self.target(session)?;
        let _pidfile = self.pidfile.as_deref().map(Pidfile::take).transpose()?;
        let signals = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(Exit::Failed, format!("could not hear signals: {error}")))
        };
        let (mut terminated, mut interrupted) =
            (signals(SignalKind::terminate())?, signals(SignalKind::interrupt())?);
        let mut ticks = interval_at(Instant::now() + pause, pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut film, clock) = (Film::default(), Arc::clone(session.app.clock()));
        session.out.note(&format!("a snapshot every {} s; Ctrl-C ends it", pause.as_secs_f64()));
        loop {
            tokio::select! {
                biased;
                _ = terminated.recv() => break,
                _ = interrupted.recv() => break,
                _ = ticks.tick() => target.take(session, film.snapshot(clock.now())).await?,
                event = feed.next() => film.take(&event?, clock.now()),
            }
        }
        target.take(session, film.snapshot(clock.now())).await
    }

    /// The time between two snapshots: what the rate allows, if that is longer.
    fn pause(&self) -> Result<Duration, Failure> {
        let frequency = Duration::try_from_secs_f64(self.frequency)
            .ok()
            .filter(|pause| !pause.is_zero())
            .ok_or_else(|| Failure::usage(format!("`--frequency {}` is no time", self.frequency)))?;
        Ok(self.maxrate.map_or(frequency, |rate| frequency.max(rate.interval())))
    }

    /// The program's camera of that name, else a file.
    fn target(&self, session: &Session) -> Result<Target, Failure> {
        let name = self.camera.as_deref().unwrap_or_default();
        if let Some(shutter) = session.app.cameras().get(name) {
            return Ok(Target::Shutter(Arc::clone(shutter)));
        }
        if name == "-" {
            return Ok(Target::Output);
        }
        let path = Path::new(name);
        if path.extension().is_none() && path.components().count() < 2 {
            let names: Vec<&str> = session.app.cameras().names().collect();
            let known = match names.is_empty() {
                true => "it has none (`App::builder().camera(…)`)".to_owned(),
                false => format!("it has `{}`", names.join("`, `")),
            };
            return Err(Failure::usage(format!("the program has no camera `{name}`: {known}"))
                .hint("a file has a dot or a slash in its name: `--camera tasks.jsonl`"));
        }
        let file = OpenOptions::new().append(true).create(true).open(path);
        file.map(Target::Lines)
            .map_err(|error| Failure::new(Exit::Failed, format!("could not open `{name}`: {error}")))
    }
}

impl Target {
    async fn take(&mut self, session: &Session, shot: Snapshot) -> Result<(), Failure> {
        match self {
            Self::Shutter(shutter) => {
                let shutter = Arc::clone(shutter);
                // It may block, or panic.
                let taken = tokio::task::spawn_blocking(move || shutter(&shot)).await;
                if let Err(error) = taken {
                    session.out.note(&format!("the camera failed: {error}"));
                }
                Ok(())
            }
            Self::Lines(file) => {
                // In one write: somebody may be reading along.
                let written = file.write_all(format!("{}\n", document(&shot)).as_bytes());
                written.map_err(|error| {
                    Failure::new(Exit::Failed, format!("could not write a snapshot: {error}"))
                })
            }
            Self::Output => session.out.line(&document(&shot).to_string()),
        }
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_microsecond() as f64 / 1e6
}

/// A snapshot as JSON; times are seconds since 1970.
fn document(shot: &Snapshot) -> Json {
    let now = seconds(shot.at);
    let worker = |worker: &taskq_core::event::WorkerView| {
        json!({
            "hostname": worker.hostname, "alive": worker.is_alive(now), "active": worker.active,
            "processed": worker.processed, "last_heard": worker.last_heard, "loadavg": worker.loadavg,
            "sw_ident": worker.sw_ident, "sw_ver": worker.sw_ver,
        })
    };
    let task = |task: &taskq_core::event::TaskView| {
        json!({
            "uuid": task.id, "name": task.name, "state": task.state.as_str(), "timestamp": task.timestamp,
            "worker": task.worker, "args": task.args, "kwargs": task.kwargs, "retries": task.retries,
            "runtime": task.runtime, "result": task.result, "exception": task.exception,
            "queue": task.queue, "parent_id": task.parent_id, "root_id": task.root_id,
        })
    };
    json!({
        "timestamp": now, "events": shot.events, "alive": shot.alive(), "states": shot.states(),
        "workers": shot.workers.iter().map(worker).collect::<Vec<_>>(),
        "tasks": shot.tasks.iter().map(task).collect::<Vec<_>>(),
    })
}
