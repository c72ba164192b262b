//! Ten thousand seeds of the simulation: nothing acknowledged is lost, nothing live runs twice, whatever fails.
//!
//! `TASKQ_SIM_SEED=n` lives that seed alone and prints what happened in it; `TASKQ_SIM_SEEDS=from..to` lives others
//! than those of every day.

use std::{
    env,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use taskq_tests::sim::{Verdict, live};

/// The seeds of every day.
const SEEDS: Range<u64> = 0..10_000;
/// Lines of a broken seed's trace that are shown: its end.
const SHOWN: usize = 200;

#[test]
fn thousands_of_seeds_lose_nothing_and_double_nothing() {
    if let Some(seed) = variable("TASKQ_SIM_SEED") {
        let verdict = live(seed.parse().expect("`TASKQ_SIM_SEED` is a number"), true);
        println!("{}", verdict.trace.join("\n"));
        return assert_eq!(verdict.broken, Vec::<String>::new(), "seed {seed}");
    }
    let seeds = variable("TASKQ_SIM_SEEDS").map_or(SEEDS, |text| {
        let (from, to) = text.split_once("..").expect("`TASKQ_SIM_SEEDS` is `from..to`");
        from.parse().expect("a number")..to.parse().expect("a number")
    });
    let next = AtomicU64::new(seeds.start);
    let cores = thread::available_parallelism().map_or(2, usize::from);
    let verdicts: Vec<Verdict> = thread::scope(|scope| {
        let lives = || {
            let turns = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            turns.take_while(|seed| *seed < seeds.end).map(|seed| live(seed, false)).collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(lives)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a simulation")).collect()
    });
    let sum = |of: fn(&Verdict) -> usize| verdicts.iter().map(of).sum::<usize>();
    let hours = verdicts.iter().map(|verdict| verdict.lasted.as_secs()).sum::<u64>() / 3_600;
    println!(
        "{} seeds, {} tasks confirmed, {} runs, {} of them to their end, {} bodies sent again and not run, {hours} \
         hours of virtual time",
        verdicts.len(),
        sum(|verdict| verdict.sent),
        sum(|verdict| verdict.runs.0),
        sum(|verdict| verdict.runs.1),
        sum(|verdict| verdict.copies),
    );
    let mut broken: Vec<&Verdict> = verdicts.iter().filter(|verdict| !verdict.broken.is_empty()).collect();
    broken.sort_by_key(|verdict| verdict.seed);
    for verdict in broken.iter().take(10) {
        println!("seed {}: {:#?}", verdict.seed, verdict.broken);
    }
    if let Some(first) = broken.first() {
        let trace = live(first.seed, true).trace;
        println!("{}", trace[trace.len().saturating_sub(SHOWN)..].join("\n"));
        panic!("{} seeds are broken; see one alone with `TASKQ_SIM_SEED={}`", broken.len(), first.seed);
    }
    assert_eq!(verdicts.len() as u64, seeds.end - seeds.start);
}

#[test]
fn a_seed_lives_the_same_life_twice() {
    for seed in 0..60 {
        let (once, again) = (live(seed, true), live(seed, true));
        let differs = once.trace.iter().zip(&again.trace).position(|(one, other)| one != other);
        if let Some(at) = differs {
            panic!("seed {seed}, line {at}: first\n{}\nthen\n{}", once.trace[at], again.trace[at]);
        }
        assert_eq!(once, again, "seed {seed}");
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}
