//! Sends tasks of every kind, all the time, also while nothing can be sent.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use taskq::{App, Signature, args};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    book::{Sending, now},
    site::{BOOK, PYTHON, PYTHON_BOOK},
};

/// Pause between two sends.
const PAUSE: Duration = Duration::from_millis(40);

/// What was sent.
#[derive(Debug, Default)]
pub(super) struct Sent {
    books: Mutex<Books>,
    number: AtomicUsize,
}

#[derive(Debug, Default)]
struct Books {
    /// What must end.
    confirmed: Vec<String>,
    /// What Python workers should end.
    python: Vec<String>,
    /// The results that must be there.
    results: Vec<String>,
    /// When each was sent, also those of which nobody knows whether they were.
    sendings: HashMap<usize, Sending>,
    failed: usize,
}

impl Sent {
    pub(super) fn confirmed(&self) -> Vec<String> {
        self.books().confirmed.clone()
    }

    pub(super) fn python(&self) -> Vec<String> {
        self.books().python.clone()
    }

    pub(super) fn results(&self) -> Vec<String> {
        self.books().results.clone()
    }

    pub(super) fn sendings(&self) -> HashMap<usize, Sending> {
        self.books().sendings.clone()
    }

    /// Sends that ended with an error: what they sent may be there all the same.
    pub(super) fn failed(&self) -> usize {
        self.books().failed
    }

    /// The number of the next one.
    pub(super) fn next(&self) -> usize {
        self.number.load(Ordering::Acquire)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is sent at once, and what it writes into the books.
struct Draw {
    canvas: Signature,
    /// By Rust workers.
    rust: Vec<String>,
    /// By Python workers, or only after them.
    python: Vec<String>,
}

/// Sends until it is told to stop.
pub(super) async fn produce(app: App, sent: Arc<Sent>, mut rng: Rng, python: bool, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let number = sent.number.fetch_add(1, Ordering::AcqRel);
        let draw = draw(&mut rng, number, python);
        let began = now();
        let result = app.send_canvas(draw.canvas).await;
        let ended = now();
        {
            let mut books = sent.books();
            books.sendings.insert(number, Sending { began, ended });
            match result {
                Ok(result) => {
                    if draw.python.is_empty() {
                        books.results.push(result.id().to_owned());
                    }
                    books.confirmed.extend(draw.rust);
                    books.python.extend(draw.python);
                }
                Err(_) => books.failed += 1,
            }
        }
        sleep(PAUSE).await;
    }
}

fn draw(rng: &mut Rng, number: usize, python: bool) -> Draw {
    let id = |part: usize| format!("{number}.{part}");
    let run = |part: usize, seconds: f64| {
        Signature::by_name("conf_tasks.record_run", args![id(part), seconds, BOOK]).immutable()
    };
    let in_python = |part: usize| {
        let run = Signature::by_name("conf_tasks.record_run", args![id(part), 0.0, PYTHON_BOOK]).immutable();
        run.queue(PYTHON)
    };
    let quick = |rng: &mut Rng| rng.f64() / 20.0;
    let rust = |canvas, parts: usize| Draw { canvas, rust: (0..parts).map(id).collect(), python: Vec::new() };
    match rng.u8(..14) {
        0..=4 => rust(run(0, quick(rng)), 1),
        5 => rust(run(0, rng.f64() * 5.0), 1),
        6..=7 => {
            let by = Duration::from_millis(rng.u64(100..5_000));
            rust(run(0, quick(rng)).countdown(by), 1)
        }
        8 => rust(Signature::chain((0..3).map(|part| run(part, 0.01))), 3),
        9 => {
            // Asks for two retries, then says so in the book.
            let again = Signature::by_name("conf_tasks.fail_until", args![format!("try:{number}"), 2, 0.2]);
            rust(Signature::chain([again.immutable(), run(0, 0.0)]), 1)
        }
        10 if python => Draw { canvas: in_python(0), rust: Vec::new(), python: vec![id(0)] },
        11 if python => Draw {
            canvas: Signature::chain([run(0, 0.01), in_python(1), run(2, 0.01)]),
            rust: vec![id(0)],
            python: vec![id(1)],
        },
        _ => rust(Signature::chord((0..3).map(|part| run(part, quick(rng))), run(3, 0.0)), 4),
    }
}
