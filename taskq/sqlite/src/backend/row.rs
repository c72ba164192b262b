//! A result as a row, and back.
//!
//! Kept true here: the JSON that a task returned is stored as it is and handed out as it is.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use taskq_core::{
    backend::{Child, Extended, State, StoredError, TaskMeta, TaskOutput},
    broker::BrokerErrorKind,
    codec::{CodecError, Map, Value, json},
    protocol::TaskId,
};

use crate::store::{Failure, Result, Tx, timestamp};

/// Forms of `output`, as stored.
mod form {
    pub(super) const JSON: i64 = 0;
    pub(super) const VALUE: i64 = 1;
    pub(super) const ERROR: i64 = 2;
}

/// A result to store, encoded before the writer sees it.
#[derive(Debug)]
pub(super) struct Row {
    id: TaskId,
    state: State,
    form: i64,
    output: Bytes,
    traceback: Option<String>,
    date_done: Option<i64>,
    detail: Option<Bytes>,
}

/// Celery's form of an exception.
#[derive(Serialize, Deserialize)]
struct Exception {
    exc_type: String,
    exc_message: Vec<Value>,
    exc_module: String,
}

/// What most results do not have.
#[derive(Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Detail {
    /// `None`: an empty list, the usual case.
    #[serde(skip_serializing_if = "Option::is_none")]
    children: Option<Vec<Tree>>,
    /// Stored outside a task, which has no list at all.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    childless: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extended: Option<Task>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Tree {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<Box<Tree>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<Vec<Tree>>,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Task {
    name: String,
    args: Vec<Value>,
    kwargs: Map,
    worker: String,
    retries: u32,
    queue: Option<String>,
    stamps: Map,
}

fn unwritable(id: &TaskId, error: &CodecError) -> Failure {
    Failure::new(BrokerErrorKind::Other, format!("the result of `{id}` cannot be written: {error}"))
}

fn unreadable(id: &TaskId, error: &CodecError) -> Failure {
    Failure::new(BrokerErrorKind::Corrupt, format!("the stored result of `{id}` cannot be read: {error}"))
}

/// An output as its form and its bytes.
pub(super) fn write(id: &TaskId, output: &TaskOutput) -> Result<(i64, Bytes)> {
    let written = match output {
        TaskOutput::Json(text) => return Ok((form::JSON, text.clone())),
        TaskOutput::Value(value) => (form::VALUE, json::to_bytes(value)),
        TaskOutput::Error(error) => {
            let exception = Exception {
                exc_type: error.exc_type.clone(),
                exc_message: error.exc_message.clone(),
                exc_module: error.exc_module.clone(),
            };
            (form::ERROR, json::to_bytes(&exception))
        }
    };
    let (form, bytes) = written;
    Ok((form, bytes.map_err(|error| unwritable(id, &error))?))
}

/// An output from its form and its bytes.
pub(super) fn read(id: &TaskId, form: i64, output: Bytes) -> Result<TaskOutput> {
    Ok(match form {
        form::VALUE => TaskOutput::Value(json::from_slice(&output).map_err(|error| unreadable(id, &error))?),
        form::ERROR => {
            let Exception { exc_type, exc_message, exc_module } =
                json::from_slice(&output).map_err(|error| unreadable(id, &error))?;
            TaskOutput::Error(StoredError { exc_type, exc_message, exc_module })
        }
        _ => TaskOutput::Json(output),
    })
}

impl Row {
    pub(super) fn of(meta: &TaskMeta) -> Result<Self> {
        let (form, output) = write(&meta.id, &meta.output)?;
        let detail = Detail::of(meta);
        let detail = (detail != Detail::default()).then(|| json::to_bytes(&detail)).transpose();
        Ok(Self {
            id: meta.id.clone(),
            state: meta.state.clone(),
            form,
            output,
            traceback: meta.traceback.clone(),
            date_done: meta.date_done.map(|at| at.as_microsecond()),
            detail: detail.map_err(|error| unwritable(&meta.id, &error))?,
        })
    }

