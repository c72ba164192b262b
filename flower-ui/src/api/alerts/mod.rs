//! `/alerts`: rules, what fires, who is told, and what is silenced.

mod channel;
mod rule;
mod watch;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value as Json, json};

pub(crate) use self::watch::{Alerts, is_silent, keep_watching, silences};
use self::{channel::Channel, rule::Rule, watch::watch};
use super::{
    audit::Act,
    body::Body,
    problem::{Problem, Reply, now, reply},
};
use crate::{
    auth::{Caller, Permission},
    server::Shared,
    store::Kept,
    web::Web,
};

/// Kinds of things that are kept.
const RULE: &str = "rule";
const CHANNEL: &str = "channel";
const SILENCE: &str = "silence";
const EVENT: &str = "alert";
/// Alerts of the past that are listed.
const PAST: usize = 200;
/// Longest silence: 30 days, in seconds.
const LONGEST: f64 = 2_592_000.0;

/// The built-in rules: a word, and what they say.
const BUILTIN: [(&str, &str); 11] = [
    ("broker", "the broker cannot be reached"),
    ("store", "history cannot be written"),
    ("no_consumer", "messages wait and nobody consumes their queue"),
    ("growing", "a queue has grown for a minute, and its oldest message is older than that"),
    (
        "failures",
        "of ten or more tasks of a name in ten minutes more than three times the usual share failed",
    ),
    ("worker_lost", "a worker's heartbeats stopped within the hour, without a goodbye"),
    ("namesake", "two workers share a name"),
    ("events_lost", "fewer than 95 % of started tasks were seen"),
    ("schedule", "a schedule is 30 seconds late"),
    ("set_aside", "a file of history could not be read, and was set aside"),
    ("dropped", "tasks could not be written to history"),
];

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/alerts", get(list))
        .route("/api/v1/alerts/rules", post(put_rule))
        .route("/api/v1/alerts/rules/{id}/delete", post(delete_rule))
        .route("/api/v1/alerts/test", post(test))
        .route("/api/v1/alerts/channels", post(put_channel))
        .route("/api/v1/alerts/channels/{id}/delete", post(delete_channel))
        .route("/api/v1/alerts/silences", post(silence))
        .route("/api/v1/alerts/silences/{id}/delete", post(speak))
}

async fn list(State(shared): State<Shared>) -> Reply {
    let kept = async |kind| shared.store.kept(kind).await.map_err(|error| Problem::history(&error));
    let silences = silences(&shared, now(&shared)).await;
    let firing: Vec<Json> = shared
        .v1
        .alerts
        .all()
        .iter()
        .map(|alert| {
            let mut shown = alert.json();
            shown["silenced"] = is_silent(&silences, &alert.rule, &alert.link).into();
            shown
        })
        .collect();
    let mut rules: Vec<Json> = Vec::new();
    for it in kept(RULE).await? {
        let Some(rule) = Rule::parse(&it.body) else { continue };
        let mut shown = rule.json();
        let number = shared.v1.alerts.number(&it.id);
        shown["number"] = json!(number.clone().and_then(Result::ok).flatten());
        shown["error"] = json!(number.and_then(Result::err));
        (shown["id"], shown["user"], shown["at"]) = (it.id.into(), it.actor.into(), it.at.into());
        rules.push(shown);
    }
    let channels: Vec<Json> = kept(CHANNEL)
        .await?
        .iter()
        .filter_map(|it| {
            Some(Channel::parse(&it.body)?.shown(&it.id, shared.v1.alerts.post.told(&it.id).as_ref()))
        })
        .collect();
    let past = kept(EVENT).await?;
    let past: Vec<Json> =
        past.iter().rev().take(PAST).filter_map(|it| serde_json::from_str(&it.body).ok()).collect();
    let builtin: Vec<Json> = BUILTIN.iter().map(|(rule, text)| json!({"rule": rule, "text": text})).collect();
    let silences: Vec<Json> = silences.into_iter().map(|(_, body)| body).collect();
    Ok(reply(
        &shared,
        json!({
            "firing": firing, "rules": rules, "builtin": builtin, "channels": channels, "silences": silences,
            "past": past, "measures": rule::MEASURES,
        }),
    ))
}

async fn put(
    shared: &Shared,
    caller: &Caller,
    kind: &'static str,
    id: &str,
    body: &Json,
) -> Result<(), Problem> {
    let kept =
        Kept { id: id.to_owned(), at: now(shared), actor: caller.shown().to_owned(), body: body.to_string() };
    shared.store.keep(kind, kept).await.map_err(|error| Problem::unavailable("it cannot be kept", &error))
}

