//! `basic_auth`: users and passwords.

use axum::http::HeaderValue;
use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{
    hmac::{self, HMAC_SHA256, Key},
    rand::SystemRandom,
};
use secrecy::{ExposeSecret, SecretString};
use taskq_core::Error;

use super::token::no_randomness;

/// Who may log in, kept as tags under a key of this process.
#[derive(Debug)]
pub(super) struct Passwords {
    key: Key,
    tags: Vec<(String, hmac::Tag)>,
}

impl Passwords {
    pub(super) fn new(pairs: &[(String, SecretString)]) -> Result<Self, Error> {
        let key = Key::generate(HMAC_SHA256, &SystemRandom::new()).map_err(no_randomness)?;
        let tag = |(user, password): &(String, SecretString)| {
            (user.clone(), hmac::sign(&key, format!("{user}:{}", password.expose_secret()).as_bytes()))
        };
        Ok(Self { tags: pairs.iter().map(tag).collect(), key })
    }

    /// The user whose credentials these are. Takes as long for wrong ones, whatever is wrong with them.
    pub(super) fn user(&self, given: &HeaderValue) -> Option<String> {
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
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_pairs_listed_pass() {
        let pairs = [("admin".to_owned(), "se:cret".into()), ("op".to_owned(), "x".into())];
        let passwords = Passwords::new(&pairs).unwrap();
        let user = |credentials: &str| {
            let given = format!("Basic {}", BASE64_STANDARD.encode(credentials));
            passwords.user(&HeaderValue::from_str(&given).unwrap())
        };
        assert_eq!(user("admin:se:cret").as_deref(), Some("admin"));
        assert_eq!(user("op:x").as_deref(), Some("op"));
        for wrong in ["admin:secret", "admin:", "op:se:cret", "", ":"] {
            assert_eq!(user(wrong), None, "{wrong}");
        }
        assert_eq!(passwords.user(&HeaderValue::from_static("Bearer x")), None);
    }
}
