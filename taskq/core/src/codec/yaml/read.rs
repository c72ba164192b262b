//! Events of the parser to a value, with a stack of our own: no nesting reaches the machine's.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::scalar;
use crate::codec::{
    CodecError, CodecErrorKind, MAX_DEPTH, Map, Value,
    value::{Size, key_text, size},
};

/// What aliases may add in all, in bytes or elements: a few lines of them can stand for gigabytes.
const MAX_EXPANSION: usize = 1 << 20;

/// Reads the one document there is; nothing at all is `None`.
///
/// # Errors
/// When it is not YAML, nested too deep, expands too far, or holds a tag that the safe loader does not know.
pub(in crate::codec) fn decode(bytes: &[u8]) -> Result<Value, CodecError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        CodecError::at(CodecErrorKind::Syntax, "the text is not UTF-8", error.valid_up_to())
    })?;
    Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), expanded: 0 }.document()
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, (Value, Size)>,
    expanded: usize,
}

/// A list or map that is not complete.
struct Open {
    content: Content,
    anchor: usize,
}

enum Content {
    List(Vec<Value>),
    Map(Map, Option<String>),
    /// `!!set`: a map without values, which becomes a list.
    Set(Map, Option<String>),
}

impl<'a> Reader<'a> {
    fn document(mut self) -> Result<Value, CodecError> {
        let mut open: Vec<Open> = Vec::new();
        let mut root = None;
        while let Some(event) = self.parser.next_event() {
            let (event, span) = event.map_err(|error| syntax(&error))?;
            let (value, anchor) = match event {
                Event::SequenceStart(anchor, tag) => {
                    let content = match core_tag(tag.as_deref())? {
                        None | Some("seq") => Content::List(Vec::new()),
                        Some(tag) => return Err(unknown(tag)),
                    };
                    push(&mut open, Open { content, anchor })?;
                    continue;
                }
                Event::MappingStart(anchor, tag) => {
                    let content = match core_tag(tag.as_deref())? {
                        None | Some("map") => Content::Map(Map::new(), None),
                        Some("set") => Content::Set(Map::new(), None),
                        Some(tag) => return Err(unknown(tag)),
                    };
                    push(&mut open, Open { content, anchor })?;
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                    Some(Open { content: Content::List(items), anchor }) => (Value::List(items), anchor),
                    Some(Open { content: Content::Map(map, _), anchor }) => (Value::Map(map), anchor),
                    Some(Open { content: Content::Set(map, _), anchor }) => {
                        (map.into_keys().collect(), anchor)
                    }
                    None => continue,
                },
                Event::Scalar(text, style, anchor, tag) => {
                    let is_plain = style == ScalarStyle::Plain;
                    let value = match core_tag(tag.as_deref())? {
                        None if is_plain && text == "<<" => {
                            let line = span.start.line();
                            return Err(wrong(format!("merge keys (`<<`, line {line}) are not read")));
                        }
                        None if is_plain => scalar::plain(&text),
                        None => Value::Str(text.into_owned()),
                        Some(tag) => scalar::tagged(tag, &text)?,
                    };
                    (value, anchor)
                }
                Event::Alias(anchor) => (self.alias(anchor, open.len())?, 0),
                Event::DocumentStart(_) if root.is_some() => {
                    return Err(wrong("there is more than one document".to_owned()));
                }
                _ => continue,
            };
            if anchor != 0 {
                self.anchors.insert(anchor, (value.clone(), size(&value)));
            }
            match open.last_mut() {
                None => root = Some(value),
                Some(container) => container.add(value)?,
            }
        }
        Ok(root.unwrap_or_default())
    }

    /// A copy of an anchored value, which goes `depth` levels down.
    fn alias(&mut self, anchor: usize, depth: usize) -> Result<Value, CodecError> {
        let Some((value, size)) = self.anchors.get(&anchor) else {
            return Err(wrong("a value contains itself".to_owned()));
        };
        if depth + size.depth > MAX_DEPTH {
            return Err(too_deep());
        }
        self.expanded += size.weight;
        if self.expanded > MAX_EXPANSION {
            let message = format!("aliases of the document expand to more than {MAX_EXPANSION} bytes");
            return Err(CodecError::new(CodecErrorKind::TooLarge, message));
        }
        Ok(value.clone())
    }
}

impl Open {
    fn add(&mut self, value: Value) -> Result<(), CodecError> {
        match &mut self.content {
            Content::List(items) => items.push(value),
            Content::Map(map, key) | Content::Set(map, key) => match key.take() {
                None => *key = Some(key_text(value)?),
                Some(key) => {
                    map.insert(key, value);
                }
            },
        }
        Ok(())
    }
}

