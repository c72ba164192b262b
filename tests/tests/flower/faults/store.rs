//! History on a full disk, in a damaged file, in one of a newer version.

use std::{fs, os::unix::fs::FileExt, process::Command};

use serde_json::{Value, json};
use taskq_tests::process::Running;

use super::{
    Place, Server, call, ends, get, rules,
    tell::{Teller, event, now},
    until,
};
use crate::board::Board;

/// Bytes of the small disk, and of what fills it.
const DISK: usize = 4 << 20;
/// Tasks of a history that has more pages than are written again and again.
const MANY: u64 = 3_000;

/// The board in a mount namespace of its own, where `small` is a disk of its own.
fn on_a_small_disk(place: &Place) -> Board {
    let small = place.dir.path().join("small");
    fs::create_dir(&small).expect("a folder");
    let script = format!(
        "mount -t tmpfs -o size={DISK} tmpfs '{0}' && exec {1} flower --port=0 --unauthenticated-api --broker={2} --store='{0}/history.db'",
        small.display(),
        env!("CARGO_BIN_EXE_shop-board"),
        place.broker.url(),
    );
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script]).env("SHOP_BARE", "1");
    Board::of(command, &place.dir.path().join("board.log"))
}

/// The folder as the board sees it.
fn inside(process: &Running, place: &Place) -> std::path::PathBuf {
    let small = place.dir.path().join("small");
    format!("/proc/{}/root{}", process.id(), small.display()).into()
}

#[test]
fn a_full_disk_is_said_and_history_is_written_when_there_is_room_again() {
    let place = Place::new(Server::redis());
    let board = on_a_small_disk(&place);
    let _worker = place.worker("w1@test");
    let before = call(&board, "add", &json!([1, 2]));
    ends(&board, &before);
    assert_eq!(get(&board, "/api/v1/health")["store"]["error"], Value::Null);
    // Until nothing more fits.
    let ballast = inside(&board.process, &place).join("ballast");
    let full = fs::write(&ballast, vec![7; 2 * DISK]).expect_err("more than fits");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull, "{full}");

    let mut told = Vec::new();
    let said = loop {
        told.push(call(&board, "identity", &json!(["x".repeat(500)])));
        ends(&board, told.last().expect("an id"));
        let overview = get(&board, "/api/v1/overview");
        if rules(&overview).contains(&"store") {
            break overview;
        }
        assert!(told.len() < 2_000, "the disk is never full");
    };
    assert_eq!(said["verdict"]["level"], "bad", "{said}");
    let health = get(&board, "/api/v1/health")["store"].clone();
    let error = health["error"].as_str().unwrap_or_default();
    assert!(error.contains("disk") && health["waiting"].as_u64() > Some(0), "{health}");
    // It serves what is written and what waits.
    for id in [&before, told.last().expect("an id")] {
        assert_eq!(get(&board, &format!("/api/v1/tasks/{id}"))["task"]["state"], "SUCCESS");
    }
    assert_eq!(board.get("/healthcheck").status, 200);

    fs::remove_file(ballast).expect("room");
    let health = until(&board, "/api/v1/health", "it is written", |it| {
        it["store"]["error"].is_null() && it["store"]["waiting"] == 0
    });
    assert_eq!(health["store"]["dropped"], 0, "{health}");
    let list = get(&board, "/api/v1/tasks?limit=1");
    assert_eq!(list["matched"]["count"], json!(told.len() + 1), "{list}");
    until(&board, "/api/v1/overview", "all is well", |it| !rules(it).contains(&"store"));
}

#[test]
fn a_damaged_history_is_set_aside_and_said_and_a_new_one_is_begun() {
    let place = Place::new(Server::redis());
    let (board, worker) = (place.board("board"), place.worker("w1@test"));
    for number in 0..20 {
        ends(&board, &call(&board, "add", &json!([number, 1])));
    }
    drop(board);
    // Somebody writes into the middle of the file while there is no board, and into its log.
    let damaged = fs::OpenOptions::new().write(true).open(place.file()).expect("the file");
    damaged.write_all_at(&[7; 200_000], 100).expect("written");
    let _ = fs::remove_file(format!("{}-wal", place.file().display()));
    let board = place.board("again");
    let health = get(&board, "/api/v1/health");
    let aside = health["store"]["set_aside"].as_str().expect("it is said").to_owned();
    assert!(aside.ends_with(".corrupt") && fs::metadata(&aside).expect("it is kept").len() >= 200_000);
    let overview = until(&board, "/api/v1/overview", "it is told", |it| rules(it).contains(&"set_aside"));
    assert_eq!(overview["verdict"]["level"], "warn", "{overview}");
    ends(&board, &call(&board, "add", &json!([1, 2])));
    drop(worker);
}

#[test]
fn a_history_that_is_damaged_while_the_board_runs_is_begun_anew() {
    let place = Place::new(Server::redis());
    let (board, teller) = (place.board("board"), Teller::new(&place));
    until(&board, "/api/v1/health", "events are heard", |it| it["broker"]["connected"] == true);
    for many in 0..10 {
        let events = (0..MANY / 10).map(|number| {
            let more = json!({"name": "odd", "args": "x".repeat(200)});
            event("task-received", &format!("odd-{many}-{number}"), now(), &more)
        });
        teller.tell(&events.collect());
    }
    until(&board, "/api/v1/tasks?limit=1", "they are known", |it| it["matched"]["count"] == MANY);
    let log = format!("{}-wal", place.file().display());
    for file in [place.file().as_path(), log.as_ref()] {
        let damaged = fs::OpenOptions::new().write(true).open(file).expect("the file");
        let length = damaged.metadata().expect("a length").len();
        damaged.write_all_at(&vec![7; usize::try_from(length).expect("a length")], 0).expect("written");
    }
    until(&board, "/api/v1/health", "it is noticed", |it| {
        // The oldest ones: nobody has written them since.
        get(&board, "/api/v1/tasks?sort=timestamp&limit=1000");
        it["store"]["set_aside"].is_string()
    });
    teller.tell(&event("task-received", "last", now(), &json!({"name": "odd"})));
    // What was in memory is written again.
    until(&board, "/api/v1/tasks?limit=1", "they are back", |it| {
        it["matched"]["count"] == MANY + 1 && it["tasks"][0]["id"] == "last"
    });
    assert_eq!(board.get("/healthcheck").status, 200);
}

#[test]
fn a_history_of_a_newer_version_is_refused_and_left_as_it_is() {
    let place = Place::new(Server::redis());
    let mut board = place.board("board");
    board.process.terminate();
    board.process.wait(super::PATIENCE);
    let newer = {
        let file = fs::OpenOptions::new().write(true).open(place.file()).expect("the file");
        // `user_version`, in the header of SQLite's file format.
        file.write_all_at(&999_u32.to_be_bytes(), 60).expect("written");
        fs::read(place.file()).expect("the file")
    };
    let output = Command::new(env!("CARGO_BIN_EXE_shop-board"))
        .args(["flower", "--port=0", &format!("--store={}", place.file().display())])
        .arg(format!("--broker={}", place.broker.url()))
        .current_dir(place.dir.path())
        .output()
        .expect("a program");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("newer version"), "{said}");
    assert_eq!(fs::read(place.file()).expect("the file"), newer, "not a byte of it changed");
}
