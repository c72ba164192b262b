//! The store, as its readers see it.

use std::{path::PathBuf, time::Duration};

use taskq_core::{backend::State, event::Event};

use super::*;
use crate::{
    query::{Page, Search, Sort, SortField, TaskQuery},
    record::decode,
};

fn now() -> f64 {
    crate::live::clock()
}

fn event(kind: &str, id: &str, at: f64, fields: &[(&str, &str)]) -> Told {
    let fields = [("uuid", id)].into_iter().chain(fields.iter().copied());
    let event = Event {
        kind: format!("task-{kind}"),
        hostname: if kind == "sent" { "gen1@client" } else { "alpha@demo" }.to_owned(),
        timestamp: at,
        fields: fields.map(|(name, value)| (name.to_owned(), value.into())).collect(),
        ..Event::default()
    };
    decode(event, kind, now(), &mut |text| text.into()).unwrap()
}

fn run(store: &Store, id: &str, name: &str, at: f64, end: &str) {
    store.tell(event(
        "sent",
        id,
        at,
        &[("name", name), ("queue", "celery"), ("args", "(1,)"), ("kwargs", "{'n': 1}")],
    ));
    store.tell(event("received", id, at + 0.1, &[("name", name), ("args", "(1,)"), ("kwargs", "{'n': 1}")]));
    store.tell(event("started", id, at + 0.2, &[]));
    store.tell(event(end, id, at + 1.2, &[("result", "done"), ("exception", "ValueError('no 7')")]));
}

fn options(path: PathBuf) -> StoreOptions {
    StoreOptions { path: Some(path), ..StoreOptions::default() }
}

fn search(text: &str) -> TaskQuery {
    TaskQuery { search: Some(Search::parse(text, now()).unwrap()), ..TaskQuery::default() }
}

async fn ids(store: &Store, query: &TaskQuery) -> Vec<String> {
    let page = store.tasks(query, &Page::default()).await.unwrap();
    assert!(page.matched_is_exact);
    assert_eq!(page.matched as usize, page.rows.len());
    page.rows.into_iter().map(|task| task.id).collect()
}

/// Waits until nothing waits to be written, however long a busy machine takes.
async fn written(store: &Store) {
    while store.health().waiting > 0 {
        store.settle(true).await;
    }
}

#[tokio::test]
async fn what_was_told_a_moment_ago_is_found_and_is_still_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.db");
    let store = Store::open(&options(path.clone())).unwrap();
    let at = now() - 60.0;
    run(&store, "a", "shop.add", at, "succeeded");
    assert_eq!(store.task("a").await.unwrap().unwrap().state, State::Success);
    run(&store, "b", "shop.pay", at + 1.0, "failed");
    assert_eq!(ids(&store, &TaskQuery::default()).await, ["b", "a"]);
    assert_eq!(ids(&store, &search("state:failed")).await, ["b"]);
    let before = store.task("a").await.unwrap().unwrap();
    drop(store);
    let store = Store::open(&options(path)).unwrap();
    assert_eq!(store.task("a").await.unwrap().unwrap(), before);
    assert_eq!(store.names().await.unwrap(), ["shop.add", "shop.pay"]);
    assert_eq!(store.health().tasks, 2);
    // A late event is merged with what is in the file.
    store.tell(event("revoked", "a", at + 0.15, &[]));
    let merged = store.task("a").await.unwrap().unwrap();
    assert_eq!((merged.state, merged.args.as_deref()), (State::Success, Some("(1,)")));
    store.settle(true).await;
    assert!(store.task("a").await.unwrap().unwrap().revoked.is_some());
    assert_eq!(store.health().tasks, 2);
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let store = Store::open(&StoreOptions::default()).unwrap();
    let at = now() - 1_000.0;
    for number in 0..25 {
        let id = format!("id-{number:02}");
        let name = if number % 2 == 0 { "shop.Add" } else { "shop.pay" };
        run(&store, &id, name, at + f64::from(number), if number % 5 == 0 { "failed" } else { "succeeded" });
    }
    let by_name = TaskQuery {
        name: Some("SHOP.add".to_owned()),
        state: Some("failure".to_owned()),
        ..TaskQuery::default()
    };
    assert_eq!(ids(&store, &by_name).await, ["id-20", "id-10", "id-00"]);
    assert_eq!(ids(&store, &search("name:pay state:failure")).await, ["id-15", "id-05"]);
    assert_eq!(ids(&store, &search("id-1 -name:add state:ok")).await, ["id-19", "id-17", "id-13", "id-11"]);
    assert_eq!(ids(&store, &search("fingerprint:\"ValueError: no #\"")).await.len(), 5);
    assert_eq!(ids(&store, &search("kwargs.n:1")).await.len(), 25);
    assert_eq!(ids(&store, &search("wait:>1m")).await.len(), 0);
    assert_eq!(ids(&store, &search("wait:0.1s..0.3s run:<2")).await.len(), 25);
    let mut seen = Vec::new();
    let mut page = Page { limit: Some(10), ..Page::default() };
    loop {
        let found = store.tasks(&TaskQuery::default(), &page).await.unwrap();
        assert_eq!((found.matched, found.total), (25, 25));
        seen.extend(found.rows.into_iter().map(|task| task.id));
        let Some(next) = found.next else { break };
        page.after = Some(next);
    }
    let newest: Vec<String> = (0..25).rev().map(|number| format!("id-{number:02}")).collect();
    assert_eq!(seen, newest);
    for (field, descending, first) in [
        (SortField::Name, false, "id-00"),
        (SortField::Name, true, "id-23"),
        (SortField::Received, false, "id-00"),
        (SortField::Args, true, "id-24"),
        (SortField::Failed, true, "id-20"),
    ] {
        let sorted = TaskQuery { sort: Some(Sort { field, descending }), ..TaskQuery::default() };
        let page = Page { limit: Some(3), ..Page::default() };
        let found = store.tasks(&sorted, &page).await.unwrap();
        assert_eq!((found.rows[0].id.as_str(), found.rows.len(), found.matched), (first, 3, 25), "{field:?}");
    }
    let facets = store.facets(&search("name:pay")).await.unwrap();
    assert_eq!(facets.states, [("SUCCESS".to_owned(), 10), ("FAILURE".to_owned(), 2)]);
    assert!(facets.exact);
    let errors = store.errors(at, now()).await.unwrap();
    assert_eq!((errors.len(), errors[0].tasks, errors[0].fingerprint.as_str()), (1, 5, "ValueError: no #"));
}

