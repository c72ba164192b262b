//! The fuzz targets of `taskq/core/fuzz`, on the stable compiler: every crash that was ever found, then mutations
//! of what real Celery sent, always the same ones.
//!
//! `TASKQ_FUZZ_ROUNDS` and `TASKQ_FUZZ_SEED` run more of them, and others.

// They are the library of the package of the targets.
#[allow(unreachable_pub)]
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use fastrand::Rng;
use targets::Target;

/// Mutations of each target,
const ROUNDS: usize = 10_000;
/// and of the one that inflates, which takes its time without optimisation.
const SLOW_ROUNDS: usize = 500;
/// One input may not take longer, on a loaded machine.
const SLOW: Duration = Duration::from_secs(10);
/// What an input grows to at most, in bytes.
const LONGEST: usize = 16_384;
/// What parsers stumble over.
const TOKENS: [&str; 36] = [
    "null",
    "true",
    "-0",
    "1e999",
    "-1e-999",
    "NaN",
    "Infinity",
    "99999999999999999999999999999",
    "0.1",
    "\"\"",
    "{}",
    "[[[[[[[[",
    "{\"\":",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "é",
    "__type__",
    "__value__",
    "datetime",
    "decimal",
    "uuid",
    "bytes",
    "&a [*a, *a]",
    "!!python/object",
    "chain",
    "group",
    "chord",
    "subtask_type",
    "tasks",
    "2026-02-30T25:61:61",
    "+99:99",
    "*/0",
    "1-0",
    "#",
    "\0",
];

fn number(name: &str, default: usize) -> usize {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn run(name: &str) {
    let (_, target) = targets::TARGETS.into_iter().find(|(known, _)| *known == name).expect("a target");
    let crashes = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/crashes").join(name);
    for entry in fs::read_dir(&crashes).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        check(name, target, &fs::read(&path).expect("a crash"));
    }
    let seeds = targets::seeds(target);
    assert!(seeds.len() >= 10, "{} seeds", seeds.len());
    seeds.iter().for_each(|seed| check(name, target, seed));
    let mut rng = Rng::with_seed(number("TASKQ_FUZZ_SEED", 7) as u64);
    let rounds = if name == "compression" { SLOW_ROUNDS } else { ROUNDS };
    for _ in 0..number("TASKQ_FUZZ_ROUNDS", rounds) {
        let mut input = seeds[rng.usize(..seeds.len())].clone();
        for _ in 0..rng.usize(1..=4) {
            mutate(&mut input, &seeds, &mut rng);
        }
        input.truncate(LONGEST);
        check(name, target, &input);
    }
}

fn check(name: &str, target: Target, input: &[u8]) {
    let began = Instant::now();
    let done = catch_unwind(AssertUnwindSafe(|| target(input)));
    let took = began.elapsed();
    if done.is_err() || took > SLOW {
        let found = env::temp_dir().join(format!("taskq-fuzz-{name}"));
        let kept =
            fs::write(&found, input).map_or_else(|error| error.to_string(), |()| found.display().to_string());
        panic!("`{name}` fails after {took:?} on `{}`: {kept}", input.escape_ascii());
    }
}

fn mutate(input: &mut Vec<u8>, seeds: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    let end = (at + rng.usize(..32)).min(input.len());
    match rng.u8(..9) {
        0 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        1 if at < input.len() => {
            input[at] = *rng.choice(&[0, 1, 0x7f, 0x80, 0xff, b'"', b'[', b'{', b'-', b'\\']).expect("one");
        }
        2 => drop(input.drain(at..end)),
        3 => {
            let part = input[at..end].to_vec();
            let times = rng.usize(1..40);
            input.splice(at..at, part.repeat(times));
        }
        4 => drop(input.splice(at..end, TOKENS[rng.usize(..TOKENS.len())].bytes())),
        5 => {
            let other = &seeds[rng.usize(..seeds.len())];
            let from = rng.usize(..=other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from..]);
        }
        6 => input.truncate(at),
        7 => {
            // A number within becomes another one.
            let digits = input[at..].iter().position(u8::is_ascii_digit).map(|first| at + first);
            if let Some(first) = digits {
                input.splice(first..=first, rng.i64(..).to_string().into_bytes());
            }
        }
        _ => drop(input.splice(at..at, (0..rng.usize(..8)).map(|_| rng.u8(..)).collect::<Vec<_>>())),
    }
}

/// A test for each target, and no target without one.
macro_rules! targets {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_target_has_its_test() {
            let names = targets::TARGETS.map(|(name, _)| name);
            assert_eq!(names.as_slice(), [$(stringify!($name)),*]);
        }
    };
}

targets! { body compression control crontab envelope events headers results signatures values }
