//! The recordings are complete and readable.

use taskq_tests::fixtures;

#[test]
fn every_recording_is_readable_and_names_itself() {
    let cases = fixtures::celery_cases("");
    assert!(cases.len() > 400, "only {} recordings", cases.len());
    for (name, content) in cases {
        assert_eq!(content["name"], name.as_str());
    }
}
