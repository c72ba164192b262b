//! Tasks of the canvas section that only send or count.

use taskq::prelude::*;
use taskq::{Signature, Value};

use crate::interop::Interop;

#[task]
pub(crate) async fn spawn(#[state] interop: &Interop, n: u32, key: String) -> Result<Vec<String>, TaskError> {
    let app = App::current()?;
    let name = format!("{}record", interop.prefix);
    let mut ids = Vec::new();
    for number in 0..n {
        let sent = app.send(name.as_str(), args![number.to_string(), key], kwargs! {}).await?;
        ids.push(sent.id().to_string());
    }
    Ok(ids)
}

#[task]
pub(crate) async fn run_signature(sig_dict: Value) -> Result<String, TaskError> {
    let sent = App::current()?.send_signature(Signature::from_value(sig_dict)?).await?;
    Ok(sent.id().to_string())
}

#[task]
pub(crate) async fn replaced_with_me() -> bool {
    true
}

#[task]
pub(crate) async fn errback_old_style(
    #[state] interop: &Interop,
    request_id: String,
) -> Result<String, TaskError> {
    let () = interop.account(redis::cmd("INCR").arg(&request_id)).await?;
    Ok(request_id)
}

#[task]
pub(crate) async fn errback_key(
    #[state] interop: &Interop,
    request_id: String,
    key: String,
) -> Result<(), TaskError> {
    Ok(interop.push(&key, &request_id).await?)
}
