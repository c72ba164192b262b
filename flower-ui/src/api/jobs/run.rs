//! A job on its way: at its pace, until it is done or somebody, or what it sees, stops it.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use super::Job;
use crate::{api::audit::Act, auth::Caller, record::TaskRecord, server::Shared};

/// Tasks that were sent and are not known to have ended are looked at so often.
const LOOK: Duration = Duration::from_secs(1);
/// Such tasks; of more, the oldest are given up.
const WATCHED: usize = 200;
/// Fewer ended tasks do not stop a job.
const ENOUGH: u64 = 3;

pub(super) async fn run(shared: Shared, caller: Caller, job: Arc<Job>, act: Act) {
    let mut watch = Watch::default();
    let mut next = Instant::now();
    for step in 0..job.work.len() {
        if job.pace.canary == Some(step) {
            wait(&shared, &job, &mut watch).await;
        }
        if shared.stop.is_cancelled() {
            job.stop(Some("the board stopped".to_owned()));
        }
        if job.stopped.load(Ordering::Relaxed) {
            break;
        }
        let task = job.work.task(step).filter(|_| job.watches());
        // Not by the clock: the task may be over before this step is, and clocks differ.
        let before = match task {
            Some(task) => shared.store.task(task).await.ok().flatten().map(|record| record.timestamp),
            None => None,
        };
        match job.work.step(&shared, &caller, step).await {
            Ok(()) => {
                job.done.fetch_add(1, Ordering::Relaxed);
                watch.add(task, before);
            }
            Err(problem) => job.failed(step, &problem),
        }
        watch.look(&shared, &job).await;
        if let Some(rate) = job.pace.rate {
            next = next.max(Instant::now() - LOOK) + Duration::from_secs_f64(1.0 / rate);
            pause_until(&shared, &job, next).await;
        }
    }
    job.over.store(true, Ordering::Relaxed);
    act.done(&shared, &Ok(()), |()| job.json()).await;
}

/// The canaries are sent: somebody looks at them and says that it may go on.
async fn wait(shared: &Shared, job: &Job, watch: &mut Watch) {
    job.waits.store(true, Ordering::Relaxed);
    while job.waits.load(Ordering::Relaxed) && !job.stopped.load(Ordering::Relaxed) {
        pause_until(shared, job, Instant::now() + LOOK).await;
        watch.look(shared, job).await;
        if shared.stop.is_cancelled() {
            return;
        }
    }
    job.waits.store(false, Ordering::Relaxed);
}

async fn pause_until(shared: &Shared, job: &Job, until: Instant) {
    tokio::select! {
        () = sleep_until(until) => {}
        () = job.go_on.notified() => {}
        () = shared.stop.cancelled() => {}
    }
}

/// Tasks that the job sent, with when they were told of last before, until they end.
#[derive(Debug, Default)]
struct Watch {
    sent: Vec<(String, Option<f64>)>,
    ended: u64,
    failed: u64,
    looked: Option<Instant>,
}

impl Watch {
    fn add(&mut self, task: Option<&str>, before: Option<f64>) {
        if let Some(task) = task {
            if self.sent.len() >= WATCHED {
                self.sent.remove(0);
            }
            self.sent.push((task.to_owned(), before));
        }
    }

    /// Counts those that ended since, and stops a job whose tasks fail.
    async fn look(&mut self, shared: &Shared, job: &Job) {
        if !job.watches() || self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return;
        }
        self.looked = Some(Instant::now());
        let mut open = Vec::with_capacity(self.sent.len());
        for (task, before) in std::mem::take(&mut self.sent) {
            let record = shared.store.task(&task).await.ok().flatten();
            let is_over = |record: &TaskRecord| {
                record.state.is_ready() && before.is_none_or(|before| record.timestamp > before)
            };
            match record.filter(is_over) {
                Some(record) => {
                    self.ended += 1;
                    self.failed += u64::from(record.state.as_str() != "SUCCESS");
                }
                None => open.push((task, before)),
            }
        }
        self.sent = open;
        job.failed_again.store(self.failed, Ordering::Relaxed);
        #[allow(clippy::cast_precision_loss)] // counts of tasks
        let share = self.failed as f64 / self.ended.max(1) as f64;
        if self.ended >= ENOUGH && job.pace.stop_over.is_some_and(|most| share > most) {
            let why = format!("{} of {} tasks that it sent failed again", self.failed, self.ended);
            job.stop(Some(why));
        }
    }
}
