//! Tasks that are replaced while they run, or add to the chord that they are a member of.

use taskq::prelude::*;
use taskq::{Signature, Value};

use crate::canvas::call;
use crate::interop::Interop;

/// `add(num, val)` for each.
fn additions<'a>(
    interop: &'a Interop,
    nums: &'a [Value],
    val: &'a Value,
) -> impl Iterator<Item = Signature> + 'a {
    nums.iter().map(move |num| call(interop, "add", args![num, val]))
}

fn identities<'a>(interop: &'a Interop, nums: &'a [Value]) -> impl Iterator<Item = Signature> + 'a {
    nums.iter().map(move |num| call(interop, "identity", args![num]))
}

#[task]
pub(crate) async fn replaced_with_me() -> bool {
    true
}

#[task(bind)]
pub(crate) async fn add_replaced(
    cx: &TaskContext,
    #[state] interop: &Interop,
    x: Value,
    y: Value,
) -> Result<Value, TaskError> {
    Err(cx.replace(call(interop, "add", args![x, y])))
}

/// `redis_echo()`, or `redis_echo(link_msg)` without the argument that it would get.
fn echo(interop: &Interop, link_msg: Option<Value>) -> Signature {
    match link_msg {
        Some(message) => call(interop, "redis_echo", args![message]).immutable(),
        None => call(interop, "redis_echo", args![]),
    }
}

/// `identity(*args)`, then that task.
fn identity_then(interop: &Interop, args: Vec<Value>, task: &str) -> Signature {
    Signature::chain([call(interop, "identity", args![]).prepend(args), call(interop, task, args![])])
}

#[task(bind)]
pub(crate) async fn replace_with_chain(
    cx: &TaskContext,
    #[state] interop: &Interop,
    #[args] args: Vec<Value>,
    link_msg: Option<Value>,
) -> Result<Value, TaskError> {
    Err(cx.replace(identity_then(interop, args, "identity").link(echo(interop, link_msg))))
}

#[task(bind)]
pub(crate) async fn replace_with_chain_which_raises(
    cx: &TaskContext,
    #[state] interop: &Interop,
    #[args] args: Vec<Value>,
    link_msg: Option<Value>,
) -> Result<Value, TaskError> {
    Err(cx.replace(identity_then(interop, args, "raise_error").link_error(echo(interop, link_msg))))
}

#[task(bind)]
pub(crate) async fn replace_with_empty_chain(
    cx: &TaskContext,
    #[args] _args: Vec<Value>,
) -> Result<Value, TaskError> {
    Err(cx.replace(Signature::chain::<Signature>([])))
}

#[task(bind)]
pub(crate) async fn replace_with_group(
    cx: &TaskContext,
    #[state] interop: &Interop,
    nums: Vec<Value>,
) -> Result<Value, TaskError> {
    Err(cx.replace(Signature::group(identities(interop, &nums))))
}

#[task(bind)]
pub(crate) async fn replace_with_chord(
    cx: &TaskContext,
    #[state] interop: &Interop,
    nums: Vec<Value>,
) -> Result<Value, TaskError> {
    Err(cx.replace(Signature::chord(identities(interop, &nums), call(interop, "tsum", args![]))))
}

#[task(bind)]
pub(crate) async fn fail_replaced(
    cx: &TaskContext,
    #[state] interop: &Interop,
    #[args] args: Vec<Value>,
) -> Result<Value, TaskError> {
    Err(cx.replace(call(interop, "fail", args![]).prepend(args).immutable()))
}

#[task(bind)]
pub(crate) async fn add_to_all(
    cx: &TaskContext,
    #[state] interop: &Interop,
    nums: Vec<Value>,
    val: Value,
) -> Result<Value, TaskError> {
    Err(cx.replace(Signature::group(additions(interop, &nums, &val))))
}

#[task(bind)]
pub(crate) async fn add_to_all_to_chord(
    cx: &TaskContext,
    #[state] interop: &Interop,
    nums: Vec<Value>,
    val: Value,
) -> Result<i64, TaskError> {
    for addition in additions(interop, &nums, &val) {
        cx.add_to_chord(addition).await?;
    }
    Ok(0)
}

#[task(bind)]
pub(crate) async fn add_chord_to_chord(
    cx: &TaskContext,
    #[state] interop: &Interop,
    nums: Vec<Value>,
    val: Value,
) -> Result<i64, TaskError> {
    let chord = Signature::chord(additions(interop, &nums, &val), call(interop, "tsum", args![]));
    cx.add_to_chord(chord).await?;
    Ok(0)
}

#[task(bind)]
pub(crate) async fn second_order_replace1(
    cx: &TaskContext,
    #[state] interop: &Interop,
    #[default = false] state: bool,
    #[default = "redis-echo"] key: String,
) -> Result<(), TaskError> {
    if state {
        return Ok(interop.push(&key, "Out A").await?);
    }
    interop.push(&key, "In A").await?;
    let inner = call(interop, "second_order_replace2", args![]).with_kwargs(kwargs! { "key" => key });
    Err(cx.replace(inner | again(interop, "second_order_replace1", &key)))
}

#[task(bind)]
pub(crate) async fn second_order_replace2(
    cx: &TaskContext,
    #[state] interop: &Interop,
    #[default = false] state: bool,
    #[default = "redis-echo"] key: String,
) -> Result<(), TaskError> {
    if state {
        return Ok(interop.push(&key, "Out B").await?);
    }
    interop.push(&key, "In B").await?;
    let inner = call(interop, "redis_echo", args!["In/Out C"]).with_kwargs(kwargs! { "redis_key" => key });
    Err(cx.replace(inner | again(interop, "second_order_replace2", &key)))
}

/// The second run of a task that was replaced, which only says that it is over.
fn again(interop: &Interop, task: &str, key: &str) -> Signature {
    call(interop, task, args![]).with_kwargs(kwargs! { "state" => true, "key" => key }).immutable()
}

#[task(bind)]
pub(crate) async fn replace_with_stamped_task(
    cx: &TaskContext,
    #[state] interop: &Interop,
    replace_with: Option<Value>,
) -> Result<Value, TaskError> {
    let replacement = match replace_with {
        Some(map) => Signature::from_value(map)?,
        None => call(interop, "replaced_with_me", args![]),
    };
    Err(cx.replace(replacement.stamp("StampOnReplace", "This is the replaced task")))
}
