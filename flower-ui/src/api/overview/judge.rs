//! The rules, applied again and again, so that it is known since when something is wrong.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde_json::{Value as Json, json};

use super::{
    measure,
    numbers::{ended, share},
    problems::{Facts, Failing, Trouble, find},
    schedules,
};
use crate::{
    api::{
        alerts::{is_silent, silences},
        now, queues,
        workers::fleet,
    },
    server::Shared,
    store::Rollup,
};

/// How often.
const EVERY: Duration = Duration::from_secs(5);
/// Failures and schedules are looked at less often, in seconds.
const SELDOM: f64 = 30.0;
/// What is lately, and what is usual, in seconds.
const LATELY: f64 = 600.0;
const USUAL: f64 = 7.0 * 86_400.0;
/// Fewer ended tasks do not tell what is usual.
const ENOUGH: u64 = 20;
/// A schedule is missed after so many seconds.
const TOLERANCE: f64 = 30.0;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Trouble>,
    /// What runs next.
    pub(crate) next: Vec<Json>,
    /// Whether anything is known at all.
    knows: bool,
}

impl Findings {
    /// In a word. What somebody silenced is named, and changes nothing else.
    pub(crate) fn verdict(&self) -> Json {
        let (silenced, heard): (Vec<_>, Vec<_>) = self.problems.iter().partition(|trouble| trouble.silenced);
        let bad = heard.iter().any(|trouble| trouble.level == "bad");
        let (level, mut text) = match (heard.len(), self.knows) {
            (0, true) => ("ok", "all is well".to_owned()),
            (0, false) => ("warn", "nothing is known yet: no worker was heard of".to_owned()),
            (1, _) => (if bad { "bad" } else { "warn" }, "1 problem".to_owned()),
            (many, _) => (if bad { "bad" } else { "warn" }, format!("{many} problems")),
        };
        match silenced.len() {
            0 => {}
            count if heard.is_empty() && self.knows => text = format!("nothing but {count} silenced"),
            count => text = format!("{text}, {count} silenced"),
        }
        json!({"level": level, "text": text})
    }
}

/// The newest findings.
#[derive(Debug, Default)]
pub(crate) struct Judged(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    found: Arc<Findings>,
    /// Since when each is told: by rule and place.
    since: HashMap<(&'static str, String), f64>,
    seldom: Seldom,
}

/// What is looked at less often.
#[derive(Clone, Debug, Default)]
struct Seldom {
    at: f64,
    failing: Arc<Vec<Failing>>,
    missed: Arc<Vec<schedules::Missed>>,
    next: Vec<Json>,
}

impl Judged {
    pub(crate) fn get(&self) -> Arc<Findings> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner).found)
    }

    /// Entries of schedules that were missed, and for how many seconds they are due.
    pub(crate) fn late(&self, at: f64) -> Vec<(String, f64)> {
        let missed = self.seldom().missed;
        missed.iter().map(|missed| (missed.entry.clone(), (at - missed.due).max(0.0))).collect()
    }

    fn seldom(&self) -> Seldom {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).seldom.clone()
    }

    fn set(&self, at: f64, mut found: Findings, seldom: Seldom) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since = HashMap::new();
        for trouble in &mut found.problems {
            let key = (trouble.rule, trouble.link.clone());
            let first = state.since.get(&key).copied().unwrap_or(at);
            let told = *trouble.since.get_or_insert(first);
            since.insert(key, told.min(first));
        }
        *state = State { found: Arc::new(found), since, seldom };
    }
}

/// Judges, until the board stops.
pub(crate) async fn keep_judging(shared: Shared) {
    loop {
        judge(&shared).await;
        tokio::time::sleep(EVERY).await;
    }
}

/// Judges once.
pub(super) async fn judge(shared: &Shared) {
    measure(shared).await;
    let at = now(shared);
    let mut seldom = shared.v1.judged.seldom();
    if at - seldom.at > SELDOM {
        let (next, missed) = schedules::look(shared, TOLERANCE).await;
        let failing = Arc::new(failing(shared, at).await);
        seldom = Seldom { at, failing, missed: Arc::new(missed), next };
    }
    let (workers, known) = (fleet(shared), shared.v1.samples.queues());
    let queues = queues::rows(shared, &known, &workers);
    let mut problems = find(&Facts {
        at,
        broker: shared.live.broker(),
        queue_error: known.error,
        coverage: shared.live.coverage(),
        store: shared.store.health(),
        queues: &queues,
        workers: &workers,
        failing: &seldom.failing,
        missed: &seldom.missed,
    });
    let silences = silences(shared, at).await;
    for trouble in &mut problems {
        trouble.silenced = is_silent(&silences, trouble.rule, &trouble.link);
    }
    let found = Findings { problems, next: seldom.next.clone(), knows: !workers.is_empty() };
    shared.v1.judged.set(at, found, seldom);
}

/// Failures lately beside what is usual, by name.
async fn failing(shared: &Shared, at: f64) -> Vec<Failing> {
    let by_name = async |from: f64, until: f64| -> BTreeMap<String, Rollup> {
        let stats = shared.store.name_stats(from, until).await.unwrap_or_default();
        stats.into_iter().filter_map(|stats| Some((stats.name?, stats.rollup))).collect()
    };
    let lately = by_name(at - LATELY, at).await;
    let before = by_name(at - USUAL, at - LATELY).await;
    lately
        .into_iter()
        .map(|(name, rollup)| {
            let usual = before.get(&name).filter(|usual| ended(usual) >= ENOUGH);
            let usual = usual.and_then(|usual| share(usual.failed, ended(usual)));
            Failing { ended: ended(&rollup), failed: rollup.failed, usual, name }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_silenced_does_not_change_the_verdict_and_is_named() {
        let trouble = |level: &'static str, silenced: bool| Trouble {
            level,
            rule: "queue",
            text: "it waits".to_owned(),
            link: "/queues/a".to_owned(),
            since: None,
            silenced,
        };
        let verdict = |problems: Vec<Trouble>| Findings { problems, next: Vec::new(), knows: true }.verdict();
        assert_eq!(
            verdict(vec![trouble("bad", true)]),
            json!({"level": "ok", "text": "nothing but 1 silenced"})
        );
        assert_eq!(
            verdict(vec![trouble("bad", true), trouble("warn", false)]),
            json!({"level": "warn", "text": "1 problem, 1 silenced"})
        );
        assert_eq!(verdict(vec![trouble("bad", false)]), json!({"level": "bad", "text": "1 problem"}));
    }
}