/// The id that a request names, or another one.
fn id_of(body: &Body) -> Result<String, Problem> {
    Ok(body.filled("id")?.map_or_else(|| format!("{:016x}", fastrand::u64(..)), str::to_owned))
}

async fn put_rule(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    caller.require(Permission::AlertEdit)?;
    let rule = Rule::read(&shared, &body)?;
    let id = id_of(&body)?;
    let act = Act::new(&caller, "alert.rule", &rule.name, body.shown());
    let result = put(&shared, &caller, RULE, &id, &rule.json()).await;
    act.done(&shared, &result, |()| Json::Null).await;
    result?;
    watch(&shared).await;
    Ok(reply(&shared, json!({"id": id, "rule": rule.json()})))
}

async fn delete_rule(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    gone(&shared, &caller, RULE, "alert.rule.delete", &id).await
}

async fn delete_channel(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    gone(&shared, &caller, CHANNEL, "alert.channel.delete", &id).await
}

async fn speak(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    gone(&shared, &caller, SILENCE, "alert.silence.delete", &id).await
}

async fn gone(shared: &Shared, caller: &Caller, kind: &'static str, action: &'static str, id: &str) -> Reply {
    caller.require(Permission::AlertEdit)?;
    let act = Act::new(caller, action, id, Json::Null);
    let result = match shared.store.unkeep(kind, id).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Problem::missing(format!("there is no {kind} `{id}`: somebody deleted it"))),
        Err(error) => Err(Problem::unavailable("it cannot be deleted", &error)),
    };
    act.done(shared, &result, |()| Json::Null).await;
    result?;
    watch(shared).await;
    Ok(reply(shared, json!({"id": id, "deleted": true})))
}

/// `{rule fields, send?}`: what it says now, what would be sent, how often it would have fired; with `send` the
/// channels get it.
async fn test(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    caller.require(Permission::AlertEdit)?;
    let rule = Rule::read(&shared, &body)?;
    let number = rule.number(&shared).await?;
    let alert = json!({
        "rule": "test", "level": rule.level, "text": rule.text(number), "link": rule.link(), "since": now(&shared),
        "what": "test", "at": now(&shared),
    });
    let mut sent = Vec::new();
    if body.value("send").and_then(|it| it.as_bool()) == Some(true) {
        let act = Act::new(&caller, "alert.test", &rule.name, body.shown());
        let web = Web::new();
        for kept in shared.store.kept(CHANNEL).await.map_err(|error| Problem::history(&error))? {
            let Some(channel) = Channel::parse(&kept.body).filter(|_| rule.channels.contains(&kept.id))
            else {
                continue;
            };
            let answer = channel.send(&web, &alert).await;
            sent.push(json!({
                "channel": channel.name, "status": answer.as_ref().ok(), "error": answer.as_ref().err(),
                "payload": channel.payload(&alert),
            }));
        }
        act.done(&shared, &Ok(()), |()| sent.clone().into()).await;
    }
    Ok(reply(
        &shared,
        json!({
            "number": number, "fires": number.is_some_and(|number| rule.is_over(number)), "payload": alert,
            "in_seven_days": rule.would_have(&shared).await?, "sent": sent,
        }),
    ))
}

async fn put_channel(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    caller.require(Permission::AlertEdit)?;
    let channel = Channel::read(&body)?;
    let id = id_of(&body)?;
    // Neither secret nor address, which may carry one.
    let act = Act::new(&caller, "alert.channel", &channel.name, json!({"format": channel.format}));
    let kept = serde_json::to_value(&channel).unwrap_or_default();
    let result = put(&shared, &caller, CHANNEL, &id, &kept).await;
    act.done(&shared, &result, |()| Json::Null).await;
    result?;
    Ok(reply(&shared, channel.shown(&id, None)))
}

/// `{rule, link?, seconds, note?}`
async fn silence(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    caller.require(Permission::AlertEdit)?;
    let rule = body.required("rule")?;
    let seconds = body.float("seconds")?.unwrap_or(3_600.0);
    if !(1.0..=LONGEST).contains(&seconds) {
        return Err(Problem::argument("`seconds` has to be 1 second to 30 days"));
    }
    let id = format!("{:016x}", fastrand::u64(..));
    let until = now(&shared) + seconds;
    let kept = json!({"rule": rule, "link": body.text("link")?, "until": until, "note": body.text("note")?});
    let act = Act::new(&caller, "alert.silence", rule, body.shown());
    let result = put(&shared, &caller, SILENCE, &id, &kept).await;
    act.done(&shared, &result, |()| Json::Null).await;
    result?;
    Ok(reply(&shared, json!({"id": id, "until": until})))
}