#[tokio::test]
async fn a_list_reads_what_waits_beside_what_is_written_and_waits_for_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path().join("board.db"));
    let at = now() - 1_000.0;
    let store = Store::open(&options).unwrap();
    for number in 0..30 {
        run(&store, &format!("old-{number}"), "shop.add", at + f64::from(number / 3), "failed");
    }
    drop(store);
    // Opened again, nothing of them is in memory.
    let store = Store::open(&options).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    store
        .commands
        .send(Command::Do(Box::new(move |_| _ = held.recv_timeout(Duration::from_secs(60)))))
        .unwrap();
    for number in 0..20 {
        let time = at + 10.0 + f64::from(number / 3);
        run(
            &store,
            &format!("new-{number}"),
            "shop.pay",
            time,
            if number % 2 == 0 { "failed" } else { "succeeded" },
        );
        // An old one is told of again: it moves, and is not told of twice.
        store.tell(event("succeeded", &format!("old-{number}"), time, &[("result", "late")]));
    }
    let texts =
        ["", "state:success", "state:failure name:shop.add", "name:pay", "old-1", "-name:pay result:late"];
    let pages = async |limit: u64| {
        let mut all = Vec::new();
        for text in texts {
            let mut page = Page { limit: Some(limit), ..Page::default() };
            loop {
                let found = store.tasks(&search(text), &page).await.unwrap();
                assert_eq!(found.total, 50, "{text}");
                all.extend(found.rows.iter().map(|task| (task.id.clone(), task.state.clone())));
                all.push((
                    format!("{text} {}", if page.after.is_none() { found.matched } else { 0 }),
                    State::Pending,
                ));
                let Some(next) = found.next else { break };
                page.after = Some(next);
            }
            let skipped = Page { limit: Some(limit), offset: 5, after: None };
            let found = store.tasks(&search(text), &skipped).await.unwrap();
            all.extend(found.rows.into_iter().map(|task| (task.id, task.state)));
        }
        all
    };
    let (short, long) = (pages(7).await, pages(100).await);
    assert!(store.health().waiting == 40, "the writer was not held: {:?}", store.health());
    assert_eq!(long.iter().filter(|(id, _)| id.starts_with("new-19")).count(), 3);
    release.send(()).unwrap();
    store.settle(true).await;
    assert_eq!(store.health().waiting, 0);
    assert_eq!((pages(7).await, pages(100).await), (short, long), "written, it is the same");
}