fn push(open: &mut Vec<Open>, container: Open) -> Result<(), CodecError> {
    if open.len() == MAX_DEPTH {
        return Err(too_deep());
    }
    open.push(container);
    Ok(())
}

fn too_deep() -> CodecError {
    CodecError::new(CodecErrorKind::Depth, format!("the value is nested deeper than {MAX_DEPTH} levels"))
}

/// The name of a tag of YAML itself: `binary` of `!!binary`.
fn core_tag(tag: Option<&Tag>) -> Result<Option<&str>, CodecError> {
    let Some(tag) = tag else { return Ok(None) };
    match tag.handle.as_str() {
        "tag:yaml.org,2002:" => Ok(Some(&tag.suffix)),
        "" if tag.suffix == "!" => Ok(Some("str")),
        _ => match tag.suffix.strip_prefix("tag:yaml.org,2002:") {
            Some(name) => Ok(Some(name)),
            None => Err(unknown(&format!("{}{}", tag.handle, tag.suffix))),
        },
    }
}

pub(super) fn unknown(tag: &str) -> CodecError {
    CodecError::new(CodecErrorKind::UnknownType, format!("a value is of the unknown YAML tag `{tag}`"))
}

fn wrong(message: String) -> CodecError {
    CodecError::new(CodecErrorKind::Syntax, message)
}

fn syntax(error: &ScanError) -> CodecError {
    let kind = match error.info() {
        "recursion limit exceeded" => CodecErrorKind::Depth,
        _ => CodecErrorKind::Syntax,
    };
    let (line, column) = (error.marker().line(), error.marker().col() + 1);
    CodecError::new(kind, format!("not YAML: {} at line {line} column {column}", error.info()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(yaml: &str) -> CodecErrorKind {
        decode(yaml.as_bytes()).unwrap_err().kind()
    }

    fn json(yaml: &str) -> String {
        crate::codec::json::to_string(&decode(yaml.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn blocks_flows_and_tags() {
        assert_eq!(json("a:\n- 1\n- b: ~\n  c: !!str 1\n"), r#"{"a":[1,{"b":null,"c":"1"}]}"#);
        assert_eq!(json("{1: yes, 'x': \"y\\x41\", ~: 1.5}"), r#"{"1":true,"x":"yA","null":1.5}"#);
        assert_eq!(json("--- |\n a\n b\n"), r#""a\nb\n""#);
        assert_eq!(json("!!set {a, b}"), r#"["a","b"]"#);
        assert_eq!(json(""), "null");
        assert_eq!(kind("{[]: 1}"), CodecErrorKind::Value);
    }

    #[test]
    fn aliases_stand_for_their_anchors() {
        assert_eq!(json("- &a {k: [1]}\n- *a\n"), r#"[{"k":[1]},{"k":[1]}]"#);
        assert_eq!(kind("&a [*a]"), CodecErrorKind::Syntax);
        let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
        for n in 1..12 {
            let of = format!("*a{}, ", n - 1).repeat(9);
            laughs.push_str(&format!("a{n}: &a{n} [{of}]\n"));
        }
        assert_eq!(kind(&laughs), CodecErrorKind::TooLarge);
    }

    #[test]
    fn what_the_safe_loader_refuses_is_refused() {
        assert_eq!(kind("!!python/object/apply:os.system ['true']"), CodecErrorKind::UnknownType);
        assert_eq!(kind("!mine 1"), CodecErrorKind::UnknownType);
        assert_eq!(kind("!!int x"), CodecErrorKind::Syntax);
        for broken in
            ["[1, 2", "{a: 1", "a: b: c", "\"x", "- 1\nb", "*nobody", "--- 1\n--- 2\n", "a: 1\n<<: {}"]
        {
            assert_eq!(kind(broken), CodecErrorKind::Syntax, "{broken}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        for open in ["[", "{a: ", "- ", "? "] {
            assert_eq!(kind(&open.repeat(10_000)), CodecErrorKind::Depth, "{open}");
        }
        let level = |n: usize, inner: &str| format!("- &a{n} {}{inner}{}\n", "[".repeat(60), "]".repeat(60));
        assert!(decode((level(0, "1") + &level(1, "*a0")).as_bytes()).is_ok());
        assert_eq!(kind(&(level(0, "1") + &level(1, "*a0") + &level(2, "*a1"))), CodecErrorKind::Depth);
    }
}
