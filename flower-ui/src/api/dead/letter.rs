//! Letters by their place, and what was done to them.

use std::collections::HashMap;

use serde_json::{Value as Json, json};
use taskq_core::broker::DeadLetter;

use crate::{
    api::{
        body::Body,
        problem::{Problem, now},
        queues::admin,
        tasks::request,
    },
    auth::Caller,
    sample,
    server::Shared,
    store::Kept,
};

/// Letters that are read at a time.
const READ: usize = 500;
/// What was done to letters, in the store.
const MARK: &str = "letter";

/// A letter that something is to be done to.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) queue: String,
    pub(crate) id: String,
    /// Its task, if it can be read.
    pub(crate) task_id: Option<String>,
    pub(crate) name: Option<String>,
}

impl Letter {
    fn of(shared: &Shared, letter: DeadLetter) -> Self {
        let read = letter.message.and_then(|message| request(shared, message).ok());
        Self {
            queue: letter.queue,
            id: letter.id,
            task_id: read.as_ref().map(|request| request.id().as_str().to_owned()),
            name: read.map(|request| request.headers.task),
        }
    }

    pub(crate) fn shown(&self, _: &Caller) -> Json {
        json!({"id": self.task_id.as_ref().unwrap_or(&self.id), "name": self.name, "queue": self.queue})
    }
}

fn failed(error: &dyn std::error::Error) -> Problem {
    Problem::unavailable("dead letters cannot be read", error)
}

/// The letters that a request means, at most `most`, and whether there are more: those of `letters`
/// (`[[queue, id], …]`), or all of `queue`, or all; of the task `name` and for the `reason`, if they are given. The
/// oldest come first.
pub(crate) async fn choose(
    shared: &Shared,
    body: &Body,
    most: usize,
) -> Result<(Vec<Letter>, bool), Problem> {
    let wrong = || Problem::argument("`letters` has to be a list of queues and ids: `[[\"queue\", \"id\"]]`");
    let mut wanted: HashMap<String, Vec<String>> = HashMap::new();
    for pair in body.list("letters")?.unwrap_or_default() {
        let pair = pair.as_list().ok_or_else(wrong)?;
        let [queue, id] = pair else { return Err(wrong()) };
        let (queue, id) = (queue.as_str().ok_or_else(wrong)?, id.as_str().ok_or_else(wrong)?);
        wanted.entry(queue.to_owned()).or_default().push(id.to_owned());
    }
    let queues: Vec<String> = match (wanted.is_empty(), body.text("queue")?) {
        (false, _) => wanted.keys().cloned().collect(),
        (true, Some(queue)) if !queue.is_empty() => vec![queue.to_owned()],
        (true, _) => sample::names(shared),
    };
    let (name, reason) = (body.text("name")?, body.text("reason")?);
    let admin = admin(shared).await?;
    let mut chosen = Vec::new();
    for queue in queues {
        let mut offset = 0;
        loop {
            let step = admin.dead(&queue, offset, READ).await.map_err(|error| failed(&error))?;
            let len = step.len();
            offset += len;
            let is = |letter: &DeadLetter| {
                wanted.get(&queue).is_none_or(|ids| ids.contains(&letter.id))
                    && reason.is_none_or(|reason| letter.reason.kind.as_str() == reason)
            };
            let step = step.into_iter().filter(is).map(|letter| (letter.at, Letter::of(shared, letter)));
            chosen.extend(
                step.filter(|(_, letter)| name.is_none_or(|name| letter.name.as_deref() == Some(name))),
            );
            if len < READ || chosen.len() > most {
                break;
            }
        }
    }
    chosen.sort_by_key(|(at, _)| *at);
    let more = chosen.len() > most;
    chosen.truncate(most);
    Ok((chosen.into_iter().map(|(_, letter)| letter).collect(), more))
}

/// One letter, if it is still there.
pub(crate) async fn find(shared: &Shared, queue: &str, id: &str) -> Result<Option<DeadLetter>, Problem> {
    let admin = admin(shared).await?;
    let mut offset = 0;
    loop {
        let step = admin.dead(queue, offset, READ).await.map_err(|error| failed(&error))?;
        let len = step.len();
        if let Some(found) = step.into_iter().find(|letter| letter.id == id) {
            return Ok(Some(found));
        }
        if len < READ {
            return Ok(None);
        }
        offset += len;
    }
}

/// Names a letter among those of all queues.
pub(super) fn place(queue: &str, id: &str) -> String {
    format!("{queue}\n{id}")
}

/// Writes down what was done to a letter. A letter without a mark is no harm, so errors are only logged.
pub(crate) async fn mark(shared: &Shared, caller: &Caller, letter: &Letter, what: &str, task: Option<&str>) {
    let kept = Kept {
        id: place(&letter.queue, &letter.id),
        at: now(shared),
        actor: caller.shown().to_owned(),
        body: json!({"what": what, "task": task}).to_string(),
    };
    if let Err(error) = shared.store.keep(MARK, kept).await {
        tracing::warn!(%error, "could not write down what was done to a dead letter");
    }
}

/// What was done to letters, by place.
pub(super) async fn marks(shared: &Shared) -> HashMap<String, Json> {
    let kept = shared.store.kept(MARK).await.unwrap_or_default();
    let shown = |it: &Kept| {
        let mut body: Json = serde_json::from_str(&it.body).unwrap_or_default();
        body["at"] = it.at.into();
        body["user"] = it.actor.as_str().into();
        body
    };
    kept.iter().map(|it| (it.id.clone(), shown(it))).collect()
}
