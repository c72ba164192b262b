//! What a request means to do, counted.

use serde_json::{Value as Json, json};

use super::{
    MOST,
    work::{Action, Work},
};
use crate::{
    api::{
        body::Body,
        dead,
        problem::Problem,
        queues, schedules,
        tasks::{rows, search},
    },
    auth::Caller,
    query::{Page, TaskQuery},
    server::Shared,
};

/// Tasks that are read at a time.
const READ: u64 = 1_000;
/// Tasks that are shown before.
const SAMPLE: usize = 10;

/// What is to be done, some of it, and whether there is more.
pub(super) struct Chosen {
    pub(super) work: Work,
    pub(super) sample: Json,
    pub(super) more: bool,
}

pub(super) async fn choose(shared: &Shared, caller: &Caller, body: &Body) -> Result<Chosen, Problem> {
    match body.required("action")? {
        "replay" => replay(shared, caller, body).await,
        "backfill" => backfill(shared, body).await,
        word => tasks(shared, caller, body, word).await,
    }
}

async fn tasks(shared: &Shared, caller: &Caller, body: &Body, word: &str) -> Result<Chosen, Problem> {
    let action = Action::read(word).ok_or_else(|| {
        Problem::argument(format!("`{word}` cannot be done to many"))
            .fix("actions are retry, revoke, terminate, forget, replay, backfill")
    })?;
    let (ids, sample, more) = match body.text("query")? {
        Some(text) => matching(shared, caller, text).await?,
        None => named(shared, caller, body).await?,
    };
    Ok(Chosen { work: Work::Tasks(action, ids), sample, more })
}

async fn replay(shared: &Shared, caller: &Caller, body: &Body) -> Result<Chosen, Problem> {
    let to = body.filled("to")?.map(str::to_owned);
    if let Some(to) = &to {
        queues::known(shared, to)?;
    }
    let (letters, more) = dead::choose(shared, body, MOST).await?;
    let sample = letters.iter().take(SAMPLE).map(|letter| letter.shown(caller)).collect();
    Ok(Chosen { work: Work::Replay { letters, to }, sample, more })
}

async fn backfill(shared: &Shared, body: &Body) -> Result<Chosen, Problem> {
    let entry = body.required("entry")?.to_owned();
    let (from, to) = (body.float("from")?, body.float("to")?);
    let (Some(from), Some(to)) = (from, to) else {
        return Err(Problem::argument("`from` and `to` are missing: seconds since 1970"));
    };
    let (due, sample, more) = schedules::due_between(shared, &entry, from, to, MOST).await?;
    Ok(Chosen { work: Work::Backfill { entry, due }, sample, more })
}

/// Ids, some rows, and whether there are more.
type Found = (Vec<String>, Json, bool);

async fn matching(shared: &Shared, caller: &Caller, text: &str) -> Result<Found, Problem> {
    let query = TaskQuery { search: search(shared, Some(text))?, ..TaskQuery::default() };
    let query = caller.visible(query)?;
    let mut page = Page { limit: Some(READ), ..Page::default() };
    let mut ids = Vec::new();
    let mut sample = Json::Null;
    loop {
        let found = shared.store.tasks(&query, &page).await;
        let mut found = found.map_err(|error| Problem::history(&error))?;
        if ids.is_empty() {
            let first = &found.rows[..found.rows.len().min(SAMPLE)];
            sample = json!(rows(first, caller));
        }
        ids.extend(found.rows.drain(..).map(|task| task.id));
        if ids.len() >= MOST || found.next.is_none() {
            let more = ids.len() > MOST || found.next.is_some();
            ids.truncate(MOST);
            return Ok((ids, sample, more));
        }
        page.after = found.next;
    }
}

async fn named(shared: &Shared, caller: &Caller, body: &Body) -> Result<Found, Problem> {
    let mut ids = body.texts("targets")?;
    if ids.is_empty() {
        return Err(Problem::argument("neither `query` nor `targets` is given"));
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(id.clone()));
    let more = ids.len() > MOST;
    ids.truncate(MOST);
    let mut first = Vec::new();
    for id in ids.iter().take(SAMPLE) {
        first.extend(shared.store.task(id).await.ok().flatten());
    }
    Ok((ids, json!(rows(&first, caller)), more))
}
