//! The built-in rules: what needs attention.
//!
//! Kept true here: a rule speaks only of what is known. Silence of the broker is told once, not as a hundred empty
//! queues.

use serde::Serialize;

use super::schedules::Missed;
use crate::{
    api::{queues::QueueRow, workers::WorkerRow},
    record::{BrokerHealth, Coverage, StoreHealth},
    server::segment,
};

/// Fewer ended tasks tell nothing of a rate.
const ENOUGH: u64 = 10;
/// A rate that is lower than this is no problem, whatever it was.
const FEW: f64 = 0.02;
/// So many times the usual rate is a problem.
const TIMES: f64 = 3.0;
/// A queue that grows for so long, in seconds.
const GROWS: f64 = 60.0;
/// Messages that wait for so long, in seconds.
const OLD: f64 = 60.0;
/// Events are lost when fewer than this share is seen.
const SEEN: f64 = 0.95;
/// A worker that was lost longer ago is history, in seconds.
const LOST: f64 = 3_600.0;
/// Problems of one rule that are told one by one.
const EACH: usize = 5;

/// Something that needs attention.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Trouble {
    /// `bad`, `warn`
    pub(crate) level: &'static str,
    /// The rule.
    pub(crate) rule: &'static str,
    pub(crate) text: String,
    /// A path below the board's root.
    pub(crate) link: String,
    /// Since when, in seconds since 1970.
    pub(crate) since: Option<f64>,
    /// Whether somebody silenced it.
    pub(crate) silenced: bool,
}

/// Failures of one name lately, and before.
#[derive(Clone, Debug, Default)]
pub(super) struct Failing {
    pub(super) name: String,
    pub(super) ended: u64,
    pub(super) failed: u64,
    /// Share of failures before; `None`: too few to tell.
    pub(super) usual: Option<f64>,
}

/// What is judged.
#[derive(Debug, Default)]
pub(super) struct Facts<'a> {
    pub(super) at: f64,
    pub(super) broker: BrokerHealth,
    /// Why queues cannot be read.
    pub(super) queue_error: Option<String>,
    pub(super) coverage: Coverage,
    pub(super) store: StoreHealth,
    pub(super) queues: &'a [QueueRow],
    pub(super) workers: &'a [WorkerRow],
    pub(super) failing: &'a [Failing],
    pub(super) missed: &'a [Missed],
}

/// The worst first.
pub(super) fn find(facts: &Facts<'_>) -> Vec<Trouble> {
    let mut found = Vec::new();
    let away = !facts.broker.connected && facts.broker.since > 0.0;
    if away || facts.queue_error.is_some() {
        let why = facts.broker.error.clone().filter(|_| away).or(facts.queue_error.clone());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let since = Some(facts.broker.since).filter(|_| away);
        found.push(trouble(
            "bad",
            "broker",
            format!("the broker cannot be reached{why}"),
            "/settings",
            since,
        ));
    }
    if let Some(error) = &facts.store.error {
        found.push(trouble("bad", "store", format!("history cannot be written: {error}"), "/settings", None));
    }
    if let Some(aside) = &facts.store.set_aside {
        let text = format!(
            "history was damaged and begins anew; what could not be read is kept as `{}`",
            aside.display()
        );
        found.push(trouble("warn", "set_aside", text, "/settings", None));
    }
    // What was read before the broker went away says nothing of now.
    if found.iter().all(|trouble| trouble.rule != "broker") {
        queues(facts, &mut found);
        workers(facts, &mut found);
        events(facts, &mut found);
    }
    failures(facts, &mut found);
    for missed in facts.missed.iter().take(EACH) {
        let why = if missed.has_leader { "a beat leads, but did not send it" } else { "no beat leads" };
        let text =
            format!("schedule {}: missed since {} ago; {why}", missed.entry, span(facts.at - missed.due));
        found.push(trouble("bad", "schedule", text, &path("/schedules/", &missed.entry), Some(missed.due)));
    }
    found.sort_by_key(|trouble| trouble.level != "bad");
    found
}

