//! From the text of an option to its value.

use std::{fs, path::PathBuf, str::FromStr, time::Duration};

use axum::http::HeaderName;
use secrecy::SecretString;
use url::Url;

use super::{Anonymous, Compat, EmailPattern, Source, WorkerLabel};
use crate::{auth::Role, redact::Redact};

/// Reads Flower's booleans.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "y" | "yes" | "t" | "true" | "on" | "1" => Some(true),
        "n" | "no" | "f" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn yes(text: &str) -> Result<bool, String> {
    boolean(text).ok_or_else(|| format!("`{text}` is neither yes nor no"))
}

pub(super) fn maybe(text: &str) -> Result<Option<bool>, String> {
    yes(text).map(Some)
}

pub(super) fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is no number that fits"))
}

#[allow(clippy::unnecessary_wraps)] // one shape for all
pub(super) fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

#[allow(clippy::unnecessary_wraps)]
pub(super) fn some(text: &str) -> Result<Option<String>, String> {
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

#[allow(clippy::unnecessary_wraps)]
pub(super) fn path(text: &str) -> Result<Option<PathBuf>, String> {
    Ok(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from))
}

/// A level of logging.
pub(super) fn level(text: &str) -> Result<Option<String>, String> {
    match text.to_lowercase().as_str() {
        "debug" | "info" | "warning" | "error" | "critical" => Ok(Some(text.to_owned())),
        _ => Err(format!("`{text}` is none of debug, info, warning, error, critical")),
    }
}

/// The words between commas.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect()
}

#[allow(clippy::unnecessary_wraps)]
pub(super) fn list(text: &str) -> Result<Vec<String>, String> {
    Ok(words(text))
}

pub(super) fn milliseconds(text: &str) -> Result<Duration, String> {
    seconds_of(text, 1e-3)
}

pub(super) fn some_seconds(text: &str) -> Result<Option<Duration>, String> {
    seconds_of(text, 1.0).map(|time| Some(time).filter(|time| !time.is_zero()))
}

pub(super) fn days(text: &str) -> Result<Duration, String> {
    seconds_of(text, 86_400.0)
}

fn seconds_of(text: &str, unit: f64) -> Result<Duration, String> {
    let number: f64 = number(text)?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| format!("`{text}` is no time"))
}

/// A secret, or the file that holds it: `@/run/secrets/board`.
pub(super) fn secret(text: &str) -> Result<Option<SecretString>, String> {
    Ok(Some(told(text)?).filter(|text| !text.is_empty()).map(SecretString::from))
}

/// `user:password` with commas or in lines. An Argon2 hash has commas of its own.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, SecretString)>, String> {
    let told = told(text)?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    for line in told.lines() {
        let mut rest_of_hash = false;
        for piece in line.split(',').map(str::trim).filter(|piece| !piece.is_empty()) {
            match (piece.split_once(':'), pairs.last_mut().filter(|_| rest_of_hash)) {
                (Some((user, password)), _) => {
                    rest_of_hash = password.starts_with("$argon2");
                    pairs.push((user.to_owned(), password.to_owned()));
                }
                (None, Some((_, hash))) => {
                    hash.push(',');
                    hash.push_str(piece);
                }
                (None, None) => return Err("every entry has to be `user:password`".to_owned()),
            }
        }
    }
    Ok(pairs.into_iter().map(|(user, password)| (user, password.into())).collect())
}

pub(super) fn header(text: &str) -> Result<Option<HeaderName>, String> {
    HeaderName::try_from(text).map(Some).map_err(|_| format!("`{text}` cannot be the name of a header"))
}

pub(super) fn sources(text: &str) -> Result<Vec<Source>, String> {
    words(text).iter().map(|word| Source::read(word)).collect()
}

pub(super) fn keys(text: &str) -> Result<Vec<String>, String> {
    let keys = words(text);
    Redact::new(&keys, &[]).map(|_| keys)
}

pub(super) fn paths(text: &str) -> Result<Vec<String>, String> {
    let paths = words(text);
    Redact::new(&[], &paths).map(|_| paths)
}

pub(super) fn role(text: &str) -> Result<Option<Role>, String> {
    Role::read(text).map(Some).ok_or_else(|| format!("`{text}` is none of `viewer`, `operator`, `admin`"))
}

fn told(text: &str) -> Result<String, String> {
    let Some(file) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    let read = fs::read_to_string(file).map_err(|error| format!("could not read `{file}`: {error}"))?;
    Ok(read.trim_end().to_owned())
}

/// An address of the web.
pub(super) fn web(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Some(text.to_owned())),
        _ => Err("it has to begin with `http://` or `https://`".to_owned()),
    }
}

/// With one slash before it and none after.
#[allow(clippy::unnecessary_wraps)]
pub(super) fn prefix(text: &str) -> Result<String, String> {
    let bare = text.trim_matches('/');
    if !bare.chars().all(|c| c.is_ascii_alphanumeric() || "-._~/".contains(c)) {
        return Err(format!("`{text}` holds what a path cannot"));
    }
    Ok(if bare.is_empty() { String::new() } else { format!("/{bare}") })
}

pub(super) fn emails(text: &str) -> Result<String, String> {
    EmailPattern::read(text).map(|_| text.to_owned())
}

pub(super) fn compat(text: &str) -> Result<Compat, String> {
    match text {
        "strict" => Ok(Compat::Strict),
        "fixed" => Ok(Compat::Fixed),
        _ => Err(format!("`{text}` is neither `strict` nor `fixed`")),
    }
}

pub(super) fn anonymous(text: &str) -> Result<Option<Anonymous>, String> {
    match text {
        "read-only" | "read_only" => Ok(Some(Anonymous::ReadOnly)),
        "full" => Ok(Some(Anonymous::Full)),
        _ => Err(format!("`{text}` is neither `read-only` nor `full`")),
    }
}

pub(super) fn label(text: &str) -> Result<WorkerLabel, String> {
    match text {
        "off" => Ok(WorkerLabel::Off),
        "host" => Ok(WorkerLabel::Host),
        "full" => Ok(WorkerLabel::Full),
        _ => Err(format!("`{text}` is none of `off`, `host`, `full`")),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn the_commas_of_a_hash_are_its_own() {
        let hash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA";
        let read = pairs(&format!("a:x,b:{hash},c:y\nd:{hash}")).unwrap();
        let read: Vec<_> = read.iter().map(|(user, it)| (user.as_str(), it.expose_secret())).collect();
        assert_eq!(read, [("a", "x"), ("b", hash), ("c", "y"), ("d", hash)]);
        assert!(pairs("a:x,y").is_err() && pairs("a").is_err());
    }
}
