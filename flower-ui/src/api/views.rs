//! `/views`: lists that somebody looks at again and again, under a name.

use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use serde_json::{Value as Json, json};

use super::{
    audit::Act,
    body::Body,
    problem::{Problem, Reply, now, reply},
    tasks::search,
};
use crate::{
    auth::{Caller, Permission},
    server::Shared,
    store::Kept,
};

/// In the store.
const VIEW: &str = "view";
/// Characters of a name.
const LONG: usize = 80;

pub(super) fn routes() -> Router<Shared> {
    Router::new().route("/api/v1/views", get(list).post(put)).route("/api/v1/views/{id}/delete", post(delete))
}

async fn list(State(shared): State<Shared>) -> Reply {
    let kept = shared.store.kept(VIEW).await.map_err(|error| Problem::history(&error))?;
    let shown = |it: Kept| {
        let mut body: Json = serde_json::from_str(&it.body).unwrap_or_default();
        (body["id"], body["user"], body["at"]) = (it.id.into(), it.actor.into(), it.at.into());
        body
    };
    let mut views: Vec<Json> = kept.into_iter().map(shown).collect();
    views.sort_by_key(|view| view["name"].as_str().unwrap_or_default().to_lowercase());
    Ok(reply(&shared, json!({"views": views})))
}

/// `{name, query, sort?}`: seen by everybody.
async fn put(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    caller.require(Permission::TaskRetry)?;
    let name = body.required("name")?.trim().to_owned();
    if name.is_empty() || name.chars().count() > LONG {
        return Err(Problem::argument(format!("`name` has to have 1 to {LONG} characters")));
    }
    let query = body.text("query")?.unwrap_or_default();
    search(&shared, Some(query))?;
    let view = json!({"name": name, "query": query, "sort": body.text("sort")?});
    let id = format!("{:016x}", fastrand::u64(..));
    let kept =
        Kept { id: id.clone(), at: now(&shared), actor: caller.shown().to_owned(), body: view.to_string() };
    let act = Act::new(&caller, "view.save", &name, view);
    let result = shared.store.keep(VIEW, kept).await;
    let result = result.map_err(|error| Problem::unavailable("the view cannot be kept", &error));
    act.done(&shared, &result, |()| Json::Null).await;
    result?;
    Ok(reply(&shared, json!({"id": id})))
}

async fn delete(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    caller.require(Permission::TaskRetry)?;
    let act = Act::new(&caller, "view.delete", &id, Json::Null);
    let result = match shared.store.unkeep(VIEW, &id).await {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(Problem::missing("there is no such view: somebody deleted it")),
        Err(error) => Err(Problem::unavailable("the view cannot be deleted", &error)),
    };
    act.done(&shared, &result, |()| Json::Null).await;
    result?;
    Ok(reply(&shared, json!({"id": id, "deleted": true})))
}
