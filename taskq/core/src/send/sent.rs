//! The event `task-sent`, told by whoever sends a task when the setting `task_send_sent_event` asks for it.

use super::Draft;
use crate::{
    app::App,
    codec::{Map, Value, repr},
};

/// What is to be told of a draft once it is stored: nothing, unless the settings ask for it.
#[derive(Debug)]
pub(super) struct Sent(Option<Map>);

impl Sent {
    pub(super) fn of(app: &App, draft: &Draft) -> Self {
        Self(app.settings().task_send_sent_event.then(|| fields(draft)))
    }

    pub(super) fn tell(self, app: &App) {
        if let (Some(fields), Some(events)) = (self.0, app.told()) {
            events.tell("task-sent", fields);
        }
    }
}

/// In Celery's order.
fn fields(draft: &Draft) -> Map {
    let headers = &draft.message.headers;
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    let queue = draft.queue().map_or(draft.route.routing_key.as_str(), |queue| queue.name.as_str());
    let args = headers.argsrepr.clone().unwrap_or_else(|| repr::raw_args(&draft.message.args));
    let kwargs = headers.kwargsrepr.clone().unwrap_or_else(|| repr::raw_kwargs(&draft.message.kwargs));
    [
        ("uuid", Value::from(headers.id.as_str())),
        ("root_id", text(headers.root_id.as_ref().map(|id| id.as_str()))),
        ("parent_id", text(headers.parent_id.as_ref().map(|id| id.as_str()))),
        ("name", Value::from(headers.task.as_str())),
        ("args", Value::from(args)),
        ("kwargs", Value::from(kwargs)),
        ("retries", Value::from(headers.retries)),
        ("eta", text(headers.eta.as_deref())),
        ("expires", text(headers.expires.as_deref())),
        ("queue", Value::from(queue)),
        ("exchange", Value::from(draft.route.exchange.as_str())),
        ("routing_key", Value::from(draft.route.routing_key.as_str())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