    pub(super) fn is_failure(&self) -> bool {
        self.state == State::Failure
    }

    /// Stores it unless a success that has not expired is there.
    pub(super) fn upsert(&self, tx: &Tx<'_>, expires: Option<i64>) -> Result<()> {
        tx.execute(
            "INSERT INTO result (id, state, form, output, traceback, date_done, detail, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET state = ?2, form = ?3, output = ?4, traceback = ?5,
                 date_done = ?6, detail = ?7, expires = ?8
             WHERE result.state <> 'SUCCESS' OR result.expires <= ?9",
            (
                self.id.as_str(),
                self.state.as_str(),
                self.form,
                &self.output[..],
                &self.traceback,
                self.date_done,
                self.detail.as_deref(),
                expires,
                tx.now,
            ),
        )?;
        Ok(())
    }
}

/// The result of a task, unless it has expired.
pub(super) fn find(conn: &Connection, id: &TaskId, now: i64) -> Result<Option<TaskMeta>> {
    let mut select = conn.prepare_cached(
        "SELECT state, form, output, traceback, date_done, detail FROM result
         WHERE id = ?1 AND (expires IS NULL OR expires > ?2)",
    )?;
    let found = select.query_row((id.as_str(), now), |row| {
        Ok(Row {
            id: id.clone(),
            state: State::from(row.get_ref(0)?.as_str()?),
            form: row.get(1)?,
            output: Bytes::from(row.get::<_, Vec<u8>>(2)?),
            traceback: row.get(3)?,
            date_done: row.get(4)?,
            detail: row.get::<_, Option<Vec<u8>>>(5)?.map(Bytes::from),
        })
    });
    found.optional()?.map(meta).transpose()
}

fn meta(row: Row) -> Result<TaskMeta> {
    let Row { id, state, form, output, traceback, date_done, detail } = row;
    let output = read(&id, form, output)?;
    let detail: Detail = detail
        .map(|detail| json::from_slice(&detail))
        .transpose()
        .map_err(|error| unreadable(&id, &error))?
        .unwrap_or_default();
    let mut meta = TaskMeta::new(id, state, output);
    meta.traceback = traceback;
    meta.date_done = date_done.map(timestamp);
    detail.fill(&mut meta);
    Ok(meta)
}

impl Detail {
    fn of(meta: &TaskMeta) -> Self {
        let children = meta.children.as_deref().unwrap_or_default();
        Self {
            children: (!children.is_empty()).then(|| children.iter().map(Tree::of).collect()),
            childless: meta.children.is_none(),
            group_id: meta.group_id.clone(),
            parent_id: meta.parent_id.clone(),
            extended: meta.extended.as_deref().cloned().map(|extended| {
                let Extended { name, args, kwargs, worker, retries, queue, stamps } = extended;
                Task { name, args, kwargs, worker, retries, queue, stamps }
            }),
        }
    }

    fn fill(self, meta: &mut TaskMeta) {
        let children = self.children.unwrap_or_default().into_iter().map(Tree::into_child).collect();
        meta.children = (!self.childless).then_some(children);
        meta.group_id = self.group_id;
        meta.parent_id = self.parent_id;
        meta.extended = self.extended.map(|task| {
            let Task { name, args, kwargs, worker, retries, queue, stamps } = task;
            Box::new(Extended { name, args, kwargs, worker, retries, queue, stamps })
        });
    }
}

impl Tree {
    fn of(child: &Child) -> Self {
        Self {
            id: child.id.clone(),
            parent: child.parent.as_deref().map(|parent| Box::new(Self::of(parent))),
            members: child.members.as_ref().map(|members| members.iter().map(Self::of).collect()),
        }
    }

    fn into_child(self) -> Child {
        Child {
            id: self.id,
            parent: self.parent.map(|parent| Box::new(parent.into_child())),
            members: self.members.map(|members| members.into_iter().map(Self::into_child).collect()),
        }
    }
}
