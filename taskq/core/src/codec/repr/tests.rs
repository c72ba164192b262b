//! Every expected text is what `celery.utils.saferepr` of Celery 5.7 gave for the same arguments.

use super::{Map, Value};
use crate::codec::json;

/// Both roads: decoded values, and JSON as it is.
fn args(text: &str) -> String {
    let values: Vec<Value> = json::from_slice(text.as_bytes()).unwrap();
    let shown = super::args(&values);
    assert_eq!(super::raw_args(text.as_bytes()), shown);
    shown
}

fn kwargs(text: &str) -> String {
    let map: Map = json::from_slice(text.as_bytes()).unwrap();
    let shown = super::kwargs(&map);
    assert_eq!(super::raw_kwargs(text.as_bytes()), shown);
    shown
}

#[test]
fn short_arguments() {
    assert_eq!(args("[]"), "()");
    assert_eq!(args("[1]"), "(1,)");
    assert_eq!(args("[2, 3]"), "(2, 3)");
    assert_eq!(args(r#"["it's\n", 1e16, null, true, -0.0]"#), "('it\\'s\n', 1e+16, None, True, -0.0)");
    assert_eq!(args("[NaN, -Infinity, 1180591620717411303424]"), "(nan, -inf, 1180591620717411303424)");
    assert_eq!(kwargs("{}"), "{}");
    assert_eq!(kwargs(r#"{"k": [1], "b": {}}"#), "{'k': [1], 'b': {}}");
}

#[test]
fn three_levels() {
    assert_eq!(args(r#"[1, [[[1]]], {"a": {"b": {"c": 1}}}]"#), "(1, [[[...]]], {'a': {'b': {...}}})");
    assert_eq!(args("[[[[[1]]]]]"), "([[[...]]],)");
}

#[test]
fn typed_values() {
    let typed =
        |kind: &str, value: &str| args(&format!(r#"[{{"__type__": "{kind}", "__value__": {value}}}]"#));
    assert_eq!(typed("date", r#""2030-01-02""#), "(datetime.date(2030, 1, 2),)");
    assert_eq!(typed("time", r#""03:04:05.000006""#), "(datetime.time(3, 4, 5, 6),)");
    assert_eq!(
        typed("datetime", r#""2030-01-02T03:04:00+05:30""#),
        "(datetime.datetime(2030, 1, 2, 3, 4, tzinfo=datetime.timezone(datetime.timedelta(seconds=19800))),)"
    );
    assert_eq!(
        typed("datetime", r#""2030-01-02T03:04:05-01:00""#),
        "(datetime.datetime(2030, 1, 2, 3, 4, 5, \
         tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=82800))),)"
    );
    assert_eq!(typed("decimal", r#""1.50""#), "(Decimal('1.50'),)");
    assert_eq!(typed("base64", r#""/wA=""#), "(b'ff00',)");
    assert_eq!(typed("bytes", r#""abc""#), "(b'abc',)");
    // No date at all is shown as it came.
    assert_eq!(typed("date", r#""soon""#), "('soon',)");
}

#[test]
fn long_arguments_are_cut_and_closed() {
    let x = "x".repeat(2000);
    let shown = "x".repeat(1023);
    assert_eq!(args(&format!(r#"["{x}"]"#)), format!("('{shown}...',)"));
    assert_eq!(args(&format!(r#"["{x}", 1]"#)), format!("('{shown}...', ...)"));
    assert_eq!(args(&format!(r#"[["{x}"]]"#)), format!("(['{}...'],)", &shown[1..]));
    let y = "y".repeat(1021);
    assert_eq!(args(&format!(r#"["{y}", [1]]"#)), format!("('{y}', ...)"));
    assert_eq!(
        kwargs(&format!(r#"{{"k": {{"j": "{x}", "l": 2}}, "m": 1}}"#)),
        format!("{{'k': {{'j': '{}...', ...}}}}", "x".repeat(1012))
    );
    // The last word goes with the cut.
    let words = args(&format!(r#"[["{}"], 2]"#, "a b ".repeat(300)));
    assert!(words.ends_with("b a...'], ...)"), "{words}");
}

#[test]
fn broken_json_is_shown_as_far_as_it_is() {
    assert_eq!(super::raw_args(b"[1, "), "(1, )");
    assert_eq!(super::raw_args(b"nothing"), "nothing");
    assert_eq!(super::raw_kwargs(b""), "");
    let deep = "[".repeat(100_000);
    assert!(super::raw_args(deep.as_bytes()).len() < 20);
}
