//! Whether somebody's permission reaches a task or a call.
//!
//! Kept true here: nothing is looked up for those whose permission is not limited; what cannot be told is refused
//! to the others.

use axum::http::StatusCode;
use taskq_core::{
    canvas::Signature,
    codec::Value,
    protocol::Arguments,
    routing::{Route, RouteQuery},
};

use super::{Caller, Permission, Sight, Target};
use crate::{
    query::{Search, SortField, TaskQuery},
    record::TaskRecord,
    server::{Refusal, Shared},
};

/// What of a worker's answers holds tasks.
const TASKS: [&str; 3] = ["active", "reserved", "scheduled"];
/// The header that would make another task of a message.
const NAME: &str = "task";

impl Caller {
    /// Whether they may see arguments and results of that task.
    pub(crate) fn sees(&self, task: &TaskRecord) -> bool {
        self.may_on(Permission::ViewPayloads, Target::task(task.name.as_deref(), task.queue.as_deref()))
    }

    /// What a worker said of itself, without the arguments of its tasks, or secrets in them, for those who may not
    /// see them all.
    pub(crate) fn shown_of(&self, shared: &Shared, mut said: Value) -> Value {
        let sight = self.sight(shared, Target::default());
        if let (false, Value::Map(parts)) = (matches!(sight, Sight::Whole), &mut said) {
            let tasks = parts.iter_mut().filter(|(part, _)| TASKS.contains(&part.as_str()));
            tasks.for_each(|(_, it)| hide(it, &sight));
        }
        said
    }

    /// A query that tells nothing of arguments and results to those who may not see all of them: words are looked
    /// for in what else is known of a task.
    ///
    /// # Errors
    /// 403 when it asks for them by name.
    pub(crate) fn visible(&self, mut query: TaskQuery) -> Result<TaskQuery, Refusal> {
        if self.may(Permission::ViewPayloads) {
            return Ok(query);
        }
        let hidden = [SortField::Args, SortField::Kwargs, SortField::Result, SortField::Exception];
        let by_payload = query.sort.is_some_and(|sort| hidden.contains(&sort.field));
        let search = query.search.take().map(Search::without_payloads);
        if by_payload || search.as_ref().is_some_and(Option::is_none) {
            let text = "to search in or sort by arguments, results and errors needs the permission \
                        `view_payloads` for all tasks";
            return Err(Refusal::text(StatusCode::FORBIDDEN, "forbidden", text));
        }
        query.search = search.flatten();
        Ok(query)
    }

    /// # Errors
    /// 403 when they may not do it to the task of that id; one that nobody heard of is reached by no limited
    /// permission. 503 when history cannot be read.
    pub(crate) async fn require_on_task(
        &self,
        shared: &Shared,
        permission: Permission,
        id: &str,
    ) -> Result<(), Refusal> {
        if self.may(permission) {
            return Ok(());
        }
        self.require_some(permission)?;
        let task = shared.store.task(id).await.map_err(|error| {
            tracing::warn!(%error, "history cannot be read, so it is not known what a permission reaches");
            Refusal::unavailable()
        })?;
        let (name, queue) = task.map(|task| (task.name, task.queue)).unwrap_or_default();
        self.require_on(permission, Target::task(name.as_deref(), queue.as_deref()))
    }

    /// # Errors
    /// 403 when they may not send that, or what it sends when it ends.
    pub(crate) fn require_call(
        &self,
        shared: &Shared,
        permission: Permission,
        call: &Signature,
    ) -> Result<(), Refusal> {
        if self.may(permission) {
            return Ok(());
        }
        let options = &call.options;
        if options.flow.is_some() || options.headers.contains_key(NAME) {
            return self.require(permission);
        }
        for linked in options.link.iter().chain(&options.link_error) {
            self.require_call(shared, permission, linked)?;
        }
        let arguments = Arguments::Values { args: call.args.clone(), kwargs: call.kwargs.clone() };
        let query = RouteQuery::new(&call.task, &arguments, options);
        let own = shared.app.registry().get(&call.task).map(|task| &task.options);
        let route = shared.app.routing().route(&query, own).ok();
        let queue = route.as_ref().and_then(destination);
        self.require_on(permission, Target::task(Some(&call.task), queue))
    }
}

/// Takes out of the arguments of tasks what is not seen.
fn hide(value: &mut Value, sight: &Sight) {
    match value {
        Value::List(items) => items.iter_mut().for_each(|item| hide(item, sight)),
        Value::Map(fields) => {
            for (name, field) in fields.iter_mut() {
                match (name.as_str(), sight) {
                    ("args" | "kwargs", Sight::WithoutSecrets(redact)) => redact.value(name, field),
                    ("args" | "kwargs", _) => *field = Value::Null,
                    _ => hide(field, sight),
                }
            }
        }
        _ => {}
    }
}

/// The one queue that a message goes to; `None` where an exchange decides.
fn destination(route: &Route) -> Option<&str> {
    if route.exchange.is_empty() {
        return Some(&route.routing_key);
    }
    let own = |queue: &&std::sync::Arc<taskq_core::broker::Queue>| {
        queue.exchange.name == route.exchange && queue.routing_key == route.routing_key
    };
    route.queue.as_ref().filter(own).map(|queue| queue.name.as_str())
}
