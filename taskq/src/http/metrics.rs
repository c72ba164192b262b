//! The numbers of `/metrics`. What the worker measures as it goes comes from its recorder; queue depths and the
//! state of the process are read when somebody asks.

use std::{sync::OnceLock, time::Duration};

use metrics::{counter, describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use taskq_core::app::App;
use taskq_worker::Stats;

use super::Watched;

/// Longest time an answer waits for the broker.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bounds of run times: from a tenth of a millisecond to an hour.
const SECONDS: [f64; 15] =
    [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 900.0, 3600.0];

/// The recorder of this process and what its numbers are read from.
pub(super) struct Metrics {
    handle: PrometheusHandle,
    app: App,
}

impl Metrics {
    /// Installs the recorder, once a process.
    pub(super) fn install(app: &App) -> Result<Self, String> {
        static INSTALLED: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
        let handle = INSTALLED.get_or_init(|| {
            let builder = PrometheusBuilder::new()
                .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
                .map_err(|error| error.to_string())?;
            let handle = builder.install_recorder().map_err(|error| {
                format!("could not install the metrics: {error}; the program has a recorder of its own")
            })?;
            taskq_worker::measure::describe();
            describe();
            Ok(handle)
        });
        Ok(Self { handle: handle.clone()?, app: app.clone() })
    }

    /// Everything, as text.
    pub(super) async fn render(&self, watched: &Watched) -> String {
        if let Some(worker) = &watched.worker {
            gauge!("taskq_worker_ready").set(flag(worker.ready().is_ok()));
            gauge!("taskq_worker_slots").set(number(worker.slots()));
            gauge!("taskq_worker_held").set(number(worker.held()));
            counter!("taskq_worker_interruptions_total").absolute(worker.interruptions());
            let Stats { received, started, lost, .. } = worker.stats();
            counter!("taskq_worker_received_total").absolute(received);
            counter!("taskq_worker_started_total").absolute(started);
            counter!("taskq_worker_leases_lost_total").absolute(lost);
        }
        if let Some(beat) = &watched.beat {
            gauge!("taskq_beat_leads").set(flag(beat.leads()));
            counter!("taskq_beat_sent_total").absolute(beat.sent());
            counter!("taskq_beat_left_out_total").absolute(beat.left_out());
            counter!("taskq_beat_errors_total").absolute(beat.errors());
            gauge!("taskq_beat_last_lateness_seconds").set(beat.last_lateness().as_secs_f64());
            if let Some(looked) = beat.looked() {
                let age = taskq_core::Timestamp::now().duration_since(looked);
                gauge!("taskq_beat_look_age_seconds").set(age.as_secs_f64().max(0.0));
            }
        }
        let known = tokio::time::timeout(PATIENCE, self.queues(&watched.queues)).await.unwrap_or(false);
        gauge!("taskq_broker_answers").set(flag(known));
        self.handle.run_upkeep();
        self.handle.render()
    }

    /// Reads the depths; false when the broker does not tell.
    async fn queues(&self, queues: &[String]) -> bool {
        let Ok(broker) = self.app.broker().await else { return false };
        let Some(admin) = broker.admin() else { return false };
        let Ok(stats) = admin.stats(queues).await else { return false };
        for of in stats {
            let set = |state: &'static str, count: u64| {
                #[allow(clippy::cast_precision_loss)] // fewer than 2^53 messages
                gauge!("taskq_queue_messages", "queue" => of.queue.clone(), "state" => state)
                    .set(count as f64);
            };
            set("ready", of.ready);
            set("delayed", of.delayed);
            set("in_flight", of.in_flight);
            set("dead", of.dead);
            let oldest = of.oldest.unwrap_or_default().as_secs_f64();
            gauge!("taskq_queue_oldest_seconds", "queue" => of.queue.clone()).set(oldest);
        }
        true
    }
}

fn describe() {
    describe_gauge!("taskq_worker_ready", "1 while the worker consumes");
    describe_gauge!("taskq_worker_slots", "Tasks the worker may run at once");
    describe_gauge!("taskq_worker_held", "Deliveries the worker holds: running, waiting, not yet settled");
    describe_counter!("taskq_worker_interruptions_total", "How often the worker stopped consuming unasked");
    describe_counter!("taskq_worker_received_total", "Deliveries taken from the broker");
    describe_counter!("taskq_worker_started_total", "Runs started");
    describe_counter!("taskq_worker_leases_lost_total", "Deliveries whose lease was lost");
    describe_gauge!("taskq_beat_leads", "1 while this beat leads");
    describe_counter!("taskq_beat_sent_total", "Ticks sent");
    describe_counter!("taskq_beat_left_out_total", "Ticks left out on purpose");
    describe_counter!("taskq_beat_errors_total", "Ticks that could not be sent, and looks that failed");
    describe_gauge!("taskq_beat_last_lateness_seconds", "How late the last tick was sent");
    describe_gauge!("taskq_beat_look_age_seconds", "Time since the beat last reached its store");
    describe_gauge!("taskq_broker_answers", "1 while the broker tells the depth of its queues");
    describe_gauge!("taskq_queue_messages", "Messages by queue and state: ready, delayed, in_flight, dead");
    describe_gauge!(
        "taskq_queue_oldest_seconds",
        "Age of the oldest ready message, where the broker knows it"
    );
}

fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

#[allow(clippy::cast_precision_loss)] // small numbers
fn number(n: usize) -> f64 {
    n as f64
}
