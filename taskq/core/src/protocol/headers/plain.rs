//! Headers of the usual types, read in one pass without a value in between.
//!
//! Kept true here: what is read is what [`Loose`](super::wire::Loose) makes of it; whatever is not of the usual type
//! is left to that.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::{Headers, RawHeaders};
use crate::{
    codec::{Map, Value, json},
    protocol::TaskId,
};

impl Headers {
    /// Reads headers of version 2; `None` when one of them is not of its usual type, or they are of another version.
    pub(crate) fn plain(raw: &RawHeaders) -> Option<Self> {
        let Plain(headers) = json::from_plain_slice(&raw.0)?;
        (!headers.task.is_empty() && !headers.id.as_str().is_empty()).then_some(headers)
    }
}

struct Plain(Headers);

/// A text where it stands, unless something in it is escaped.
struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PlainVisitor;
        impl<'de> Visitor<'de> for PlainVisitor {
            type Value = Plain;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of headers")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Plain, A::Error> {
                read(&mut map).map(Plain)
            }
        }
        deserializer.deserialize_map(PlainVisitor)
    }
}

fn read<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Headers, A::Error> {
    let (mut task, mut id) = (None, None::<TaskId>);
    let mut headers = Headers::new("", TaskId::none());
    headers.lang.clear();
    headers.root_id = None;
    while let Some(Text(name)) = map.next_key()? {
        match &*name {
            "task" => task = Some(map.next_value()?),
            "id" => id = Some(TaskId::from(&*map.next_value::<Text<'_>>()?.0)),
            "lang" => headers.lang = map.next_value::<Option<_>>()?.unwrap_or_default(),
            "shadow" => headers.shadow = map.next_value()?,
            "eta" => headers.eta = map.next_value()?,
            "expires" => headers.expires = map.next_value()?,
            "group" => headers.group = map.next_value()?,
            "group_index" => headers.group_index = map.next_value()?,
            "retries" => headers.retries = map.next_value::<Option<_>>()?.unwrap_or_default(),
            "timelimit" => headers.timelimit = map.next_value::<Option<_>>()?.unwrap_or_default(),
            "root_id" => {
                let root = map.next_value::<Option<Text<'_>>>()?;
                headers.root_id = root.map(|Text(root)| match &id {
                    Some(id) if *root == *id.as_str() => id.clone(),
                    _ => TaskId::from(&*root),
                });
            }
            "parent_id" => {
                headers.parent_id = map.next_value::<Option<Text<'_>>>()?.map(|Text(id)| TaskId::from(&*id));
            }
            "argsrepr" => headers.argsrepr = map.next_value()?,
            "kwargsrepr" => headers.kwargsrepr = map.next_value()?,
            "origin" => headers.origin = map.next_value()?,
            "ignore_result" => headers.ignore_result = map.next_value()?,
            "replaced_task_nesting" => {
                headers.replaced_task_nesting = map.next_value::<Option<_>>()?.unwrap_or_default();
            }
            "stamped_headers" => headers.stamped_headers = map.next_value()?,
            "stamps" => headers.stamps = map.next_value::<Option<Map>>()?.unwrap_or_default(),
            "compression" => headers.compression = map.next_value()?,
            _ => _ = headers.extra.insert(name.into_owned(), map.next_value::<Value>()?),
        }
    }
    headers.task = task.ok_or_else(|| A::Error::missing_field("task"))?;
    headers.id = id.ok_or_else(|| A::Error::missing_field("id"))?;
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Option<Headers> {
        let raw = RawHeaders(text.to_owned().into());
        let plain = Headers::plain(&raw)?;
        assert_eq!(plain, Headers::parse(&raw).unwrap(), "{text}");
        Some(plain)
    }

    #[test]
    fn both_ways_to_read_agree() {
        let mut seen = 0;
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/celery");
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read(file.unwrap().path()).unwrap();
            let Ok(case) = serde_json::from_slice::<serde_json::Value>(&text) else { continue };
            for message in case["messages"].as_array().into_iter().flatten() {
                let Some(raw) = message["raw"]["text"].as_str() else { continue };
                let Ok(raw) = serde_json::from_str::<serde_json::Value>(raw) else { continue };
                if raw["headers"]["task"].is_string() {
                    seen += usize::from(plain(&raw["headers"].to_string()).is_some());
                }
            }
        }
        assert!(seen >= 50, "{seen} headers were of the usual types");
    }

    #[test]
    fn what_is_of_another_type_is_left_alone() {
        let with = |more: &str| plain(&format!(r#"{{"task": "t", "id": "a", "root_id": "a"{more}}}"#));
        assert_eq!(with("").unwrap().root_id, Some("a".into()));
        assert_eq!(with(r#", "x": [1], "retries": null, "shadow": "\u00e9\n""#).unwrap().extra.len(), 1);
        assert_eq!(with(r#", "timelimit": [1, 2.5]"#).unwrap().timelimit, (Some(1.0), Some(2.5)));
        for odd in [
            r#", "retries": "1""#,
            r#", "shadow": 5"#,
            r#", "eta": {"__type__": "datetime", "__value__": "2030-01-01T00:00:00"}"#,
            r#", "stamps": []"#,
            r#", "x": NaN"#,
            r#", "x": 12345678901234567890"#,
            r#", "timelimit": [1]"#,
        ] {
            assert!(with(odd).is_none(), "{odd}");
        }
        for missing in [r#"{"task": "t"}"#, r#"{"id": "a"}"#, r#"{"task": "", "id": "a"}"#, "null", "[]", ""]
        {
            assert!(Headers::plain(&RawHeaders(missing.to_owned().into())).is_none(), "{missing}");
        }
    }
}
