//! Tokens: what programs show instead of a password.
//!
//! Kept true here: a token is shown once, when it is made; it holds no more than what was granted to it, and no
//! longer; one that was revoked is refused at the next request.

use std::{path::Path, sync::Arc};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    hmac::{self, HMAC_SHA256, Key},
    rand::{SecureRandom, SystemRandom},
};
use serde_json::{Value as Json, json};
use taskq_core::{Error, ErrorKind};

use super::{
    ledger::{Ledger, TokenRow},
    rights::Rights,
    token::{MARK, no_randomness},
    users::Said,
};

/// Bytes of an id, and of a secret.
const ID: usize = 6;
const SECRET: usize = 32;
/// Tokens that are kept.
const MOST: usize = 1_000;
/// Longest name.
const LONG: usize = 100;

/// What a token may be made for.
#[derive(Clone, Debug, Default)]
pub struct NewToken {
    /// What it is called, in the audit log, too.
    pub name: String,
    /// A role: `viewer`, `operator`, `admin`.
    pub role: Option<String>,
    /// Permissions, besides.
    pub allow: Vec<String>,
    /// Patterns of queues that role and permissions are limited to.
    pub queues: Option<Vec<String>>,
    /// Patterns of names of tasks that they are limited to.
    pub tasks: Option<Vec<String>>,
    /// When it ends, in seconds since 1970.
    pub expires: Option<i64>,
}

impl NewToken {
    fn said(&self) -> Said {
        let (queues, tasks) = (self.queues.clone(), self.tasks.clone());
        let only = super::users::SaidGrant {
            allow: self.allow.clone(),
            queues: queues.clone(),
            tasks: tasks.clone(),
        };
        let limits = if self.role.is_some() { (queues, tasks) } else { (None, None) };
        let grants = if self.allow.is_empty() { Vec::new() } else { vec![only] };
        Said { role: self.role.clone(), queues: limits.0, tasks: limits.1, grants }
    }
}

/// The tokens of a board.
#[derive(Clone, Debug)]
pub struct Tokens {
    ledger: Arc<Ledger>,
}

impl Tokens {
    /// Those of the board that keeps its history in that file, whether it runs or not.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn open(history: &Path) -> Result<Self, Error> {
        Ok(Self::new(Arc::new(Ledger::open(Some(history))?)))
    }

    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self { ledger }
    }

    /// Makes one at `now`, in seconds since 1970, and answers its id and itself.
    ///
    /// # Errors
    /// When it would hold nothing or what there is not, its name is taken, or it cannot be kept.
    pub fn create(&self, new: &NewToken, by: &str, now: i64) -> Result<(String, String), Error> {
        let config = |why: String| Error::new(ErrorKind::Config, why);
        let rights = new.said();
        if rights.rights().map_err(config)?.name() == "none" {
            return Err(config("the token may do nothing: give it a `role` or permissions".to_owned()));
        }
        let plain = |name: &str| name.chars().all(|c| !c.is_control()) && name.trim() == name;
        if new.name.is_empty() || new.name.len() > LONG || !plain(&new.name) {
            return Err(config(format!(
                "a name has 1 to {LONG} characters, none of them a control character"
            )));
        }
        if new.expires.is_some_and(|expires| expires <= now) {
            return Err(config("the token would have ended already".to_owned()));
        }
        let (mut id, mut secret) = ([0; ID], [0; SECRET]);
        let random = SystemRandom::new();
        random.fill(&mut id).and_then(|()| random.fill(&mut secret)).map_err(no_randomness)?;
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
        let row = TokenRow {
            id: id.clone(),
            name: new.name.clone(),
            hash: hashed(&secret),
            rights,
            by: by.to_owned(),
            created: now,
            expires: new.expires,
        };
        self.ledger.change(|content| {
            content.tokens.retain(|known| known.expires.is_none_or(|expires| expires > now));
            if content.tokens.iter().any(|known| known.name == row.name) {
                return Err(config(format!("there is a token `{}`: revoke it first", row.name)));
            }
            if content.tokens.len() >= MOST {
                return Err(config(format!("there are {MOST} tokens: revoke one first")));
            }
            content.tokens.push(row);
            Ok(())
        })??;
        let token = format!("{MARK}{id}_{secret}");
        Ok((id, token))
    }

    /// All of them, without what they are.
    pub fn list(&self) -> Vec<Json> {
        let content = self.ledger.content();
        let shown = |row: &TokenRow| {
            json!({
                "id": row.id, "name": row.name, "by": row.by, "created": row.created, "expires": row.expires,
                "role": row.rights.role, "queues": row.rights.queues, "tasks": row.rights.tasks,
                "grants": row.rights.grants,
            })
        };
        content.tokens.iter().map(shown).collect()
    }

    /// Ends the one of that id or name; answers its name, if it was there.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub fn revoke(&self, which: &str) -> Result<Option<String>, Error> {
        self.ledger.change(|content| {
            let at = content.tokens.iter().position(|row| row.id == which || row.name == which)?;
            Some(content.tokens.remove(at).name)
        })
    }

    /// What a token is called and may do, if it is one of ours and has not ended.
    pub(super) fn find(&self, token: &str, now: i64) -> Option<(String, Rights)> {
        let (id, secret) = token.strip_prefix(MARK)?.split_once('_')?;
        let content = self.ledger.content();
        let row = content.tokens.iter().find(|row| row.id == id)?;
        if !same(&row.hash, &hashed(secret)) || row.expires.is_some_and(|expires| expires <= now) {
            return None;
        }
        let rights = row.rights.rights();
        let rights = rights
            .map_err(|why| tracing::warn!(why, token = row.name, "a token says what nobody understands"));
        Some((row.name.clone(), rights.ok()?))
    }
}

