//! JSON given on the command line, and an error that points at what is wrong with it.

use taskq_core::codec::{Map, Value, json};

use super::Failure;

/// Positional arguments: a JSON list.
pub(crate) fn list(option: &str, text: &str) -> Result<Vec<Value>, Failure> {
    match parse(option, text, EXAMPLE_LIST)? {
        Value::List(items) => Ok(items),
        Value::Map(_) => Err(Failure::usage(format!("`{option}` takes a JSON list, not an object"))
            .detail(text)
            .hint("arguments by name go to `--kwargs`")),
        other => Err(Failure::usage(format!("`{option}` takes a JSON list, not {}", kind(&other)))
            .detail(text)
            .hint(format!("a single argument is a list of one: `{option} '[{text}]'`"))),
    }
}

/// Arguments by name: a JSON object.
pub(crate) fn object(option: &str, text: &str) -> Result<Map, Failure> {
    match parse(option, text, EXAMPLE_OBJECT)? {
        Value::Map(map) => Ok(map),
        Value::List(_) => Err(Failure::usage(format!("`{option}` takes a JSON object, not a list"))
            .detail(text)
            .hint("arguments by position go to `--args`")),
        other => Err(Failure::usage(format!("`{option}` takes a JSON object, not {}", kind(&other)))
            .detail(text)
            .hint(format!("{EXAMPLE_OBJECT} names each argument"))),
    }
}

const EXAMPLE_LIST: &str = r#"'[2, "two"]'"#;
const EXAMPLE_OBJECT: &str = r#"'{"x": 2, "y": "two"}'"#;

/// In two readings: serde_json knows where a mistake is, ours reads typed values and numbers of any size.
fn parse(option: &str, text: &str, example: &str) -> Result<Value, Failure> {
    let example =
        format!("write it in single quotes, such as {option} {example}; texts need double quotes inside");
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        // serde_json appends the place to its text; the arrow shows it better.
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or(&reason);
        return Err(Failure::usage(format!("`{option}` is no JSON: {reason}"))
            .detail(point_at(text, error.line(), error.column()))
            .hint(example));
    }
    json::from_slice(text.as_bytes()).map_err(|error| {
        Failure::usage(format!("`{option}` cannot be read: {error}")).detail(text).hint(example)
    })
}

/// The line of the error with an arrow below its column.
fn point_at(text: &str, line: usize, column: usize) -> String {
    let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or(text);
    // serde_json counts bytes, terminals count characters.
    let before = shown.char_indices().take_while(|(at, _)| *at + 1 < column.max(1)).count();
    format!("{shown}\n{}^", " ".repeat(before))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Int(_) | Value::Float(_) => "a number",
        Value::Str(_) => "a text",
        Value::List(_) => "a list",
        Value::Map(_) => "an object",
        _ => "a typed value",
    }
}

#[cfg(test)]
mod tests {
    use super::{super::style::Style, *};

    #[test]
    fn the_arrow_points_at_the_mistake() {
        let text = list("--args", "[1, \"grün\", two]").unwrap_err().render(Style::PLAIN);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "  [1, \"grün\", two]", "{text}");
        let arrow = lines[2].chars().position(|c| c == '^').unwrap();
        assert!("two".contains(lines[1].chars().nth(arrow).unwrap()), "{text}");
    }

    #[test]
    fn lists_and_objects_are_not_mixed_up() {
        assert_eq!(list("-a", "[1]").unwrap(), [Value::Int(1)]);
        assert!(list("-a", "{}").unwrap_err().render(Style::PLAIN).contains("--kwargs"));
        assert!(list("-a", "3").unwrap_err().render(Style::PLAIN).contains("'[3]'"));
        assert!(object("-k", "[]").unwrap_err().render(Style::PLAIN).contains("--args"));
    }
}