fn queues(facts: &Facts<'_>, found: &mut Vec<Trouble>) {
    // Without an answer from any worker nobody knows who consumes.
    let known = facts.workers.iter().any(|worker| worker.queues.is_some()) || facts.workers.is_empty();
    for queue in facts.queues {
        let waiting = queue.ready.unwrap_or_default();
        let link = path("/queues/", &queue.name);
        let oldest = queue.oldest.map(|age| format!(", oldest {}", span(age))).unwrap_or_default();
        let text = format!("queue {}: {waiting} waiting{oldest}", queue.name);
        if waiting > 0 && queue.consumers.is_empty() && known {
            let why = if queue.paused { "paused from this board" } else { "no consumer" };
            let level = if queue.paused { "warn" } else { "bad" };
            found.push(trouble(level, "no_consumer", format!("{text}, {why}"), &link, None));
            continue;
        }
        let growing = queue.growing_since.filter(|since| facts.at - since > GROWS);
        let grows = queue.net_rate.is_some_and(|rate| rate > 0.0);
        if let Some(since) = growing.filter(|_| grows && queue.oldest.is_none_or(|age| age > OLD)) {
            let text = format!("{text}, growing for {}", span(facts.at - since));
            found.push(trouble("warn", "growing", text, &link, Some(since)));
        }
    }
}

fn workers(facts: &Facts<'_>, found: &mut Vec<Trouble>) {
    let lately = |worker: &&WorkerRow| worker.last_heard.is_some_and(|heard| facts.at - heard < LOST);
    let lost: Vec<&WorkerRow> =
        facts.workers.iter().filter(|worker| worker.status == "lost").filter(lately).collect();
    for worker in lost.iter().take(EACH) {
        let ago = worker.last_heard.map_or(0.0, |heard| facts.at - heard);
        let text = format!("worker {}: lost, last heard {} ago", worker.name, span(ago));
        found.push(trouble("bad", "worker_lost", text, &path("/workers/", &worker.name), worker.last_heard));
    }
    if lost.len() > EACH {
        let text = format!("{} more workers are lost", lost.len() - EACH);
        found.push(trouble("bad", "worker_lost", text, "/workers", None));
    }
    for worker in facts.workers.iter().filter(|worker| !worker.namesakes.is_empty()).take(EACH) {
        let text = format!("worker {}: another process uses the same name", worker.name);
        found.push(trouble("warn", "namesake", text, &path("/workers/", &worker.name), None));
    }
}

fn events(facts: &Facts<'_>, found: &mut Vec<Trouble>) {
    if let Some(seen) = facts.coverage.share.filter(|seen| *seen < SEEN) {
        let text = format!(
            "events are lost: {:.0} % of started tasks were seen; are all workers started with `-E`?",
            seen * 100.0
        );
        found.push(trouble("warn", "events_lost", text, "/settings", None));
    }
    if facts.store.dropped > 0 {
        let text = format!("{} tasks could not be written to history", facts.store.dropped);
        found.push(trouble("warn", "dropped", text, "/settings", None));
    }
}

fn failures(facts: &Facts<'_>, found: &mut Vec<Trouble>) {
    let mut failing: Vec<(f64, &Failing)> = facts
        .failing
        .iter()
        .filter(|it| it.ended >= ENOUGH)
        .filter_map(|it| Some((super::numbers::share(it.failed, it.ended)?, it)))
        .filter(|(rate, it)| *rate >= FEW && it.usual.is_some_and(|usual| *rate > TIMES * usual))
        .collect();
    failing.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (rate, it) in failing.into_iter().take(EACH) {
        let usual = it.usual.unwrap_or_default();
        let text = format!("{}: {:.0} % failing, was {:.1} %", it.name, rate * 100.0, usual * 100.0);
        found.push(trouble("bad", "failures", text, &path("/names/", &it.name), None));
    }
}

fn trouble(level: &'static str, rule: &'static str, text: String, link: &str, since: Option<f64>) -> Trouble {
    Trouble { level, rule, text, link: link.to_owned(), since, silenced: false }
}

fn path(begin: &str, name: &str) -> String {
    format!("{begin}{}", segment(name))
}

