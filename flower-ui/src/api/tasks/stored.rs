//! What the result backend holds of a task.

use serde_json::{Value as Json, json};
use taskq_core::{
    backend::{TaskMeta, TaskOutput},
    codec::json as dialect,
    protocol::TaskId,
};

use crate::{
    api::{Problem, plain},
    auth::Sight,
    flower::result::has_backend,
    server::Shared,
};

/// What is stored; `None` where nothing is, or nothing is kept.
pub(super) async fn meta(shared: &Shared, id: &str) -> Result<Option<TaskMeta>, Problem> {
    if !has_backend(shared) {
        return Ok(None);
    }
    let failed =
        |error: &dyn std::error::Error| Problem::unavailable("the result backend does not answer", error);
    let backend = shared.app.backend().await.map_err(|error| failed(&error))?;
    let ids = [TaskId::from(id)];
    let found = backend.fetch(&ids).await.map_err(|error| failed(&error))?;
    Ok(found.into_iter().next().flatten())
}

/// For answers; `None` for those who may see nothing of it.
pub(super) fn shown(meta: &TaskMeta, sight: &Sight) -> Option<Json> {
    let result = match &meta.output {
        TaskOutput::Value(value) => plain::plain(value),
        TaskOutput::Json(bytes) => match dialect::from_slice(bytes) {
            Ok(value) => plain::plain(&value),
            Err(_) => String::from_utf8_lossy(bytes).into_owned().into(),
        },
        TaskOutput::Error(error) => json!({
            "exc_type": error.exc_type,
            "exc_message": error.message(),
            "exc_module": error.exc_module,
        }),
    };
    let traceback = meta.traceback.as_deref().and_then(|text| sight.text("traceback", text));
    let shown = json!({
        "state": meta.state.as_str(),
        "result": result,
        "traceback": traceback,
        "date_done": meta.date_done.map(plain::seconds),
    });
    sight.any().then(|| sight.of(shown))
}
