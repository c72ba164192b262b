//! `queues`: how much waits where.

use clap::Args;
use serde::Serialize;
use taskq_core::broker::QueueStats;

use super::{
    Failure, Session,
    table::{Align, Table},
    time_arg,
};

/// Show how many messages are ready, delayed, in flight and dead
#[derive(Args, Debug)]
pub(crate) struct Queues {
    /// Only these queues, with commas; default: all that the broker and the settings know
    #[arg(short = 'Q', long, value_name = "QUEUES", value_delimiter = ',')]
    queues: Vec<String>,
}

impl Queues {
    pub(crate) async fn run(&self, session: &Session) -> Result<(), Failure> {
        let admin = session.admin().await?;
        let names =
            if self.queues.is_empty() { session.all_queues(&*admin).await? } else { self.queues.clone() };
        let stats = session.within(admin.stats(&names)).await?;
        session.out.print(
            || stats.iter().map(document).collect::<Vec<_>>(),
            |style| {
                let mut table = Table::new([
                    ("queue", Align::Left),
                    ("ready", Align::Right),
                    ("delayed", Align::Right),
                    ("in flight", Align::Right),
                    ("dead", Align::Right),
                    ("oldest", Align::Right),
                    ("consumers", Align::Right),
                    ("in/s", Align::Right),
                    ("out/s", Align::Right),
                ]);
                let rate = |rate: f64| format!("{rate:.1}");
                for row in &stats {
                    table.row([
                        row.queue.clone(),
                        row.ready.to_string(),
                        row.delayed.to_string(),
                        row.in_flight.to_string(),
                        row.dead.to_string(),
                        row.oldest.map(time_arg::show).unwrap_or_default(),
                        row.consumers.map(|count| count.to_string()).unwrap_or_default(),
                        row.rates.map(|rates| rate(rates.published)).unwrap_or_default(),
                        row.rates.map(|rates| rate(rates.delivered)).unwrap_or_default(),
                    ]);
                }
                table.without_empty(6).render(style)
            },
        )
    }
}

#[derive(Serialize)]
struct Document<'a> {
    queue: &'a str,
    ready: u64,
    delayed: u64,
    in_flight: u64,
    dead: u64,
    oldest_seconds: Option<f64>,
    consumers: Option<u64>,
    published_per_second: Option<f64>,
    delivered_per_second: Option<f64>,
    settled_per_second: Option<f64>,
}

fn document(row: &QueueStats) -> Document<'_> {
    Document {
        queue: &row.queue,
        ready: row.ready,
        delayed: row.delayed,
        in_flight: row.in_flight,
        dead: row.dead,
        oldest_seconds: row.oldest.map(|age| age.as_secs_f64()),
        consumers: row.consumers,
        published_per_second: row.rates.map(|rates| rates.published),
        delivered_per_second: row.rates.map(|rates| rates.delivered),
        settled_per_second: row.rates.map(|rates| rates.settled),
    }
}