/// `7 m 12 s`
fn span(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // whole seconds
    let whole = seconds.max(0.0) as u64;
    match (whole / 3_600, whole / 60 % 60, whole % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} m {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(name: &str, ready: u64, consumers: &[&str]) -> QueueRow {
        QueueRow {
            name: name.to_owned(),
            ready: Some(ready),
            consumers: consumers.iter().map(ToString::to_string).collect(),
            ..QueueRow::default()
        }
    }

    fn rules(facts: &Facts<'_>) -> Vec<&'static str> {
        find(facts).iter().map(|trouble| trouble.rule).collect()
    }

    fn up() -> BrokerHealth {
        BrokerHealth { connected: true, since: 1.0, ..BrokerHealth::default() }
    }

    #[test]
    fn a_queue_that_nobody_consumes_is_a_problem_only_if_something_waits() {
        let queues = [queue("a b", 3, &[]), queue("b", 0, &[]), queue("c", 5, &["w"])];
        let facts = Facts { at: 100.0, broker: up(), queues: &queues, ..Facts::default() };
        let found = find(&facts);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].text, "queue a b: 3 waiting, no consumer");
        assert_eq!(found[0].link, "/queues/a%20b");
    }

    #[test]
    fn while_the_broker_is_away_that_is_all_that_is_said_of_queues() {
        let queues = [queue("a", 3, &[])];
        let broker =
            BrokerHealth { since: 40.0, error: Some("refused".to_owned()), ..BrokerHealth::default() };
        let facts = Facts { at: 100.0, broker, queues: &queues, ..Facts::default() };
        let found = find(&facts);
        assert_eq!(rules(&facts), ["broker"]);
        assert_eq!((found[0].since, found[0].text.contains("refused")), (Some(40.0), true));
    }

    #[test]
    fn a_name_that_fails_three_times_as_often_as_usual_is_a_problem() {
        let failing = |ended, failed, usual| Failing { name: "n".to_owned(), ended, failed, usual };
        let is = |it: Failing| {
            let failing = [it];
            rules(&Facts { broker: up(), failing: &failing, ..Facts::default() }) == ["failures"]
        };
        assert!(is(failing(100, 38, Some(0.004))));
        assert!(is(failing(100, 38, Some(0.0))));
        assert!(!is(failing(100, 38, Some(0.2))), "it always fails that often");
        assert!(!is(failing(5, 5, Some(0.0))), "too few");
        assert!(!is(failing(1_000, 1, Some(0.0))), "too rare");
        assert!(!is(failing(100, 50, None)), "nobody knows what is usual");
    }

    #[test]
    fn a_queue_that_has_grown_for_a_minute_is_told() {
        let mut growing = queue("q", 9, &["w"]);
        (growing.growing_since, growing.net_rate) = (Some(10.0), Some(1.0));
        let queues = [growing];
        let at = |at| rules(&Facts { at, broker: up(), queues: &queues, ..Facts::default() });
        assert_eq!(at(100.0), ["growing"]);
        assert!(at(50.0).is_empty());
    }

    #[test]
    fn lost_events_missed_schedules_and_full_disks_are_told_the_worst_first() {
        let coverage = Coverage { share: Some(0.5), ..Coverage::default() };
        let store = StoreHealth { error: Some("disk full".to_owned()), ..StoreHealth::default() };
        let missed = [Missed { entry: "nightly".to_owned(), due: 40.0, has_leader: false }];
        let facts = Facts { at: 100.0, broker: up(), coverage, store, missed: &missed, ..Facts::default() };
        assert_eq!(rules(&facts), ["store", "schedule", "events_lost"]);
        assert!(rules(&Facts { broker: up(), ..Facts::default() }).is_empty());
    }

    #[test]
    fn tasks_that_history_gave_up_are_told() {
        let store = StoreHealth { dropped: 3, ..StoreHealth::default() };
        assert_eq!(rules(&Facts { broker: up(), store, ..Facts::default() }), ["dropped"]);
    }

    #[test]
    fn spans_are_short() {
        assert_eq!([7.0, 432.0, 7_260.0].map(span), ["7 s", "7 m 12 s", "2 h 1 m"]);
    }
}
