//! Every message that ends, loops or silently drops on a Python worker, given to ours.
//!
//! The worker goes on; what it cannot run is kept with its reason and original bytes; whoever waits for it gets
//! a FAILURE.

use serde_json::json;
use taskq::Error;
use taskq_tests::fixtures;

use crate::thrown::{End, Thrown, throw};

/// The task id in all recordings.
const RECORDED_ID: &str = "aaaaaaaa-0000-4000-8000-000000000001";
/// The delivery tag in all recordings.
const RECORDED_TAG: &str = "dddddddd-0000-4000-8000-000000000001";

#[tokio::test]
async fn every_message_that_stops_a_python_worker_is_answered_and_kept() -> Result<(), Error> {
    let thrown: Vec<Thrown> = fixtures::celery_cases("redis.poison.")
        .into_iter()
        .enumerate()
        .map(|(number, (case, content))| {
            let raw = content["raw"]["text"].as_str().expect("the list element as text");
            message(&case, raw, number)
        })
        .collect();
    let good = fixtures::celery("redis.poison.good");
    let good = message("redis.poison.good", good["raw"]["text"].as_str().expect("text"), thrown.len());
    throw("t.", &thrown, &good).await
}

/// The recorded message with an id and a tag of its own.
fn message(case: &str, raw: &str, number: usize) -> Thrown {
    let id = format!("aaaaaaaa-0000-4000-8000-{:012}", number + 100);
    let tag = format!("dddddddd-0000-4000-8000-{:012}", number + 100);
    let raw = raw.replace(RECORDED_ID, &id).replace(RECORDED_TAG, &tag).into_bytes();
    let case = case.trim_start_matches("redis.poison.");
    Thrown { case: case.to_owned(), id, raw, end: expected(case) }
}

fn expected(case: &str) -> End {
    match case {
        "good" | "embed-null" | "embed-empty" | "no-reprs" | "no-body-encoding" | "body-hybrid"
        | "stamps-no-list" | "retries-text" => End::Runs(json!(3)),
        // Python loses these; everything that is needed to run them is there.
        "no-delivery-tag" | "no-delivery-info" | "delivery-info-empty" => End::Runs(json!(3)),
        "not-json" | "not-object" | "no-id" | "headers-null" | "headers-missing" => End::DeadWithoutId,
        "eta-far" => End::Waits,
        _ => End::Dead,
    }
}
