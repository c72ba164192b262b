//! Plays one row: the process that is killed, the one that takes over, and the books.

use std::{
    cell::OnceCell,
    env,
    fs::{self, File},
    io::Write as _,
    os::unix::process::ExitStatusExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;
use taskq::{
    App, Error,
    core::{codec, config::Sources},
};
use taskq_tests::process::{Running, eventually};
use tokio::runtime::Runtime;

use crate::{
    broker::Broker,
    rows::Row,
    scene::{OTHERS, Scene, step},
    table::{Found, Played},
};

const WORKER: &str = env!("CARGO_BIN_EXE_crash-worker");
/// One step of a row, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(90);
const KILL: i32 = 9;
/// How often a row is looked at, and how many more looks must find nothing left: a message on its way from RabbitMQ
/// to the worker is in no count.
const LOOK: Duration = Duration::from_millis(100);
const LOOKS: u32 = 3;
/// A task behind everything that is delayed: when it has run, nothing is on its way any more.
const MARKER: &str = "marker";
/// RabbitMQ's shortest delay, and longer than that of a retry.
const MARKER_DELAY: Duration = Duration::from_secs(1);
/// What a worker logs when a delivery is over.
const ENDS: [&str; 7] = [
    "task succeeded",
    "task failed",
    "task retries",
    "task rejected",
    "task skipped",
    "task waits in the broker",
    "message put aside",
];

/// Plays a row; what goes wrong is in what it answers.
pub(crate) fn play(broker: &Broker, number: usize, row: Row) -> Played {
    let played = catch_unwind(AssertUnwindSafe(|| Stage::new(broker, number, row.scene).play(&row)));
    let found = match played {
        Ok(found) => found.map_err(|error| error.to_string()),
        Err(panic) => Err(panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()),
    };
    Played { row, found }
}

/// Where a row is played.
struct Stage {
    dir: tempfile::TempDir,
    queue: String,
    conf: Value,
    runtime: Runtime,
    /// Looks at the queue, and sends the marker.
    app: OnceCell<App>,
}

impl Stage {
    fn new(broker: &Broker, number: usize, scene: Scene) -> Self {
        let dir = tempfile::Builder::new().prefix("crash-").tempdir().expect("a folder");
        let (queue, mut conf) = broker.settings(number, dir.path());
        if scene == Scene::Asked {
            conf["result_backend"] = "rpc://".into();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Self { dir, queue, conf, runtime: runtime.expect("a runtime"), app: OnceCell::new() }
    }

    /// A program that is not connected yet.
    fn program(&self) -> App {
        let settings = codec::json::from_slice(self.conf.to_string().as_bytes()).expect("settings");
        App::builder().sources(Sources::none().set_all(settings)).build().expect("an app")
    }

    /// Sends what a scene is made of, and is gone again: whoever is connected to SQLite helps to give back what
    /// a dead worker held, and only the process that is to die may do so.
    /// Only one that waits for a result stays.
    fn send(&self, scene: Scene) -> Result<(), Error> {
        let app = self.program();
        self.runtime.block_on(async {
            let sent = scene.send(&app, &self.queue).await?;
            if let Some(sent) = sent.filter(|_| scene == Scene::Asked) {
                let book = self.file("book");
                tokio::spawn(async move {
                    let answer = sent.get_within(PATIENCE).await;
                    assert_eq!(answer.expect("a result"), "a".into());
                    let mut book = File::options().create(true).append(true).open(book).expect("the book");
                    book.write_all(b"b\n").expect("a line");
                    app.close().await
                });
                return Ok(());
            }
            app.close().await
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts a process of a scene, which dies at `armed`.
    fn start(&self, scene: Scene, name: &str, args: &[&str], armed: Option<&str>) -> Running {
        let mut command = Command::new(WORKER);
        command
            .args(args)
            .env("CONF", self.conf.to_string())
            .env("QUEUE", &self.queue)
            .env("HOSTNAME", format!("{name}@crash"))
            .env("BOOK", self.file("book"))
            .env("GATE", self.file("gate"))
            .env("POOL", scene.pool());
        if let Some(armed) = armed {
            command.env("TASKQ_TEST_CRASH_POINT", armed);
        }
        Running::start(&mut command, self.file(&format!("{name}.log")))
    }

    fn open_gate(&self) {
        File::create(self.file("gate")).expect("the gate");
    }

    /// How often a line is in the books.
    fn count(&self, line: &str) -> usize {
        let book = fs::read_to_string(self.file("book")).unwrap_or_default();
        book.lines().filter(|written| *written == line).count()
    }

    fn await_line(&self, line: &str) {
        eventually(&format!("`{line}` is in the books"), PATIENCE, || self.count(line) > 0);
    }

    fn play(&self, row: &Row) -> Result<Found, Error> {
        let armed = format!("{}:{}", row.point.name(), row.nth);
        if !matches!(row.scene, Scene::Delayed | Scene::Parked) {
            self.send(row.scene)?;
        }
        let mut victim = match row.scene {
            Scene::TakeOver => {
                let mut first = self.start(row.scene, "first", &[], None);
                self.await_line("+a");
                first.kill();
                self.start(row.scene, "victim", &[], Some(&armed))
            }
            Scene::Replay => {
                let first = self.start(row.scene, "first", &[], None);
                self.await_dead(1)?;
                end(first);
                self.start(row.scene, "victim", &["replay"], Some(&armed))
            }
            Scene::Delayed | Scene::Parked => {
                // It is there while the message waits for its time.
                let mut victim = self.start(row.scene, "victim", &[], Some(&armed));
                victim.wait_for_output("ready", PATIENCE);
                self.send(row.scene)?;
                victim
            }
            _ => self.start(row.scene, "victim", &[], Some(&armed)),
        };
        if row.scene == Scene::Stop {
            self.await_line("+a");
            victim.terminate();
        }
        let status = victim.wait(PATIENCE);
        let killed = status.signal() == Some(KILL) && victim.output().contains("killed at `");
        assert!(
            killed,
            "the process was not killed at the point but ended with {status}:\n{}",
            victim.output()
        );

        let began = Instant::now();
        if (row.scene.holds() && row.scene != Scene::ChildHolds) || row.scene == Scene::Replay {
            self.open_gate();
        }
        if row.scene == Scene::Replay {
            let status = self.start(row.scene, "again", &["replay"], None).wait(PATIENCE);
            assert!(status.success(), "the replay ended with {status}");
        }
        let mut second = self.start(row.scene, "second", &[], None);
        second.wait_for_output("ready", PATIENCE);
        if row.scene == Scene::ChildHolds {
            self.open_gate(); // a child of the dead worker that goes on would run it, too
        }
        let recovered = self.await_done(row, &second, began)?;
        end(second);
        let mut found = Found { a: self.count("a"), b: self.count("b"), recovered, ..Found::default() };
        assert_eq!(self.count("never"), 0, "the body of a chord that failed ran");
        found.x = OTHERS.map(|other| self.count(other));
        let left = self.left()?;
        found.dead = left.dead;
        assert_eq!(left.waiting, 0, "messages are left in the queue");
        Ok(found)
    }

    /// Waits until all that must run has run and nothing is left.
    fn await_done(&self, row: &Row, second: &Running, began: Instant) -> Result<Duration, Error> {
        let recovered = self.await_quiet(row, second, began)?;
        if row.scene == Scene::Retry {
            // RabbitMQ counts nothing that is delayed, and two retries may be. They arrive before what waits
            // as long and was sent after them.
            let marker = step(MARKER).countdown(MARKER_DELAY);
            self.runtime.block_on(self.app().send_canvas(marker))?;
            self.await_line(MARKER);
            self.await_quiet(row, second, began)?;
        }
        Ok(recovered)
    }

    /// Waits until all that must run has run and nothing is seen that is left; answers how long the first took.
    fn await_quiet(&self, row: &Row, second: &Running, began: Instant) -> Result<Duration, Error> {
        let deadline = Instant::now() + PATIENCE;
        let (mut recovered, mut quiet) = (None, 0);
        loop {
            let missing = self.missing(row);
            if missing.is_empty() {
                recovered.get_or_insert_with(|| began.elapsed());
                // In this order: what is not in the queue any more is told by the worker that took it.
                let left = self.left()?;
                let done = left.waiting == 0 && left.dead >= *row.dead.start() && under_way(second) == 0;
                quiet = if done { quiet + 1 } else { 0 };
                if quiet > LOOKS {
                    return Ok(recovered.unwrap_or_default());
                }
            }
            assert!(
                Instant::now() < deadline,
                "not within {PATIENCE:?}: missing {missing:?}, left {:?}\n{}",
                self.left()?,
                second.output()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// What has not run as often as it must.
    fn missing(&self, row: &Row) -> Vec<&'static str> {
        let others = OTHERS.map(|other| (other, *row.x.start()));
        let all = [("a", *row.a.start()), ("b", *row.b.start())].into_iter().chain(others);
        all.filter(|(name, least)| self.count(name) < *least).map(|(name, _)| name).collect()
    }

    fn await_dead(&self, letters: usize) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        while self.left()?.dead < letters {
            assert!(Instant::now() < deadline, "no dead letter within {PATIENCE:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn app(&self) -> &App {
        self.app.get_or_init(|| self.program())
    }

    fn left(&self) -> Result<Left, Error> {
        self.runtime.block_on(async {
            let admin = self.app().broker().await?.admin().expect("a broker that can be looked into");
            let stats = admin.stats(std::slice::from_ref(&self.queue)).await?;
            let [queue] = stats.as_slice() else { panic!("one queue was asked for: {stats:?}") };
            let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
            Ok(Left {
                waiting: count(queue.ready + queue.delayed + queue.in_flight),
                dead: count(queue.dead),
            })
        })
    }
}

/// What a queue holds.
#[derive(Debug)]
struct Left {
    waiting: usize,
    dead: usize,
}

/// What a worker has received and not ended: RabbitMQ alone does not tell.
fn under_way(worker: &Running) -> usize {
    let log = worker.output();
    let lines =
        |texts: &[&str]| log.lines().filter(|line| texts.iter().any(|text| line.contains(text))).count();
    lines(&["task received"]).saturating_sub(lines(&ENDS))
}

/// Stops a worker in order.
fn end(mut worker: Running) {
    worker.terminate();
    let status = worker.wait(PATIENCE);
    assert!(status.success(), "a worker ended with {status}:\n{}", worker.output());
}
