//! A task as code that sends it again.
//!
//! Kept true here: whatever stands in a name or an argument, it stays a text in the code.

use serde_json::{Value as Json, json};
use taskq_core::codec::{Map, Value, json as dialect};

use crate::server::segment;

/// Python, Rust and a command line.
pub(super) fn code(name: &str, args: &[Value], kwargs: &Map, queue: Option<&str>) -> Json {
    json!({
        "python": python(name, args, kwargs, queue),
        "rust": rust(name, args, kwargs),
        "curl": curl(name, args, kwargs, queue),
    })
}

fn python(name: &str, args: &[Value], kwargs: &Map, queue: Option<&str>) -> String {
    let list: Vec<String> = args.iter().map(literal).collect();
    let map: Vec<String> =
        kwargs.iter().map(|(key, value)| format!("{}: {}", text(key), literal(value))).collect();
    let mut call = format!("app.send_task({}, args=[{}]", text(name), list.join(", "));
    if !map.is_empty() {
        call.push_str(&format!(", kwargs={{{}}}", map.join(", ")));
    }
    if let Some(queue) = queue {
        call.push_str(&format!(", queue={}", text(queue)));
    }
    call + ")"
}

/// A JSON text is a Python one, too.
fn text(text: &str) -> String {
    Json::from(text).to_string()
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Str(it) => text(it),
        Value::List(items) => {
            format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Value::Map(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{}: {}", text(key), literal(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => taskq_core::codec::repr::value(other),
    }
}

fn rust(name: &str, args: &[Value], kwargs: &Map) -> String {
    let args: Vec<String> = args.iter().map(json_macro).collect();
    let kwargs: Vec<String> =
        kwargs.iter().map(|(key, value)| format!("{}: {}", text(key), json_macro(value))).collect();
    let kwargs = if kwargs.is_empty() { String::new() } else { format!(" {} ", kwargs.join(", ")) };
    format!("app.send({:?}, args![{}], kwargs! {{{kwargs}}}).await?", name, args.join(", "))
}

fn json_macro(value: &Value) -> String {
    match value {
        Value::Null | Value::List(_) | Value::Map(_) => {
            format!("serde_json::json!({})", super::super::plain::plain(value))
        }
        Value::Str(it) => format!("{it:?}"),
        other => super::super::plain::plain(other).to_string(),
    }
}

fn curl(name: &str, args: &[Value], kwargs: &Map, queue: Option<&str>) -> String {
    let mut body: Map =
        [("args".to_owned(), Value::List(args.to_vec())), ("kwargs".to_owned(), Value::Map(kwargs.clone()))]
            .into_iter()
            .collect();
    body.extend(queue.map(|queue| ("queue".to_owned(), Value::from(queue))));
    let body = dialect::to_string(&Value::Map(body)).unwrap_or_default();
    format!(
        "curl -X POST -H 'Content-Type: application/json' -d '{}' \"$BOARD/api/task/send-task/{}\"",
        body.replace('\'', "'\\''"),
        segment(name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_stay_texts() {
        let hostile = "'); import os #\"`$(rm)\n</script>";
        let code = code("a'b", &[Value::from(hostile), Value::Null], &Map::default(), Some("q"));
        assert_eq!(
            code["python"],
            "app.send_task(\"a'b\", args=[\"'); import os #\\\"`$(rm)\\n</script>\", None], queue=\"q\")"
        );
        assert!(code["curl"].as_str().unwrap().contains("'\\''); import os"));
        assert!(code["curl"].as_str().unwrap().ends_with("send-task/a%27b\""));
        assert!(code["rust"].as_str().unwrap().contains("serde_json::json!(null)"));
    }
}
