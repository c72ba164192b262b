//! What a delivery passes before it may run: can it be read, is its task known, is it poison, expired, revoked,
//! early, over its rate?
//!
//! Kept true here: whatever does not pass ends as a [`Completion`] that says why; nothing is dropped, nothing
//! loops, and nothing waits in this process that can wait in the broker.

mod eta;
mod expired;
mod rate;
mod revoked;
mod shared_rate;

use std::{sync::Arc, time::Duration};

use taskq_core::{
    Timestamp,
    broker::{Delivery, Payload, RateTurn},
    protocol::{Request, TaskId},
    task::RateLimit,
};
use tokio::time::Instant;
use tracing::warn;

pub(crate) use self::revoked::{Marks, Revoked};
use self::{
    eta::{Eta, Postponed},
    rate::Rates,
};
use crate::{
    copies,
    effects::{self, Completion},
    emit,
    held::{Held, Why},
    job::Job,
    node::Node,
    tasks::Known,
};

/// What becomes of a delivery.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may run.
    Run(Job),
    /// It may run at that time, soon.
    Hold(Job, Instant),
    /// It waits for a turn under a limit that all workers share.
    Ask(Asking),
    /// It ends here.
    End(Box<Completion>),
}

/// A delivery that needs a turn under a limit that all workers share.
#[derive(Debug)]
pub(crate) struct Asking {
    job: Job,
    key: String,
    interval: Duration,
}

/// The gates of a worker.
#[derive(Debug)]
pub(crate) struct Gate {
    node: Arc<Node>,
    rates: Rates,
    postponed: Postponed,
}

impl Gate {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        let rates = Rates::new(&node.tasks);
        Self { node, rates, postponed: Postponed::default() }
    }

    /// Another rate limit for a task, or none.
    pub(crate) fn set_rate(&mut self, task: Arc<str>, rate: Option<RateLimit>) {
        self.rates.set(task, rate);
    }

    /// Reads a delivery and leads it through. It is held from here on, whatever the verdict. `may_hold`: there
    /// is room to wait in this process.
    pub(crate) async fn pass(&mut self, delivery: Delivery, may_hold: bool) -> (Arc<Held>, Verdict) {
        let node = Arc::clone(&self.node);
        let (tag, payload, info, deliveries) = delivery.accept();
        let hold = |id: TaskId| Arc::new(Held::new(tag, id));
        let end = |held: Arc<Held>, completion| (held, Verdict::End(Box::new(completion)));
        let message = match payload {
            Payload::Message(message) => message,
            Payload::Undecodable(undecodable) => {
                return end(hold(TaskId::from("")), effects::undecodable(tag, &undecodable));
            }
        };
        let bytes = message.body.len();
        node.prefetch.came(bytes);
        let reading = &node.decoding;
        let request = Request::decode(message, info, &reading.accept, &reading.zone, reading.inflate_limit);
        let request = match request {
            Ok(request) => Box::new(request),
            Err(malformed) => {
                let id = malformed.id.clone().unwrap_or_else(|| TaskId::from(""));
                return end(hold(id), effects::malformed(&node, tag, &malformed));
            }
        };
        let held = Arc::new(
            Held::new(tag, request.id().clone())
                .marked(Marks::of(&request))
                .delivered(deliveries)
                .sized(bytes),
        );
        let known = match admitted(&node, &request, &held) {
            Ok(known) => known,
            Err(out) => {
                let completion = Box::pin(out.completion(&node, &request, &held)).await;
                return end(held, completion);
            }
        };
        let hold_until = match eta::look(&node, &request, &mut self.postponed, may_hold) {
            Eta::Due => None,
            Eta::Hold(until) => Some(until),
            Eta::Postpone(until) => {
                return end(held, Completion::postpone(tag, known, &request, until, "eta"));
            }
        };
        let job = Job {
            known: Arc::clone(known),
            queue: node.shares.of(&request.delivery.queue),
            request,
            held: Arc::clone(&held),
        };
        if let Some(until) = hold_until {
            emit::received(&node, &job.known, &job.request);
            return (held, Verdict::Hold(job, until));
        }
        if let Some((key, interval)) = shared_rate::of(&node, &job.known, &job.request) {
            return (held, Verdict::Ask(Asking { job, key, interval }));
        }
        let turn = self.rates.take(&node, &job.known, may_hold);
        (held, self.in_turn(job, turn))
    }

    /// Asks for turns for all of these at once; `may_hold` of them may wait for theirs in this process.
    pub(crate) async fn ask(&self, asking: Vec<Asking>, may_hold: usize) -> Vec<Verdict> {
        let Some(limits) = &self.node.rate_limits else { return Vec::new() };
        let (jobs, wanted): (Vec<_>, Vec<_>) =
            asking.into_iter().map(|Asking { job, key, interval }| (job, (key, interval))).unzip();
        let turns = shared_rate::ask(limits.as_ref(), &wanted, may_hold).await;
        jobs.into_iter().zip(turns).map(|(job, turn)| self.in_turn(job, turn)).collect()
    }

    fn in_turn(&self, job: Job, turn: RateTurn) -> Verdict {
        match turn {
            RateTurn::AskIn(wait) => {
                let wait = jiff::SignedDuration::try_from(wait).unwrap_or(jiff::SignedDuration::MAX);
                let until = self.node.now().checked_add(wait).unwrap_or(Timestamp::MAX);
                let Job { known, request, held, .. } = job;
                let back = Completion::postpone(held.tag, &known, &request, until, "rate limit");
                Verdict::End(Box::new(back))
            }
            RateTurn::In(wait) => {
                emit::received(&self.node, &job.known, &job.request);
                match wait.is_zero() {
                    true => Verdict::Run(job),
                    false => Verdict::Hold(job, Instant::now() + wait),
                }
            }
        }
    }
}

