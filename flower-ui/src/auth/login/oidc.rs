//! OpenID Connect: what an ID token says.
//!
//! Kept true here: a token comes straight from the provider over TLS, which stands for its signature (OpenID
//! Connect Core, 3.1.3.7); issuer, audience, time and nonce are checked all the same.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::Value;
use url::{Host, Url};

/// How far clocks may be apart, in seconds.
const SKEW: i64 = 60;

/// Whether secrets may go there: by TLS, or to this machine.
///
/// # Errors
/// When they may not.
pub(super) fn is_safe(url: &str) -> Result<(), String> {
    let refused = || format!("`{url}` has to begin with `https://`");
    let parsed = Url::parse(url).map_err(|_| refused())?;
    let local = match parsed.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if parsed.scheme() == "https" || (parsed.scheme() == "http" && local) { Ok(()) } else { Err(refused()) }
}

/// What a token says of whom.
///
/// # Errors
/// When it is not for us, not from them, not for this login, or too old.
pub(super) fn claims(
    token: &str,
    issuer: &str,
    client: &str,
    nonce: &str,
    now: i64,
) -> Result<Value, String> {
    let body = token.split('.').nth(1).and_then(|body| BASE64_URL_SAFE_NO_PAD.decode(body).ok());
    let claims: Value =
        body.and_then(|body| serde_json::from_slice(&body).ok()).ok_or("the ID token cannot be read")?;
    let audience = match &claims["aud"] {
        Value::String(one) => one == client,
        Value::Array(many) => {
            many.iter().any(|one| one == client) && (many.len() == 1 || claims["azp"] == client)
        }
        _ => false,
    };
    let is = [
        (
            claims["iss"].as_str().map(|iss| iss.trim_end_matches('/')) == Some(issuer.trim_end_matches('/')),
            "issuer",
        ),
        (audience, "audience"),
        (claims["exp"].as_i64().is_some_and(|until| until + SKEW > now), "time"),
        (claims["nonce"].as_str() == Some(nonce), "nonce"),
        (claims["sub"].is_string(), "subject"),
    ];
    match is.iter().find(|(right, _)| !right) {
        Some((_, what)) => Err(format!("the {what} of the ID token is wrong")),
        None => Ok(claims),
    }
}

/// The address, if it was checked.
pub(super) fn email(claims: &Value) -> Option<String> {
    let checked = claims["email_verified"] == true || claims["email_verified"] == "true";
    claims["email"].as_str().filter(|_| checked).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(claims: &Value) -> Result<Value, String> {
        let token = format!("e30.{}.x", BASE64_URL_SAFE_NO_PAD.encode(claims.to_string()));
        super::claims(&token, "https://id.example", "board", "n", 1_000)
    }

    #[test]
    fn a_token_for_another_board_login_or_time_is_refused() {
        let good =
            json!({"iss": "https://id.example", "aud": "board", "exp": 1_100, "nonce": "n", "sub": "1"});
        read(&good).unwrap();
        for (name, value) in [
            ("iss", json!("https://evil.example")),
            ("aud", json!("other")),
            ("aud", json!(["board", "other"])),
            ("exp", json!(900)),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
            ("sub", Value::Null),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            assert!(read(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_checked_addresses_count_and_only_safe_places_are_asked() {
        assert_eq!(email(&json!({"email": "a@x.org"})), None);
        assert_eq!(email(&json!({"email": "a@x.org", "email_verified": false})), None);
        assert_eq!(email(&json!({"email": "a@x.org", "email_verified": true})).as_deref(), Some("a@x.org"));
        assert!(is_safe("https://id.example").is_ok() && is_safe("http://127.0.0.1:1").is_ok());
        assert!(is_safe("http://id.example").is_err() && is_safe("file:///etc").is_err());
    }
}
