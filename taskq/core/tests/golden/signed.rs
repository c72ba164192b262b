//! A message that real Celery signed is proven by its certificate, and nothing that was done to it gets through.

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use taskq_core::{
    codec::{SignatureParts, Signatures},
    protocol::{Arguments, MalformedKind, Message},
};

use crate::{messages::decode, recordings};

/// The recorded message, once its certificate is trusted.
fn signed() -> Message {
    let recording = recordings::case("redis.task.serializer-auth");
    let store = tempfile::tempdir().expect("a folder");
    let pem = recording["certificate_pem"].as_str().expect("a certificate");
    std::fs::write(store.path().join("wire.pem"), pem).expect("a file");
    let path = store.path().join("*.pem");
    let parts = SignatureParts {
        store: Some(path.to_str().expect("a path")),
        digest: "sha256",
        ..Default::default()
    };
    Signatures::open(parts).expect("a store").install();
    recordings::message(&recording["messages"][0])
}

#[test]
fn what_celery_has_signed_is_read() {
    let request = decode(signed()).expect("a task");
    let Arguments::Raw { args, kwargs } = &request.arguments else { panic!("{request:?}") };
    assert_eq!((&args[..], &kwargs[..]), (&b"[2, 3]"[..], &b"{}"[..]));
    assert_eq!(request.content_type, "application/data");
}

#[test]
fn a_changed_argument_is_refused_and_says_why() {
    let mut message = signed();
    let mut plain = BASE64_STANDARD.decode(&message.body).expect("base64");
    let at = plain.windows(6).position(|window| window == b"[2, 3]").expect("the arguments");
    plain[at + 1] = b'9';
    message.body = Bytes::from(BASE64_STANDARD.encode(plain));
    let malformed = decode(message).expect_err("refused");
    assert_eq!(malformed.kind, MalformedKind::RefusedContentType);
    assert!(malformed.detail.contains("it was changed"), "{}", malformed.detail);
    assert_eq!(malformed.task.as_deref(), Some("t.add"), "whoever waits is told");
}
