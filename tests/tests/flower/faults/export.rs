//! All of a long history as a stream, while the board's memory is watched.

use std::{
    fs,
    io::{BufRead, BufReader},
};

use serde_json::{Value, json};
use taskq_tests::python;

use super::{
    PATIENCE, Place, Server,
    tell::{Teller, event, now},
    until,
};
use crate::board::Board;

/// Tasks that are told, and of each so many in the file.
const TOLD: usize = 100;
const COPIES: usize = 1_000;
/// What the board may take for it, in bytes: much less than what it sends.
const GROWTH: u64 = 48 << 20;

/// Copies what is in the file under other ids.
const COPY: &str = "
import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
columns = [row[1] for row in c.execute('PRAGMA table_info(task)') if row[1] not in ('key', 'id')]
names = ', '.join(columns)
c.execute(f'''WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {sys.argv[2]} - 1)
    INSERT INTO task (id, {names}) SELECT id || '-' || i, {names} FROM task, n''')
c.execute('''INSERT INTO payload (task, data) SELECT t.key, p.data FROM task t
    JOIN task o ON o.id = substr(t.id, 1, 4) JOIN payload p ON p.task = o.key WHERE length(t.id) > 4''')
c.commit()
print(c.execute('SELECT count(*) FROM payload').fetchone()[0])
";

/// A line of the board's status, in bytes.
fn memory(board: &Board, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", board.process.id())).expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.expect("a number") << 10
}

#[test]
fn a_hundred_thousand_tasks_are_exported_in_bounded_memory() {
    let place = Place::new(Server::redis());
    let mut board = place.board("first");
    let teller = Teller::new(&place);
    until(&board, "/api/v1/health", "it listens", |it| it["broker"]["connected"] == true);
    for number in 0..TOLD {
        let call = json!({"name": "shop.add", "args": format!("('{}',)", "x".repeat(600)), "kwargs": "{}"});
        teller.tell(&event("task-received", &format!("{number:04}"), now(), &call));
    }
    until(&board, "/api/v1/health", "all is written", |it| {
        it["store"]["tasks"] == TOLD && it["store"]["waiting"] == 0
    });
    board.process.terminate();
    assert!(board.process.wait(PATIENCE).success());
    let mut copy = python::command();
    copy.args(["-c", COPY]).arg(place.file()).arg(COPIES.to_string());
    let copied = copy.output().expect("python");
    let said = String::from_utf8_lossy(&copied.stderr);
    assert_eq!(String::from_utf8_lossy(&copied.stdout).trim(), (TOLD * COPIES).to_string(), "{said}");

    let board = place.board("second");
    let before = memory(&board, "VmRSS");
    fs::write(format!("/proc/{}/clear_refs", board.process.id()), "5").expect("the peak is forgotten");
    let answer =
        ureq::get(format!("{}/api/v1/export?q=name:shop.add", board.base)).call().expect("an answer");
    let (mut lines, mut bytes, mut last) = (0, 0, String::new());
    for line in BufReader::new(answer.into_body().into_reader()).lines() {
        last = line.expect("a stream that comes to its end");
        (lines, bytes) = (lines + 1, bytes + last.len() as u64);
    }
    let grown = memory(&board, "VmHWM").saturating_sub(before);
    let row: Value = serde_json::from_str(&last).expect("JSON");
    assert_eq!((lines, &row["id"]), (TOLD * COPIES, &json!("0000")), "the first that was told comes last");
    assert!(2 * bytes > 3 * GROWTH, "{bytes} bytes are too few to show anything");
    assert!(grown < GROWTH, "the board took {grown} bytes more to send {bytes}");
}
