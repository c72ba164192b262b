//! `/session`, `/sessions`, `/tokens`, `/users`: who asks, who else may, and what.
//!
//! Kept true here: a token is shown once; everybody ends sessions of their own, and admins those of others.

use axum::{
    Router,
    extract::{Path, State},
    http::HeaderMap,
    routing::{get, post},
};
use serde_json::{Value as Json, json};
use taskq_core::{Error, ErrorKind};

use super::{
    audit::Act,
    body::Body,
    problem::{Problem, Reply, reply},
};
use crate::{
    auth::{self, Caller, NewToken, Permission},
    flower::result::has_backend,
    server::Shared,
};

/// Seconds of a day.
const DAY: f64 = 86_400.0;
/// Days that a token lasts at most, if it ends.
const LONGEST: f64 = 36_500.0;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/api/v1/session", get(session))
        .route("/api/v1/sessions", get(sessions))
        .route("/api/v1/sessions/{id}/revoke", post(end))
        .route("/api/v1/tokens", get(tokens).post(create))
        .route("/api/v1/tokens/{id}/revoke", post(revoke))
        .route("/api/v1/users", get(users))
}

fn second(shared: &Shared) -> i64 {
    shared.app.clock().now().as_second()
}

/// What tokens and sessions are kept in cannot be written, or what is asked for cannot be.
fn failed(error: &Error) -> Problem {
    match error.kind() {
        ErrorKind::Config => Problem::argument(error.to_string()),
        _ => Problem::unavailable("it could not be kept", error),
    }
}

async fn sessions(State(shared): State<Shared>, caller: Caller) -> Reply {
    let all = caller.may(Permission::Admin);
    let own = caller.name.as_deref().unwrap_or_default();
    let mut sessions = shared.auth.sessions(if all { None } else { Some(own) }, second(&shared));
    for session in &mut sessions {
        session["current"] = (session["id"].as_str() == caller.session.as_deref()).into();
    }
    Ok(reply(&shared, json!({"sessions": sessions})))
}

async fn end(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    let now = second(&shared);
    let own = caller.name.as_deref().unwrap_or_default();
    if !shared.auth.sessions(Some(own), now).iter().any(|session| session["id"] == *id) {
        caller.require(Permission::Admin)?;
    }
    let act = Act::new(&caller, "session.revoke", &id, Json::Null);
    let result = match shared.auth.end_session(&id, now).await {
        Ok(Some(user)) => Ok(json!({"user": user})),
        Ok(None) => Err(Problem::missing(format!("there is no session `{id}`"))),
        Err(error) => Err(failed(&error)),
    };
    act.done(&shared, &result, Json::clone).await;
    Ok(reply(&shared, result?))
}

async fn tokens(State(shared): State<Shared>, caller: Caller) -> Reply {
    caller.require(Permission::Admin)?;
    let (tokens, forgets) = shared.auth.tokens();
    let note = forgets.then_some("history is kept in memory only, so tokens end when the board does");
    Ok(reply(&shared, json!({"tokens": tokens.list(), "note": note})))
}

async fn create(State(shared): State<Shared>, caller: Caller, body: Body) -> Reply {
    caller.require(Permission::Admin)?;
    let name = body.text("name")?.unwrap_or_default().to_owned();
    let act = Act::new(&caller, "token.create", &name, body.shown());
    let result = made(&shared, &caller, name, &body).await;
    // Not the token: whoever reads the log could use it.
    act.done(&shared, &result, |(id, _)| json!({"id": id})).await;
    let (id, token) = result?;
    Ok(reply(&shared, json!({"id": id, "token": token})))
}

async fn made(
    shared: &Shared,
    caller: &Caller,
    name: String,
    body: &Body,
) -> Result<(String, String), Problem> {
    let now = second(shared);
    let patterns = |field: &str| body.value(field).map(|_| body.texts(field)).transpose();
    let expires = body.float("days")?.map(|days| {
        let days = Some(days).filter(|days| *days > 0.0 && *days <= LONGEST);
        let days = days
            .ok_or_else(|| Problem::argument(format!("`days` has to be more than 0, at most {LONGEST}")))?;
        Ok::<_, Problem>(now + (days * DAY) as i64)
    });
    let new = NewToken {
        name,
        role: body.text("role")?.map(str::to_owned),
        allow: body.texts("allow")?,
        queues: patterns("queues")?,
        tasks: patterns("tasks")?,
        expires: expires.transpose()?,
    };
    let (tokens, _) = shared.auth.tokens();
    let by = caller.shown().to_owned();
    let made = auth::blocking(move || tokens.create(&new, &by, now)).await.and_then(|made| made);
    made.map_err(|error| failed(&error))
}

async fn revoke(State(shared): State<Shared>, caller: Caller, Path(id): Path<String>) -> Reply {
    caller.require(Permission::Admin)?;
    let (tokens, _) = shared.auth.tokens();
    let act = Act::new(&caller, "token.revoke", &id, Json::Null);
    let which = id.clone();
    let result = match auth::blocking(move || tokens.revoke(&which)).await.and_then(|done| done) {
        Ok(Some(name)) => Ok(json!({"name": name})),
        Ok(None) => Err(Problem::missing(format!("there is no token `{id}`"))),
        Err(error) => Err(failed(&error)),
    };
    act.done(&shared, &result, Json::clone).await;
    Ok(reply(&shared, result?))
}

async fn users(State(shared): State<Shared>, caller: Caller) -> Reply {
    caller.require(Permission::Admin)?;
    let role = |role: Option<auth::Role>| role.map_or("none", |role| role.name());
    let options = &shared.options;
    let note = match (&options.users, options.default_role) {
        (Some(path), rest) => {
            format!("from `{}`; the role of everybody else: {}", path.display(), role(rest))
        }
        (None, rest) => format!(
            "there is no file of users; the role of everybody: {}",
            role(rest.or(Some(auth::Role::Admin)))
        ),
    };
    Ok(reply(&shared, json!({"users": shared.auth.users(), "note": note})))
}

async fn session(State(shared): State<Shared>, caller: Caller, headers: HeaderMap) -> Reply {
    // Those that somebody may use for something; `limits` says for what.
    let permissions: Vec<&str> = Permission::ALL
        .iter()
        .filter(|permission| caller.may_some(**permission))
        .map(|permission| permission.name())
        .collect();
    let settings = shared.app.settings();
    let backend = has_backend(&shared).then(|| settings.backend_url().to_string());
    Ok(reply(
        &shared,
        json!({
            "user": caller.name,
            "role": caller.role(),
            "permissions": permissions,
            "limits": caller.rights.limits(),
            "authenticates": shared.options.authenticates(),
            "csrf": auth::page_token(&headers),
            "read_only": caller.read_only,
            "version": env!("CARGO_PKG_VERSION"),
            "environment": {
                "name": settings.read_url().scheme(),
                "broker": settings.read_url().to_string(),
                "backend": backend,
            },
        }),
    ))
}