fn hashed(secret: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.as_bytes()))
}

/// Whether they are the same, in a time that does not tell where they differ.
fn same(one: &str, other: &str) -> bool {
    let key = Key::new(HMAC_SHA256, MARK.as_bytes());
    hmac::verify(&key, one.as_bytes(), hmac::sign(&key, other.as_bytes()).as_ref()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Permission, Target};

    #[test]
    fn a_token_holds_what_was_granted_until_it_ends_or_is_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let history = dir.path().join("h.sqlite");
        let tokens = Tokens::open(&history).unwrap();
        let new = NewToken {
            name: "deploy".to_owned(),
            allow: vec!["task.call".to_owned()],
            tasks: Some(vec!["shop.*".to_owned()]),
            expires: Some(200),
            ..NewToken::default()
        };
        let (id, token) = tokens.create(&new, "anna", 100).unwrap();
        // Another process knows it at once.
        let other = Tokens::open(&history).unwrap();
        let (name, rights) = other.find(&token, 150).unwrap();
        assert_eq!(name, "deploy");
        assert!(rights.cover(Permission::TaskCall, Target::task(Some("shop.a"), None)));
        assert!(!rights.cover(Permission::TaskCall, Target::task(Some("mail.a"), None)));
        assert!(!rights.have(Permission::TaskRevoke));
        assert!(other.find(&token, 200).is_none(), "it has ended");
        let swapped = format!("{MARK}{id}_{}", "A".repeat(43));
        for wrong in [swapped.as_str(), &token[..token.len() - 1], "", "taskq_", &token.to_uppercase()] {
            assert!(other.find(wrong, 150).is_none(), "{wrong}");
        }
        let text = std::fs::read_to_string(dir.path().join("h.sqlite.access")).unwrap();
        assert!(!text.contains(token.rsplit('_').next().unwrap()), "{text}");
        assert!(tokens.create(&new, "anna", 100).is_err(), "the name is taken");
        assert_eq!(other.revoke("deploy").unwrap().as_deref(), Some("deploy"));
        assert!(tokens.find(&token, 150).is_none() && tokens.list().is_empty());
    }

    #[test]
    fn a_token_that_could_do_nothing_or_is_for_nobody_is_not_made() {
        let tokens = Tokens::new(Arc::new(Ledger::open(None).unwrap()));
        let new = |name: &str, role: &str| NewToken {
            name: name.to_owned(),
            role: Some(role.to_owned()),
            ..NewToken::default()
        };
        for bad in [new("", "viewer"), new("a\u{7}", "viewer"), new("a", "boss")] {
            assert!(tokens.create(&bad, "x", 0).is_err(), "{bad:?}");
        }
        let nothing = NewToken { name: "a".to_owned(), ..NewToken::default() };
        assert!(tokens.create(&nothing, "x", 0).is_err());
        let ended = NewToken { expires: Some(5), ..new("a", "viewer") };
        assert!(tokens.create(&ended, "x", 5).is_err());
        assert!(tokens.create(&new("a", "viewer"), "x", 0).is_ok());
    }
}
