//! Sessions: a signed cookie, which somebody who logs out, or an admin, makes worthless.
//!
//! Kept true here: a session that was ended stays ended, also when the board starts anew.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::{HeaderMap, header::USER_AGENT};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};
use taskq_core::Error;

use super::{
    ledger::{Content, Ledger, SessionRow},
    token::{self, Keys, SESSION},
};

/// How long a session lasts, in seconds. As Flower's.
pub(super) const LASTS: i64 = 30 * 86_400;
/// Sessions that are remembered, and ends of them; beyond, those that end first by themselves are forgotten.
const MOST: usize = 10_000;
/// Longest name of a browser that is kept.
const AGENT: usize = 200;

/// Who has logged in, where from, and which sessions were ended before their time.
#[derive(Debug)]
pub(super) struct Sessions {
    ledger: Arc<Ledger>,
    /// When each asked last.
    seen: Mutex<HashMap<String, i64>>,
}

impl Sessions {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger, seen: Mutex::default() }
    }

    /// The cookie's value for somebody who has logged in. Blocks while it is written down.
    pub(super) fn begin(
        &self,
        keys: &Keys,
        email: &str,
        headers: &HeaderMap,
        from: Option<String>,
        now: i64,
    ) -> String {
        let id = token::nonce();
        let agent = headers.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        let row = SessionRow {
            id: id.clone(),
            user: email.to_owned(),
            began: now,
            until: now + LASTS,
            from,
            agent: agent.map(|agent| agent.chars().take(AGENT).collect()),
        };
        let begun = self.ledger.change(|content| {
            tidy(content, now);
            content.sessions.push(row);
        });
        if let Err(error) = begun {
            // It holds all the same: it is signed.
            tracing::warn!(%error, "a session is not listed");
        }
        let email = BASE64_URL_SAFE_NO_PAD.encode(email);
        keys.sign(SESSION, &format!("{}.{id}.{email}", now + LASTS))
    }

    /// Who has logged in, and the id of the session.
    pub(super) fn user(&self, keys: &Keys, headers: &HeaderMap, now: i64) -> Option<(String, String)> {
        let (until, id, email) = parts(keys, headers)?;
        if until <= now || self.ledger.content().ended.contains_key(id) {
            return None;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < MOST || seen.contains_key(id) {
            seen.insert(id.to_owned(), now);
        }
        Some((email, id.to_owned()))
    }

    /// Ends the session of a browser. Blocks while it is written down.
    pub(super) fn end(&self, keys: &Keys, headers: &HeaderMap, now: i64) {
        let Some((until, id, _)) = parts(keys, headers) else { return };
        let id = id.to_owned();
        let ended = self.ledger.change(|content| {
            content.sessions.retain(|row| row.id != id);
            content.ended.insert(id, until);
            tidy(content, now);
        });
        if let Err(error) = ended {
            tracing::warn!(%error, "the end of a session could not be written: its cookie would still hold");
        }
    }

    /// Ends the session of that id; answers whose it was. Blocks while it is written down.
    ///
    /// # Errors
    /// When it cannot be written: then it holds on.
    pub(super) fn revoke(&self, id: &str, now: i64) -> Result<Option<String>, Error> {
        self.ledger.change(|content| {
            let at = content.sessions.iter().position(|row| row.id == id)?;
            let row = content.sessions.remove(at);
            content.ended.insert(row.id, row.until);
            tidy(content, now);
            Some(row.user)
        })
    }

    /// Those that hold: of one user, or of all.
    pub(super) fn list(&self, user: Option<&str>, now: i64) -> Vec<Json> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let content = self.ledger.content();
        let wanted = |row: &&SessionRow| row.until > now && user.is_none_or(|user| row.user == user);
        let shown = |row: &SessionRow| {
            json!({
                "id": row.id, "user": row.user, "began": row.began, "until": row.until, "from": row.from,
                "agent": row.agent, "seen": seen.get(&row.id),
            })
        };
        content.sessions.iter().rev().filter(wanted).map(shown).collect()
    }
}

/// Without what has ended by itself, and what is too much.
fn tidy(content: &mut Content, now: i64) {
    content.sessions.retain(|row| row.until > now);
    content.ended.retain(|_, until| *until > now);
    let over = content.sessions.len().saturating_sub(MOST - 1);
    content.sessions.drain(..over);
    while content.ended.len() > MOST {
        let first = content.ended.iter().min_by_key(|(_, until)| **until).map(|(id, _)| id.clone());
        let Some(first) = first else { break };
        content.ended.remove(&first);
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
    fn a_session_ends_in_its_time_or_when_it_is_ended_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let history = dir.path().join("h");
        let open = || Sessions::new(Arc::new(Ledger::open(Some(&history)).unwrap()));
        let keys = Keys::new(&Options::default()).unwrap();
        let sessions = open();
        let browser = || {
            let mut headers = HeaderMap::new();
            let cookie = sessions.begin(&keys, "a@x.org", &headers, Some("192.0.2.1".to_owned()), 1_000);
            headers.insert(COOKIE, HeaderValue::from_str(&format!("a=b; user={cookie}")).unwrap());
            headers
        };
        let (one, other) = (browser(), browser());
        let user = |sessions: &Sessions, headers, now| sessions.user(&keys, headers, now).map(|it| it.0);
        assert_eq!(user(&sessions, &one, 1_001).as_deref(), Some("a@x.org"));
        assert_eq!(user(&sessions, &one, 1_000 + LASTS), None);
        sessions.end(&keys, &one, 1_002);
        assert_eq!(user(&sessions, &one, 1_003), None);
        // A board that starts anew knows both the end and the other session.
        let anew = open();
        assert_eq!(user(&anew, &one, 1_004), None);
        let left = anew.list(Some("a@x.org"), 1_004);
        assert_eq!((left.len(), &left[0]["from"]), (1, &json!("192.0.2.1")));
        assert!(anew.list(Some("b@x.org"), 1_004).is_empty());
        let id = left[0]["id"].as_str().unwrap();
        assert_eq!(anew.revoke(id, 1_005).unwrap().as_deref(), Some("a@x.org"));
        assert_eq!(user(&sessions, &other, 1_006), None);
        assert_eq!(anew.revoke("none", 1_006).unwrap(), None);
    }
}
