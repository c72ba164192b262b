//! Applies the rules again and again, and tells who wants to know.
//!
//! Kept true here: each alert is told once when it begins and once when it is over; what is silenced is not told, and
//! still listed.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value as Json, json};

use super::{
    CHANNEL, EVENT, RULE, SILENCE,
    channel::{self, Channel, Post},
    rule::Rule,
};
use crate::{api::problem::now, server::Shared, store::Kept};

/// How often.
const EVERY: Duration = Duration::from_secs(5);
/// A built-in rule has to hold for so long before it is told, in seconds.
const HOLD: f64 = 15.0;

/// Something that a rule says.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    /// Of the rule: its id, or the word of a built-in one.
    pub(super) rule: String,
    pub(super) level: String,
    pub(super) text: String,
    pub(super) link: String,
    pub(super) since: f64,
    /// Whether it was so for long enough, and was told.
    pub(super) fires: bool,
    pub(super) builtin: bool,
    channels: Vec<String>,
}

impl Alert {
    pub(super) fn json(&self) -> Json {
        json!({
            "rule": self.rule, "level": self.level, "text": self.text, "link": self.link, "since": self.since,
            "fires": self.fires, "builtin": self.builtin,
        })
    }
}

/// What the rules say now.
#[derive(Debug, Default)]
pub(crate) struct Alerts {
    state: Mutex<State>,
    pub(super) post: Post,
}

#[derive(Debug, Default)]
struct State {
    /// By rule and link.
    alerts: HashMap<(String, String), Alert>,
    /// The last numbers of rules, by id, or why there is none.
    numbers: HashMap<String, Result<Option<f64>, String>>,
    told: u64,
}

impl Alerts {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them, the worst and oldest first.
    pub(super) fn all(&self) -> Vec<Alert> {
        let mut all: Vec<Alert> = self.state().alerts.values().cloned().collect();
        all.sort_by(|a, b| (a.level != "bad").cmp(&(b.level != "bad")).then(a.since.total_cmp(&b.since)));
        all
    }

    pub(super) fn number(&self, rule: &str) -> Option<Result<Option<f64>, String>> {
        self.state().numbers.get(rule).cloned()
    }
}

/// Watches, until the board stops.
pub(crate) async fn keep_watching(shared: Shared) {
    loop {
        tokio::time::sleep(EVERY).await;
        watch(&shared).await;
    }
}

/// Looks once.
pub(super) async fn watch(shared: &Shared) {
    let at = now(shared);
    let mut found: HashMap<(String, String), Alert> = HashMap::new();
    for trouble in &shared.v1.judged.get().problems {
        let alert = Alert {
            rule: trouble.rule.to_owned(),
            level: trouble.level.to_owned(),
            text: trouble.text.clone(),
            link: trouble.link.clone(),
            since: at,
            fires: false,
            builtin: true,
            channels: Vec::new(),
        };
        found.insert((alert.rule.clone(), alert.link.clone()), alert);
    }
    let rules = shared.store.kept(RULE).await.unwrap_or_default();
    let mut holds: HashMap<String, f64> = HashMap::new();
    let mut numbers = HashMap::new();
    for kept in rules {
        let Some(rule) = Rule::parse(&kept.body).filter(|rule| rule.enabled) else { continue };
        let number = rule.number(shared).await.map_err(|problem| problem.detail().to_owned());
        if let Ok(Some(number)) = number
            && rule.is_over(number)
        {
            let alert = Alert {
                rule: kept.id.clone(),
                level: rule.level.clone(),
                text: rule.text(Some(number)),
                link: rule.link(),
                since: at,
                fires: false,
                builtin: false,
                channels: rule.channels.clone(),
            };
            found.insert((alert.rule.clone(), alert.link.clone()), alert);
        }
        holds.insert(kept.id.clone(), rule.hold);
        numbers.insert(kept.id, number);
    }
    let mut told = Vec::new();
    {
        let mut state = shared.v1.alerts.state();
        let before = std::mem::take(&mut state.alerts);
        for (key, alert) in &mut found {
            if let Some(was) = before.get(key) {
                (alert.since, alert.fires) = (was.since, was.fires);
            }
            let hold = if alert.builtin { HOLD } else { holds.get(&alert.rule).copied().unwrap_or_default() };
            if !alert.fires && at - alert.since >= hold {
                alert.fires = true;
                told.push(("fired", alert.clone()));
            }
        }
        let over = before.into_iter().filter(|(key, was)| was.fires && !found.contains_key(key));
        told.extend(over.map(|(_, was)| ("resolved", was)));
        (state.alerts, state.numbers) = (found, numbers);
    }
    if !told.is_empty() {
        tell(shared, at, told).await;
    }
}

async fn tell(shared: &Shared, at: f64, told: Vec<(&'static str, Alert)>) {
    let channels = shared.store.kept(CHANNEL).await.unwrap_or_default();
    let silences = silences(shared, at).await;
    for (what, alert) in told {
        let silent = is_silent(&silences, &alert.rule, &alert.link);
        let mut event = alert.json();
        event["what"] = what.into();
        event["at"] = at.into();
        event["silenced"] = silent.into();
        let read = |kept: &Kept| Some((kept.id.clone(), Channel::parse(&kept.body)?));
        let wants = |(id, channel): &(String, Channel)| match alert.builtin {
            true => channel.builtin,
            false => alert.channels.contains(id),
        };
        let to: Vec<_> = channels.iter().filter(|_| !silent).filter_map(read).filter(wants).collect();
        let mut written = event.clone();
        written["told"] = to.iter().map(|(_, channel)| channel.name.as_str()).collect();
        let number = {
            let mut state = shared.v1.alerts.state();
            state.told += 1;
            state.told
        };
        let kept = Kept {
            id: format!("{at:017.3}-{number:06}"),
            at,
            actor: alert.rule.clone(),
            body: written.to_string(),
        };
        if let Err(error) = shared.store.keep(EVENT, kept).await {
            tracing::warn!(%error, "could not write down an alert");
        }
        tracing::info!(what, text = alert.text, silent, "alert");
        for (id, channel) in to {
            channel::send(shared, id, channel, event.clone());
        }
    }
}

/// Those that hold now: `{rule, link?, until, note}`.
pub(crate) async fn silences(shared: &Shared, at: f64) -> Vec<(String, Json)> {
    let kept = shared.store.kept(SILENCE).await.unwrap_or_default();
    let parsed = kept.into_iter().filter_map(|it| {
        let mut body: Json = serde_json::from_str(&it.body).ok()?;
        (body["id"], body["user"], body["at"]) =
            (it.id.as_str().into(), it.actor.as_str().into(), it.at.into());
        Some((it.id, body))
    });
    parsed.filter(|(_, body)| body["until"].as_f64().is_none_or(|until| until > at)).collect()
}

/// Whether nobody is told of what a rule says of a place.
pub(crate) fn is_silent(silences: &[(String, Json)], rule: &str, link: &str) -> bool {
    silences.iter().any(|(_, it)| {
        it["rule"].as_str() == Some(rule)
            && it["link"].as_str().is_none_or(|silent| silent.is_empty() || silent == link)
    })
}
