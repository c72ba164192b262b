//! The crash matrix: a process is killed with `kill -9` between every two steps that a message goes through, on
//! every broker; another one takes over, and the books show what was lost (nothing) and what ran again (only
//! where `docs/spec/delivery.md` says so).

mod broker;
mod play;
mod rows;
mod scene;
mod table;

use std::{sync::Mutex, thread};

use self::{
    broker::{Broker, Kind},
    rows::Row,
    table::Played,
};

/// Rows that are played at the same time: most of a row is waiting for a lease to lapse.
const AT_ONCE: usize = 5;

/// Plays only rows with this in their title, to look at one: `settled, a chain`.
const ONLY: &str = "TASKQ_TEST_CRASH_ONLY";

/// Plays every row on a broker, prints the table, and fails with all that did not go as the specification says.
fn play_all(kind: Kind) {
    let broker = Broker::start(kind);
    let only = std::env::var(ONLY).unwrap_or_default();
    let wanted = |row: &Row| row.absent(kind).is_none() && row.title().contains(&only);
    let rows: Vec<Row> = rows::all().into_iter().filter(wanted).collect();
    let queue = Mutex::new(rows.into_iter().enumerate());
    let played: Mutex<Vec<(usize, Played)>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("the rows").next();
                    let Some((number, row)) = next else { return };
                    let outcome = play::play(&broker, number, row);
                    played.lock().expect("the table").push((number, outcome));
                }
            });
        }
    });
    let mut played = played.into_inner().expect("the table");
    played.sort_by_key(|(number, _)| *number);
    let played: Vec<Played> = played.into_iter().map(|(_, played)| played).collect();
    println!("{}", table::render(kind, &played));
    let wrong: Vec<String> = played.iter().filter_map(Played::wrong).collect();
    assert!(wrong.is_empty(), "{} rows on {}:\n{}", wrong.len(), kind.name(), wrong.join("\n\n"));
}

#[test]
fn a_process_killed_between_any_two_steps_loses_nothing_on_redis() {
    play_all(Kind::Redis);
}

#[test]
fn a_process_killed_between_any_two_steps_loses_nothing_on_sqlite() {
    play_all(Kind::Sqlite);
}

#[test]
fn a_process_killed_between_any_two_steps_loses_nothing_on_a_classic_queue() {
    play_all(Kind::Classic);
}

#[test]
fn a_process_killed_between_any_two_steps_loses_nothing_on_a_quorum_queue() {
    play_all(Kind::Quorum);
}
