//! `ETag` and `304 Not Modified`: a client that has the answer is not sent it again.

use axum::{
    body::{Body, HttpBody, to_bytes},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    response::Response,
};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Larger answers carry no tag.
const BOUND: u64 = 16 << 20;

/// With a tag, and without a body if the client has it.
pub(super) async fn tagged(asked: &HeaderMap, response: Response) -> Response {
    let size = response.body().size_hint().exact();
    if response.status() != StatusCode::OK || size.is_none_or(|size| size > BOUND) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        return Response::from_parts(head, Body::empty());
    };
    // Flower's, which is no secret and guards nothing.
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes);
    let tag: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{tag}\"");
    let known = asked.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok()).any(|value| {
        value
            .split(',')
            .map(|part| part.trim().trim_start_matches("W/"))
            .any(|part| part == tag || part == "*")
    });
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        head.headers.insert(ETAG, tag);
    }
    if known {
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(CONTENT_TYPE);
        head.headers.remove(CONTENT_LENGTH);
        return Response::from_parts(head, Body::empty());
    }
    Response::from_parts(head, Body::from(bytes))
}
