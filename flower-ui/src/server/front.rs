//! What every request passes before its handler, and every answer after it.
//!
//! Kept true here: no answer leaves without the headers that keep a browser from doing more than it was meant
//! to; nobody passes whom [`Auth`](crate::auth::Auth) does not let pass.

use axum::{
    Router,
    body::to_bytes,
    extract::{DefaultBodyLimit, Request, State},
    http::{Method, StatusCode, Uri, header::ACCEPT, uri::PathAndQuery},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
};

use super::{Refusal, Shared, etag, guard, log::Asked, routes};
use crate::{
    api::{self, Turn},
    auth::Area,
    page::plain,
};

/// Bodies of requests, in bytes.
const BODY: usize = 8 << 20;

/// The one change that waits for what comes of it, without end if nobody says how long.
const WAITS: &str = "/api/task/apply/";

/// The whole of the board.
pub(super) fn front(shared: &Shared) -> Router {
    let inner = routes::routes().layer(DefaultBodyLimit::max(BODY)).with_state(shared.clone());
    // Around the router, so that it sees the path without the prefix.
    Router::new().fallback_service(inner).layer(middleware::from_fn_with_state(shared.clone(), pass))
}

async fn pass(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let asked = request.headers().clone();
    let method = request.method().clone();
    let mut own_api = false;
    let mut response = match without_prefix(&shared, request.uri()) {
        Ok(uri) => {
            *request.uri_mut() = uri;
            let path = request.uri().path().to_owned();
            own_api = path.starts_with(api::PATH);
            let response = admitted(&shared, request, next).await;
            let mut response = finished(&shared, &path, response);
            // Flower's page for what is not there, also below `/api`.
            let missing = shared.options.strict() && response.extensions().get::<Missing>().is_some();
            if method == Method::GET && (missing || Area::of(&path) == Area::Page) {
                shared.auth.give_token(&asked, &shared.options, &mut response);
            }
            response
        }
        Err(elsewhere) => *elsewhere,
    };
    if own_api && let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
        response = api::Problem::from(refusal).into_response();
    }
    if !shared.options.strict()
        && asked
            .get_all(ACCEPT)
            .iter()
            .any(|kinds| kinds.to_str().is_ok_and(|kinds| kinds.contains("application/json")))
        && let Some(refusal) = response.extensions_mut().remove::<Refusal>()
    {
        response = refusal.into_json();
    }
    if method == Method::GET {
        response = etag::tagged(&asked, response).await;
    }
    guard::headers(&shared, response)
}

/// The path without `url_prefix`; what is not below it is not there.
fn without_prefix(shared: &Shared, uri: &Uri) -> Result<Uri, Box<Response>> {
    let prefix = &shared.options.url_prefix;
    if prefix.is_empty() {
        return Ok(uri.clone());
    }
    let below = uri.path().strip_prefix(prefix.as_str());
    match below {
        Some(path) if path.starts_with('/') => {
            let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
            PathAndQuery::try_from(format!("{path}{query}"))
                .map(Uri::from)
                .map_err(|_| Box::new(not_found(prefix)))
        }
        Some("") | None if !shared.options.strict() && matches!(below, Some("")) | (uri.path() == "/") => {
            Err(Box::new(Redirect::permanent(&format!("{prefix}/")).into_response()))
        }
        _ => Err(Box::new(not_found(prefix))),
    }
}

async fn admitted(shared: &Shared, request: Request, next: Next) -> Response {
    match *request.method() {
        Method::OPTIONS => return StatusCode::NO_CONTENT.into_response(),
        Method::HEAD => return not_allowed(),
        _ => {}
    }
    let (mut head, body) = request.into_parts();
    let (method, path) = (head.method.clone(), head.uri.path().to_owned());
    match shared.auth.admit(shared, &head).await {
        Ok(caller) if method == Method::GET => {
            head.extensions.insert(caller);
            next.run(Request::from_parts(head, body)).await
        }
        Ok(caller) => {
            head.extensions.insert(caller.clone());
            let Ok(body) = to_bytes(body, BODY).await else {
                let text = format!("the body is longer than {BODY} bytes, or was not sent to its end");
                return Refusal::text(StatusCode::PAYLOAD_TOO_LARGE, "too_large", text).into_response();
            };
            let turn = match path.starts_with(api::PATH) {
                true => shared.v1.repeats.turn(caller.shown(), &head, &body, api::now(shared)),
                false => Turn::Plain,
            };
            let first = match turn {
                Turn::Answered(response) => return response,
                Turn::First(id) => Some(id),
                Turn::Plain => None,
            };
            let asked = Asked::new(&caller, &head, &body);
            let (board, answer) = (Shared::clone(shared), next.run(Request::from_parts(head, body.into())));
            let answer = async move {
                let response = asked.answered(&board, answer.await).await;
                match first {
                    Some(id) => board.v1.repeats.done(id, response).await,
                    None => response,
                }
            };
            let response = whole(&path, answer).await;
            tracing::info!(who = caller.shown(), from = caller.from, %method, path, status = response.status().as_u16(), "asked the board");
            response
        }
        Err(refused) => *refused,
    }
}

/// A change that was begun is done and written down, also when whoever asked is gone. A wait for a result is not.
async fn whole(path: &str, answer: impl Future<Output = Response> + Send + 'static) -> Response {
    if path.starts_with(WAITS) {
        return answer.await;
    }
    match tokio::spawn(answer).await {
        Ok(response) => response,
        Err(ended) => match ended.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        },
    }
}

/// What the router says by itself, in Flower's form.
fn finished(shared: &Shared, path: &str, mut response: Response) -> Response {
    match response.status() {
        StatusCode::METHOD_NOT_ALLOWED => response = not_allowed(),
        StatusCode::NOT_FOUND if response.extensions().get::<routes::Unknown>().is_some() => {
            response = if path.starts_with(api::PATH) {
                api::Problem::missing(format!("there is no `{path}`")).into_response()
            } else if !shared.options.strict() && path.starts_with("/api/") {
                let text = format!("there is no `{path}`");
                Refusal::text(StatusCode::NOT_FOUND, "not_found", text).into_json()
            } else {
                not_found(&shared.options.url_prefix)
            };
        }
        _ => {}
    }
    response
}

fn not_allowed() -> Response {
    Refusal::html(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "").into_response()
}

fn not_found(prefix: &str) -> Response {
    let why = "The address may be mistyped, or the link old.";
    let links = [("/", "The board")];
    let mut response = plain::page(prefix, StatusCode::NOT_FOUND, "There is no such page", &[why], &links);
    response.extensions_mut().insert(Missing);
    response
}

/// Marks the page for what is not there.
#[derive(Clone, Copy, Debug)]
struct Missing;
