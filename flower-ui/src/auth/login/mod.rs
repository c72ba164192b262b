//! `/login` and `/logout`: who somebody is, said by a provider (OAuth 2, authorization code).
//!
//! Kept true here: only the browser that went to the provider comes back with its answer; somebody is only sent
//! on to a page of the board; an address counts only if the provider has checked it.

mod oidc;
mod provider;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header::LOCATION, header::SET_COOKIE, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use self::provider::{Endpoints, emails};
use super::{Auth, Caller, blocking, token};
use crate::{
    options::{Options, Provider},
    server::{Answer, Params, Refusal, Shared, segment},
};

/// The cookie that a browser takes to the provider and back; Flower's name.
const STATE: &str = "oauth_state";
/// How long that may take, in seconds.
const AWAY: i64 = 600;

/// The routes.
pub(crate) fn routes() -> Router<Shared> {
    Router::new().route("/login", get(login)).route("/logout", get(logout))
}

/// What a browser takes along: random texts of which only the hashes are shown to others.
struct Trip {
    until: i64,
    state: String,
    next: String,
}

impl Trip {
    fn begin(next: &str, now: i64) -> Self {
        Self { until: now + AWAY, state: token::nonce(), next: local(next).to_owned() }
    }

    fn read(shared: &Shared, headers: &HeaderMap, now: i64) -> Option<Self> {
        let keys = &shared.auth.keys;
        let text = keys.verify(STATE, token::cookie(headers, STATE)?)?;
        let mut parts = text.splitn(3, '.');
        let until: i64 = parts.next()?.parse().ok()?;
        let state = parts.next()?.to_owned();
        let next = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?).ok()?;
        (until > now).then_some(Self { until, state, next })
    }

    fn cookie(&self, shared: &Shared) -> String {
        let next = BASE64_URL_SAFE_NO_PAD.encode(&self.next);
        shared.auth.keys.sign(STATE, &format!("{}.{}.{next}", self.until, self.state))
    }

    /// Another random text, which follows from the state for those who have the key only.
    fn derived(&self, shared: &Shared, purpose: &str) -> String {
        let signed = shared.auth.keys.sign(purpose, &self.state);
        BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, signed.as_bytes()))
    }
}

/// A path of the board; anything else is the first page.
fn local(next: &str) -> &str {
    let plain = next.starts_with('/')
        && !next.starts_with("//")
        && !next.chars().any(|c| c == '\\' || c.is_control() || c.is_whitespace());
    if plain { next } else { "/" }
}

fn now(shared: &Shared) -> i64 {
    shared.app.clock().now().as_second()
}

fn denied(text: impl Into<String>) -> Refusal {
    Refusal::html(StatusCode::FORBIDDEN, "login_denied", text)
}

async fn login(State(shared): State<Shared>, caller: Caller, headers: HeaderMap, params: Params) -> Answer {
    let Some(provider) = shared.options.auth_provider else {
        return Ok(away(&format!("{}/", shared.options.url_prefix), &[]));
    };
    if let Some(error) = params.text("error") {
        return Err(denied(format!("The provider says: {}", crate::server::escaped(&error))));
    }
    let web = &shared.auth.web;
    let endpoints = Endpoints::find(web, provider, &shared.options).await.map_err(|why| {
        tracing::warn!(why, "could not find the provider of identities");
        Refusal::html(StatusCode::BAD_GATEWAY, "provider", "The provider of identities does not answer")
    })?;
    match params.filled("code") {
        None => Ok(leave(&shared, &headers, provider, &endpoints, params.raw("next").unwrap_or("/"))),
        Some(code) => {
            let trip = Trip::read(&shared, &headers, now(&shared))
                .filter(|trip| params.raw("state") == Some(trip.state.as_str()))
                .ok_or_else(|| denied("This login was not begun here, or took too long; try again"))?;
            arrive(&shared, (&headers, caller.from), provider, &endpoints, code, &trip).await
        }
    }
}

