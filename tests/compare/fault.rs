//! The faults, and what is counted of each.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskq::Error;
use taskq_tests::process::Running;
use tokio::{task::block_in_place, time::sleep};

use crate::{
    field::{Broker, Field, Kind},
    outcome::Outcome,
    side::Side,
};

/// How long anything may take to be called back.
const PATIENCE: Duration = Duration::from_secs(120);
/// The same for a silent network: Celery's default heartbeat on RabbitMQ needs up to four minutes to notice.
const LONG_PATIENCE: Duration = Duration::from_secs(330);
/// How long a message that kills whoever runs it is watched: what loops does not end.
const WATCHED: Duration = Duration::from_secs(100);
/// Runs after which nothing but a loop comes.
const LOOP: usize = 10;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Killed,
    LongTask,
    Restarted,
    Silent,
    Poison,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] =
        [Self::Killed, Self::LongTask, Self::Restarted, Self::Silent, Self::Poison];

    pub(crate) fn happens_to(self, kind: Kind) -> bool {
        self != Self::LongTask || kind == Kind::Redis
    }

    pub(crate) fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// What happens, and what "recovered" means.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Killed => {
                "`killed`: a worker dies of `kill -9` in the middle of 100 tasks of about 0.3 s, and another one is started; \
                 recovered when all are done"
            }
            Self::LongTask => {
                "`longtask`: two workers, 24 tasks of 12 s, visibility timeout (taskq: lease) 10 s; recovered when \
                 all are done, which takes 36 s at best"
            }
            Self::Restarted => {
                "`restarted`: the broker is killed and started again two seconds later, five times, under a worker \
                 and up to 20 tasks a second; recovered when something is done that was sent after the restart, at worst"
            }
            Self::Silent => {
                "`silent`: the network between a worker and the broker swallows everything for 10 s and has forgotten \
                 the connections after that; recovered when something is done that was sent after these 10 s"
            }
            Self::Poison => {
                "`poison`: a task that kills its process whenever it runs, before 20 others of 0.5 s; whatever ends \
                 is started again; recovered when the others are done"
            }
        }
    }

    pub(crate) async fn happen(self, kind: Kind, side: Side, short: bool) -> Result<Outcome, Error> {
        let mut field = Field::open(kind).await?;
        let outcome = match self {
            Self::Killed => killed(&field, side, short).await,
            Self::LongTask => long_task(&field, side).await,
            Self::Restarted => restarted(&mut field, side).await,
            Self::Silent => silent(&field, side).await,
            Self::Poison => poison(&field, side).await,
        };
        field.close(&outcome).await;
        Ok(outcome)
    }
}

fn start(field: &Field, side: Side, name: &str, more: &Value) -> Running {
    // The proxy goes on meanwhile.
    block_in_place(|| side.start(name, &field.url(), &field.account(), more, field.dir.path()))
}

async fn killed(field: &Field, side: Side, short: bool) -> Outcome {
    let seconds = Duration::from_secs;
    let (count, patience) = match side {
        _ if !short => (100, PATIENCE),
        // Nothing comes back that is not back at once.
        Side::Celery => (24, seconds(3)),
        Side::Careful => (24, seconds(12)),
        Side::Taskq => (24, seconds(40)),
    };
    let more = match side {
        Side::Taskq if short => json!({"lease": 3}),
        Side::Careful if short => {
            json!({"broker_transport_options": {"visibility_timeout": 3, "unacked_restore_interval": 1}})
        }
        _ => json!({}),
    };
    // Of different lengths, so that they do not all end at once, nor when the worker is killed.
    let ids = field.send_many(count, |number| 0.25 + 0.01 * (number * 7 % 11) as f64).await;
    let mut first = start(field, side, "first", &more);
    while field.book("ends").len() < count / 5 {
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_millis(100)).await;
    let fault = Instant::now();
    first.kill();
    let second = start(field, side, "second", &more);
    let starting = fault.elapsed();
    let recovered = field.all_end(&ids, patience).await.map(|took| took + starting);
    drop(second);
    Outcome { recovered, waited: patience, ..field.count(&ids).await }
}

async fn long_task(field: &Field, side: Side) -> Outcome {
    // Looked after often, so that 10 s stand for the hour that is the default.
    let impatient =
        json!({"visibility_timeout": 10, "unacked_restore_interval": 1, "unacked_restore_throttle": 1});
    let more = match side {
        Side::Taskq => json!({"lease": 10}),
        Side::Celery | Side::Careful => json!({"broker_transport_options": impatient}),
    };
    let workers = ["first", "second"].map(|name| start(field, side, name, &more));
    let ids = field.send_many(24, |_| 12.0).await;
    let recovered = field.all_end(&ids, PATIENCE).await;
    drop(workers);
    let runs: usize = field.book("starts").values().sum();
    let remark = format!("{runs} runs of {} tasks", ids.len());
    Outcome { recovered, waited: PATIENCE, remark, ..field.count(&ids).await }
}

