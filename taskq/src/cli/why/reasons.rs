//! From what was seen to why: the most telling first.

use std::time::Duration;

use taskq_core::{Timestamp, backend::State, backend::TaskOutput, codec::repr, protocol::Leads};

use super::{Evidence, Reason, queues::Waiting, workers::Holder};
use crate::cli::time_arg;

/// The kind of reason when nothing was seen.
pub(super) const UNKNOWN: &str = "unknown";

fn reason(kind: &'static str, what: impl Into<String>) -> Reason {
    Reason { kind, what: what.into() }
}

pub(super) fn of(evidence: &Evidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(meta) = evidence.meta.as_ref().filter(|meta| meta.state.is_ready()) {
        let at = meta.date_done.map(|at| format!(" at {at}")).unwrap_or_default();
        let why = match &meta.output {
            TaskOutput::Error(error) if meta.state != State::Success => {
                let message: Vec<String> = error.exc_message.iter().map(repr::value).collect();
                format!(": {}({})", error.exc_type, message.join(", "))
            }
            _ => String::new(),
        };
        let kind = if meta.state == State::Revoked { "revoked" } else { "finished" };
        reasons.push(reason(kind, format!("it has ended: {}{at}{why}", meta.state.as_str())));
    }
    reasons.extend(evidence.said.holders.iter().map(held));
    for letter in &evidence.seen.dead {
        reasons.push(reason(
            "dead-letter",
            format!(
                "it was put aside at {}: {}; `dead replay -Q {} {}` runs it again",
                letter.at, letter.reason, letter.queue, letter.letter
            ),
        ));
    }
    if evidence.revoked && !reasons.iter().any(|reason| reason.kind == "revoked") {
        reasons.push(reason("revoked", "it was revoked: a worker drops it when its turn comes"));
    }
    for waiting in &evidence.seen.waiting {
        waits(evidence, waiting, &mut reasons);
    }
    comes_after(evidence, &mut reasons);
    if reasons.is_empty() {
        reasons.extend(nothing(evidence));
    }
    reasons
}

fn held(holder: &Holder) -> Reason {
    let Holder { node, state, since, .. } = holder;
    match state.as_str() {
        "active" => {
            let for_ = since.map(|since| Timestamp::now().as_microsecond() as f64 / 1e6 - since);
            let for_ = for_.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            let for_ = for_.map(|for_| format!(" for {}", time_arg::show(for_))).unwrap_or_default();
            reason("running", format!("it runs on `{node}`{for_}"))
        }
        "scheduled" => {
            reason("scheduled", format!("`{node}` holds it until its time, or its turn under a rate limit"))
        }
        _ => reason("prefetched", format!("`{node}` has taken it, and all slots for it are busy")),
    }
}

