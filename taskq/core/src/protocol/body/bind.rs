//! Positional and keyword arguments to parameters, by Python's rules and with Python's error texts.

use serde::de::{
    DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::StrDeserializer,
};

use super::{Arguments, Param, ParamKind};
use crate::codec::{CodecError, Map, Value, json};

pub(super) fn bind<A: DeserializeOwned>(
    arguments: &Arguments,
    task: &str,
    params: &'static [Param],
) -> Result<A, CodecError> {
    // The common call, everything by position, decodes the raw list straight into the struct. Whatever is
    // wrong with it is found again, and named, on the slow path.
    if let Arguments::Raw { args, kwargs } = arguments
        && kwargs.as_ref() == b"{}"
        && params.iter().all(|param| matches!(param.kind, ParamKind::Required | ParamKind::Optional))
        && let Ok(bound) = json::from_slice(args)
    {
        return Ok(bound);
    }
    let (args, kwargs) = arguments.to_values()?;
    let bound = by_name(task, params, args, kwargs).map_err(CodecError::arguments)?;
    A::deserialize(Bound { entries: bound.into_iter(), value: None })
}

/// Gives every argument the name of its parameter.
fn by_name(
    task: &str,
    params: &'static [Param],
    args: Vec<Value>,
    mut kwargs: Map,
) -> Result<Vec<(&'static str, Value)>, String> {
    let function = task.rsplit('.').next().unwrap_or(task);
    let given = args.len();
    let mut args = args.into_iter();
    let mut bound = Vec::with_capacity(params.len());
    let mut missing = Vec::new();
    for param in params {
        match param.kind {
            ParamKind::Required | ParamKind::Optional => {
                let by_name = kwargs.shift_remove(param.name);
                match (args.next(), by_name) {
                    (Some(_), Some(_)) => {
                        return Err(format!(
                            "{function}() got multiple values for argument '{}'",
                            param.name
                        ));
                    }
                    (Some(value), None) | (None, Some(value)) => bound.push((param.name, value)),
                    (None, None) if param.kind == ParamKind::Required => missing.push(param.name),
                    (None, None) => {}
                }
            }
            ParamKind::Rest => bound.push((param.name, Value::List(args.by_ref().collect()))),
            ParamKind::RestByName => bound.push((param.name, Value::Map(std::mem::take(&mut kwargs)))),
        }
    }
    if let Some(name) = kwargs.keys().next() {
        return Err(format!("{function}() got an unexpected keyword argument '{name}'"));
    }
    if args.next().is_some() {
        return Err(surplus(function, params, given));
    }
    // What stands after the rest of the positional arguments can be given by name only.
    let rest = params.iter().position(|param| param.kind == ParamKind::Rest).unwrap_or(params.len());
    let (positional, by_name): (Vec<_>, Vec<_>) =
        missing.into_iter().partition(|name| params[..rest].iter().any(|param| param.name == *name));
    for (missing, how) in [(positional, "positional"), (by_name, "keyword-only")] {
        if !missing.is_empty() {
            return Err(format!(
                "{function}() missing {} required {how} argument{}: {}",
                missing.len(),
                plural(missing.len()),
                enumerate(&missing)
            ));
        }
    }
    Ok(bound)
}