/// Why a delivery does not become a run.
#[derive(Debug)]
enum Out<'a> {
    Poison,
    Unknown,
    Refused(&'a Known, &'static str),
}

fn admitted<'a>(node: &'a Node, request: &Request, held: &Held) -> Result<&'a Arc<Known>, Out<'a>> {
    let limit = node.tuning.max_deliveries;
    if limit > 0 && held.deliveries > limit {
        return Err(Out::Poison);
    }
    let known = node.tasks.get(&request.headers.task).ok_or(Out::Unknown)?;
    match refusal(node, request, held) {
        Some(reason) => Err(Out::Refused(known, reason)),
        None => Ok(known),
    }
}

impl Out<'_> {
    /// How it ends, unless it is a copy of what runs or has run: that must not be told to have failed.
    async fn completion(self, node: &Arc<Node>, request: &Request, held: &Held) -> Completion {
        if let Some(end) = copies::dropped(node, request, held).await {
            return end;
        }
        match self {
            Self::Poison => effects::poison(node, held.tag, request, held.deliveries).await,
            Self::Unknown => effects::unknown_task(node, held.tag, request).await,
            Self::Refused(known, reason) => Completion::revoked(node, held.tag, known, request, reason),
        }
    }
}

/// Looks once more, when a job's turn has come: it may have waited for long.
pub(crate) fn before_run(node: &Node, known: &Known, request: &Request, held: &Held) -> Option<Completion> {
    match held.why() {
        // It probably runs somewhere else; if not, it is as well off there.
        None if node.can.lease && held.may_have_lapsed(node.tuning.lease) => {
            warn!(id = %held.id, "not started: its lease was not renewed for too long");
            Some(Completion::give_back(node, held.tag, known, request))
        }
        None => {
            let reason = refusal(node, request, held)?;
            Some(Completion::revoked(node, held.tag, known, request, reason))
        }
        Some(Why::Terminated) => Some(Completion::revoked(node, held.tag, known, request, "terminated")),
        Some(Why::GivenBack | Why::LeaseLost) => Some(Completion::give_back(node, held.tag, known, request)),
    }
}

/// Whether its workflow, or one of its stamps, was revoked.
fn is_marked(node: &Node, held: &Held) -> bool {
    node.marked.any() && held.marks.ids().any(|id| node.marked.contains(&id))
}

fn refusal(node: &Node, request: &Request, held: &Held) -> Option<&'static str> {
    if expired::is(node, request) {
        Some(effects::EXPIRED)
    } else if node.revoked.contains(request.id()) || is_marked(node, held) {
        Some("revoked")
    } else {
        None
    }
}
