//! Dead letters as a table, as JSON, and one of them whole.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use taskq_core::broker::DeadLetter;

use crate::cli::{
    Failure, Session,
    style::Style,
    table::{Align, Table},
};

pub(super) fn list(session: &Session, letters: &[DeadLetter]) -> Result<(), Failure> {
    if letters.is_empty() && !session.out.is_json() {
        session.out.note("no dead letters");
        return Ok(());
    }
    session.out.print(
        || letters.iter().map(|letter| document(letter, false)).collect::<Vec<_>>(),
        |style| {
            let mut table = Table::new([
                ("id", Align::Left),
                ("queue", Align::Left),
                ("at", Align::Left),
                ("task", Align::Left),
                ("reason", Align::Left),
            ]);
            for letter in letters {
                table.row([
                    letter.id.clone(),
                    letter.queue.clone(),
                    format!("{:.0}", letter.at),
                    letter.task().unwrap_or_default(),
                    letter.reason.to_string(),
                ]);
            }
            table.render(style)
        },
    )
}

#[derive(Serialize)]
pub(super) struct Document<'a> {
    id: &'a str,
    queue: &'a str,
    at: String,
    task: Option<String>,
    reason: &'static str,
    detail: &'a str,
    deliveries: u32,
    #[serde(flatten)]
    message: Option<MessageDocument<'a>>,
}

#[derive(Serialize)]
struct MessageDocument<'a> {
    headers: Option<Value>,
    body: Option<Cow<'a, str>>,
    original: Cow<'a, str>,
}

pub(super) fn document(letter: &DeadLetter, whole: bool) -> Document<'_> {
    let message = || MessageDocument {
        headers: letter.headers(),
        body: letter.message.as_ref().map(|message| String::from_utf8_lossy(&message.body)),
        original: String::from_utf8_lossy(&letter.original),
    };
    Document {
        id: &letter.id,
        queue: &letter.queue,
        at: letter.at.to_string(),
        task: letter.task(),
        reason: letter.reason.kind.as_str(),
        detail: &letter.reason.detail,
        deliveries: letter.deliveries,
        message: whole.then(message),
    }
}

pub(super) fn show(letter: &DeadLetter, style: Style) -> String {
    let mut lines = vec![
        format!("{}  {}", style.dim("id        "), letter.id),
        format!("{}  {}", style.dim("queue     "), letter.queue),
        format!("{}  {}", style.dim("at        "), letter.at),
        format!("{}  {}", style.dim("reason    "), letter.reason),
        format!("{}  {}", style.dim("deliveries"), letter.deliveries),
    ];
    for error in letter.errors() {
        lines.push(format!("{}  {} at {}", style.dim("failed    "), error.text, error.at));
    }
    match (letter.headers(), &letter.message) {
        (Some(headers), Some(message)) => {
            lines.push(format!("{}\n{headers:#}", style.dim("headers")));
            lines.push(format!("{}\n{}", style.dim("body"), String::from_utf8_lossy(&message.body)));
        }
        _ => lines.push(format!("{}\n{}", style.dim("original"), String::from_utf8_lossy(&letter.original))),
    }
    lines.join("\n")
}
