//! Remote control under fire: a thousand questions at once, answers that nobody takes, garbage between them. The
//! worker answers what can be answered, counts the rest, and never stops consuming.

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use taskq::{
    App,
    core::{
        broker::{ConsumeSpec, Exchange, ExchangeKind, Payload, Queue, Settle, Settlement, Topology},
        codec::Value,
        config::Sources,
        control::{Command, Reply, ReplyTo, exchange, reply_exchange},
        protocol::Message,
    },
    task,
};
use taskq_tests::{demo::Demo, process::Running, rabbit_server::RabbitServer, redis_server::RedisServer};

const QUESTIONS: usize = 1_000;
const PATIENCE: Duration = Duration::from_secs(90);
/// Tasks that have to go through, one after the other, while questions are answered: dozens do.
const MEANWHILE: usize = 3;
const NODE: &str = "fire@test";

#[task(name = "demo.add")]
async fn add(x: i64, y: i64) -> i64 {
    x + y
}

/// A program with a worker on this broker, and a client of it.
struct Fire {
    app: App,
    _worker: Running,
    _demo: Demo,
}

impl Fire {
    fn new(url: &str, results: &str) -> Self {
        let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
        let line = format!("-b {url} --result-backend {results} worker -c 2 -n {NODE} -Q fire");
        let mut worker = demo.start(&format!("{line} --without-mingle"));
        worker.wait_for_output("ready", PATIENCE);
        let sources = Sources::none().set("broker_url", url).set("result_backend", results);
        let app = App::builder().sources(sources).build().expect("an app");
        Self { app, _worker: worker, _demo: demo }
    }

    /// Sends a question whose answer goes to `key`.
    async fn ask(&self, method: &str, ticket: &str, key: &str) {
        let mut command = Command::new(method);
        command.ticket = Some(ticket.to_owned());
        command.destination = Some(vec![NODE.to_owned()]);
        command.reply_to = Some(ReplyTo { exchange: reply_exchange("celery"), routing_key: key.to_owned() });
        self.tell(command.to_message().expect("a message")).await;
    }

    async fn tell(&self, message: Message) {
        let broadcast = self.app.broker().await.expect("a broker").broadcast().expect("fan-out");
        broadcast.publish(&exchange("celery"), "", &message).await.expect("told");
    }

    /// A task goes through: it consumes.
    async fn consumes(&self) {
        // A loaded machine may take longer to confirm than a sender waits, behind so many questions.
        let sent = loop {
            match add.with().app(&self.app).queue("fire").delay(1, 1).await {
                Ok(sent) => break sent,
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        };
        assert_eq!(sent.get().timeout(PATIENCE).await.expect("a result"), 2);
    }

    /// One task after the other until `asked` is over; answers how many, and what `asked` came to.
    async fn consumes_during<T>(&self, asked: impl Future<Output = T>) -> (usize, T) {
        let over = AtomicBool::new(false);
        let asked = async {
            let done = asked.await;
            over.store(true, Ordering::Release);
            done
        };
        let tasks = async {
            let mut ran = 0;
            while !over.load(Ordering::Acquire) {
                self.consumes().await;
                ran += 1;
            }
            ran
        };
        tokio::join!(tasks, asked)
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

async fn a_thousand_questions_at_once(url: &str, results: &str) {
    let fire = Fire::new(url, results);
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
                    assert_eq!(reply.node, NODE);
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
    let both = async { tokio::join!(join_all(asked), answered) };
    let both = tokio::time::timeout(PATIENCE, fire.consumes_during(both));
    let (ran, (_, answered)) = both.await.expect("all answers in time");
    assert_eq!(
        answered,
        (QUESTIONS * 8 / 10, QUESTIONS / 10),
        "Celery's error reply for what does not exist"
    );
    println!("{ran} tasks ran meanwhile");
    assert!(ran >= MEANWHILE, "{ran} tasks ran meanwhile");
    fire.consumes().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_questions_at_once_are_answered_on_redis() {
    let redis = RedisServer::start();
    a_thousand_questions_at_once(&redis.url(0), &redis.url(1)).await;
}

/// Symptom: the first answers took the reply queue with them, and the others found none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_questions_at_once_are_answered_on_rabbitmq() {
    let (rabbit, redis) = (RabbitServer::start(), RedisServer::start());
    a_thousand_questions_at_once(&rabbit.url(), &redis.url(1)).await;
}

/// As a board with many who look at it does.
async fn a_thousand_who_ask_at_once(url: &str, results: &str) -> Fire {
    let fire = Fire::new(url, results);
    let control = fire.app.control();
    let ask = |n: usize| {
        let (method, key) = if n % 10 == 1 { ("no_such_command", "error") } else { ("ping", "ok") };
        let question = control.ask(method).destination([NODE]).timeout(PATIENCE);
        async move {
            let replies = question.await.unwrap_or_else(|error| panic!("question {n}: {error}"));
            let reply = replies.get(NODE).unwrap_or_else(|| panic!("question {n} is not answered"));
            let Value::Map(reply) = reply else { panic!("question {n}: {reply:?}") };
            assert!(reply.contains_key(key), "question {n}: {reply:?}");
        }
    };
    let (ran, _) = fire.consumes_during(join_all((0..QUESTIONS).map(ask))).await;
    println!("{ran} tasks ran meanwhile");
    assert!(ran >= MEANWHILE, "{ran} tasks ran meanwhile");
    fire.consumes().await;
    fire
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_ask_at_once_are_answered_on_redis() {
    let redis = RedisServer::start();
    a_thousand_who_ask_at_once(&redis.url(0), &redis.url(1)).await;
}

/// Symptom: each question was a connection of its own, and then a queue of its own, which took a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_who_ask_at_once_are_answered_on_rabbitmq() {
    let (rabbit, redis) = (RabbitServer::start(), RedisServer::start());
    let _fire = a_thousand_who_ask_at_once(&rabbit.url(), &redis.url(1)).await;
    let connections = rabbit.ctl(&["list_connections", "pid"]).lines().count();
    assert!(connections <= 8, "{connections} connections of a worker and a client");
}

/// Events that are none are counted by whoever watches, and the next one is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_cannot_be_read_are_counted_and_the_next_one_is_read() {
    let redis = RedisServer::start();
    let fire = Fire::new(&redis.url(0), &redis.url(1));
    let mut feed = fire.app.event_feed().await.expect("a feed");
    let broadcast = fire.app.broker().await.expect("a broker").broadcast().expect("fan-out");
    for body in ["", "{", "[1, null]", r#"{"type": 3}"#, r#"{"type": "task-sent"}"#, "\u{0}"] {
        let message = Message { body: body.to_owned().into(), ..Message::default() };
        broadcast.publish("celeryev", "task.sent", &message).await.expect("told");
    }
    let next = tokio::time::timeout(PATIENCE, feed.next()).await.expect("in time").expect("an event");
    assert_eq!(next.hostname, NODE);
    while feed.garbage() < 7 {
        tokio::time::timeout(PATIENCE, feed.next()).await.expect("in time").expect("an event");
    }
    assert_eq!(feed.garbage(), 7, "two of one list");
}
