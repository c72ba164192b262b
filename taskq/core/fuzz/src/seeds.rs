//! What the targets begin with: the bytes that real Celery sent and stored, and what ours writes of them.

use std::{collections::BTreeSet, fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value as Json;
use taskq_core::{
    broker::Envelope,
    codec::compress,
    protocol::{Message, RawHeaders},
};

use super::{COMPRESSIONS, Target};

/// Inputs that are longer than this teach a mutator little.
const LONGEST: usize = 4_096;
/// How many are kept of each target.
const MOST: usize = 400;

const CRONTABS: [&str; 14] = [
    "*/5 * * * *",
    "0 0 13 * fri",
    "22-4 * * * *",
    "* * * * fri-mon",
    "0 */2 1,15 jan-mar 1-5",
    "30 * * * * *",
    "@midnight",
    "59 23 29 2 *",
    "0 0 30 2 *",
    "*/61 * * * *",
    "1-59/7,3 4-6 * dec *",
    "0 0 * * 7",
    "5-1/3 * * * *",
    "00 00 01 01 *",
];

/// The seeds of a target.
pub fn seeds(target: Target) -> Vec<Vec<u8>> {
    let is = |other: Target| std::ptr::fn_addr_eq(target, other);
    if is(super::crontab) {
        return CRONTABS.iter().map(|line| line.as_bytes().to_vec()).collect();
    }
    let mut recorded = recorded();
    if is(super::compression) {
        // Each becomes several.
        recorded = recorded.into_iter().step_by(50).collect();
    }
    let all: Vec<Vec<u8>> = recorded
        .iter()
        .filter(|bytes| bytes.len() <= LONGEST)
        .flat_map(|bytes| {
            if is(super::envelope) {
                let headers = RawHeaders(Bytes::from_static(b"{\"task\": \"t.add\"}"));
                let message = Message { headers, body: Bytes::copy_from_slice(bytes), ..Message::default() };
                return Envelope::encode(&message, "x", "k")
                    .map(|bytes| vec![bytes.to_vec()])
                    .unwrap_or_default();
            }
            if is(super::compression) {
                let compressed = COMPRESSIONS.iter().zip(0_u8..).filter_map(|(name, choice)| {
                    Some([&[choice][..], &compress::compress(name, bytes).ok()?.1].concat())
                });
                return compressed.collect();
            }
            if is(super::headers) || is(super::values) || is(super::signatures) {
                return vec![bytes.clone()];
            }
            // Where the first byte chooses a format: the one that fits.
            let choice = match bytes.first() {
                Some(first) if first.is_ascii() => 0,
                _ => 1,
            };
            vec![[&[choice], &bytes[..]].concat()]
        })
        .collect();
    let step = all.len().div_ceil(MOST).max(1);
    all.into_iter().step_by(step).collect()
}

/// Every piece of raw bytes in the recordings, each once, in order.
fn recorded() -> BTreeSet<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    // Of the crate, or of this package within it.
    let folder = ["../..", "../../.."].map(|up| folder.join(up).join("tests/fixtures/celery"));
    let folder = folder.iter().find(|folder| folder.is_dir()).expect("the recordings");
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("the recordings") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = fs::read(&path).expect("a recording");
            walk(&serde_json::from_slice(&text).expect("JSON"), &mut found);
        }
    }
    found
}

/// Raw bytes, and everything that has a part of a message in it as JSON.
fn walk(json: &Json, found: &mut BTreeSet<Vec<u8>>) {
    match json {
        Json::Object(map) => {
            for (name, value) in map {
                match (name.as_str(), value) {
                    ("text", Json::String(text)) => _ = found.insert(text.clone().into_bytes()),
                    ("base64", Json::String(text)) => found.extend(STANDARD.decode(text)),
                    ("headers" | "body" | "chain" | "chord" | "callbacks" | "errbacks", value) => {
                        found.insert(value.to_string().into_bytes());
                    }
                    _ => {}
                }
                walk(value, found);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| walk(item, found)),
        _ => {}
    }
}