/// Sends a browser to the login, and from there to where it wanted to go.
pub(super) fn go(request: &Parts, options: &Options) -> Response {
    let next = request.uri.path_and_query().map_or("/", |path| path.as_str());
    let next = segment(&format!("{}{next}", options.url_prefix));
    away(&format!("{}/login?next={next}", options.url_prefix), &[])
}

/// Sends a browser to the provider.
fn leave(
    shared: &Shared,
    headers: &HeaderMap,
    provider: Provider,
    endpoints: &Endpoints,
    next: &str,
) -> Response {
    let options = &shared.options;
    let trip = Trip::begin(next, now(shared));
    let verifier = trip.derived(shared, "pkce");
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    let nonce = trip.derived(shared, "nonce");
    let some = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", &some(&options.oauth2_redirect_uri))
        .append_pair("client_id", &some(&options.oauth2_key))
        .append_pair("approval_prompt", "")
        .append_pair("state", &trip.state)
        .append_pair("scope", provider::scope(provider));
    // What Flower does not do, and what not every provider knows.
    if provider::is_oidc(provider) {
        query
            .append_pair("nonce", &nonce)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
    }
    let url = format!("{}?{}", endpoints.authorize, query.finish());
    let cookie = Auth::cookie(&shared.options, headers, STATE, &trip.cookie(shared), AWAY);
    away(&url, &[cookie])
}

/// A browser that came back from the provider.
async fn arrive(
    shared: &Shared,
    (headers, from): (&HeaderMap, Option<String>),
    provider: Provider,
    endpoints: &Endpoints,
    code: &str,
    trip: &Trip,
) -> Answer {
    let (verifier, nonce) = (trip.derived(shared, "pkce"), trip.derived(shared, "nonce"));
    let found = emails(shared, provider, endpoints, code, &verifier, &nonce).await.map_err(|why| {
        tracing::warn!(why, "a login failed");
        denied("The provider of identities did not say who you are")
    })?;
    let Some(email) = found.iter().find(|email| shared.auth.emails.allows(email)) else {
        tracing::warn!(?found, "somebody who may not tried to log in");
        return Err(denied(format!(
            "Access denied to {}. Please use another account or ask your admin to add your email to `auth`.",
            crate::server::escaped(&found.join(", "))
        )));
    };
    tracing::info!(who = email, "logged in");
    let (begun, asked, email) = (Arc::clone(shared), headers.clone(), email.clone());
    let session =
        blocking(move || begun.auth.sessions.begin(&begun.auth.keys, &email, &asked, from, now(&begun)));
    let session = session.await.map_err(|error| {
        tracing::warn!(%error, "a login failed");
        denied("The session could not be begun")
    })?;
    let cookies = [
        Auth::cookie(&shared.options, headers, token::SESSION, &session, super::session::LASTS),
        Auth::cookie(&shared.options, headers, STATE, "", 0),
    ];
    let prefix = &shared.options.url_prefix;
    let next = if trip.next.starts_with(&format!("{prefix}/")) {
        trip.next.clone()
    } else {
        format!("{prefix}{}", trip.next)
    };
    Ok(away(&next, &cookies))
}

async fn logout(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let (ended, asked) = (Arc::clone(&shared), headers.clone());
    let end = move || ended.auth.sessions.end(&ended.auth.keys, &asked, now(&ended));
    if let Err(error) = blocking(end).await {
        tracing::warn!(%error, "a session could not be ended");
    }
    let gone = Auth::cookie(&shared.options, &headers, token::SESSION, "", 0);
    away(&format!("{}/", shared.options.url_prefix), &[gone])
}

/// 302, with cookies.
fn away(to: &str, cookies: &[String]) -> Response {
    let mut response = crate::server::html("");
    *response.status_mut() = StatusCode::FOUND;
    let Ok(to) = HeaderValue::from_str(to) else { return StatusCode::BAD_REQUEST.into_response() };
    response.headers_mut().insert(LOCATION, to);
    for cookie in cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        for elsewhere in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil",
            "",
            "javascript:x",
            "/\t/evil",
        ] {
            assert_eq!(local(elsewhere), "/", "{elsewhere}");
        }
        assert_eq!(local("/tasks?state=FAILURE"), "/tasks?state=FAILURE");
    }
}
