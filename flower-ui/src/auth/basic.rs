//! Users and passwords: plain ones, as Flower has them, and Argon2 hashes.
//!
//! Kept true here: a wrong password takes as long as a right one, whatever is wrong with it; however many ask at
//! the same time, only a few hashes are worked on; a password is never kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use axum::http::HeaderValue;
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{
    hmac::{self, HMAC_SHA256, Key},
    rand::{SecureRandom, SystemRandom},
};
use secrecy::{ExposeSecret, SecretString};
use taskq_core::{Error, ErrorKind};
use tokio::sync::Semaphore;

use super::token::no_randomness;

/// What a hash begins with.
const HASHED: &str = "$argon2";
/// Hashes that are worked on at the same time: each takes 19 MiB.
const TURNS: usize = 2;
/// Right credentials are known again for so long, so that not every request takes a hash.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// Credentials that are known again.
const KNOWN: usize = 1_000;
/// Bytes of a salt.
const SALT: usize = 16;

/// The hash of a password, as `basic_auth` and the file of users take it.
///
/// # Errors
/// When there is no randomness.
pub fn hash_password(password: &str) -> Result<String, Error> {
    let mut salt = [0; SALT];
    SystemRandom::new().fill(&mut salt).map_err(no_randomness)?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string())
        .map_err(|error| Error::new(ErrorKind::Other, format!("could not hash the password: {error}")))
}

/// Who may log in.
#[derive(Debug)]
pub(super) struct Passwords {
    key: Key,
    /// Plain ones, as tags under a key of this process.
    tags: Vec<(String, hmac::Tag)>,
    hashes: HashMap<String, Arc<str>>,
    /// Worked on for users that are not there.
    nobody: Option<Arc<str>>,
    turns: Semaphore,
    known: Mutex<HashMap<Vec<u8>, (String, Instant)>>,
}

impl Passwords {
    /// # Errors
    /// When there is no randomness, or a hash cannot be read.
    pub(super) fn new(pairs: &[(String, SecretString)]) -> Result<Self, Error> {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new()).map_err(no_randomness)?;
        let (mut tags, mut hashes) = (Vec::new(), HashMap::new());
        for (user, password) in pairs {
            let password = password.expose_secret();
            if password.starts_with(HASHED) {
                check(user, password)?;
                hashes.insert(user.clone(), password.into());
            } else {
                tags.push((user.clone(), hmac::sign(&key, format!("{user}:{password}").as_bytes())));
            }
        }
        let nobody = match hashes.is_empty() {
            true => None,
            false => Some(hash_password("")?.into()),
        };
        Ok(Self { key, tags, hashes, nobody, turns: Semaphore::new(TURNS), known: Mutex::default() })
    }

    /// Whether nobody has one.
    pub(super) fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.hashes.is_empty()
    }

    /// The user whose credentials these are.
    pub(super) async fn user(&self, given: &HeaderValue) -> Option<String> {
        let text = given.to_str().ok()?;
        let (scheme, encoded) = text.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = BASE64_STANDARD.decode(encoded.trim()).ok()?;
        let mut found = None;
        for (user, tag) in &self.tags {
            if hmac::verify(&self.key, &decoded, tag.as_ref()).is_ok() {
                found = Some(user.clone());
            }
        }
        if found.is_some() || self.hashes.is_empty() {
            return found;
        }
        self.hashed(decoded).await
    }

    async fn hashed(&self, decoded: Vec<u8>) -> Option<String> {
        let tag = hmac::sign(&self.key, &decoded).as_ref().to_vec();
        let known = |known: &HashMap<Vec<u8>, (String, Instant)>| {
            known.get(&tag).filter(|(_, since)| since.elapsed() < KNOWN_FOR).map(|(user, _)| user.clone())
        };
        if let Some(user) = known(&self.known()) {
            return Some(user);
        }
        let text = String::from_utf8(decoded).ok()?;
        let (user, password) = text.split_once(':')?;
        let hash = self.hashes.get(user).cloned();
        let is_there = hash.is_some();
        let hash = hash.or_else(|| self.nobody.clone())?;
        let password = SecretString::from(password);
        let right = {
            let _turn = self.turns.acquire().await.ok()?;
            // Somebody with the same credentials was before.
            if let Some(user) = known(&self.known()) {
                return Some(user);
            }
            let work = move || {
                Argon2::default().verify_password(password.expose_secret().as_bytes(), &*hash).is_ok()
            };
            tokio::task::spawn_blocking(work).await.unwrap_or_default()
        };
        if !right || !is_there {
            return None;
        }
        let mut known = self.known();
        if known.len() >= KNOWN {
            known.retain(|_, (_, since)| since.elapsed() < KNOWN_FOR);
        }
        if known.len() < KNOWN {
            known.insert(tag.clone(), (user.to_owned(), Instant::now()));
        }
        Some(user.to_owned())
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Vec<u8>, (String, Instant)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a hash can be worked with: else nobody would know why a login fails.
fn check(user: &str, hash: &str) -> Result<(), Error> {
    use argon2::password_hash::{Error as Why, phc::PasswordHash};
    let failed = |why: Why| {
        Error::new(
            ErrorKind::Config,
            format!(
                "the hash of user `{user}` cannot be used: {why}; `taskq flower hash-password` makes one"
            ),
        )
    };
    let parsed = PasswordHash::new(hash).map_err(|error| failed(error.into()))?;
    argon2::Params::try_from(&parsed).map_err(failed)?;
    match parsed.hash {
        Some(_) => Ok(()),
        None => Err(failed(Why::PasswordInvalid)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn user(passwords: &Passwords, credentials: &str) -> Option<String> {
        let given = format!("Basic {}", BASE64_STANDARD.encode(credentials));
        passwords.user(&HeaderValue::from_str(&given).unwrap()).await
    }

    #[tokio::test]
    async fn only_the_pairs_listed_pass_plain_or_hashed() {
        let pairs = [
            ("admin".to_owned(), "se:cret".into()),
            ("op".to_owned(), "x".into()),
            ("hashed".to_owned(), hash_password("p:w").unwrap().into()),
        ];
        let passwords = Passwords::new(&pairs).unwrap();
        assert_eq!(user(&passwords, "admin:se:cret").await.as_deref(), Some("admin"));
        assert_eq!(user(&passwords, "op:x").await.as_deref(), Some("op"));
        for _ in 0..2 {
            assert_eq!(user(&passwords, "hashed:p:w").await.as_deref(), Some("hashed"));
        }
        for wrong in ["admin:secret", "admin:", "op:se:cret", "", ":", "hashed:", "hashed:p:x", "none:p:w"] {
            assert_eq!(user(&passwords, wrong).await, None, "{wrong}");
        }
        // The hash itself is no password.
        let hash = pairs[2].1.expose_secret();
        assert_eq!(user(&passwords, &format!("hashed:{hash}")).await, None);
        assert_eq!(passwords.user(&HeaderValue::from_static("Bearer x")).await, None);
    }

    #[test]
    fn a_hash_that_cannot_be_used_is_refused_at_the_start() {
        for bad in
            ["$argon2id$", "$argon2id$v=19$m=8,t=1,p=1$c2FsdA", "$argon2x$v=19$m=8,t=1,p=1$YWJjZGVmZ2g$YQ"]
        {
            let said = Passwords::new(&[("a".to_owned(), bad.into())]).unwrap_err().to_string();
            assert!(said.contains("hash-password"), "{said}");
        }
    }
}
