//! Errbacks of both styles, and what they write down.

use taskq::prelude::*;
use taskq::{Value, task};

use crate::interop::Interop;

#[task]
pub(crate) async fn errback_old_style(
    #[state] interop: &Interop,
    request_id: String,
) -> Result<String, TaskError> {
    let () = interop.account(redis::cmd("INCR").arg(&request_id)).await?;
    Ok(request_id)
}

#[task]
pub(crate) async fn errback_new_style(
    #[state] interop: &Interop,
    request: Value,
    exc: Value,
    tb: Value,
) -> Result<String, TaskError> {
    drop(tb);
    let id = request.get("id").and_then(Value::as_str).ok_or("the request has no id")?;
    let () = interop.account(redis::cmd("INCR").arg(id)).await?;
    interop.push(&format!("{id}:exc"), &text(&exc)).await?;
    Ok(id.to_owned())
}

/// Type and arguments of an exception.
fn text(exception: &Value) -> String {
    let kind = exception.get("exc_type").and_then(Value::as_str).unwrap_or_default();
    let message = exception.get("exc_message").and_then(Value::as_list).unwrap_or_default();
    let message: Vec<_> = message.iter().map(|one| one.as_str().unwrap_or_default()).collect();
    format!("{kind}({})", message.join(", "))
}

#[task]
pub(crate) async fn errback_key(
    #[state] interop: &Interop,
    request_id: String,
    key: String,
) -> Result<(), TaskError> {
    Ok(interop.push(&key, &request_id).await?)
}
