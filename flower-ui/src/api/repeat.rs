//! `Idempotency-Key`: a change that is asked for twice is done once.
//!
//! Kept true here: while the first is under way, the second is not begun; an answer is given again only to whoever
//! asked first, and only for the same request. Remembered for a day in memory, so not across a restart.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use axum::{
    body::{Bytes, to_bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header::CONTENT_TYPE, request::Parts},
    response::{IntoResponse, Response},
};
use ring::digest::{SHA256, digest};

use super::Problem;

/// The header.
const KEY: &str = "idempotency-key";
/// Says that an answer was given before.
const REPLAYED: &str = "idempotent-replayed";
/// Longest key.
const LONG: usize = 255;
/// Keys that are remembered; beyond, the oldest are forgotten.
const MOST: usize = 1_000;
/// How long, in seconds.
const KEPT: f64 = 86_400.0;
/// Longest answer that is kept, in bytes.
const ANSWER: usize = 256 << 10;

/// Who asked, and by which key.
type Id = (String, String);

/// What is remembered of a request.
#[derive(Debug)]
struct Known {
    print: Vec<u8>,
    at: f64,
    /// None while it is under way.
    answer: Option<Answer>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    kind: Option<HeaderValue>,
    body: Bytes,
}

/// Requests that were seen.
#[derive(Debug, Default)]
pub(crate) struct Repeats(Mutex<HashMap<Id, Known>>);

/// What to do with a request.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Do it; there is no key.
    Plain,
    /// Do it, and remember what came of it.
    First(Id),
    /// That is the answer.
    Answered(Response),
}

impl Repeats {
    /// Whether this is the first of its key, at `now`.
    pub(crate) fn turn(&self, who: &str, head: &Parts, body: &[u8], now: f64) -> Turn {
        let key = match key(&head.headers) {
            Ok(Some(key)) => key,
            Ok(None) => return Turn::Plain,
            Err(problem) => return Turn::Answered(problem.into_response()),
        };
        let print = print(head, body);
        let id = (who.to_owned(), key);
        let mut known = self.known();
        known.retain(|_, it| now - it.at < KEPT);
        let refused = match known.get(&id) {
            None => {
                if known.len() >= MOST {
                    // What is under way is not forgotten.
                    let oldest = known.iter().filter(|(_, it)| it.answer.is_some());
                    let oldest = oldest.min_by(|a, b| a.1.at.total_cmp(&b.1.at)).map(|(id, _)| id.clone());
                    oldest.and_then(|id| known.remove(&id));
                }
                known.insert(id.clone(), Known { print, at: now, answer: None });
                return Turn::First(id);
            }
            Some(it) if it.print != print => Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "this `Idempotency-Key` came with another request",
            )
            .fix("take a new key for each change"),
            Some(Known { answer: None, .. }) => {
                Problem::conflict("the request of this `Idempotency-Key` is still under way")
                    .fix("ask again in a moment: its answer is kept")
            }
            Some(Known { answer: Some(answer), .. }) => return Turn::Answered(again(answer)),
        };
        Turn::Answered(refused.into_response())
    }

    /// Remembers what came of it. One that was refused before it was begun may be asked for again.
    pub(crate) async fn done(&self, id: Id, response: Response) -> Response {
        let status = response.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            self.known().remove(&id);
            return response;
        }
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let kept = if body.len() <= ANSWER { body.clone() } else { Bytes::new() };
        let answer = Answer { status, kind: head.headers.get(CONTENT_TYPE).cloned(), body: kept };
        if let Some(known) = self.known().get_mut(&id) {
            known.answer = Some(answer);
        }
        Response::from_parts(head, body.into())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Id, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get(KEY) else { return Ok(None) };
    let plain = key.to_str().ok().filter(|key| !key.is_empty() && key.len() <= LONG);
    plain.map(|key| Some(key.to_owned())).ok_or_else(|| {
        Problem::argument(format!("`Idempotency-Key` has to be 1 to {LONG} visible ASCII characters"))
    })
}

/// What tells one request from another.
fn print(head: &Parts, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{} {}\n", head.method, head.uri).into_bytes();
    bytes.extend_from_slice(body);
    digest(&SHA256, &bytes).as_ref().to_vec()
}

fn again(answer: &Answer) -> Response {
    let mut response = (answer.status, answer.body.clone()).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.extend(answer.kind.clone().map(|kind| (CONTENT_TYPE, kind)));
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn head(path: &str, key: &str) -> Parts {
        Request::post(path).header(KEY, key).body(()).unwrap().into_parts().0
    }

    #[tokio::test]
    async fn a_repeated_request_gets_the_answer_of_the_first_and_no_other_does() {
        let repeats = Repeats::default();
        let turn = |who: &str, path: &str, body: &[u8], now| repeats.turn(who, &head(path, "k"), body, now);
        let Turn::First(id) = turn("a", "/x", b"1", 0.0) else { panic!("the first") };
        let status = |turn: Turn| match turn {
            Turn::Answered(response) => response.status().as_u16(),
            other => panic!("{other:?}"),
        };
        assert_eq!(status(turn("a", "/x", b"1", 1.0)), 409, "it is under way");
        repeats.done(id, (StatusCode::CREATED, "made").into_response()).await;
        assert_eq!(status(turn("a", "/x", b"1", 2.0)), 201);
        assert_eq!(status(turn("a", "/x", b"2", 2.0)), 422);
        assert_eq!(status(turn("a", "/y", b"1", 2.0)), 422);
        assert!(matches!(turn("b", "/x", b"1", 2.0), Turn::First(_)), "somebody else's");
        assert!(matches!(turn("a", "/x", b"1", KEPT), Turn::First(_)), "a day later");
        let none = Request::post("/x").body(()).unwrap().into_parts().0;
        assert!(matches!(repeats.turn("a", &none, b"", 0.0), Turn::Plain));
        let long = "k".repeat(LONG + 1);
        assert_eq!(status(repeats.turn("a", &head("/x", &long), b"", 0.0)), 400);
    }

    #[tokio::test]
    async fn what_was_refused_may_be_asked_for_again_and_the_oldest_is_forgotten_first() {
        let repeats = Repeats::default();
        let first = |key: &str, now| match repeats.turn("a", &head("/x", key), b"", now) {
            Turn::First(id) => id,
            other => panic!("{key}: {other:?}"),
        };
        repeats.done(first("r", 0.0), StatusCode::FORBIDDEN.into_response()).await;
        repeats.done(first("r", 0.0), StatusCode::OK.into_response()).await;
        for n in 0..MOST {
            repeats.done(first(&format!("{n}"), (n + 1) as f64 / 1e3), StatusCode::OK.into_response()).await;
        }
        first("r", 2.0);
        assert!(repeats.known().len() <= MOST);
    }
}
