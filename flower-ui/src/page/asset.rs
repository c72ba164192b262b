//! Scripts, styles and pictures, which are part of the program.
//!
//! Kept true here: all files of one program share an edition, a digest of them all, in their addresses, so that
//! a page never runs with a script of another edition, and a browser asks for each of them once.

use std::sync::LazyLock;

use axum::{
    body::Body,
    extract::Path,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY},
    },
    response::{IntoResponse, Response},
};
use ring::digest::{Context, SHA256};
use rust_embed::RustEmbed;

use super::compress;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// Characters of the digest that are shown.
const SHOWN: usize = 16;

/// The edition of the files.
pub(super) static EDITION: LazyLock<String> = LazyLock::new(|| {
    let mut context = Context::new(&SHA256);
    for name in Assets::iter() {
        context.update(name.as_bytes());
        context.update(&[0]);
        if let Some(file) = Assets::get(&name) {
            context.update(&file.metadata.sha256_hash());
        }
    }
    let digest: String = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    digest.chars().take(SHOWN).collect()
});

/// The address of a file, below the prefix.
pub(super) fn address(prefix: &str, path: &str) -> String {
    format!("{prefix}/assets/{}/{path}", *EDITION)
}

/// Gives a file; one asked for by the address of another edition is given, but not to be kept.
pub(super) async fn give(Path((edition, path)): Path<(String, String)>, asked: HeaderMap) -> Response {
    let Some(file) = Assets::get(&path) else { return StatusCode::NOT_FOUND.into_response() };
    let accepts = |wanted: &str| {
        let kinds = asked.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        kinds
            .flat_map(|value| value.split(','))
            .any(|kind| kind.split(';').next().unwrap_or_default().trim() == wanted)
    };
    let small = if accepts("br") { compress::brotli(&path, &file.data) } else { None };
    let (body, encoding) = match small {
        Some(small) => (Body::from(small), Some("br")),
        None => (Body::from(file.data), None),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind(&path)));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    let keep = if edition == *EDITION { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" | "webmanifest" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(encoding: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_str(encoding).unwrap())])
    }

    async fn given(edition: &str, path: &str, encoding: &str) -> Response {
        give(Path((edition.to_owned(), path.to_owned())), asking(encoding)).await
    }

    #[tokio::test]
    async fn a_file_of_this_edition_is_kept_and_one_of_another_is_not() {
        let kept = given(&EDITION, "main.js", "gzip, br;q=1.0").await;
        assert_eq!(kept.status(), StatusCode::OK);
        assert!(kept.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert_eq!(kept.headers()[CONTENT_ENCODING], "br");
        let old = given("0", "main.js", "gzip").await;
        assert_eq!(old.headers()[CACHE_CONTROL], "no-cache");
        assert!(!old.headers().contains_key(CONTENT_ENCODING));
    }

    #[tokio::test]
    async fn nothing_outside_the_files_is_given() {
        for path in ["../Cargo.toml", "../src/lib.rs", "/etc/passwd", "none.js", ""] {
            assert_eq!(given(&EDITION, path, "").await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[test]
    fn scripts_and_styles_fit_their_budgets() {
        // What all files of a kind may weigh in brotli, in bytes.
        for (extension, most) in [(".js", 120_000), (".css", 16_000)] {
            let weight = |name: &str| {
                let plain = Assets::get(name).unwrap().data;
                compress::brotli(name, &plain).map_or(plain.len(), |small| small.len())
            };
            let all: usize =
                Assets::iter().filter(|name| name.ends_with(extension)).map(|name| weight(&name)).sum();
            assert!(all > most / 100, "`{extension}` was read");
            assert!(all <= most, "all `{extension}` weigh {all} bytes, more than {most}");
        }
    }

    #[test]
    fn no_file_needs_what_the_policy_forbids() {
        for name in Assets::iter() {
            let file = Assets::get(&name).unwrap();
            let text = String::from_utf8_lossy(&file.data);
            for forbidden in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"]
            {
                assert!(!text.contains(forbidden), "`{name}` has `{forbidden}`");
            }
            assert!(kind(&name) != "application/octet-stream", "`{name}` is of no known kind");
        }
    }
}