async fn restarted(field: &mut Field, side: Side) -> Outcome {
    const TIMES: usize = 5;
    let mut worker = start(field, side, "worker", &json!({}));
    let (mut ids, mut number, mut backs) = (Vec::new(), 0, Vec::new());
    for _ in 0..TIMES {
        let until = Instant::now() + Duration::from_secs(4);
        while Instant::now() < until {
            send(field, &mut ids, &mut number).await;
        }
        match &mut field.broker {
            Broker::Redis(server) => {
                server.kill();
                sleep(Duration::from_secs(2)).await;
                block_in_place(|| server.restart());
            }
            Broker::RabbitMq(server) => {
                server.kill();
                sleep(Duration::from_secs(2)).await;
                block_in_place(|| server.restart());
            }
        }
        let Some(back) = back(field, &mut ids, &mut number, PATIENCE).await else { break };
        backs.push(back);
    }
    let recovered = backs.iter().max().copied().filter(|_| backs.len() == TIMES);
    field.all_end(&ids, PATIENCE).await;
    let remark = match (worker.exited(), recovered) {
        (Some(status), _) => format!("the worker ended by itself: {status}"),
        (None, Some(_)) => String::new(),
        (None, None) => format!("**silent** after restart {}", backs.len() + 1),
    };
    drop(worker);
    Outcome { recovered, waited: PATIENCE, remark, ..field.count(&ids).await }
}

async fn silent(field: &Field, side: Side) -> Outcome {
    let mut worker = start(field, side, "worker", &json!({}));
    let (mut ids, mut number) = (Vec::new(), 0);
    for _ in 0..40 {
        send(field, &mut ids, &mut number).await;
    }
    field.hole.close();
    let until = Instant::now() + Duration::from_secs(10);
    while Instant::now() < until {
        send(field, &mut ids, &mut number).await;
    }
    field.hole.open();
    let recovered = back(field, &mut ids, &mut number, LONG_PATIENCE).await;
    field.all_end(&ids, PATIENCE).await;
    let remark = match (worker.exited(), recovered) {
        (Some(status), _) => format!("the worker ended by itself: {status}"),
        (None, Some(_)) => String::new(),
        (None, None) => "**silent**".to_owned(),
    };
    drop(worker);
    Outcome { recovered, waited: LONG_PATIENCE, remark, ..field.count(&ids).await }
}

/// Sends one task and waits a moment.
async fn send(field: &Field, ids: &mut Vec<String>, number: &mut usize) {
    let id = number.to_string();
    *number += 1;
    if field.send("compare.run", &id, Some(0.01)).await {
        ids.push(id);
    }
    sleep(Duration::from_millis(50)).await;
}

/// Sends on until something ends that was sent after now; how long that took.
async fn back(
    field: &Field,
    ids: &mut Vec<String>,
    number: &mut usize,
    patience: Duration,
) -> Option<Duration> {
    let (began, since) = (Instant::now(), *number);
    while began.elapsed() < patience {
        send(field, ids, number).await;
        if field.book("ends").keys().any(|id| id.parse::<usize>().is_ok_and(|id| id >= since)) {
            return Some(began.elapsed());
        }
        // The longer it takes, the less is sent.
        sleep(began.elapsed() / 100).await;
    }
    None
}

async fn poison(field: &Field, side: Side) -> Outcome {
    assert!(field.send("compare.kill", "poison", None).await, "could not send the poison");
    let ids = field.send_many(20, |_| 0.5).await;
    let began = Instant::now();
    let mut worker = start(field, side, "worker", &json!({}));
    let (mut restarts, mut recovered) = (0, None);
    while began.elapsed() < WATCHED {
        if worker.exited().is_some() {
            restarts += 1;
            worker = start(field, side, &format!("worker{restarts}"), &json!({}));
        }
        let ends = field.book("ends");
        if recovered.is_none() && ids.iter().all(|id| ends.contains_key(id)) {
            recovered = Some(began.elapsed());
        }
        if recovered.is_some() && field.dead().await > 0 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let runs = field.book("starts").get("poison").copied().unwrap_or(0);
    drop(worker);
    let end = match runs {
        _ if field.dead().await > 0 => "kept as a dead letter",
        runs if runs > LOOP => "**runs for ever**",
        _ => "its message is gone",
    };
    let remark = format!("runs of the poison: {runs}, {end}");
    Outcome { recovered, waited: WATCHED, remark, ..field.count(&ids).await }
}
