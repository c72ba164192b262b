//! The worker of the crash matrix: tasks that write into a book that they ran, on one slot.
//!
//! Configured by its environment: `CONF` (a JSON object of settings), `QUEUE`, `HOSTNAME`, `BOOK` (the file; each
//! line is the name of a run that ended, or that name after a `+` when a run began that waits), `GATE` (what
//! waits goes on when that file is there) and `POOL` (how tasks run). It logs a line with `ready` when it consumes.
//! With the argument `replay` it puts the dead letters of the queue back instead, and says `replayed`.

use std::{env, fs, io, path::Path, process::ExitCode, time::Duration};

use taskq::{
    App, Error, ErrorKind, Value,
    core::{
        codec::json,
        config::{PoolKind, Sources},
    },
    prelude::*,
    task,
    telemetry::{LogFormat, LogLevel, Logging},
};
use taskq_worker::{SignalRule, Signals, Stop, Worker, WorkerOptions};

/// How often a task that waits looks at the gate.
const LOOK: Duration = Duration::from_millis(10);

/// Appends a line: one write, so that it is there whole or not at all.
fn note(line: &str) -> io::Result<()> {
    use io::Write;
    let book = env::var("BOOK").map_err(io::Error::other)?;
    fs::OpenOptions::new().create(true).append(true).open(book)?.write_all(format!("{line}\n").as_bytes())
}

fn gate_is_open() -> bool {
    env::var("GATE").is_ok_and(|gate| Path::new(&gate).exists())
}

#[task(name = "crash.step")]
async fn step(name: String) -> io::Result<String> {
    note(&name)?;
    Ok(name)
}

/// Acknowledged before it runs.
#[task(name = "crash.early", acks_late = false)]
async fn early(name: String) -> io::Result<String> {
    note(&name)?;
    Ok(name)
}

/// Takes what runs before it.
#[task(name = "crash.next")]
async fn next(given: Value, name: String) -> io::Result<String> {
    drop(given);
    note(&name)?;
    Ok(name)
}

/// Runs until the gate is open.
#[task(name = "crash.hold")]
async fn hold(name: String) -> io::Result<String> {
    note(&format!("+{name}"))?;
    while !gate_is_open() {
        tokio::time::sleep(LOOK).await;
    }
    note(&name)?;
    Ok(name)
}

/// Its first attempt asks for a second one, which goes by another name.
#[task(bind, name = "crash.retried", max_retries = 3)]
async fn retried(cx: &TaskContext, name: String, then: String) -> Result<String, TaskError> {
    if cx.retries() > 0 {
        note(&then)?;
        return Ok(then);
    }
    note(&name)?;
    Err(cx.retry().countdown(100.milliseconds()).into())
}

/// Fails.
#[task(name = "crash.broken")]
async fn broken(name: String) -> io::Result<String> {
    note(&name)?;
    Err(io::Error::other("as planned"))
}

/// Is put aside while the gate is shut.
#[task(name = "crash.picky")]
async fn picky(name: String) -> Result<String, TaskError> {
    if !gate_is_open() {
        return Err(TaskError::Reject { requeue: false, reason: "the gate is shut".into() });
    }
    note(&name)?;
    Ok(name)
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Error> {
    let logging = Logging { level: LogLevel::info(), format: LogFormat::Text, color: false, file: None };
    logging
        .install()
        .map_err(|error| Error::with_source(ErrorKind::Other, "could not start to log", error))?;
    let given = |name: &str| {
        env::var(name)
            .map_err(|_| Error::new(ErrorKind::Config, format!("`{name}` is not in the environment")))
    };
    let conf = json::from_slice(given("CONF")?.as_bytes())
        .map_err(|error| Error::with_source(ErrorKind::Config, "could not read `CONF`", error))?;
    let app = App::builder().sources(Sources::none().set_all(conf)).build()?;
    app.install();
    if taskq_worker::is_child() {
        return taskq_worker::serve_child(&app).await;
    }
    let queue = given("QUEUE")?;
    if env::args().nth(1).as_deref() == Some("replay") {
        return replay(&app, &queue).await;
    }
    let pool = PoolKind::from_name(&given("POOL")?)
        .ok_or_else(|| Error::new(ErrorKind::Config, "`POOL` names no pool"))?;
    let options = WorkerOptions::new()
        .queues([queue])
        .concurrency(1)
        .pool(pool)
        .hostname(given("HOSTNAME")?)
        .mingle(false)
        // Something waits here when it stops, so that there is something to give back.
        .prefetch_multiplier(4);
    let stop = Stop::new();
    let _signals = Signals::install(&stop, SignalRule::Celery)
        .map_err(|error| Error::with_source(ErrorKind::Other, "could not listen for signals", error))?;
    Worker::new(&app, &options)?.run(stop).await?;
    app.close().await
}

async fn replay(app: &App, queue: &str) -> Result<(), Error> {
    let Some(admin) = app.broker().await?.admin() else {
        return Err(Error::new(ErrorKind::Broker, "this broker shows no dead letters"));
    };
    let letters = admin.dead(queue, 0, 100).await?;
    let ids: Vec<String> = letters.into_iter().map(|letter| letter.id).collect();
    let done = admin.replay(queue, &ids).await?;
    println!("replayed {done}");
    app.close().await
}
