//! Sessions: a signed cookie, which somebody who logs out makes worthless.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use axum::http::HeaderMap;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use super::token::{self, Keys, SESSION};

/// How long a session lasts, in seconds. As Flower's.
pub(super) const LASTS: i64 = 30 * 86_400;
/// Sessions that were ended and are remembered; beyond, the oldest ends of their own are forgotten first.
const ENDED: usize = 10_000;

/// Sessions that were ended before their time, until when they would have lasted.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, i64>>);

impl Sessions {
    /// The cookie's value for somebody who has logged in.
    pub(super) fn begin(keys: &Keys, email: &str, now: i64) -> String {
        let email = BASE64_URL_SAFE_NO_PAD.encode(email);
        keys.sign(SESSION, &format!("{}.{}.{email}", now + LASTS, token::nonce()))
    }

    /// Who has logged in.
    pub(super) fn user(&self, keys: &Keys, headers: &HeaderMap, now: i64) -> Option<String> {
        let (until, id, email) = parts(keys, headers)?;
        let ended = self.0.lock().unwrap_or_else(PoisonError::into_inner).contains_key(id);
        (until > now && !ended).then_some(email)
    }

    /// Ends a session.
    pub(super) fn end(&self, keys: &Keys, headers: &HeaderMap, now: i64) {
        let Some((until, id, _)) = parts(keys, headers) else { return };
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended.retain(|_, until| *until > now);
        if ended.len() >= ENDED
            && let Some(first) = ended.iter().min_by_key(|(_, until)| **until).map(|(id, _)| id.clone())
        {
            ended.remove(&first);
        }
        ended.insert(id.to_owned(), until);
    }
}

fn parts<'a>(keys: &Keys, headers: &'a HeaderMap) -> Option<(i64, &'a str, String)> {
    let text = keys.verify(SESSION, token::cookie(headers, SESSION)?)?;
    let mut parts = text.splitn(3, '.');
    let until = parts.next()?.parse().ok()?;
    let id = parts.next()?;
    let email = BASE64_URL_SAFE_NO_PAD.decode(parts.next()?).ok()?;
    Some((until, id, String::from_utf8(email).ok()?))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderValue, header::COOKIE};

    use super::*;
    use crate::Options;

    #[test]
    fn a_session_ends_in_its_time_or_when_it_is_ended() {
        let keys = Keys::new(&Options::default()).unwrap();
        let sessions = Sessions::default();
        let mut headers = HeaderMap::new();
        let cookie = format!("a=b; user={}", Sessions::begin(&keys, "a@x.org", 1_000));
        headers.insert(COOKIE, HeaderValue::from_str(&cookie).unwrap());
        assert_eq!(sessions.user(&keys, &headers, 1_001).as_deref(), Some("a@x.org"));
        assert_eq!(sessions.user(&keys, &headers, 1_000 + LASTS), None);
        sessions.end(&keys, &headers, 1_002);
        assert_eq!(sessions.user(&keys, &headers, 1_003), None);
    }
}
