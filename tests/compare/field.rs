//! Where a fault happens: one broker, the books of the tasks, a sender.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use taskq::{App, Error, Signature, args, core::config::Sources};
use taskq_tests::{hole::Hole, rabbit_server::RabbitServer, redis_server::RedisServer};
use tempfile::TempDir;
use tokio::{task::block_in_place, time::sleep};

use crate::{kept, outcome::Outcome};

/// Between two looks at what a broker still holds: they cost something.
const LOOK: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Redis,
    RabbitMq,
}

pub(crate) enum Broker {
    Redis(RedisServer),
    RabbitMq(Box<RabbitServer>),
}

pub(crate) struct Field {
    pub(crate) broker: Broker,
    pub(crate) hole: Hole,
    account: RedisServer,
    app: App,
    pub(crate) dir: TempDir,
}

impl Field {
    pub(crate) async fn open(kind: Kind) -> Result<Self, Error> {
        let broker = match kind {
            Kind::Redis => Broker::Redis(RedisServer::start_durable()),
            Kind::RabbitMq => Broker::RabbitMq(Box::new(RabbitServer::start())),
        };
        let hole = Hole::before(match &broker {
            Broker::Redis(server) => server.port(),
            Broker::RabbitMq(server) => server.port(),
        });
        let direct = match &broker {
            Broker::Redis(server) => server.url(0),
            Broker::RabbitMq(server) => server.url(),
        };
        let sources = Sources::none().set("broker_url", direct).set("result_backend", "disabled://");
        let app = App::builder().sources(sources).build()?;
        let dir = tempfile::tempdir().expect("a folder");
        Ok(Self { broker, hole: hole.await, account: RedisServer::start(), app, dir })
    }

    /// The broker, for workers: through the proxy.
    pub(crate) fn url(&self) -> String {
        match &self.broker {
            Broker::Redis(_) => self.hole.url(0),
            Broker::RabbitMq(_) => format!("amqp://guest:guest@{}//", self.hole.address()),
        }
    }

    pub(crate) fn account(&self) -> String {
        self.account.url(0)
    }

    /// Sends one task; whether that was confirmed.
    pub(crate) async fn send(&self, task: &str, id: &str, seconds: Option<f64>) -> bool {
        let signature = match seconds {
            Some(seconds) => Signature::by_name(task, args![id, seconds]),
            None => Signature::by_name(task, args![id]),
        };
        self.app.send_canvas(signature).await.is_ok()
    }

    /// Sends so many, which last so long by their number.
    pub(crate) async fn send_many(&self, count: usize, seconds: impl Fn(usize) -> f64) -> Vec<String> {
        let ids: Vec<String> = (0..count).map(|number| number.to_string()).collect();
        for (number, id) in ids.iter().enumerate() {
            assert!(self.send("compare.run", id, Some(seconds(number))).await, "could not send {id}");
        }
        ids
    }

    /// How often each id is in a book.
    pub(crate) fn book(&self, key: &str) -> HashMap<String, usize> {
        let mut book = HashMap::new();
        let mut account = self.account.connect(0);
        let ids: Vec<String> =
            redis::cmd("LRANGE").arg(key).arg(0).arg(-1).query(&mut account).expect("a list");
        for id in ids {
            *book.entry(id).or_default() += 1;
        }
        book
    }

    /// Waits until all of these have ended and the broker holds nothing that could run again, but not for longer
    /// than `patience`; how long it took until all had ended, if it came to that.
    pub(crate) async fn all_end(&self, ids: &[String], patience: Duration) -> Option<Duration> {
        let began = Instant::now();
        let mut all = None;
        while began.elapsed() < patience {
            if all.is_none() {
                let ends = self.book("ends");
                all = ids.iter().all(|id| ends.contains_key(id)).then(|| began.elapsed());
            }
            if all.is_none() {
                sleep(Duration::from_millis(50)).await;
            } else if self.is_empty() {
                break;
            } else {
                sleep(LOOK).await;
            }
        }
        all
    }

    /// Whether the broker holds nothing, neither in a queue nor for a worker.
    fn is_empty(&self) -> bool {
        match &self.broker {
            Broker::Redis(server) => kept::on_redis(server).is_empty(),
            Broker::RabbitMq(server) => {
                let listed = block_in_place(|| server.ctl(&["list_queues", "name", "messages"]));
                listed.lines().any(|line| line.split_whitespace().eq(["celery", "0"]))
            }
        }
    }

    /// Counts. The workers have ended.
    pub(crate) async fn count(&self, ids: &[String]) -> Outcome {
        // What was taken over connections that are open goes back with them.
        self.hole.reset();
        let kept: HashSet<String> = match &self.broker {
            Broker::Redis(server) => kept::on_redis(server),
            Broker::RabbitMq(server) => {
                sleep(LOOK).await;
                kept::on_rabbitmq(&server.url()).await
            }
        };
        let ends = self.book("ends");
        let missing = || ids.iter().filter(|id| !ends.contains_key(*id));
        let held = missing().filter(|id| kept.contains(*id)).count();
        Outcome {
            sent: ids.len(),
            done: ids.len() - missing().count(),
            lost: missing().count() - held,
            held,
            doubled: ends.values().map(|ends| ends - 1).sum(),
            ..Outcome::default()
        }
    }

    /// How many dead letters there are.
    pub(crate) async fn dead(&self) -> u64 {
        let stats = async {
            let admin = self.app.broker().await?.admin().expect("a broker that can be looked into");
            Ok::<_, Error>(admin.stats(&["celery".to_owned()]).await?)
        };
        stats.await.map_or(0, |stats| stats.iter().map(|queue| queue.dead).sum())
    }

    /// Ends the servers. The logs of workers that lost something are kept.
    pub(crate) async fn close(mut self, outcome: &Outcome) {
        if outcome.lost > 0 {
            self.dir.disable_cleanup(true);
            eprintln!("{} lost: the logs are kept in {}", outcome.lost, self.dir.path().display());
        }
        let _ = self.app.close().await;
    }
}
