//! What `inspect`, `control` and `status` share: asking workers, and showing what they say.
//!
//! Kept true here: nobody answering is a failure of its own (exit code 69, as Celery's), an error that a worker
//! answers is shown and not hidden.

use std::time::Duration;

use clap::Args;
use taskq_core::{
    codec::{Map, Value, json},
    control::{Ask, Matcher, Replies},
};

use super::{Exit, Failure, Session};

/// Whom to ask, and how long to wait.
#[derive(Args, Debug)]
pub(crate) struct Whom {
    /// Only these workers, with commas: `celery@a,celery@b`
    #[arg(short = 'd', long, value_name = "NODES", value_delimiter = ',')]
    destination: Vec<String>,

    /// Only workers whose names match this pattern, such as `celery@web*`
    #[arg(long, value_name = "GLOB", conflicts_with = "destination")]
    pattern: Option<String>,

    /// How long to wait for answers
    #[arg(short = 't', long, value_name = "SECONDS", default_value_t = 1.0)]
    timeout: f64,
}

impl Whom {
    /// Asks, and answers what came.
    pub(crate) async fn ask(
        &self,
        session: &Session,
        method: &str,
        arguments: Map,
    ) -> Result<Replies, Failure> {
        let replies = self.of(session.app.control().ask(method).args(arguments))?.await?;
        if replies.is_empty() {
            return Err(Failure::new(Exit::Unreachable, "no worker answered in time").hint(
                "is one running on this broker? `-t 5` waits longer; a worker with \
                 `worker_enable_remote_control = false` never answers",
            ));
        }
        Ok(replies)
    }

    /// Tells, and waits for nothing.
    pub(crate) async fn tell(&self, session: &Session, method: &str, arguments: Map) -> Result<(), Failure> {
        let ask = self.of(session.app.control().ask(method).args(arguments))?;
        session.within(ask.tell()).await
    }

    fn of(&self, ask: Ask) -> Result<Ask, Failure> {
        let timeout = Duration::try_from_secs_f64(self.timeout)
            .map_err(|_| Failure::usage(format!("`--timeout {}` is no time", self.timeout)))?;
        let ask = ask.timeout(timeout);
        Ok(match &self.pattern {
            Some(pattern) => ask.matching(Matcher::Glob(pattern.clone())),
            None if self.destination.is_empty() => ask,
            None => ask.destination(&self.destination),
        })
    }
}

/// Prints what each worker said.
pub(crate) fn show(session: &Session, replies: &Replies) -> Result<(), Failure> {
    session.out.print(
        || document(replies),
        |style| {
            let mut lines = Vec::new();
            for (node, value) in replies {
                match said(value) {
                    Said::Error(text) => lines.push(format!("->  {node}: {} {text}", style.bad("ERROR"))),
                    Said::Ok(text) => lines.push(format!("->  {node}: {}\n        {text}", style.good("OK"))),
                    Said::Data(data) => {
                        lines.push(format!("->  {node}: {}", style.good("OK")));
                        lines.push(indented(data));
                    }
                }
            }
            let plural = if replies.len() == 1 { "node" } else { "nodes" };
            lines.push(format!("\n{} {plural} answered.", replies.len()));
            lines.join("\n")
        },
    )
}

/// What each worker said, as one document.
pub(crate) fn document(replies: &Replies) -> serde_json::Map<String, serde_json::Value> {
    replies.iter().map(|(node, value)| (node.clone(), plain(value))).collect()
}

/// Fails when a worker answered with an error.
pub(crate) fn check(replies: &Replies) -> Result<(), Failure> {
    let refused: Vec<&str> = replies
        .iter()
        .filter(|(_, value)| matches!(said(value), Said::Error(_)))
        .map(|(node, _)| node.as_str())
        .collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("refused by `{}`", refused.join("`, `"))))
}

enum Said<'a> {
    Ok(&'a str),
    Error(&'a str),
    Data(&'a Value),
}

fn said(value: &Value) -> Said<'_> {
    if let Value::Map(map) = value
        && map.len() == 1
    {
        if let Some(text) = map.get("error").and_then(Value::as_str) {
            return Said::Error(text);
        }
        if let Some(text) = map.get("ok").and_then(Value::as_str) {
            return Said::Ok(text);
        }
    }
    Said::Data(value)
}

fn indented(value: &Value) -> String {
    match value {
        Value::List(items) if items.is_empty() => "        - empty -".to_owned(),
        Value::List(items) => {
            items.iter().map(|item| format!("        * {}", text(item))).collect::<Vec<_>>().join("\n")
        }
        other => {
            let pretty = serde_json::to_string_pretty(&plain(other)).unwrap_or_default();
            pretty.lines().map(|line| format!("        {line}")).collect::<Vec<_>>().join("\n")
        }
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => json::to_string(other).unwrap_or_default(),
    }
}

/// As plain JSON, numbers that it does not have as the words that Python writes: `"Infinity"`.
pub(crate) fn plain(value: &Value) -> serde_json::Value {
    match value {
        Value::Map(map) => map.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        Value::List(items) => items.iter().map(plain).collect(),
        other => {
            let bytes = json::to_bytes(other).unwrap_or_default();
            serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Symptom: `inspect conf true` showed `null` for a Python worker, one of whose settings is infinite.
    #[test]
    fn an_infinite_number_does_not_hide_the_rest() {
        let value: Value =
            json::from_slice(br#"{"result_backend_max_retries": Infinity, "imports": [1, NaN]}"#).unwrap();
        let plain = plain(&value);
        assert_eq!(
            plain,
            serde_json::json!({"result_backend_max_retries": "Infinity", "imports": [1, "NaN"]})
        );
    }
}