#[tokio::test]
async fn an_order_of_the_newest_only_says_so() {
    let store = Store::open(&StoreOptions::default()).unwrap();
    let at = now() - 1_000.0;
    let sorted =
        TaskQuery { sort: Some(Sort { field: SortField::Args, descending: false }), ..TaskQuery::default() };
    let page = Page { limit: Some(1), ..Page::default() };
    for number in 0..10_001_u32 {
        let args = format!("({number:06},)");
        store.tell(event(
            "received",
            &format!("id-{number}"),
            at + f64::from(number) / 100.0,
            &[("args", &args)],
        ));
        if number == 9_999 {
            written(&store).await;
            let found = store.tasks(&sorted, &page).await.unwrap();
            assert_eq!((found.rows[0].id.as_str(), found.partial), ("id-0", false), "all of them fit");
        }
    }
    written(&store).await;
    let found = store.tasks(&sorted, &page).await.unwrap();
    assert_eq!((found.rows[0].id.as_str(), found.partial), ("id-1", true), "the oldest was not looked at");
    let by_column = TaskQuery {
        sort: Some(Sort { field: SortField::Received, descending: false }),
        ..TaskQuery::default()
    };
    let found = store.tasks(&by_column, &page).await.unwrap();
    assert_eq!((found.rows[0].id.as_str(), found.partial), ("id-0", false), "a column tells");
}

#[tokio::test]
async fn charts_count_each_event_once_and_wait_apart_from_run() {
    let store = Store::open(&StoreOptions::default()).unwrap();
    let at = (now() / 3_600.0).floor() * 3_600.0 - 7_200.0;
    for number in 0..10 {
        let id = number.to_string();
        run(&store, &id, "shop.add", at + 5.0, "succeeded");
        run(&store, &id, "shop.add", at + 5.0, "succeeded");
        if number == 4 {
            store.settle(true).await;
        }
    }
    let days = |days: f64| at - 86_400.0 * days;
    for (from, span) in [(at, 60), (days(7.0), 600), (days(30.0), 3_600), (days(200.0), 3_600)] {
        let query = SeriesQuery { from, until: now(), ..SeriesQuery::default() };
        let points = store.series(&query).await.unwrap();
        let [point] = points.as_slice() else { panic!("{points:?}") };
        assert_eq!((point.at as f64, point.span), (at, span));
        assert_eq!((point.rollup.received, point.rollup.succeeded, point.rollup.failed), (10, 10, 0));
        let (wait, run) =
            (point.rollup.wait.percentile(0.5).unwrap(), point.rollup.run.percentile(0.5).unwrap());
        assert!((wait - 0.2).abs() < 0.01 && (run - 1.0).abs() < 0.03, "{wait} {run}");
    }
    let stats = store.name_stats(at, now()).await.unwrap();
    assert_eq!((stats.len(), stats[0].name.as_deref()), (1, Some("shop.add")));
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.db");
    std::fs::write(&path, vec![7; 100_000]).unwrap();
    let store = Store::open(&options(path.clone())).unwrap();
    let aside = folder.path().join("board.db.corrupt");
    assert_eq!(store.health().set_aside, Some(aside.clone()));
    assert_eq!(std::fs::read(aside).unwrap(), vec![7; 100_000]);
    run(&store, "a", "shop.add", now() - 5.0, "succeeded");
    assert_eq!(ids(&store, &TaskQuery::default()).await, ["a"]);
    drop(store);
    // Damaged in the middle: found when it is read at the latest, never a panic.
    let length = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length / 2).unwrap();
    let store = Store::open(&options(path)).unwrap();
    run(&store, "b", "shop.add", now() - 5.0, "succeeded");
    assert_eq!(store.task("b").await.unwrap().unwrap().state, State::Success);
}

#[tokio::test]
async fn a_file_of_another_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE mine (a)").unwrap();
    let error = Store::open(&options(path)).unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("another program"), "{source}");
}

#[tokio::test]
async fn a_full_disk_is_said_and_history_waits_in_memory() {
    let store = Store::open(&StoreOptions::default()).unwrap();
    run(&store, "a", "shop.add", now() - 5.0, "succeeded");
    store.settle(true).await;
    let pages: u64 = store
        .write(|conn| {
            let pages: u64 = conn.query_row("PRAGMA page_count", [], |row| row.get(0))?;
            conn.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get(0))
        })
        .await
        .unwrap();
    assert!(pages > 0);
    for number in 0..2_000 {
        run(&store, &format!("many-{number}"), "shop.add", now() - 4.0, "succeeded");
    }
    store.settle(true).await;
    let health = store.health();
    assert!(health.error.unwrap().contains("disk or the quota is full"));
    assert!(health.waiting > 0);
    assert_eq!(store.task("many-1999").await.unwrap().unwrap().state, State::Success);
    assert!(store.tasks(&TaskQuery::default(), &Page::default()).await.is_ok());
    store
        .write(|conn| conn.query_row("PRAGMA max_page_count = 1000000", [], |row| row.get::<_, i64>(0)))
        .await
        .unwrap();
    for _ in 0..200 {
        store.settle(true).await;
        if store.health().error.is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!((store.health().error, store.health().tasks), (None, 2_001));
}

