//! Tasks that start others.

use taskq::core::canvas::Args;
use taskq::prelude::*;
use taskq::{Signature, Value};

use crate::interop::Interop;

/// A call of a task of this program.
pub(crate) fn call(interop: &Interop, task: &str, args: Args) -> Signature {
    Signature::by_name(format!("{}{task}", interop.prefix), args)
}

#[task]
pub(crate) async fn chain_add(#[state] interop: &Interop, x: Value, y: Value) -> Result<(), TaskError> {
    let steps = [call(interop, "add", args![x, x]), call(interop, "add", args![y])];
    App::current()?.send_canvas(Signature::chain(steps)).await?;
    Ok(())
}

#[task]
pub(crate) async fn chord_add(#[state] interop: &Interop, x: Value, y: Value) -> Result<(), TaskError> {
    let header = [call(interop, "add", args![x, x]), call(interop, "add", args![y, y])];
    App::current()?.send_canvas(Signature::chord(header, call(interop, "tsum", args![]))).await?;
    Ok(())
}

#[task]
pub(crate) async fn build_chain_inside_task(#[state] interop: &Interop) -> Result<Value, TaskError> {
    let add = |args| call(interop, "add", args);
    let group = Signature::group([add(args![3]), add(args![4])]);
    let canvas = add(args![1, 1]) | add(args![2]) | group | call(interop, "tsum", args![]);
    Ok(App::current()?.send_canvas(canvas).await?.as_value())
}

#[task]
pub(crate) async fn spawn(#[state] interop: &Interop, n: u32, key: String) -> Result<Vec<String>, TaskError> {
    let app = App::current()?;
    let mut ids = Vec::new();
    for number in 0..n {
        let sent = app.send_signature(call(interop, "record", args![number.to_string(), key])).await?;
        ids.push(sent.id().to_string());
    }
    Ok(ids)
}