fn surplus(function: &str, params: &[Param], given: usize) -> String {
    let most = params.iter().filter(|p| matches!(p.kind, ParamKind::Required | ParamKind::Optional)).count();
    let least = params.iter().filter(|p| p.kind == ParamKind::Required).count();
    let takes = if least == most { most.to_string() } else { format!("from {least} to {most}") };
    let was = if given == 1 { "was" } else { "were" };
    format!("{function}() takes {takes} positional argument{} but {given} {was} given", plural(most))
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// `'a'`, `'a' and 'b'`, `'a', 'b', and 'c'`.
fn enumerate(names: &[&str]) -> String {
    match names {
        [one] => format!("'{one}'"),
        [one, two] => format!("'{one}' and '{two}'"),
        [head @ .., last] => {
            let head: Vec<String> = head.iter().map(|name| format!("'{name}'")).collect();
            format!("{}, and '{last}'", head.join(", "))
        }
        [] => String::new(),
    }
}

/// The arguments as a map from parameter to value, whose errors name the parameter.
struct Bound {
    entries: std::vec::IntoIter<(&'static str, Value)>,
    value: Option<(&'static str, Value)>,
}

impl<'de> serde::Deserializer<'de> for Bound {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_map(self)
    }

    // A task without parameters has a unit-like struct, or none at all.
    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Bound {
    type Error = CodecError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, CodecError> {
        let Some((name, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some((name, value));
        let name: StrDeserializer<'_, CodecError> = name.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, CodecError> {
        let Some((name, value)) = self.value.take() else {
            return Err(CodecError::arguments("a value was asked for before its key"));
        };
        seed.deserialize(value).map_err(|error| CodecError::arguments(format!("argument `{name}`: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Add {
        x: i64,
        y: i64,
        #[serde(default)]
        z: Option<i64>,
    }

    const ADD: &[Param] = &[
        Param { name: "x", kind: ParamKind::Required },
        Param { name: "y", kind: ParamKind::Required },
        Param { name: "z", kind: ParamKind::Optional },
    ];

    fn raw(args: &'static str, kwargs: &'static str) -> Arguments {
        Arguments::Raw {
            args: Bytes::from_static(args.as_bytes()),
            kwargs: Bytes::from_static(kwargs.as_bytes()),
        }
    }

    fn add(args: &'static str, kwargs: &'static str) -> Result<Add, String> {
        bind(&raw(args, kwargs), "proj.tasks.add", ADD).map_err(|error| error.to_string())
    }

    #[test]
    fn by_position_by_name_and_mixed() {
        let expected = Add { x: 1, y: 2, z: None };
        assert_eq!(add("[1, 2]", "{}").unwrap(), expected);
        assert_eq!(add("[1]", r#"{"y": 2}"#).unwrap(), expected);
        assert_eq!(add("[]", r#"{"y": 2, "x": 1}"#).unwrap(), expected);
        assert_eq!(add("[1, 2, 3]", "{}").unwrap(), Add { x: 1, y: 2, z: Some(3) });
        assert_eq!(add("[1, 2, null]", "{}").unwrap(), expected);
    }

    #[test]
    fn errors_read_like_pythons() {
        let error = |args, kwargs| add(args, kwargs).unwrap_err();
        assert_eq!(error("[1]", "{}"), "add() missing 1 required positional argument: 'y'");
        assert_eq!(error("[]", "{}"), "add() missing 2 required positional arguments: 'x' and 'y'");
        assert_eq!(
            error("[1, 2, 3, 4]", "{}"),
            "add() takes from 2 to 3 positional arguments but 4 were given"
        );
        assert_eq!(error("[1, 2]", r#"{"q": 1}"#), "add() got an unexpected keyword argument 'q'");
        assert_eq!(error("[1, 2]", r#"{"x": 1}"#), "add() got multiple values for argument 'x'");
        assert!(error(r#"[1, "two"]"#, "{}").starts_with("argument `y`: "));
    }

    #[test]
    fn the_rest_goes_to_args_and_kwargs() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Echo {
            first: i64,
            rest: Vec<i64>,
            more: std::collections::BTreeMap<String, i64>,
        }
        const ECHO: &[Param] = &[
            Param { name: "first", kind: ParamKind::Required },
            Param { name: "rest", kind: ParamKind::Rest },
            Param { name: "more", kind: ParamKind::RestByName },
        ];
        let bound: Echo = bind(&raw("[1, 2, 3]", r#"{"k": 4}"#), "echo", ECHO).unwrap();
        assert_eq!(
            bound,
            Echo { first: 1, rest: vec![2, 3], more: [("k".to_owned(), 4)].into_iter().collect() }
        );
        assert!(bind::<Echo>(&raw("[]", "{}"), "echo", ECHO).is_err());
    }
}