#[tokio::test]
async fn old_successes_go_first_and_payloads_before_their_tasks() {
    let day = 86_400.0;
    let options = StoreOptions { max_tasks: 6, ..StoreOptions::default() };
    let store = Store::open(&options).unwrap();
    for (id, age, end) in [
        ("ancient", 8.0 * day, "succeeded"),
        ("bare", 2.0 * day, "succeeded"),
        ("failed", 8.0 * day, "failed"),
        ("lapsed", 31.0 * day, "failed"),
        ("fresh", 60.0, "succeeded"),
    ] {
        run(&store, id, "shop.add", now() - age, end);
    }
    store.settle(true).await;
    let mut left = Vec::new();
    for _ in 0..200 {
        left = ids(&store, &TaskQuery::default()).await;
        if left == ["fresh", "bare", "failed"] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(left, ["fresh", "bare", "failed"]);
    let page = store.tasks(&search("id:bare"), &Page::default()).await.unwrap();
    assert!(page.rows[0].payload_dropped && page.rows[0].args.is_none());
    assert_eq!(page.rows[0].state, State::Success);
    assert_eq!(store.health().deleted, 2);
}

#[tokio::test]
async fn workflows_children_and_audit() {
    let store = Store::open(&StoreOptions::default()).unwrap();
    let at = now() - 60.0;
    run(&store, "root", "shop.order", at, "succeeded");
    for id in ["child-1", "child-2"] {
        store.tell(event(
            "received",
            id,
            at + 2.0,
            &[("name", "shop.pay"), ("root_id", "root"), ("parent_id", "root")],
        ));
    }
    let children = store.children_of(&["root", "child-1"]).await.unwrap();
    assert_eq!(children.len(), 1);
    assert_eq!(children["root"], ["child-1", "child-2"]);
    let workflows = store.workflows(0, 10).await.unwrap();
    assert_eq!(workflows.len(), 1);
    assert_eq!((workflows[0].root.as_str(), workflows[0].name.as_deref()), ("root", Some("shop.order")));
    assert_eq!(workflows[0].states.get("RECEIVED"), Some(&2));
    assert_eq!(store.workflow("root").await.unwrap().len(), 3);
    for number in 0..3 {
        let entry = AuditEntry {
            at: now(),
            actor: "ann".to_owned(),
            target: format!("t{number}"),
            ..AuditEntry::default()
        };
        assert_eq!(store.audit(entry).await.unwrap(), number + 1);
    }
    assert_eq!(store.audits(None, Some(3), 10).await.unwrap().len(), 2);
    assert_eq!(store.audits(Some("t1"), None, 10).await.unwrap()[0].seq, 2);
    assert_eq!(store.audit_break().await.unwrap(), None);
    store.write(|conn| conn.execute("UPDATE audit SET actor = 'bob' WHERE seq = 2", [])).await.unwrap();
    assert_eq!(store.audit_break().await.unwrap(), Some(2));
}

#[tokio::test]
async fn hostile_texts_are_kept_as_they_are() {
    let store = Store::open(&StoreOptions::default()).unwrap();
    let name = "'; DROP TABLE task; --\0<b>\u{202e}";
    run(&store, "x' OR 1=1", name, now() - 5.0, "failed");
    assert_eq!(store.task("x' OR 1=1").await.unwrap().unwrap().name.as_deref(), Some(name));
    let query = TaskQuery { name: Some(name.to_owned()), ..TaskQuery::default() };
    assert_eq!(ids(&store, &query).await, ["x' OR 1=1"]);
    assert_eq!(ids(&store, &search("\"x' or 1=1\"")).await.len(), 1);
}

#[tokio::test]
async fn several_states_are_found_by_time_without_sorting_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&options(folder.path().join("board.db"))).unwrap();
    let at = now() - 1_000.0;
    for number in 0..60 {
        let end = ["succeeded", "failed", "rejected"][number % 3];
        run(&store, &format!("t{number}"), if number % 2 == 0 { "a" } else { "b" }, at + number as f64, end);
    }
    store.settle(true).await;
    for text in
        ["state:success,failure", "state:success,failure name:a,b", "state:success,failure,rejected name:a"]
    {
        let mut expected: Vec<String> = Vec::new();
        for number in (0..60).rev() {
            let fits = (number % 3 != 2 || text.contains("rejected"))
                && (number % 2 == 0 || text.contains("a,b") || !text.contains("name"));
            expected.extend(fits.then(|| format!("t{number}")));
        }
        assert_eq!(ids(&store, &search(text)).await, expected, "{text}");
        let mut paged = Vec::new();
        let mut page = Page { limit: Some(7), ..Page::default() };
        loop {
            let found = store.tasks(&search(text), &page).await.unwrap();
            paged.extend(found.rows.into_iter().map(|task| task.id));
            let Some(next) = found.next else { break };
            page.after = Some(next);
        }
        assert_eq!(paged, expected, "{text}, page by page");
        let query = search(text);
        let plan: Vec<String> = store
            .read(move |conn, words| {
                let sql = format!(
                    "EXPLAIN QUERY PLAN {}",
                    find::by_time(&find::Search::new(&query, words).condition).0
                );
                conn.prepare(&sql)?.query_map([-1], |row| row.get(3))?.collect()
            })
            .await
            .unwrap();
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{text}: {plan:?}");
    }
}

