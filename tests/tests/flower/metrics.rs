//! The metrics: Flower's names, types, helps and labels.

use std::{collections::BTreeMap, fs, path::Path};

/// By name: help, type, and the names of labels of its series.
fn shapes(text: &str) -> BTreeMap<String, [String; 3]> {
    let mut shapes: BTreeMap<String, [String; 3]> = BTreeMap::new();
    for line in text.lines().filter(|line| line.contains("flower_")) {
        let mut words = line.split_whitespace();
        if let Some(about) = line.strip_prefix("# ") {
            let (kind, name) = (words.nth(1).unwrap_or_default(), words.next().unwrap_or_default());
            let at = usize::from(kind == "TYPE");
            shapes.entry(name.to_owned()).or_default()[at] = about.to_owned();
            continue;
        }
        let (name, labels) = line.split_once('{').expect("labels");
        let names: Vec<&str> =
            labels.split("=\"").map(|part| part.rsplit(['"', ',']).next().unwrap_or(part)).collect();
        let names = names[..names.len() - 1].join(",");
        shapes.entry(name.to_owned()).or_default()[2] = names;
    }
    shapes
}

/// Checks them.
pub(crate) fn are_flowers(ours: &str, captured: &Path) {
    let (ours, theirs) = (shapes(ours), shapes(&fs::read_to_string(captured).expect("the captured metrics")));
    assert_eq!(ours, theirs);
}
