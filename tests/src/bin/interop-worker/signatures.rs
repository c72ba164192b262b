//! Signatures as values: returned in Celery's map form, read back, sent.

use taskq::core::codec::Map;
use taskq::prelude::*;
use taskq::{Failure, Signature, Value};

use crate::interop::Interop;

/// A canvas of that kind, with these members under `key`.
fn canvas(kind: &str, parts: Vec<(&str, Value)>) -> Signature {
    let kwargs: Map = parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut signature = Signature::by_name(format!("celery.{kind}"), args![]);
    signature.kwargs = kwargs;
    signature.subtask_type = Some(kind.to_owned());
    signature
}

fn list(members: Vec<Signature>) -> Value {
    Value::List(members.iter().map(Signature::to_value).collect())
}

fn chain(steps: Vec<Signature>) -> Signature {
    canvas("chain", vec![("tasks", list(steps))])
}

fn group(members: Vec<Signature>) -> Signature {
    canvas("group", vec![("tasks", list(members))])
}

fn chord(header: Vec<Signature>, body: &Signature) -> Signature {
    let parts =
        vec![("kwargs", Value::Map(Map::default())), ("header", list(header)), ("body", body.to_value())];
    canvas("chord", parts)
}

// A group in a group of one, and a chain or group as a header, are taken apart as Celery takes them apart.

/// `add()`, without arguments.
fn add(interop: &Interop) -> Signature {
    Signature::by_name(format!("{}add", interop.prefix), args![])
}

#[task]
pub(crate) async fn return_nested_signature_chain_chain(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    chain(vec![chain(vec![add])]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chain_group(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    chain(vec![group(vec![add])]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chain_chord(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    chain(vec![chord(vec![add.clone()], &add)]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_group_chain(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    group(vec![chain(vec![add])]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_group_group(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    group(vec![add]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_group_chord(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    group(vec![chord(vec![add.clone()], &add)]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chord_chain(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    chord(vec![add.clone()], &add).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chord_group(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    chord(vec![add.clone()], &add).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chord_chord(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    chord(vec![chord(vec![add.clone()], &add)], &add).to_value()
}

/// Rebuilds a signature and everything in it.
#[task]
pub(crate) async fn rebuild_signature(sig_dict: Value) -> Result<(), Failure> {
    let mut waiting = vec![sig_dict];
    while let Some(value) = waiting.pop() {
        let signature = Signature::from_value(value)
            .map_err(|error| Failure::new("TypeError", format!("not a signature object: {error}")))?;
        let Some(kind) = signature.subtask_type.as_deref() else { continue };
        for part in if kind == "chord" { ["header", "body"] } else { ["tasks", ""] } {
            match signature.kwargs.get(part) {
                Some(Value::List(members)) => waiting.extend(members.iter().cloned()),
                Some(member) => waiting.push(member.clone()),
                None => {}
            }
        }
    }
    Ok(())
}

/// Sends a signature; the id of its result.
#[task]
pub(crate) async fn run_signature(sig_dict: Value) -> Result<String, TaskError> {
    let sent = App::current()?.send_signature(Signature::from_value(sig_dict)?).await?;
    Ok(sent.id().to_string())
}
