//! Copies of what ends a chord, of which another one was taken, and which cannot run: they end without a trace.

use std::time::Duration;

use taskq::{
    App, Error, Signature, args,
    core::{
        backend::{ChordClaim, ChordCopy, ChordHeader, State},
        broker::{ConsumeSpec, Delivery, Outgoing, Queue, Settle, Settlement, Topology},
        codec::{Serializer, Value},
        config::Sources,
        protocol::{Embed, Headers, Properties, Protocol, TaskId, TaskMessage},
    },
    task,
};
use taskq_worker::{Worker, WorkerOptions};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(60);
const QUEUE: &str = "bodies";

#[task(name = "copies.body")]
async fn last() -> i64 {
    1
}

/// Why a copy cannot run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Case {
    Expired,
    Unknown,
    Poison,
}

/// What a copy left behind.
#[derive(Debug, PartialEq)]
struct Left {
    body: State,
    after: State,
    letters: usize,
    errbacks: u64,
}

struct Stage {
    _dir: tempfile::TempDir,
    app: App,
}

impl Stage {
    async fn new() -> Result<Self, Error> {
        let dir = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite:{}", dir.path().join("taskq.db").display());
        let sources = Sources::none()
            .set("broker_url", url.as_str())
            .set("result_backend", url.as_str())
            .set("max_deliveries", 1);
        let app = App::builder().sources(sources).build()?;
        let queues = [QUEUE, "elsewhere"].map(Queue::named).to_vec();
        app.broker().await?.declare(&Topology { queues }).await?;
        Ok(Self { _dir: dir, app })
    }

    /// Sends a copy of a body that has an errback and is followed by another task, both in a queue of nobody's.
    async fn send(&self, case: Case, copy: &ChordCopy) -> Result<(TaskId, TaskId), Error> {
        let name = if case == Case::Unknown { "copies.nowhere" } else { "copies.body" };
        let (id, after) = (TaskId::new(), TaskId::new());
        let mut headers = Headers::new(name, id.clone());
        if case == Case::Expired {
            headers.expires = Some("2020-01-01T00:00:00+00:00".to_owned());
        }
        copy.mark(&mut headers);
        let call = || Signature::by_name("copies.body", args![]).immutable().queue("elsewhere");
        let values = |signature: Signature| -> Option<Vec<Value>> { Some(vec![signature.to_value()]) };
        let embed = Embed {
            errbacks: values(call()),
            chain: values(call().task_id(after.clone())),
            ..Embed::default()
        };
        let message = TaskMessage {
            headers,
            properties: Properties::default(),
            args: b"[]".as_slice().into(),
            kwargs: b"{}".as_slice().into(),
            embed,
        };
        let message = message.encode(Protocol::V2, Serializer::Json, None).expect("a message");
        let routing_key = QUEUE.to_owned();
        let out = Outgoing { message, exchange: String::new(), routing_key, not_before: None };
        self.app.broker().await?.publish(&[out]).await?;
        Ok((id, after))
    }

    /// Delivers what is in the queue once, to nobody.
    async fn deliver_in_vain(&self) -> Result<(), Error> {
        let spec = ConsumeSpec::new("dead@copies", vec![Queue::named(QUEUE)]);
        let mut consumer = self.app.broker().await?.consume(spec).await?;
        let mut taken: Vec<Delivery> = Vec::new();
        consumer.next_batch(1, &mut taken).await?;
        let settle = |delivery: Delivery| Settlement {
            tag: delivery.accept().0,
            how: Settle::Requeue { not_before: None },
            publish: Vec::new(),
        };
        let settlements: Vec<Settlement> = taken.into_iter().map(settle).collect();
        let settled = consumer.settler().settle(&settlements).await?;
        assert!(settled.lost.is_empty(), "{settled:?}");
        Ok(())
    }

    /// Has a worker end what is in the queue.
    async fn end(&self) -> Result<(), Error> {
        let options = WorkerOptions::new().queues([QUEUE]).concurrency(1).hostname("w@copies").mingle(false);
        let worker = Worker::new(&self.app, &options)?.start();
        let admin = self.app.broker().await?.admin().expect("a broker that can be looked into");
        let began = Instant::now();
        loop {
            let stats = admin.stats(&[QUEUE.to_owned()]).await?;
            if stats.iter().all(|queue| queue.ready + queue.delayed + queue.in_flight == 0) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "the message does not end: {stats:?}");
            sleep(Duration::from_millis(20)).await;
        }
        worker.stop().await?;
        Ok(())
    }

    async fn left(&self, (body, after): (TaskId, TaskId)) -> Result<Left, Error> {
        let mut metas = self.app.backend().await?.fetch(&[body, after]).await?.into_iter();
        let mut state = || metas.next().flatten().map(|meta| meta.state).unwrap_or_default();
        let admin = self.app.broker().await?.admin().expect("a broker that can be looked into");
        let stats = admin.stats(&["elsewhere".to_owned()]).await?;
        Ok(Left {
            body: state(),
            after: state(),
            letters: admin.dead(QUEUE, 0, 10).await?.len(),
            errbacks: stats.iter().map(|queue| queue.ready).sum(),
        })
    }
}

/// What is left of a message that cannot run, which is the only one or a copy of one that was taken.
async fn ended(case: Case, is_copy: bool) -> Result<Left, Error> {
    let stage = Stage::new().await?;
    let claim = |token: &str| ChordClaim {
        group: "group".to_owned(),
        run: "run".to_owned(),
        token: token.to_owned(),
        header: ChordHeader::Members(Vec::new()),
    };
    if is_copy {
        let chords = stage.app.backend().await?.chords().expect("a backend that counts");
        assert!(chords.take(&ChordCopy::under(&claim("first"), 0)).await?);
    }
    let sent = stage.send(case, &ChordCopy::under(&claim("second"), 0)).await?;
    if case == Case::Poison {
        stage.deliver_in_vain().await?;
    }
    stage.end().await?;
    let left = stage.left(sent).await?;
    stage.app.close().await?;
    Ok(left)
}

async fn leaves_nothing_as_a_copy(case: Case, alone: Left) -> Result<(), Error> {
    assert_eq!(ended(case, false).await?, alone, "{case:?}, the only one");
    let nothing = Left { body: State::Pending, after: State::Pending, letters: 0, errbacks: 0 };
    assert_eq!(ended(case, true).await?, nothing, "{case:?}, a copy");
    Ok(())
}

#[tokio::test]
async fn a_copy_that_has_expired_does_not_revoke_what_runs() -> Result<(), Error> {
    let alone = Left { body: State::Revoked, after: State::Revoked, letters: 0, errbacks: 0 };
    leaves_nothing_as_a_copy(Case::Expired, alone).await
}

#[tokio::test]
async fn a_copy_of_a_task_that_is_not_known_here_does_not_fail_what_runs() -> Result<(), Error> {
    let alone = Left { body: State::Failure, after: State::Failure, letters: 1, errbacks: 1 };
    leaves_nothing_as_a_copy(Case::Unknown, alone).await
}

#[tokio::test]
async fn a_copy_that_is_poison_does_not_fail_what_runs() -> Result<(), Error> {
    let alone = Left { body: State::Failure, after: State::Failure, letters: 1, errbacks: 1 };
    leaves_nothing_as_a_copy(Case::Poison, alone).await
}
