//! Signed values: the token that a page shows to prove it is ours, and what sessions are made of.

use axum::http::{
    HeaderMap,
    header::{AUTHORIZATION, COOKIE as COOKIES},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    hmac::{self, HMAC_SHA256, Key},
    rand::{SecureRandom, SystemRandom},
};
use secrecy::ExposeSecret;
use taskq_core::{Error, ErrorKind};

use crate::Options;

/// What a program's token begins with, so that it is known for one wherever it is found.
pub(super) const MARK: &str = "taskq_";
/// The cookie with a page's token; Flower's name.
pub(super) const COOKIE: &str = "_xsrf";
/// The cookie of a session; Flower's name.
pub(super) const SESSION: &str = "user";
/// The headers that may repeat it: Flower's, and ours.
const HEADERS: [&str; 2] = ["x-xsrftoken", "x-taskq-csrf"];
/// Random bytes in a token.
const NONCE: usize = 18;

/// Signs values so that nobody else can make them.
#[derive(Debug)]
pub(crate) struct Keys(Key);

pub(super) fn no_randomness(_: ring::error::Unspecified) -> Error {
    Error::new(ErrorKind::Other, "the system gives no random numbers")
}

impl Keys {
    /// From the option `cookie_secret`, else random: what is signed then ends with the process.
    pub(super) fn new(options: &Options) -> Result<Self, Error> {
        let key = match &options.cookie_secret {
            Some(secret) => Key::new(HMAC_SHA256, secret.expose_secret().as_bytes()),
            None => Key::generate(HMAC_SHA256, &SystemRandom::new()).map_err(no_randomness)?,
        };
        Ok(Self(key))
    }

    /// A text with its signature; `purpose` keeps one kind of text from passing as another.
    pub(super) fn sign(&self, purpose: &str, text: &str) -> String {
        let tag = hmac::sign(&self.0, format!("{purpose}\0{text}").as_bytes());
        format!("{text}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    /// The text, if the signature is ours.
    pub(super) fn verify<'a>(&self, purpose: &str, signed: &'a str) -> Option<&'a str> {
        let (text, tag) = signed.rsplit_once('.')?;
        let tag = BASE64_URL_SAFE_NO_PAD.decode(tag).ok()?;
        hmac::verify(&self.0, format!("{purpose}\0{text}").as_bytes(), &tag).ok()?;
        Some(text)
    }

    /// A fresh token for a page.
    pub(crate) fn page_token(&self) -> String {
        self.sign(COOKIE, &nonce())
    }

    /// Whether a token is one of ours.
    pub(super) fn is_ours(&self, token: &str) -> bool {
        self.verify(COOKIE, token).is_some()
    }
}

/// Random text.
pub(super) fn nonce() -> String {
    let mut bytes = [0; NONCE];
    // It has given some before, at the start.
    let _ = SystemRandom::new().fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A cookie of a request.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(COOKIES).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';')).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        (key == name).then_some(value)
    })
}

/// What a program shows instead of a password.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| token.starts_with(MARK))
}

/// The token that a request repeats.
pub(super) fn header(headers: &HeaderMap) -> Option<&str> {
    HEADERS.iter().find_map(|name| headers.get(*name))?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_text_purpose_and_key_only() {
        let keys = Keys::new(&Options::default()).unwrap();
        let signed = keys.sign("a", "x.y");
        assert_eq!(keys.verify("a", &signed), Some("x.y"));
        assert_eq!(keys.verify("b", &signed), None);
        assert_eq!(keys.verify("a", &signed.replace('x', "z")), None);
        assert_eq!(Keys::new(&Options::default()).unwrap().verify("a", &signed), None);
        assert!(keys.is_ours(&keys.page_token()) && !keys.is_ours("x.y") && !keys.is_ours(""));
    }
}
