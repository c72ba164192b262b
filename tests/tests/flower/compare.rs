//! Whether an answer is the captured one, apart from what differs each time: ids, times, numbers.

use serde_json::Value;

/// How closely a body is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The same texts and keys, values of the same kind.
    Exact,
    /// Rows of some tasks: as many, with the same keys.
    Rows,
    /// What a worker says of itself: the same keys, values of the same kind.
    Worker,
    /// Some HTML.
    Page,
}

/// What differs, in words.
pub(crate) fn differences(ours: &Value, theirs: &Value, how: How) -> Vec<String> {
    let mut found = Vec::new();
    if how == How::Page {
        if !ours.as_str().is_some_and(|text| text.contains('<')) {
            found.push("no HTML page".to_owned());
        }
        return found;
    }
    walk(ours, theirs, how, "body", &mut found);
    found
}

/// Keys in the order in which they stand in a text.
pub(crate) fn order<'a>(keys: impl Iterator<Item = &'a String>, text: &str) -> Vec<String> {
    let mut places: Vec<(Option<usize>, String)> =
        keys.map(|key| (text.find(&format!("\"{key}\":")), key.clone())).collect();
    places.sort();
    places.into_iter().map(|(_, key)| key).collect()
}

fn walk(ours: &Value, theirs: &Value, how: How, at: &str, found: &mut Vec<String>) {
    // Which tasks a worker happens to hold.
    if how == How::Worker && at.contains("scheduled") && (at.ends_with(".args") || at.ends_with(".kwargs")) {
        return;
    }
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            if theirs.keys().chain(ours.keys()).any(|key| is_id(key)) {
                if ours.len() != theirs.len() {
                    found.push(format!("{at}: {} rows, not {}", ours.len(), theirs.len()));
                }
                for (row, their) in ours.values().zip(theirs.values()) {
                    walk(row, their, how, &format!("{at}.row"), found);
                }
                return;
            }
            let names = |keys: &serde_json::Map<String, Value>| -> Vec<String> {
                let mut names: Vec<String> = keys.keys().cloned().collect();
                // Workers and the order of their answers come by chance.
                if how == How::Worker || at == "body" {
                    names.sort();
                }
                // Counters of events are there once there was one.
                names.retain(|name| {
                    !(at.contains(".data[") && (name.starts_with("task-") || name.starts_with("worker-")))
                });
                names
            };
            // Counters by name of whatever was done.
            let counts = at.ends_with(".total");
            if names(ours) != names(theirs) && !counts {
                found.push(format!("{at}: keys {:?}, not {:?}", names(ours), names(theirs)));
            }
            for (name, their) in theirs {
                if let Some(own) = ours.get(name).filter(|_| !counts) {
                    walk(own, their, how, &format!("{at}.{name}"), found);
                }
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            let some = how == How::Worker || at.ends_with("children") || at.ends_with("heartbeats");
            if ours.len() != theirs.len() && !some {
                found.push(format!("{at}: {} items, not {}", ours.len(), theirs.len()));
            }
            for (index, (own, their)) in ours.iter().zip(theirs).enumerate() {
                walk(own, their, how, &format!("{at}[{index}]"), found);
            }
        }
        (Value::String(ours), Value::String(theirs)) => {
            let (own, their) = (plain(ours, at), plain(theirs, at));
            if how == How::Exact && own != their {
                found.push(format!("{at}: `{own}`, not `{their}`"));
            }
        }
        (Value::Number(ours), Value::Number(theirs)) => {
            if ours.is_f64() != theirs.is_f64() {
                found.push(format!("{at}: {ours} is not a number like {theirs}"));
            }
        }
        (Value::Bool(ours), Value::Bool(theirs)) => {
            if how == How::Exact && ours != theirs {
                found.push(format!("{at}: {ours}, not {theirs}"));
            }
        }
        (Value::Null, Value::Null) => {}
        // Other tasks than those captured may be in other states.
        (Value::Null, _) | (_, Value::Null) if how != How::Exact => {}
        _ => found.push(format!("{at}: {ours} is not as {theirs}")),
    }
}

/// Whether a text is the id of a task.
fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

/// A text without what differs each time.
fn plain(text: &str, at: &str) -> String {
    if at.ends_with("traceback") {
        // The places in the files of that machine.
        let lines: Vec<&str> = text.trim_end().lines().collect();
        return format!("{} … {}", lines.first().unwrap_or(&""), lines.last().unwrap_or(&""));
    }
    if at.ends_with("worker") {
        return "a worker".to_owned();
    }
    if is_id(text) {
        return "an id".to_owned();
    }
    let words = text.split_inclusive([' ', '\'']).map(|word| {
        let bare = word.trim_end_matches([' ', '\'']);
        if is_id(bare) { word.replace(bare, "an id") } else { word.to_owned() }
    });
    let text: String = words.collect();
    if at.ends_with("eta") || at.ends_with("expires") {
        return "a time".to_owned();
    }
    // A client that has no name but its process.
    match text.split_once('@') {
        Some((process, _)) if process.strip_prefix("gen").is_some_and(|pid| pid.parse::<u32>().is_ok()) => {
            "a client".to_owned()
        }
        _ => text,
    }
}
