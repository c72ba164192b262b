//! What errors have in common: their text without what differs from one to the next.

use taskq_core::backend::State;

use super::{decode::cut, task::TaskRecord};

/// Longest fingerprint, in bytes.
const LONGEST: usize = 160;

/// The fingerprint of the error that a task failed with, or is tried again for.
pub(crate) fn failure(task: &TaskRecord) -> Option<String> {
    let failed = matches!(task.state, State::Failure | State::Retry);
    let text = task.exception.as_deref().filter(|_| failed)?;
    Some(fingerprint(text)).filter(|text| !text.is_empty())
}

/// The fingerprint of an error as Python shows it: `ValueError('no account 17')` and `ValueError('no account 4')`
/// have the same. Numbers and ids become `#`, quoted parts within the message `…`.
pub(crate) fn fingerprint(exception: &str) -> String {
    let text = cut(exception, 4 * LONGEST);
    let (class, message) = text.split_once(['(', ':']).unwrap_or((text, ""));
    let message = message.trim().trim_end_matches(')').trim_end_matches(',').trim();
    // The quotes around the message itself.
    let message = message.trim_matches(['\'', '"']);
    let mut told = class.trim().to_owned();
    if !message.is_empty() {
        told.push_str(": ");
    }
    let mut quote = None;
    let mut word = String::new();
    for char in message.chars().chain(['\n']) {
        match quote {
            Some(end) if char == end => quote = None,
            Some(_) => {}
            None if char.is_alphanumeric() || char == '-' || char == '_' => word.push(char),
            None => {
                told.push_str(constant(&word));
                word.clear();
                match char {
                    '\'' | '"' | '`' => {
                        told.push('…');
                        quote = Some(char);
                    }
                    '\n' => {}
                    other => told.push(other),
                }
            }
        }
    }
    cut(told.trim(), LONGEST).to_owned()
}

/// A word, or `#` if it has a digit in it.
fn constant(word: &str) -> &str {
    if word.contains(|char: char| char.is_ascii_digit()) { "#" } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_that_differ_by_numbers_ids_and_quotes_are_the_same() {
        assert_eq!(
            fingerprint("ValueError('payment gateway returned 402')"),
            "ValueError: payment gateway returned #"
        );
        assert_eq!(fingerprint("KeyError(\"no 'abc' in order-7f3e\")"), "KeyError: no … in #");
        assert_eq!(fingerprint("KeyError(\"no 'x' in order-1\")"), "KeyError: no … in #");
        assert_eq!(fingerprint("MemoryError()"), "MemoryError");
        assert_eq!(fingerprint(""), "");
        assert!(fingerprint(&"é".repeat(10_000)).len() <= LONGEST);
    }
}
