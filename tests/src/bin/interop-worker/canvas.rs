//! Tasks that start others.

use taskq::prelude::*;

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
