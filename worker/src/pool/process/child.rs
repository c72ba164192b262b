//! The life of a child: it says that it is ready, runs what it is given, one at a time, and ends with its
//! worker.
//!
//! Kept true here: a child whose worker is gone does not go on: what it runs will run somewhere else. Signals
//! that stop a service (SIGTERM, SIGINT, SIGHUP), which a service manager may send to every process, are left to
//! the worker: it says what is to end.

use std::{
    fs::File,
    io::{self, Write},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, dup2_stdin},
};
use taskq_core::{
    Error, ErrorKind,
    app::App,
    backend::ResultBackend,
    protocol::Request,
    task::{Failure, FailureKind, Outcome, TaskKind},
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::sleep,
};
use tracing::warn;

use super::{
    VARIABLE,
    frame::{Frame, encode},
    wire::{Delivered, Done, Order, Report},
};
use crate::{
    node::Decoding,
    panics,
    pool::blocking::block_on,
    run::{Place, Run},
    tasks::Limits,
};

/// Pause before the result backend is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// The program has asked whether it is a child: it can be one.
static OFFERED: AtomicBool = AtomicBool::new(false);

/// Whether children of this program would serve.
pub(super) fn is_offered() -> bool {
    OFFERED.load(Ordering::Acquire)
}

/// Whether this process was started as a child of a worker: [`serve_child`] is then all it has to do.
pub fn is_child() -> bool {
    OFFERED.store(true, Ordering::Release);
    std::env::var_os(VARIABLE).is_some() && pipe().is_ok_and(|pipe| pipe.local_addr().is_ok())
}

/// The socket that a child has for its standard input.
fn pipe() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Runs tasks for the worker that started this process, until that is over. `taskq::main()` does so by itself;
/// other programs that run a worker with the process pool call it first, if [`is_child`].
///
/// # Errors
/// When the pipe to the worker does not work.
pub async fn serve_child(app: &App) -> Result<(), Error> {
    let failed = |error| Error::with_source(ErrorKind::Connection, "could not talk to the worker", error);
    panics::note_places();
    serve(app).await.map_err(failed)
}

async fn serve(app: &App) -> io::Result<()> {
    let reader = pipe()?;
    // Tasks, and what they start, must not read what is meant for us.
    dup2_stdin(File::open("/dev/null")?)?;
    let _left_to_the_worker =
        [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?];
    let (orders, mut ordered) = mpsc::channel(1);
    let child = Arc::new(Child {
        app: app.clone(),
        decoding: Decoding::new(app.settings()).map_err(io::Error::other)?,
        place: OnceLock::new(),
        out: Mutex::new(reader.try_clone()?),
        busy: AtomicBool::new(false),
    });
    let own = Arc::clone(&child);
    thread::Builder::new().name("taskq-orders".into()).spawn(move || own.listen(reader, &orders))?;
    child.say(&Report::Ready, &[])?;
    while let Some((delivered, body)) = ordered.recv().await {
        let (mut done, value) = child.run(delivered, body).await;
        done.memory = memory();
        let said = child.say(&Report::Done(done), &value);
        child.busy.store(false, Ordering::Release);
        said?;
    }
    Ok(())
}

struct Child {
    app: App,
    decoding: Decoding,
    place: OnceLock<Place>,
    out: Mutex<UnixStream>,
    busy: AtomicBool,
}

impl Child {
    /// Reads orders, on a thread that no task can hold up.
    fn listen(&self, mut from: UnixStream, orders: &mpsc::Sender<(Delivered, Bytes)>) {
        loop {
            let order = Frame::read_blocking(&mut from).and_then(|frame| Ok((frame.head()?, frame.body)));
            match order {
                Ok((Order::Run(delivered), body)) => {
                    self.busy.store(true, Ordering::Release);
                    if orders.blocking_send((delivered, body)).is_err() {
                        return;
                    }
                }
                Ok((Order::Die(signal), _)) => std::process::exit(128 + signal),
                Err(_) if self.busy.load(Ordering::Acquire) => {
                    let _ = kill(Pid::this(), Signal::SIGKILL);
                    return;
                }
                Err(_) => return, // nothing runs: the end of the orders ends us
            }
        }
    }

    fn say(&self, report: &Report, body: &[u8]) -> io::Result<()> {
        let bytes = encode(report, body)?;
        self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(&bytes)
    }

    async fn run(self: &Arc<Self>, delivered: Delivered, body: Bytes) -> (Done, Bytes) {
        let request = match self.request(&delivered, &body) {
            Ok(request) => request,
            Err(why) => return failed(format!("a child could not read its task: {why}")),
        };
        let Some(def) = self.app.registry().get(&request.headers.task).cloned() else {
            return failed(format!("a child does not know the task `{}`", request.headers.task));
        };
        let kind = def.kind;
        let place = self.place(delivered.hostname()).await;
        let limits = Limits { soft: delivered.soft(), hard: None };
        let run = async move {
            let run = Run {
                place: &place,
                def: &def,
                limits: &|_| limits,
                begins: &|_| {},
                builtin: None,
                context: OnceLock::new(),
            };
            let outcome = run.outcome(Box::new(request)).await;
            let expected = matches!(&outcome, Outcome::Failure(failure)
                if def.options.throws.is_some_and(|expected| expected(failure)));
            Done::new(outcome, run.context.get(), expected)
        };
        match kind {
            TaskKind::Async => run.await,
            TaskKind::Blocking => {
                let ran = tokio::task::spawn_blocking(move || block_on(run)).await;
                ran.unwrap_or_else(|error| failed(format!("the run was lost: {error}")))
            }
        }
    }

    fn request(&self, delivered: &Delivered, body: &Bytes) -> Result<Request, String> {
        let (message, info) = delivered.open(body).map_err(|error| error.to_string())?;
        let reading = &self.decoding;
        Request::decode(message, info, &reading.accept, &reading.zone, reading.inflate_limit)
            .map_err(|malformed| malformed.detail)
    }

    /// Where tasks run here. The result backend is connected by the first one.
    async fn place(self: &Arc<Self>, hostname: &str) -> Place {
        if let Some(place) = self.place.get() {
            return place.clone();
        }
        let backend: Arc<dyn ResultBackend> = loop {
            match self.app.backend().await {
                Ok(backend) => break backend,
                Err(error) => warn!(%error, "a child could not reach the result backend; trying again"),
            }
            sleep(AGAIN).await;
        };
        let own = Arc::downgrade(self);
        let relay = move |kind, fields| {
            if let Some(child) = own.upgrade() {
                let _ = child.say(&Report::Event(kind, fields), &[]); // the worker may be gone
            }
        };
        let events = self.app.event_bus(hostname, true).relayed(relay);
        let place = Place { app: self.app.clone(), name: hostname.into(), backend, events };
        self.place.get_or_init(|| place).clone()
    }
}

fn failed(text: String) -> (Done, Bytes) {
    let failure = Failure::new("RuntimeError", text).of_kind(FailureKind::WorkerLost);
    Done::new(Outcome::Failure(failure), None, false)
}

/// The most memory that this process has used so far, in KiB, where the system says it. Not `getrusage`: its
/// figure includes what the worker used before the child began.
fn memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