fn waits(evidence: &Evidence, waiting: &Waiting, reasons: &mut Vec<Reason>) {
    let Waiting { queue, task, not_before, eta, expires, retries, ahead } = waiting;
    let now = Timestamp::now();
    let task = task.as_deref().unwrap_or_default();
    let consumers: Vec<_> =
        evidence.said.workers.iter().filter(|(_, worker)| worker.queues.contains(queue)).collect();
    if let Some(until) = not_before.filter(|until| *until > now).or(eta.filter(|eta| *eta > now)) {
        // The message names the time only if its sender, or a retry, asked for it. Brokers round it.
        let asked = eta.is_some_and(|eta| eta > now);
        let rate = evidence.said.workers.values().find_map(|worker| worker.tasks.get(task)?.clone());
        reasons.push(match (asked, retries, rate) {
            (true, 0, _) => reason("delayed", format!("it waits in `{queue}` for its time: {until}")),
            (true, retries, _) => {
                reason("retry", format!("it waits in `{queue}` for its attempt {}: {until}", retries + 1))
            }
            (false, _, Some(rate)) => reason(
                "rate-limited",
                format!(
                    "its rate limit of {rate} lets it wait in `{queue}`; it asks for a turn again at {until}"
                ),
            ),
            (false, _, None) => reason("delayed", format!("it waits in `{queue}` until {until}")),
        });
    } else if consumers.is_empty() {
        let what = match evidence.said.workers.len() {
            0 => "no worker answers".to_owned(),
            count => format!("none of the {count} workers that answer consumes it"),
        };
        reasons.push(reason(
            "no-consumer",
            format!("it waits in `{queue}`, and {what}; `worker -Q {queue}` or `control add_consumer {queue}` does"),
        ));
    } else {
        let busy: Vec<String> = consumers
            .iter()
            .map(|(node, worker)| match worker.slots {
                Some(slots) => format!("`{node}` ({} of {slots} slots busy)", worker.running),
                None => format!("`{node}`"),
            })
            .collect();
        reasons.push(reason(
            "queued",
            format!("it waits in `{queue}` behind {ahead} others for {}", busy.join(", ")),
        ));
    }
    if !consumers.is_empty() && consumers.iter().all(|(_, worker)| !worker.tasks.contains_key(task)) {
        reasons.push(reason(
            "unknown-task",
            format!(
                "no worker on `{queue}` knows the task `{task}`: it will be put aside, or refused by Celery"
            ),
        ));
    }
    if expires.is_some_and(|expires| expires <= now) {
        reasons.push(reason("expired", "it has expired: a worker drops it when its turn comes"));
    }
}

/// Those that have to end first.
fn comes_after(evidence: &Evidence, reasons: &mut Vec<Reason>) {
    let mut before: Vec<(Leads, String)> = Vec::new();
    for task in &evidence.seen.before {
        before.push((task.how, format!("{} `{}` (in queue `{}`)", task.task, task.id, task.queue)));
    }
    for task in &evidence.said.before {
        let how = match task.how.as_str() {
            "chord" => Leads::Chord,
            "chain" => Leads::Chain,
            _ => Leads::Callback,
        };
        before.push((how, format!("{} `{}` ({} on `{}`)", task.task, task.id, task.state, task.node)));
    }
    for how in [Leads::Chord, Leads::Chain, Leads::Callback] {
        let all: Vec<&str> =
            before.iter().filter(|(of, _)| *of == how).map(|(_, task)| task.as_str()).collect();
        let Some((some, rest)) =
            all.split_at_checked(all.len().min(SHOWN)).filter(|(some, _)| !some.is_empty())
        else {
            continue;
        };
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        let tasks = format!("{}{more}", some.join(", "));
        reasons.push(match how {
            Leads::Chord => {
                reason("chord-waits", format!("its chord waits for {} tasks: {tasks}", all.len()))
            }
            Leads::Chain => reason("chain-waits", format!("its chain waits for {tasks}")),
            Leads::Callback => reason("callback-waits", format!("it is a callback of {tasks}")),
        });
    }
}

/// Tasks that are named before the rest is counted.
const SHOWN: usize = 10;

fn nothing(evidence: &Evidence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(meta) = &evidence.meta {
        reasons.push(reason(
            "state",
            format!(
                "its state is {}, but no queue and no worker that answers has it: the worker that had it may have died",
                meta.state.as_str()
            ),
        ));
    }
    if evidence.seen.in_flight > 0 {
        reasons.push(reason(
            UNKNOWN,
            format!(
                "{} messages are with workers; one that does not answer may have it: ask again with `-t 5`",
                evidence.seen.in_flight
            ),
        ));
    }
    if !evidence.seen.too_long.is_empty() {
        let queues = evidence.seen.too_long.join("`, `");
        reasons.push(reason(UNKNOWN, format!("`{queues}` hold more messages than were looked at")));
    }
    if reasons.is_empty() {
        reasons.push(reason(
            UNKNOWN,
            "no queue, no worker and no result knows it: it was never sent here, or it ended and its result is gone \
             or was not kept",
        ));
    }
    reasons
}
