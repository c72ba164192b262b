//! Two minutes of faults on every broker at once: nothing that was confirmed is lost, nothing is doubled without a
//! reason, and nobody stays silent.
//!
//! `cargo xtask soak --minutes N --seed S` goes on for longer.

use std::{env, path::PathBuf, time::Duration};

use taskq_tests::soak::{Soak, Tally};

const LASTS: Duration = Duration::from_secs(120);

#[test]
fn two_minutes_of_faults_lose_nothing_on_any_broker() {
    let seed = fastrand::u64(..1_000_000);
    println!("seed {seed}");
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_interop-worker"));
    // Unset with `--no-python`, which says so itself.
    let python = env::var_os("TASKQ_TEST_PYTHON").is_some();
    let tallies = Soak { lasts: LASTS, seed, worker, python }.run();
    for tally in &tallies {
        println!("{tally}\n  {:?}", tally.faults);
    }
    println!("{}", Tally::total(&tallies));
    let broken: Vec<String> = tallies.iter().flat_map(Tally::broken).collect();
    assert!(broken.is_empty(), "seed {seed}\n{}", broken.join("\n"));
}
