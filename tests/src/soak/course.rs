//! The course of a soak at one site: faults, then the books.

use std::{
    collections::HashSet,
    sync::Arc,
    thread::sleep,
    time::{Duration, Instant},
};

use fastrand::Rng;
use taskq::App;
use tokio_util::sync::CancellationToken;

use super::{
    Soak,
    book::{self, now},
    fault::{Fault, Spell},
    producer::{self, Sent},
    site::{BOOK, PYTHON_BOOK, Site, WORKERS},
    tally::Tally,
};
use crate::process::eventually;

/// Between two faults, in milliseconds.
const PAUSE: std::ops::Range<u64> = 2_000..6_000;
/// How soon something new must have ended after a fault is over.
const BACK: Duration = Duration::from_secs(45);
/// How long after the last fault everything must have ended.
const PATIENCE: Duration = Duration::from_secs(90);

/// Lets everything fail for as long as it was asked for; answers what came of it.
pub(super) fn run(mut site: Site, soak: &Soak) -> Tally {
    let mut rng = Rng::with_seed(soak.seed.wrapping_add(site.kind as u64));
    let (sent, stop) = (Arc::new(Sent::default()), CancellationToken::new());
    let app = site.app();
    let produce =
        producer::produce(app.clone(), Arc::clone(&sent), rng.fork(), site.has_python(), stop.clone());
    let producing = site.runtime.spawn(produce);
    let mut tally = Tally { broker: site.kind.name(), ..Tally::default() };
    let mut spells = Vec::new();
    let over = Instant::now() + soak.lasts;
    loop {
        let pause = Duration::from_millis(rng.u64(PAUSE));
        sleep(pause.min(over.saturating_duration_since(Instant::now())));
        if Instant::now() >= over {
            break;
        }
        let (fault, began) = (Fault::draw(&mut rng, site.kind), now());
        site.happen(fault, rng.usize(..WORKERS));
        let over = now();
        let recovered = recovered(&mut site, &sent, fault);
        spells.push(Spell { fault, began, over, recovered: now() });
        eprintln!("{}: {fault:?}, recovered in {:.1} s", site.kind.name(), recovered.as_secs_f32());
        tally.faults.push((format!("{fault:?}"), recovered));
    }
    stop.cancel();
    site.runtime.block_on(producing).expect("the producer does not panic");
    settle(&site, &app, &sent, &mut tally);
    let doubles = book::doubles(&site.runs(BOOK, 0), &sent.sendings(), &spells);
    tally.doubled = doubles.explained + doubles.unexplained.len();
    tally.unexplained = doubles.unexplained;
    tally.unstored = site.unstored(&app, &sent.results());
    if !tally.broken().is_empty() {
        eprintln!("{}: the logs are kept in {}", tally.broker, site.keep());
    }
    site.stop();
    let _ = site.runtime.block_on(app.close());
    tally
}

/// How long it takes until something ends that was sent after now.
fn recovered(site: &mut Site, sent: &Sent, fault: Fault) -> Duration {
    let (since, began) = (sent.next(), Instant::now());
    eventually(&format!("{}: something new has ended after {fault:?}", site.kind.name()), BACK, || {
        site.all_live();
        site.runs(BOOK, 30).iter().any(|run| run.number() >= since)
    });
    began.elapsed()
}

/// Waits until all has ended, and counts.
fn settle(site: &Site, app: &App, sent: &Sent, tally: &mut Tally) {
    let (confirmed, to_python) = (sent.confirmed(), sent.python());
    let began = Instant::now();
    loop {
        let (done, python) = (ids(site, BOOK), ids(site, PYTHON_BOOK));
        tally.lost = confirmed.iter().filter(|id| !done.contains(*id)).cloned().collect();
        tally.sent = confirmed.len();
        tally.done = tally.sent - tally.lost.len();
        tally.failed = sent.failed();
        tally.python = (to_python.len(), to_python.iter().filter(|id| python.contains(*id)).count());
        tally.left = site.left(app);
        tally.settled = began.elapsed();
        if (tally.lost.is_empty() && tally.left == Some([0; 4])) || began.elapsed() > PATIENCE {
            return;
        }
        sleep(Duration::from_millis(200));
    }
}

fn ids(site: &Site, book: &str) -> HashSet<String> {
    site.runs(book, 0).into_iter().map(|run| run.id).collect()
}
