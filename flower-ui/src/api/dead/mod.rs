//! `/dead`: messages that were put aside, and what to do with them.

mod edit;
mod letter;

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value as Json, json};
use taskq_core::broker::DeadLetter;

pub(super) use self::letter::{Letter, choose, find, mark};
use super::{
    audit::Act,
    body::Body,
    plain,
    problem::{Problem, Reply, now, reply},
    queues::{admin, describe},
};
use crate::{
    auth::{Caller, Permission, Sight, Target},
    sample,
    server::{Params, Shared},
};

/// Letters of a page.
const PAGE: usize = 100;
/// Letters that are replayed or forgotten in one call.
const MOST: usize = 10_000;
/// Bytes of a letter that cannot be read that are shown.
const SHOWN: usize = 4_000;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/dead", get(list))
        .route("/api/v1/dead/{queue}/replay", post(replay))
        .route("/api/v1/dead/{queue}/forget", post(forget))
        .route("/api/v1/dead/{queue}/edit", post(edit::edit))
}

async fn list(State(shared): State<Shared>, caller: Caller, params: Params) -> Reply {
    let failed = |error: &dyn std::error::Error| Problem::unavailable("dead letters cannot be read", error);
    shared.v1.samples.watch(now(&shared));
    let admin = admin(&shared).await?;
    let names = sample::names(&shared);
    let stats = admin.stats(&names).await.map_err(|error| failed(&error))?;
    let counts: Vec<Json> = stats
        .iter()
        .filter(|it| it.dead > 0)
        .map(|it| json!({"queue": it.queue, "count": it.dead}))
        .collect();
    let wanted = params.filled("queue");
    let offset = match params.filled("cursor") {
        None => 0,
        Some(text) => text.parse().map_err(|_| Problem::argument("`cursor` is none of ours"))?,
    };
    let mut letters: Vec<DeadLetter> = Vec::new();
    let mut more = false;
    for stats in stats.iter().filter(|it| it.dead > 0 && wanted.is_none_or(|queue| it.queue == queue)) {
        let found = admin.dead(&stats.queue, offset, PAGE).await.map_err(|error| failed(&error))?;
        more |= found.len() == PAGE;
        letters.extend(found);
    }
    letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
    let sight = |letter: &DeadLetter| caller.sight(&shared, Target::queue(&letter.queue));
    let marks = letter::marks(&shared).await;
    let mut shown: Vec<Json> =
        letters.iter().map(|letter| letter_shown(&shared, letter, &sight(letter))).collect();
    for (shown, letter) in shown.iter_mut().zip(&letters) {
        shown["mark"] = marks.get(&letter::place(&letter.queue, &letter.id)).cloned().unwrap_or_default();
    }
    let next = more.then(|| (offset + PAGE).to_string());
    Ok(reply(&shared, json!({"queues": counts, "letters": shown, "next": next})))
}

fn letter_shown(shared: &Shared, letter: &DeadLetter, sight: &Sight) -> Json {
    let mut body = describe(shared, letter.message.as_ref(), &letter.original, SHOWN, sight);
    // `id` names the letter; its task has an id of its own.
    body["task_id"] = body["id"].take();
    body["task"] = body["name"].clone();
    body["id"] = letter.id.as_str().into();
    body["queue"] = letter.queue.as_str().into();
    body["reason"] = letter.reason.kind.as_str().into();
    body["detail"] = match sight {
        Sight::Whole => letter.reason.detail.as_str().into(),
        _ => shared.redact.text("exception", &letter.reason.detail).into(),
    };
    body["at"] = json!(plain::seconds(letter.at));
    body["deliveries"] = letter.deliveries.into();
    body
}

async fn replay(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    body: Body,
) -> Reply {
    caller.require_on(Permission::DeadReplay, Target::queue(&queue))?;
    change(&shared, &caller, &queue, &body, "dead.replay").await
}

async fn forget(
    State(shared): State<Shared>,
    caller: Caller,
    Path(queue): Path<String>,
    body: Body,
) -> Reply {
    caller.require_on(Permission::DeadDrop, Target::queue(&queue))?;
    change(&shared, &caller, &queue, &body, "dead.forget").await
}

async fn change(shared: &Shared, caller: &Caller, queue: &str, body: &Body, action: &'static str) -> Reply {
    let ids = body.texts("ids")?;
    if ids.is_empty() || ids.len() > MOST {
        return Err(Problem::argument(format!("`ids` has to name 1 to {MOST} letters")));
    }
    let act = Act::new(caller, action, queue, body.shown());
    let result = match admin(shared).await {
        Err(problem) => Err(problem),
        Ok(admin) => {
            let done = match action {
                "dead.replay" => admin.replay(queue, &ids).await,
                _ => admin.forget_dead(queue, &ids).await,
            };
            done.map_err(|error| Problem::unavailable("dead letters cannot be changed", &error))
        }
    };
    act.done(shared, &result, |count| json!({"count": count})).await;
    let count = result?;
    let gone = (ids.len() as u64).saturating_sub(count);
    Ok(reply(shared, json!({"count": count, "gone": gone})))
}
