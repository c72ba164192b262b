//! The TOML file: its values, each with the line it stands on.

use std::path::Path;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::{
    Error, ErrorKind,
    codec::{Map, Value},
};

/// A top-level entry.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) value: Value,
    /// Counted from 1.
    pub(super) line: usize,
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::with_source(
            ErrorKind::Config,
            format!("could not read the settings file `{}`", path.display()),
            error,
        )
    })?;
    parse(&text).map_err(|(line, why)| {
        Error::new(
            ErrorKind::Config,
            format!("{}:{line}: the settings file is no TOML: {why}", path.display()),
        )
    })
}

/// Reads text. An error has its line.
fn parse(text: &str) -> Result<Vec<Entry>, (usize, String)> {
    let line_of = |offset: usize| 1 + text.as_bytes().iter().take(offset).filter(|b| **b == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        (line_of(error.span().map_or(0, |span| span.start)), error.message().replace('\n', ", "))
    })?;
    let mut entries = Vec::new();
    for (key, value) in table.into_inner() {
        let line = line_of(key.span().start);
        let name = key.into_inner().into_owned();
        let value = to_value(value).map_err(|why| (line, format!("`{name}`: {why}")))?;
        entries.push(Entry { name, value, line });
    }
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

fn to_value(value: Spanned<DeValue<'_>>) -> Result<Value, String> {
    Ok(match value.into_inner() {
        DeValue::String(text) => Value::Str(text.into_owned()),
        DeValue::Boolean(is) => Value::Bool(is),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            let number = i64::from_str_radix(&digits, number.radix())
                .map_err(|_| format!("the number {digits} is too large"))?;
            Value::Int(number)
        }
        DeValue::Float(number) => {
            let digits = number.as_str().replace('_', "");
            Value::Float(digits.parse().map_err(|_| format!("`{digits}` is no number"))?)
        }
        DeValue::Datetime(at) => Value::Str(at.to_string()),
        DeValue::Array(items) => Value::List(items.into_iter().map(to_value).collect::<Result<_, _>>()?),
        DeValue::Table(table) => {
            let mut map = Map::default();
            for (key, value) in table {
                map.insert(key.into_inner().into_owned(), to_value(value)?);
            }
            Value::Map(map)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_know_their_line() {
        let entries =
            parse("# top\nworker_concurrency = 4\n\n[broker_transport_options]\nsep = \":\"\n").unwrap();
        let lines: Vec<(&str, usize)> = entries.iter().map(|e| (e.name.as_str(), e.line)).collect();
        assert_eq!(lines, [("worker_concurrency", 2), ("broker_transport_options", 4)]);
        assert_eq!(entries[0].value, Value::Int(4));
    }

    #[test]
    fn a_syntax_error_has_its_line() {
        let (line, _) = parse("a = 1\nb = \n").err().unwrap();
        assert_eq!(line, 2);
    }
}
