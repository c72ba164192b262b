//! The arguments of a task, from the most reliable place that has them.
//!
//! Kept true here: it is said where they are from; arguments that were cut are never passed off as whole.

use std::time::Duration;

use serde_json::{Value as Json, json};
use taskq_core::{
    broker::BrokerAdmin,
    codec::{Accept, Map, Value},
    protocol::{DeliveryInfo, Message, Request, TaskId},
};

use super::{literal, stored};
use crate::{api::plain, auth::Sight, record::TaskRecord, redact, server::Shared};

/// Messages of a queue that are looked through.
const LOOK: usize = 1_000;
/// Longest look into queues.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where arguments are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A dead letter.
    Dead,
    /// The message that waits.
    Queue,
    /// The result backend, with `result_extended`.
    Backend,
    /// The text that workers show.
    Repr,
}

impl Source {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Queue => "queue",
            Self::Backend => "backend",
            Self::Repr => "repr",
        }
    }

    fn note(self) -> &'static str {
        match self {
            Self::Dead => "from the bytes of its dead letter",
            Self::Queue => "from the message that waits in its queue",
            Self::Backend => "from the result backend (`result_extended`)",
            Self::Repr => "read back from the text that was shown of them; tuples are lists",
        }
    }
}

/// Arguments that can be sent again.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) source: Source,
    pub(super) args: Vec<Value>,
    pub(super) kwargs: Map,
    /// The name, if the place knows it.
    pub(super) name: Option<String>,
}

/// The arguments, or why there are none.
pub(super) async fn find(shared: &Shared, task: &TaskRecord) -> Result<Found, String> {
    if let Ok(Some(found)) = tokio::time::timeout(PATIENCE, in_queues(shared, task)).await {
        return Ok(found);
    }
    if let Ok(Some(meta)) = stored::meta(shared, &task.id).await
        && let Some(extended) = meta.extended
        && !extended.name.is_empty()
    {
        let extended = *extended;
        return Ok(Found {
            source: Source::Backend,
            args: extended.args,
            kwargs: extended.kwargs,
            name: Some(extended.name),
        });
    }
    from_text(task)
}

fn from_text(task: &TaskRecord) -> Result<Found, String> {
    let missing = || match task.payload_dropped {
        true => "its arguments were deleted from history because they are kept for less time".to_owned(),
        false => "no event told its arguments".to_owned(),
    };
    let known = [&task.args, &task.kwargs];
    if known.iter().any(|text| text.as_ref().is_some_and(|text| text.contains(redact::MARK))) {
        return Err("a part of them was not written down, since it is a secret".to_owned());
    }
    let args = literal::args(task.args.as_deref().ok_or_else(missing)?)?;
    let kwargs = literal::kwargs(task.kwargs.as_deref().ok_or_else(missing)?)?;
    Ok(Found { source: Source::Repr, args, kwargs, name: task.name.clone() })
}

async fn in_queues(shared: &Shared, task: &TaskRecord) -> Option<Found> {
    let broker = shared.app.broker().await.ok()?;
    // Where looking is a delivery, nobody looks unasked.
    let admin = broker.admin().filter(|_| broker.capabilities().in_place)?;
    let queues = match &task.queue {
        Some(queue) => vec![queue.clone()],
        None => crate::sample::names(shared),
    };
    for queue in queues {
        if task.ended().is_some()
            && let Some(found) = in_dead(shared, &*admin, &queue, &task.id).await
        {
            return Some(found);
        }
        if task.started.is_none()
            && let Some(found) = waiting(shared, &*admin, &queue, &task.id).await
        {
            return Some(found);
        }
    }
    None
}

async fn in_dead(shared: &Shared, admin: &dyn BrokerAdmin, queue: &str, id: &str) -> Option<Found> {
    let letters = admin.dead(queue, 0, LOOK).await.ok()?;
    let mut messages = letters.into_iter().filter_map(|letter| letter.message);
    messages
        .find_map(|message| decode(shared, message, id))
        .map(|found| Found { source: Source::Dead, ..found })
}

async fn waiting(shared: &Shared, admin: &dyn BrokerAdmin, queue: &str, id: &str) -> Option<Found> {
    let peeked = admin.peek(queue, LOOK).await.ok()?;
    peeked.into_iter().filter_map(|peeked| peeked.message).find_map(|message| decode(shared, message, id))
}

/// The arguments of a message, if it is that of the task.
fn decode(shared: &Shared, message: Message, id: &str) -> Option<Found> {
    // Cheap before dear.
    let own = |request: &Request| request.id() == &TaskId::from(id);
    if !contains(&message.headers.0, id) && !contains(&message.body, id) {
        return None;
    }
    let request = request(shared, message).ok().filter(own)?;
    let (args, kwargs) = request.arguments.to_values().ok()?;
    Some(Found { source: Source::Queue, args, kwargs, name: Some(request.headers.task) })
}

fn contains(bytes: &[u8], text: &str) -> bool {
    !text.is_empty() && bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// A message as a task.
pub(crate) fn request(shared: &Shared, message: Message) -> Result<Request, String> {
    let settings = shared.app.settings();
    let limit = usize::try_from(settings.max_body_size).unwrap_or(usize::MAX);
    Request::decode(message, DeliveryInfo::default(), &Accept::all(), &settings.zone(), limit)
        .map_err(|malformed| malformed.detail)
}

/// The arguments without the secrets that somebody may not see.
pub(super) fn seen(found: &Found, sight: &Sight) -> (Vec<Value>, Map) {
    let (args, kwargs) = (found.args.clone(), found.kwargs.clone());
    match sight {
        Sight::Whole => (args, kwargs),
        Sight::WithoutSecrets(redact) => redact.arguments(args, kwargs),
        Sight::Nothing => (Vec::new(), Map::default()),
    }
}

/// For answers: what is known, where from, and what it is worth.
pub(super) fn shown(found: &Result<Found, String>, task: &TaskRecord, sight: &Sight) -> Json {
    match found {
        Ok(found) => {
            let (args, kwargs) = seen(found, sight);
            let whole = args == found.args && kwargs == found.kwargs;
            let note = found.source.note();
            json!({
                "args": args.iter().map(plain::plain).collect::<Vec<_>>(),
                "kwargs": plain::object(&kwargs),
                "source": found.source.word(),
                "exact": true,
                "note": if whole { note.to_owned() } else { format!("{note}; secrets are sent again, and not shown") },
            })
        }
        Err(why) => json!({
            "args": task.args, "kwargs": task.kwargs, "source": "repr", "exact": false,
            "note": format!("{why}; it can be sent again only with arguments that somebody fills in"),
        }),
    }
}