#[tokio::test]
async fn the_file_is_asked_once_for_what_waits_and_not_by_each_list() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(folder.path().join("board.db"));
    let at = now() - 1_000.0;
    let store = Store::open(&options).unwrap();
    run(&store, "old", "shop.add", at, "failed");
    drop(store);
    let store = Store::open(&options).unwrap();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let hold = Command::Do(Box::new(move |_| _ = held.recv_timeout(Duration::from_secs(60))));
    store.commands.send(hold).unwrap();
    store.tell(event("succeeded", "old", at + 5.0, &[("result", "late")]));
    run(&store, "new", "shop.add", at + 6.0, "succeeded");
    let unknown = || {
        let waiting = store.shared.hot().unwritten(0).tasks;
        waiting.iter().filter(|it| it.in_file == hot::InFile::NotAsked).count()
    };
    assert_eq!(unknown(), 2);
    assert_eq!(ids(&store, &search("name:shop.add")).await, ["new", "old"], "its name is in the file only");
    assert_eq!(unknown(), 0);
    assert_eq!(ids(&store, &search("name:shop.add state:success")).await, ["new", "old"]);
    // What is told later belongs to what is known.
    store.tell(event("revoked", "old", at + 0.15, &[]));
    release.send(()).unwrap();
    store.settle(true).await;
    let old = store.task("old").await.unwrap().unwrap();
    assert_eq!((old.name.as_deref(), old.state), (Some("shop.add"), State::Success));
    assert!(old.revoked.is_some() && old.failed.is_some());
    assert_eq!(store.health().tasks, 2);
    drop(store);
    let store = Store::open(&options).unwrap();
    assert_eq!(store.health().tasks, 2);
    assert!(store.task("old").await.unwrap().unwrap().revoked.is_some());
}

#[tokio::test]
async fn an_export_has_each_task_once_also_when_it_is_told_of_meanwhile() {
    let at = now() - 1_000.0;
    for (text, expected) in
        [("", 450), ("state:failure", 150), ("result:done -state:failure", 300), ("name:none", 0)]
    {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&options(folder.path().join("board.db"))).unwrap();
        for number in 0..450 {
            let end = if number % 3 == 0 { "failed" } else { "succeeded" };
            run(&store, &format!("t{number}"), "shop.add", at + f64::from(number), end);
        }
        let query = search(text);
        let mut place = Some(store.export().await.unwrap());
        let mut seen = Vec::new();
        while let Some(now) = place {
            let (tasks, next) = store.exported(&query, now).await.unwrap();
            assert!(tasks.len() <= 100);
            seen.extend(tasks.into_iter().map(|task| task.id));
            place = next;
            // One that is to come moves to the front of lists, and one that is new is not a part of it.
            store.tell(event("received", "t1", at + 5_000.0 + seen.len() as f64, &[]));
            run(&store, &format!("new-{text}-{}", seen.len()), "shop.pay", at + 6_000.0, "rejected");
            store.settle(false).await;
        }
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(
            (seen.len(), seen.iter().filter(|id| id.starts_with("new")).count()),
            (count, 0),
            "{text}"
        );
        assert_eq!(count, expected, "{text}");
    }
}
