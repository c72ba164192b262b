//! What can only be seen from inside: a full disk, and neighbours in one transaction.

use std::sync::Arc;

use super::*;

async fn store(folder: &tempfile::TempDir) -> Arc<Store> {
    Store::open(folder.path().join("taskq.db"), SqliteOptions::default()).await.unwrap()
}

fn put(text: &str) -> impl FnMut(&Tx<'_>) -> Result<()> + Send + 'static {
    let text = text.to_owned();
    move |tx| {
        tx.queue_id(&text)?;
        Ok(())
    }
}

async fn queues(store: &Store) -> Vec<String> {
    let read = |conn: &Connection| {
        let mut select = conn.prepare("SELECT name FROM queue ORDER BY name")?;
        Ok(select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
    };
    store.read(read).await.unwrap()
}

#[tokio::test]
async fn a_full_disk_fails_the_write_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    store.write(put("before")).await.unwrap();
    let limit = |pages: i64| {
        move |tx: &Tx<'_>| {
            let sql = format!("PRAGMA max_page_count = {pages}");
            Ok(tx.conn.query_row(&sql, [], |row| row.get::<_, i64>(0))?)
        }
    };
    let now = store.write(limit(1)).await.unwrap(); // answers how many there are: fewer cannot be
    assert!(now > 1);
    let failure = store.write(put(&"x".repeat(1 << 20))).await.unwrap_err();
    let said = failure.to_string();
    assert!(said.contains("taskq.db") && said.contains("full"), "{said}");
    assert!(failure.may_pass());
    assert_eq!(queues(&store).await, ["before"]);
    store.write(limit(1 << 30)).await.unwrap();
    store.write(put("later")).await.unwrap();
    assert_eq!(queues(&store).await, ["before", "later"]);
}

#[tokio::test]
async fn work_that_fails_takes_nothing_of_its_neighbours_along() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder).await;
    // While the writer sits in the first job, the others gather for one transaction.
    let (go, gate) = std::sync::mpsc::channel::<()>();
    let first = store.write(move |_| {
        let _ = gate.recv();
        Ok(())
    });
    let broken = |tx: &Tx<'_>| {
        tx.queue_id("of the broken one")?;
        Err::<(), _>(Failure::new(BrokerErrorKind::Other, "on purpose"))
    };
    // The sender goes with the block: a first job that is repeated, because it was gathered with the broken
    // one, must not wait again.
    let release = async move {
        tokio::task::yield_now().await;
        go.send(()).unwrap();
    };
    let (first, a, broken, b, ()) =
        tokio::join!(first, store.write(put("a")), store.write(broken), store.write(put("b")), release);
    first.unwrap();
    a.unwrap();
    assert_eq!(broken.unwrap_err().to_string(), "on purpose");
    b.unwrap();
    assert_eq!(queues(&store).await, ["a", "b"]);
    // The rollback took back what the broken one had learnt.
    store.write(put("of the broken one")).await.unwrap();
    assert_eq!(queues(&store).await, ["a", "b", "of the broken one"]);
}

#[tokio::test]
async fn one_file_has_one_store_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let one = store(&folder).await;
    let path = folder.path().join(".").join("taskq.db");
    let two = Store::open(path, SqliteOptions::default()).await.unwrap();
    assert!(Arc::ptr_eq(&one, &two));
    drop(one);
    two.write(put("a")).await.unwrap();
    drop(two);
    let again = store(&folder).await;
    assert_eq!(queues(&again).await, ["a"]);
}
