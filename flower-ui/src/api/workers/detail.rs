//! `GET /workers/{w}`: one worker, asked closely.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use serde_json::{Value as Json, json};
use taskq_core::codec::{Map, Value};

use super::row::fleet;
use crate::{
    api::{
        plain,
        problem::{Problem, Reply, now, reply},
    },
    auth::Caller,
    inspect::LIMITS,
    server::Shared,
};

/// Parts that a worker is asked for.
const PARTS: [&str; 8] =
    ["active", "reserved", "scheduled", "revoked", "registered", "conf", "stats", "active_queues"];
/// Settings that differ between workers because they have to.
const OWN: [&str; 2] = ["worker_name", "nodename"];
/// Younger answers are not asked for again, in seconds.
const FRESH: f64 = 2.0;

pub(super) async fn detail(State(shared): State<Shared>, caller: Caller, Path(name): Path<String>) -> Reply {
    shared.v1.samples.watch(now(&shared));
    known(&shared, &name)?;
    let as_of = |said: &Option<Map>| said.as_ref()?.get("timestamp")?.as_f64();
    let mut said = shared.workers.get(&name);
    let complete = said.as_ref().is_some_and(|said| said.contains_key("active"));
    let mut silent = None;
    if !complete || as_of(&said).is_none_or(|at| now(&shared) - at > FRESH) {
        let before = as_of(&said);
        match shared.workers.refresh(&shared.app, shared.options.inspect_timeout, Some(&name)).await {
            Err(error) => silent = Some(format!("the broker cannot be reached: {error}")),
            Ok(()) => {
                said = shared.workers.get(&name);
                if as_of(&said) == before {
                    silent = Some("it does not answer; what is shown is what it said before".to_owned());
                }
            }
        }
    }
    let rows = fleet(&shared);
    let row = rows.into_iter().find(|row| row.name == name);
    let mut body = serde_json::to_value(&row)
        .map_err(|error| Problem::unavailable("the worker cannot be shown", &error))?;
    let as_of = as_of(&said);
    let said = caller.shown_of(&shared, Value::Map(said.unwrap_or_default()));
    let said = said.as_map().cloned().unwrap_or_default();
    if let Json::Object(body) = &mut body {
        for part in PARTS {
            let value = said.get(part).map(plain::plain);
            body.insert(part.to_owned(), json!({"as_of": value.as_ref().and(as_of), "value": value}));
        }
        body.insert("limits".to_owned(), json!({"as_of": as_of, "value": limits(&said)}));
        body.insert("diff".to_owned(), json!(differences(&shared.workers.all(), &name)));
        body.insert("silent".to_owned(), silent.into());
    }
    Ok(reply(&shared, body))
}

/// A worker that was heard of.
pub(super) fn known(shared: &Shared, name: &str) -> Result<(), Problem> {
    let heard = shared.workers.knows(name) || shared.live.workers().iter().any(|it| it.hostname == name);
    if heard {
        return Ok(());
    }
    Err(Problem::missing(format!("no worker `{name}` was heard of"))
        .fix("look at the list of workers; one that just started is there within seconds"))
}

/// `shop.add [rate_limit=10/m]` as name and limits.
fn limits(said: &Map) -> Option<Vec<Json>> {
    let told = said.get(LIMITS).or_else(|| said.get("registered"))?.as_list()?;
    let limit = |text: &str| {
        let (name, options) = text.split_once(" [")?;
        let options: BTreeMap<&str, &str> =
            options.trim_end_matches(']').split(' ').filter_map(|pair| pair.split_once('=')).collect();
        let seconds = |name: &str| options.get(name).and_then(|text| text.parse::<f64>().ok());
        Some(json!({
            "task": name,
            "rate_limit": options.get("rate_limit"),
            "time_limit": seconds("time_limit"),
            "soft_time_limit": seconds("soft_time_limit"),
        }))
    };
    Some(told.iter().filter_map(Value::as_str).filter_map(limit).collect())
}

/// Settings in which it differs from most others.
fn differences(all: &Map, name: &str) -> Vec<Json> {
    let conf = |said: &Value| said.as_map()?.get("conf")?.as_map().cloned();
    let Some(mine) = all.get(name).and_then(conf) else { return Vec::new() };
    let others: Vec<Map> =
        all.iter().filter(|(other, _)| *other != name).filter_map(|(_, said)| conf(said)).collect();
    if others.is_empty() {
        return Vec::new();
    }
    let settings: BTreeSet<&String> = mine.keys().chain(others.iter().flat_map(|conf| conf.keys())).collect();
    let shown = |value: Option<&Value>| value.map_or(Json::Null, plain::plain);
    let mut found = Vec::new();
    for setting in settings.into_iter().filter(|setting| !OWN.contains(&setting.as_str())) {
        let mut votes: BTreeMap<String, (usize, Json)> = BTreeMap::new();
        for conf in others.iter().chain([&mine]) {
            let value = shown(conf.get(setting));
            votes.entry(value.to_string()).or_insert((0, value)).0 += 1;
        }
        let own = shown(mine.get(setting));
        let most = votes.into_values().max_by_key(|(count, _)| *count);
        if let Some((_, majority)) = most.filter(|(_, majority)| *majority != own) {
            found.push(json!({"setting": setting, "mine": own, "majority": majority}));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use taskq_core::codec::json as dialect;

    use super::*;

    #[test]
    fn a_setting_that_most_others_have_differently_is_told() {
        let all: Map = dialect::from_slice(
            br#"{"a": {"conf": {"x": 1, "y": 2}}, "b": {"conf": {"x": 1}}, "c": {"conf": {"x": 1, "y": 2}}}"#,
        )
        .unwrap();
        assert_eq!(differences(&all, "b"), [json!({"setting": "y", "mine": null, "majority": 2})]);
        assert!(differences(&all, "a").is_empty() && differences(&all, "none").is_empty());
    }

    #[test]
    fn limits_are_read_from_what_was_told_of_them_else_from_registered() {
        let read = |text: &[u8]| limits(&dialect::from_slice(text).unwrap()).unwrap();
        let told = read(br#"{"registered": ["a [rate_limit=10/m]", "b"]}"#);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0]["rate_limit"], "10/m");
        let told = read(
            br#"{"registered": ["a [rate_limit=10/m]"], "limits": ["a [rate_limit=9/s soft_time_limit=2 time_limit=2.5]"]}"#,
        );
        assert_eq!(
            told,
            [json!({"task": "a", "rate_limit": "9/s", "soft_time_limit": 2.0, "time_limit": 2.5})]
        );
    }
}
