//! Samples of queues over time.

use taskq_core::Error;

use super::Store;

/// How a queue was at a moment. What was not known is `None`, never 0.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueSample {
    /// When, in seconds since 1970.
    pub at: i64,
    /// Its name.
    pub queue: String,
    /// Messages that wait.
    pub waiting: Option<u64>,
    /// Messages that workers hold.
    pub in_flight: Option<u64>,
    /// Age of the oldest message that waits, in seconds.
    pub oldest: Option<f64>,
    /// Workers that consume from it.
    pub consumers: Option<u64>,
}

impl Store {
    /// Keeps samples. Two of one queue and second: the later one stands.
    ///
    /// # Errors
    /// When they cannot be written.
    pub async fn record_queue_samples(&self, samples: &[QueueSample]) -> Result<(), Error> {
        let samples = samples.to_vec();
        self.write(move |conn| {
            let tx = conn.transaction()?;
            for sample in &samples {
                let sql = "INSERT OR REPLACE INTO queue_sample (at, queue, waiting, in_flight, oldest, consumers) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
                tx.prepare_cached(sql)?.execute((
                    sample.at,
                    &sample.queue,
                    sample.waiting,
                    sample.in_flight,
                    sample.oldest,
                    sample.consumers,
                ))?;
            }
            tx.commit()
        })
        .await
    }

    /// The samples of a queue over a time, oldest first. They are kept for 7 days.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn queue_series(&self, queue: &str, from: f64, until: f64) -> Result<Vec<QueueSample>, Error> {
        let queue = queue.to_owned();
        self.read(move |conn, _| {
            let sql = "SELECT at, queue, waiting, in_flight, oldest, consumers FROM queue_sample
                       WHERE queue = ?1 AND at >= ?2 AND at <= ?3 ORDER BY at";
            let mut rows = conn.prepare_cached(sql)?;
            let rows = rows.query_map((queue, from as i64, until.ceil() as i64), |row| {
                Ok(QueueSample {
                    at: row.get(0)?,
                    queue: row.get(1)?,
                    waiting: row.get(2)?,
                    in_flight: row.get(3)?,
                    oldest: row.get(4)?,
                    consumers: row.get(5)?,
                })
            })?;
            rows.collect()
        })
        .await
    }
}
