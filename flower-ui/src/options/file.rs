//! Options from a file: TOML, or the assignments of Flower's Python file.
//!
//! Kept true here: no line is passed over in silence. A Python file is not run: only `name = literal` is read.

use std::{fs, path::Path};

/// The options of a file, in its order.
///
/// # Errors
/// When it cannot be read, or holds a line that is no assignment of a literal.
pub(super) fn read(path: &Path) -> Result<Vec<(String, String)>, String> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("could not read `{shown}`: {error}"))?;
    if path.extension().is_some_and(|ending| ending == "toml") {
        return toml_pairs(&text).map_err(|why| format!("could not read `{shown}`: {why}"));
    }
    let mut pairs = Vec::new();
    for (index, line) in logical_lines(&text) {
        let why =
            |what: &str| format!("line {index} of `{shown}` {what}; write `name = value`, or a TOML file");
        let (name, literal) = line.split_once('=').ok_or_else(|| why("is no assignment"))?;
        let name = name.trim();
        if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(why("is no assignment"));
        }
        let value = literal_text(literal.trim()).ok_or_else(|| why("does not assign a literal"))?;
        pairs.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(pairs)
}

/// Lines without comments, those in brackets joined, with the number of their first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut depth = 0_i32;
    for (index, line) in text.lines().enumerate() {
        let line = without_comment(line);
        let open = depth > 0;
        depth += change(line);
        match lines.last_mut().filter(|_| open) {
            Some((_, last)) => last.push_str(line.trim()),
            None if line.trim().is_empty() => {}
            None => lines.push((index + 1, line.trim().to_owned())),
        }
    }
    lines
}

/// Walks a line and tells each character that is not in quotes, with its place.
fn bare(line: &str) -> impl Iterator<Item = (usize, char)> {
    let (mut quote, mut escaped) = (None, false);
    line.char_indices().filter(move |(_, c)| {
        let within = quote.is_some();
        match (quote, *c) {
            _ if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(q), c) if q == c => quote = None,
            (None, '"' | '\'') => quote = Some(*c),
            _ => {}
        }
        !within
    })
}

fn without_comment(line: &str) -> &str {
    bare(line).find(|(_, c)| *c == '#').map_or(line, |(at, _)| &line[..at])
}

fn change(line: &str) -> i32 {
    bare(line)
        .map(|(_, c)| match c {
            '[' | '(' => 1,
            ']' | ')' => -1,
            _ => 0,
        })
        .sum()
}

/// A literal as an option's text: `None` if it is no literal, `Some(None)` for Python's `None`.
fn literal_text(literal: &str) -> Option<Option<String>> {
    let list = literal
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .or_else(|| literal.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')));
    if let Some(items) = list {
        let mut texts = Vec::new();
        for item in pieces(items) {
            texts.push(scalar(item.trim())?);
        }
        return Some(Some(texts.join(",")));
    }
    if literal == "None" { Some(None) } else { scalar(literal).map(Some) }
}

/// What stands between commas.
fn pieces(items: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut from = 0;
    for (at, _) in bare(items).filter(|(_, c)| *c == ',') {
        pieces.push(&items[from..at]);
        from = at + 1;
    }
    pieces.push(&items[from..]);
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

fn scalar(literal: &str) -> Option<String> {
    if matches!(literal, "True" | "False") {
        return Some(literal.to_lowercase());
    }
    let plain = literal.replace('_', "");
    if plain.parse::<f64>().is_ok() {
        return Some(plain);
    }
    let quote = literal.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = literal.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                c @ ('\\' | '"' | '\'') => text.push(c),
                c => text.extend(['\\', c]),
            },
            c if c == quote => return None, // an expression of several literals
            c => text.push(c),
        }
    }
    Some(text)
}

fn toml_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let plain = |name: &str, value: &toml::Value| match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Float(number) => Ok(number.to_string()),
        toml::Value::Boolean(is) => Ok(is.to_string()),
        _ => Err(format!("`{name}` is neither a text, a number, a boolean, nor a list of them")),
    };
    let pairs = table.iter().map(|(name, value)| {
        let text = match value {
            toml::Value::Array(items) => {
                items.iter().map(|item| plain(name, item)).collect::<Result<Vec<_>, _>>()?.join(",")
            }
            value => plain(name, value)?,
        };
        Ok((name.clone(), text))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str) -> Result<Vec<(String, String)>, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn literals_of_python_are_read_and_code_is_refused() {
        let read = read_text(
            "flowerconfig.py",
            "# board\nbroker_api = 'http://h/#a'\nauth = None\nbasic_auth = [\n  'a:b',  # c\n  \"d:e\",\n]\n",
        );
        let expected = [("broker_api", "http://h/#a"), ("basic_auth", "a:b,d:e")];
        assert_eq!(read.unwrap(), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
        for code in [
            "import os\n",
            "port = int(os.environ['P'])\n",
            "auth = 'a' + 'b'\n",
            "def format_task(task):\n    return task\n",
        ] {
            let said = read_text("flowerconfig.py", code).unwrap_err();
            assert!(said.contains("line 1"), "{said}");
        }
    }

    #[test]
    fn toml_is_read() {
        let read = read_text("board.toml", "port = 80\nbasic_auth = ['a:b']\nread_only = true\n").unwrap();
        let expected = [("basic_auth", "a:b"), ("port", "80"), ("read_only", "true")];
        let mut read = read;
        read.sort();
        assert_eq!(read, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
