//! No other site acts through somebody's browser.

use axum::http::{HeaderMap, StatusCode, header::HOST, header::ORIGIN};
use url::Url;

use super::{Refused, refused};
use crate::server::Refusal;

/// Refuses what a browser says comes from another site.
pub(super) fn same_site(headers: &HeaderMap) -> Result<(), Refused> {
    let forbidden =
        |text: &str| Err(refused(Refusal::text(StatusCode::FORBIDDEN, "cross_site", text.to_owned())));
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = text("sec-fetch-site") {
        return if site == "same-origin" { Ok(()) } else { forbidden("Cross-site request forbidden") };
    }
    match text(ORIGIN.as_str()) {
        None => Ok(()),
        Some(origin) if is_own(origin, text(HOST.as_str()).unwrap_or_default()) => Ok(()),
        Some(_) => forbidden("Cross-origin request forbidden"),
    }
}

/// Whether an origin is the host that was asked. Behind a proxy the schemes may differ.
fn is_own(origin: &str, host: &str) -> bool {
    let Ok(origin) = Url::parse(origin) else { return false };
    let Ok(own) = Url::parse(&format!("{}://{host}", origin.scheme())) else { return false };
    origin.host().is_some()
        && origin.host() == own.host()
        && origin.port_or_known_default() == own.port_or_known_default()
}
