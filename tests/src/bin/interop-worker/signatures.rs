//! Signatures as values: returned in Celery's map form, read back, sent.

use taskq::prelude::*;
use taskq::{Failure, Signature, Value};

use crate::interop::Interop;

// A group in a group of one, and a chain or group as a header, are taken apart as Celery takes them apart.

/// `add()`, without arguments.
fn add(interop: &Interop) -> Signature {
    Signature::by_name(format!("{}add", interop.prefix), args![])
}

#[task]
pub(crate) async fn return_nested_signature_chain_chain(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::chain([Signature::chain([add])]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chain_group(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::chain([Signature::group([add])]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chain_chord(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::chain([Signature::chord([add.clone()], add)]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_group_chain(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::group([Signature::chain([add])]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_group_group(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::group([add]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_group_chord(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::group([Signature::chord([add.clone()], add)]).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chord_chain(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::chord([add.clone()], add).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chord_group(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::chord([add.clone()], add).to_value()
}

#[task]
pub(crate) async fn return_nested_signature_chord_chord(#[state] interop: &Interop) -> Value {
    let add = add(interop);
    Signature::chord([Signature::chord([add.clone()], add.clone())], add).to_value()
}

/// Rebuilds a signature and everything in it.
#[task]
pub(crate) async fn rebuild_signature(sig_dict: Value) -> Result<(), Failure> {
    Signature::from_value(sig_dict)
        .and_then(Signature::node)
        .map(drop)
        .map_err(|error| Failure::new("TypeError", format!("not a signature object: {error}")))
}

/// Sends a signature; the id of its result.
#[task]
pub(crate) async fn run_signature(sig_dict: Value) -> Result<String, TaskError> {
    let sent = App::current()?.send_canvas(Signature::from_value(sig_dict)?).await?;
    Ok(sent.id().to_owned())
}
