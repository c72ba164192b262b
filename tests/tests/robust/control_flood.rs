//! Remote control under fire: a thousand questions at once, answers that nobody takes, garbage between them. The
//! worker answers what can be answered, counts the rest, and never stops consuming.

use std::{collections::HashSet, time::Duration};

use taskq::{
    App,
    core::{
        broker::{ConsumeSpec, Exchange, ExchangeKind, Payload, Queue, Settle, Settlement, Topology},
        codec::Value,
        config::Sources,
        control::{Command, Reply, ReplyTo, exchange, reply_exchange},
        protocol::Message,
    },
};
use taskq_tests::{demo::Demo, process::Running, redis_server::RedisServer};

const QUESTIONS: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(90);

/// A program with a worker on this broker, and a client of it.
struct Fire {
    demo: Demo,
    url: String,
    app: App,
    _worker: Running,
}

impl Fire {
    fn new(url: &str) -> Self {
        let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
        let mut worker = demo.start(&format!("-b {url} worker -c 2 -n fire@test -Q fire --without-mingle"));
        worker.wait_for_output("ready", PATIENCE);
        let sources = Sources::none().set("broker_url", url).set("result_backend", "disabled://");
        let app = App::builder().sources(sources).build().expect("an app");
        Self { demo, url: url.to_owned(), app, _worker: worker }
    }

    /// Sends a question whose answer goes to `key`.
    async fn ask(&self, method: &str, ticket: &str, key: &str) {
        let mut command = Command::new(method);
        command.ticket = Some(ticket.to_owned());
        command.destination = Some(vec!["fire@test".to_owned()]);
        command.reply_to = Some(ReplyTo { exchange: reply_exchange("celery"), routing_key: key.to_owned() });
        self.tell(command.to_message().expect("a message")).await;
    }

    async fn tell(&self, message: Message) {
        let broadcast = self.app.broker().await.expect("a broker").broadcast().expect("fan-out");
        broadcast.publish(&exchange("celery"), "", &message).await.expect("told");
    }

    /// A task goes through: it consumes.
    fn consumes(&self) {
        let line =
            format!("-b {} --result-backend disabled:// call demo.add -a [1,1] --queue fire", self.url);
        self.demo.run(&line).ok();
        taskq_tests::process::eventually("the task is taken", PATIENCE, || {
            let line = format!("-b {} queues -Q fire --json", self.url);
            let row = &self.demo.run(&line).json()[0];
            row["ready"] == 0 && row["in_flight"] == 0
        });
    }
}

fn replies(key: &str) -> Queue {
    let name = reply_exchange("celery");
    Queue {
        exchange: Exchange { name: name.clone(), kind: ExchangeKind::Direct, durable: false },
        routing_key: key.to_owned(),
        durable: false,
        auto_delete: true,
        ..Queue::named(format!("{key}.{name}"))
    }
}

async fn a_thousand_questions_at_once(url: &str) {
    let fire = Fire::new(url);
    let broker = fire.app.broker().await.expect("a broker");
    let queue = replies("all-of-them");
    broker.declare(&Topology { queues: vec![queue.clone()] }).await.expect("declared");
    let mut consumer = broker.consume(ConsumeSpec::new("asker", vec![queue])).await.expect("a consumer");
    let asked = (0..QUESTIONS).map(async |n| {
        // One in ten asks for an answer where nobody listens, one in ten for what does not exist, and between
        // them comes what is no question at all.
        match n % 10 {
            0 => fire.ask("ping", "nobody", "has-vanished").await,
            1 => fire.ask("no_such_command", &format!("q{n}"), "all-of-them").await,
            _ => fire.ask("ping", &format!("q{n}"), "all-of-them").await,
        }
        if n % 50 == 0 {
            fire.tell(Message { body: "\u{0}{".to_owned().into(), ..Message::default() }).await;
        }
    });
    let answered = async {
        let (mut pongs, mut errors) = (HashSet::new(), HashSet::new());
        let mut batch = Vec::new();
        while pongs.len() + errors.len() < QUESTIONS * 9 / 10 {
            consumer.next_batch(256, &mut batch).await.expect("answers");
            let mut settle = Vec::new();
            for delivery in batch.drain(..) {
                let (tag, payload, ..) = delivery.accept();
                settle.push(Settlement::new(tag, Settle::Ack));
                let Payload::Message(message) = payload else { panic!("no message") };
                for reply in Reply::read(&message) {
                    assert_eq!(reply.node, "fire@test");
                    let Value::Map(value) = reply.value else { panic!("{:?}", reply.value) };
                    let ticket = reply.ticket.expect("a ticket");
                    if value.contains_key("ok") {
                        pongs.insert(ticket)
                    } else {
                        errors.insert(ticket)
                    };
                }
            }
            let _ = consumer.settler().settle(&settle).await.expect("settled");
        }
        (pongs.len(), errors.len())
    };
    let (_, answered) = tokio::join!(futures_util::future::join_all(asked), async {
        tokio::time::timeout(PATIENCE, answered).await.expect("all answers in time")
    });
    assert_eq!(
        answered,
        (QUESTIONS * 8 / 10, QUESTIONS / 10),
        "Celery's error reply for what does not exist"
    );
    tokio::task::block_in_place(|| fire.consumes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_questions_at_once_are_answered_on_redis() {
    let redis = RedisServer::start();
    a_thousand_questions_at_once(&redis.url(0)).await;
}

/// Events that are none are counted by whoever watches, and the next one is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_cannot_be_read_are_counted_and_the_next_one_is_read() {
    let redis = RedisServer::start();
    let fire = Fire::new(&redis.url(0));
    let mut feed = fire.app.event_feed().await.expect("a feed");
    let broadcast = fire.app.broker().await.expect("a broker").broadcast().expect("fan-out");
    for body in ["", "{", "[1, null]", r#"{"type": 3}"#, r#"{"type": "task-sent"}"#, "\u{0}"] {
        let message = Message { body: body.to_owned().into(), ..Message::default() };
        broadcast.publish("celeryev", "task.sent", &message).await.expect("told");
    }
    let next = tokio::time::timeout(PATIENCE, feed.next()).await.expect("in time").expect("an event");
    assert_eq!(next.hostname, "fire@test");
    while feed.garbage() < 7 {
        tokio::time::timeout(PATIENCE, feed.next()).await.expect("in time").expect("an event");
    }
    assert_eq!(feed.garbage(), 7, "two of one list");
}
