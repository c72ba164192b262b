//! The comparison with Celery, short: `cargo xtask compare` has all of it.

use std::{path::Path, process::Command, time::Duration};

use taskq_tests::process::Running;

/// It takes about 20 s on an idle machine, most of it the starts of two workers of Celery.
const LASTS: Duration = Duration::from_secs(200);

/// The cells of the row of a worker.
fn row(table: &str, worker: &str) -> Vec<String> {
    let line = table.lines().find(|line| line.contains(&format!("| {worker} |")));
    let line = line.unwrap_or_else(|| panic!("no row of `{worker}` in\n{table}"));
    line.split('|').map(|cell| cell.trim().to_owned()).collect()
}

#[test]
fn a_worker_is_killed_and_the_books_of_celery_and_of_taskq_are_compared() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_compare")));
    // Beside it lies the worker, which must have been built.
    assert!(Path::new(env!("CARGO_BIN_EXE_compare-worker")).exists());
    let mut compare = Running::start(command.arg("--short"), dir.path().join("compare.log"));
    let status = compare.wait(LASTS);
    let table = compare.output();
    assert!(status.success(), "{status}\n{table}");
    for worker in ["Celery, as it comes", "Celery, careful", "taskq, as it comes"] {
        let cells = row(&table, worker);
        let number = |cell: usize| -> usize { cells[cell].parse().unwrap_or_else(|_| panic!("{cells:?}")) };
        let [sent, done, lost, held] = [4, 5, 6, 7].map(number);
        assert_eq!(sent, done + lost + held, "{table}");
        assert!(done >= sent / 5, "it ran before it was killed: {table}");
        if worker.starts_with("taskq") {
            assert_eq!((sent, lost, held), (24, 0, 0), "{table}");
            assert!(cells[9].ends_with(" s") && !cells[9].contains("not"), "{table}");
        }
    }
}
