//! The messages, results and command traces recorded from real Celery 5.7.
//!
//! `tests/fixtures/celery/README.md` explains the format. A missing or broken file is a broken checkout, so
//! these functions panic and name the file.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The folder that holds the recordings, absolute.
#[must_use]
pub fn celery_dir() -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/celery")).to_path_buf()
}

/// One recording by its case name, for example `redis.task.simple`.
///
/// # Panics
/// If there is no such case, or the file is not JSON.
#[must_use]
pub fn celery(case: &str) -> Value {
    let path = celery_dir().join(format!("{case}.json"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("could not read `{}`: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("`{}` is not JSON: {error}", path.display()))
}

/// Every recording whose case name begins with `prefix`, as `(case, content)` in order of name.
///
/// # Panics
/// If there is none, so that a test over an empty set cannot pass.
#[must_use]
pub fn celery_cases(prefix: &str) -> Vec<(String, Value)> {
    let dir = celery_dir();
    let entries =
        fs::read_dir(&dir).unwrap_or_else(|error| panic!("could not list `{}`: {error}", dir.display()));
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
        .filter(|name| name.starts_with(prefix))
        .collect();
    assert!(!names.is_empty(), "no recording begins with `{prefix}` in `{}`", dir.display());
    names.sort();
    names.into_iter().map(|name| (name.clone(), celery(&name))).collect()
}
