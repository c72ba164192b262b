//! One child process, as the worker sees it.
//!
//! Kept true here: a child is signalled only while it is not collected, so that never another process gets the
//! signal; a child that nobody holds any more ends; a child that does not end is killed.

use std::{
    io,
    os::unix::{net::UnixStream as StdStream, process::ExitStatusExt},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use taskq_core::{
    crash::{self, Point},
    event::EventBus,
};
use tokio::{
    io::AsyncWriteExt,
    net::UnixStream,
    process::{Child as Process, Command},
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    VARIABLE,
    frame::{Frame, encode},
    wire::{Delivered, Done, Order, Report},
};
use crate::held::{Held, Why};

/// How long a child that was told to end, or got a signal, may take before it is killed.
const PATIENCE: Duration = Duration::from_secs(1);

/// A child that can take a run. Dropping it ends the child.
#[derive(Debug)]
pub(crate) struct Hand {
    pub(crate) pid: u32,
    /// Which generation of children it belongs to: a restart begins the next.
    pub(super) generation: u32,
    pub(super) since: Instant,
    pub(super) runs: u32,
    /// The most memory that it has used, in KiB.
    pub(super) memory: u64,
    stream: UnixStream,
    signals: mpsc::UnboundedSender<Signal>,
    ended: watch::Receiver<Option<ExitStatus>>,
}

/// How a run in a child ended.
pub(super) enum End {
    Done(Box<Done>, bytes::Bytes),
    /// The child died.
    Died(ExitStatus),
    /// It has run for as long as it may.
    HardLimit,
    /// It is to end early.
    Dropped(Why),
}

/// What collects a child when it has ended.
#[derive(Debug)]
pub(super) struct Watch {
    process: Process,
    signals: mpsc::UnboundedReceiver<Signal>,
    ended: watch::Sender<Option<ExitStatus>>,
}

impl Hand {
    /// Starts a child and waits until it can take runs.
    ///
    /// # Errors
    /// When it cannot be started, or does not say within `limit` that it is ready.
    pub(super) async fn start(generation: u32, limit: Duration) -> io::Result<(Self, Watch)> {
        let (ours, process) = spawn()?;
        let pid = process.id().ok_or_else(|| io::Error::other("it has no process id"))?;
        let (signals, asked) = mpsc::unbounded_channel();
        let (tell, ended) = watch::channel(None);
        let watch = Watch { process, signals: asked, ended: tell };
        let stream = UnixStream::from_std(ours)?;
        let since = Instant::now();
        let mut hand = Self { pid, generation, since, runs: 0, memory: 0, stream, signals, ended };
        match timeout(limit, Frame::read(&mut hand.stream)).await {
            Ok(Ok(frame)) if matches!(frame.head(), Ok(Report::Ready)) => Ok((hand, watch)),
            Ok(Ok(_)) => Err(io::Error::other("it said something else than that it is ready")),
            Ok(Err(_)) => Err(io::Error::other(
                "it ended before it was ready: its own log says why; a program whose `main` is not \
                 `taskq::main()` calls `taskq::worker::serve_child` first",
            )),
            Err(_) => Err(io::Error::other(format!("it was not ready within {} s", limit.as_secs_f64()))),
        }
    }

    /// Runs a message to its end. After anything but `Done` the child is of no use any more.
    pub(super) async fn run(
        &mut self,
        delivered: Delivered,
        envelope: &[u8],
        hard: Option<Duration>,
        held: &Held,
        events: &EventBus,
    ) -> io::Result<End> {
        let order = encode(&Order::Run(delivered), envelope)?;
        self.runs += 1;
        let mut ended = self.ended.clone();
        let hard = async {
            match hard {
                Some(hard) => sleep(hard).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            said = self.talk(&order, events) => match said {
                Ok((done, value)) => Ok(End::Done(done, value)),
                Err(_) => {
                    // It closed its end, or said nonsense; most of the time it has died.
                    self.signal_after(Signal::SIGKILL, PATIENCE);
                    Ok(End::Died(collected(&mut ended).await))
                }
            },
            why = held.cancelled() => Ok(End::Dropped(why)),
            () = hard => Ok(End::HardLimit),
        }
    }

    /// Gives the order and listens until the run is over.
    async fn talk(&mut self, order: &[u8], events: &EventBus) -> io::Result<(Box<Done>, bytes::Bytes)> {
        self.stream.write_all(order).await?;
        crash::reached(Point::HandedOver);
        loop {
            let frame = Frame::read(&mut self.stream).await?;
            match frame.head()? {
                Report::Done(done) => return Ok((Box::new(done), frame.body)),
                Report::Event(kind, fields) => events.tell(kind, fields),
                Report::Ready => {}
            }
        }
    }

    /// Ends it by a signal, which everything that its task started gets, too, and waits until it is gone.
    pub(super) async fn end(mut self, signal: Signal) {
        let _ = self.signals.send(signal); // it may be gone
        if signal != Signal::SIGKILL {
            if let Ok(order) = encode(&Order::Die(signal as i32), &[]) {
                let _ = timeout(PATIENCE, self.stream.write_all(&order)).await;
            }
            self.signal_after(Signal::SIGKILL, PATIENCE);
        }
        collected(&mut self.ended).await;
    }

    /// Lets it go: a child that runs nothing ends when nobody listens to it any more.
    pub(super) async fn retire(mut self) {
        let _ = self.stream.shutdown().await;
        self.signal_after(Signal::SIGKILL, PATIENCE * 5);
        collected(&mut self.ended).await;
    }

    fn signal_after(&self, signal: Signal, wait: Duration) {
        let (signals, mut ended) = (self.signals.clone(), self.ended.clone());
        tokio::spawn(async move {
            if timeout(wait, collected(&mut ended)).await.is_err() {
                let _ = signals.send(signal); // it may have ended just now
            }
        });
    }
}

/// Waits until a child is collected.
async fn collected(ended: &mut watch::Receiver<Option<ExitStatus>>) -> ExitStatus {
    match ended.wait_for(Option::is_some).await {
        Ok(status) => status.unwrap_or_else(|| ExitStatus::from_raw(0)),
        Err(_) => ExitStatus::from_raw(Signal::SIGKILL as i32), // the worker is gone, and kills what it leaves
    }
}

impl Watch {
    /// Waits for the end of the child, hands on signals meanwhile, and kills it when `gone` is cancelled or
    /// nobody can send one any more.
    pub(super) async fn watch(mut self, gone: CancellationToken) -> ExitStatus {
        let group = self.process.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let mut killed = false;
        let status = loop {
            let signal = tokio::select! {
                biased;
                status = self.process.wait() => break status,
                signal = self.signals.recv(), if !killed => signal.unwrap_or(Signal::SIGKILL),
                () = gone.cancelled(), if !killed => Signal::SIGKILL,
            };
            killed |= signal == Signal::SIGKILL;
            if let Some(group) = group {
                let _ = killpg(group, signal); // it may have died just now
            }
        };
        let status = status.unwrap_or_else(|_| ExitStatus::from_raw(0));
        self.ended.send_replace(Some(status));
        status
    }
}

/// Starts this program once more, with a pipe for its standard input.
fn spawn() -> io::Result<(StdStream, Process)> {
    let (ours, theirs) = StdStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut args = std::env::args_os();
    let mut command = Command::new(program()?);
    if let Some(name) = args.next() {
        command.arg0(name);
    }
    // A group of its own: Ctrl-C of the terminal is for the worker, and what the task starts dies with it.
    command
        .args(args)
        .env(VARIABLE, "1")
        .stdin(Stdio::from(std::os::fd::OwnedFd::from(theirs)))
        .process_group(0)
        .kill_on_drop(true);
    let process = command.spawn()?;
    Ok((ours, process))
}

/// This very program, also when its file was replaced meanwhile: parent and child must be of one build.
fn program() -> io::Result<std::path::PathBuf> {
    let own = std::path::Path::new("/proc/self/exe");
    if own.exists() { Ok(own.to_path_buf()) } else { std::env::current_exe() }
}

/// How a process ended, in the words of Celery's pool.
pub(super) fn shown(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(number), _) => match Signal::try_from(number) {
            Ok(signal) => format!("signal {number} ({signal})"),
            Err(_) => format!("signal {number}"),
        },
        (None, code) => format!("exitcode {}", code.unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_shown_as_celery_shows_it() {
        assert_eq!(shown(ExitStatus::from_raw(9)), "signal 9 (SIGKILL)");
        assert_eq!(shown(ExitStatus::from_raw(3 << 8)), "exitcode 3");
    }
}
