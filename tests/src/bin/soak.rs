//! `soak --minutes N --seed S`: faults on every broker, for longer than a test may take. Started by `cargo xtask soak`,
//! which brings the servers. The last line is the sum.

use std::{env, process::ExitCode, time::Duration};

use taskq_tests::soak::{Soak, Tally};

fn main() -> ExitCode {
    let minutes: f64 =
        flag("--minutes").map_or(10.0, |text| text.parse().expect("`--minutes` takes a number"));
    let seed =
        flag("--seed").map_or_else(|| fastrand::u64(..1_000_000), |text| text.parse().expect("a number"));
    let own = env::current_exe().expect("the path of this program");
    let worker = own.with_file_name("interop-worker");
    eprintln!("seed {seed}");
    let python = env::var_os("TASKQ_TEST_PYTHON").is_some();
    let tallies = Soak { lasts: Duration::from_secs_f64(minutes * 60.0), seed, worker, python }.run();
    let broken: Vec<String> = tallies.iter().flat_map(Tally::broken).collect();
    broken.iter().for_each(|what| eprintln!("{what}"));
    tallies.iter().for_each(|tally| println!("{tally}"));
    println!("{}", Tally::total(&tallies));
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn flag(name: &str) -> Option<String> {
    env::args().skip_while(|argument| argument != name).nth(1)
}
