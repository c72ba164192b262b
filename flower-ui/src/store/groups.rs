//! Tasks counted together: by error, by workflow, by what a query could be narrowed to.

use std::collections::{BTreeMap, HashMap};

use rusqlite::types::Value;
use taskq_core::Error;

use super::{
    Store, find,
    rollup::Rollup,
    row,
    series::{SeriesQuery, Split},
    words::Words,
};
use crate::{query::TaskQuery, record::TaskRecord};

/// Tasks that are looked at for facets; the newest.
const MOST_FACETED: u64 = 10_000;
/// Tasks of a workflow that are answered.
const MOST_IN_WORKFLOW: usize = 10_000;
/// Groups of errors that are answered.
const MOST_ERRORS: u32 = 1_000;
/// How long is looked for them.
const BUDGET: std::time::Duration = std::time::Duration::from_secs(2);

/// What happened to tasks of one name.
#[derive(Clone, Debug, PartialEq)]
pub struct NameStats {
    /// The name; `None` for tasks whose name is not known.
    pub name: Option<String>,
    /// What happened.
    pub rollup: Rollup,
}

/// Tasks that failed alike.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorGroup {
    /// What they have in common: the error without its numbers, ids and quoted parts. `fingerprint:"…"` finds
    /// the tasks.
    pub fingerprint: String,
    /// How many tasks.
    pub tasks: u64,
    /// When the first and the last of these were told of, in seconds since 1970.
    pub first: f64,
    /// See `first`.
    pub last: f64,
    /// The names of these tasks, the most frequent first, and how many.
    pub names: Vec<(String, u64)>,
}

/// Tasks that one task brought about.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workflow {
    /// The id of that task.
    pub root: String,
    /// Its name, if it is known.
    pub name: Option<String>,
    /// How many tasks are in each state, by name, the root included if it is known.
    pub states: BTreeMap<String, u64>,
    /// When the first was told of, in seconds since 1970.
    pub first: f64,
    /// When the last was.
    pub last: f64,
}

/// What a query could be narrowed to: words and how many tasks, the most frequent first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facets {
    /// Of states.
    pub states: Vec<(String, u64)>,
    /// Of names.
    pub names: Vec<(String, u64)>,
    /// Of queues.
    pub queues: Vec<(String, u64)>,
    /// Of workers.
    pub workers: Vec<(String, u64)>,
    /// Whether all matches were counted, not only the newest 10,000, or what is certain without reading records.
    pub exact: bool,
}

impl Store {
    /// What happened by name, over a time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn name_stats(&self, from: f64, until: f64) -> Result<Vec<NameStats>, Error> {
        let query = SeriesQuery { from, until, split: Split::Name, ..SeriesQuery::default() };
        let mut stats: BTreeMap<Option<String>, Rollup> = BTreeMap::new();
        for point in self.series(&query).await? {
            stats.entry(point.of).or_default().merge(&point.rollup);
        }
        Ok(stats.into_iter().map(|(name, rollup)| NameStats { name, rollup }).collect())
    }

    /// The errors that tasks ended with, or are tried again for, over a time; the most frequent first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn errors(&self, from: f64, until: f64) -> Result<Vec<ErrorGroup>, Error> {
        self.settle(false).await;
        self.read(move |conn, words| {
            let sql = "SELECT error, name, count(*), min(timestamp), max(timestamp) FROM task
                       WHERE error IS NOT NULL AND timestamp >= ?1 AND timestamp <= ?2 GROUP BY error, name";
            let mut groups: HashMap<i64, ErrorGroup> = HashMap::new();
            let mut rows = conn.prepare_cached(sql)?;
            let mut rows = rows.query((from, until))?;
            while let Some(row) = rows.next()? {
                let error = row.get(0)?;
                let (tasks, first, last): (u64, f64, f64) = (row.get(2)?, row.get(3)?, row.get(4)?);
                let group = groups.entry(error).or_insert_with(|| ErrorGroup {
                    fingerprint: words.text(error).unwrap_or_default().to_owned(),
                    tasks: 0,
                    first,
                    last,
                    names: Vec::new(),
                });
                group.tasks += tasks;
                group.first = group.first.min(first);
                group.last = group.last.max(last);
                if let Some(name) = row.get::<_, Option<i64>>(1)?.and_then(|name| words.text(name)) {
                    group.names.push((name.to_owned(), tasks));
                }
            }
            let mut groups: Vec<ErrorGroup> = groups.into_values().collect();
            groups.sort_by(|a, b| b.tasks.cmp(&a.tasks).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
            groups.truncate(MOST_ERRORS as usize);
            groups.iter_mut().for_each(|group| group.names.sort_by_key(|name| std::cmp::Reverse(name.1)));
            Ok(groups)
        })
        .await
    }

    /// Workflows of more than one task, the latest told of first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn workflows(&self, offset: usize, limit: usize) -> Result<Vec<Workflow>, Error> {
        self.settle(false).await;
        self.read(move |conn, words| {
            let mut roots: Vec<Value> = Vec::new();
            let sql = "SELECT t.root FROM task t WHERE t.root IS NOT NULL ORDER BY t.timestamp DESC";
            find::within(conn, BUDGET, sql, &[], |row| {
                let root = row.get(0)?;
                if !roots.contains(&root) {
                    roots.push(root);
                }
                Ok(roots.len() < offset + limit)
            })?;
            let page = roots.into_iter().skip(offset).take(limit);
            page.map(|root| workflow(conn, words, &root)).collect()
        })
        .await
    }

    /// The tasks of a workflow: the root, if it is known, and those it brought about, oldest first; at most
    /// 10,000.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn workflow(&self, root: &str) -> Result<Vec<TaskRecord>, Error> {
        self.settle(false).await;
        let root = row::id_value(root);
        self.read(move |conn, _| {
            let sql = "SELECT t.id, t.bones, p.data, t.payload_dropped FROM task t
                       LEFT JOIN payload p ON p.task = t.key WHERE t.root = ?1 OR t.id = ?1 ORDER BY t.key LIMIT ?2";
            let mut rows = conn.prepare_cached(sql)?;
            let mut rows = rows.query((root, MOST_IN_WORKFLOW))?;
            let mut tasks = Vec::new();
            while let Some(row) = rows.next()? {
                let id = row::id_text(row.get(0)?);
                tasks.extend(row::history(row, 1)?.map(|history| history.record(&id)));
            }
            Ok(tasks)
        })
        .await
    }

    /// What a query could be narrowed to.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn facets(&self, query: &TaskQuery) -> Result<Facets, Error> {
        self.settle(false).await;
        let query = query.clone();
        self.read(move |conn, words| {
            let search = find::Search::new(&query, words);
            let sql = format!(
                "SELECT t.state, t.name, t.queue, t.worker FROM task t WHERE {} ORDER BY t.timestamp DESC LIMIT {}",
                search.condition.sql,
                MOST_FACETED + 1
            );
            let mut counts: [HashMap<i64, u64>; 4] = Default::default();
            let mut seen = 0;
            let done = find::within(conn, BUDGET, &sql, &search.condition.values, |row| {
                seen += 1;
                for (at, counts) in counts.iter_mut().enumerate() {
                    if let Some(word) = row.get::<_, Option<i64>>(at)? {
                        *counts.entry(word).or_default() += 1;
                    }
                }
                Ok(seen < MOST_FACETED)
            })?;
            let [states, names, queues, workers] = counts.map(|counts| told(counts, words));
            Ok(Facets { states, names, queues, workers, exact: done && search.condition.exact })
        })
        .await
    }
}

fn told(counts: HashMap<i64, u64>, words: &Words) -> Vec<(String, u64)> {
    let word = |(word, count)| Some((words.text(word)?.to_owned(), count));
    let mut told: Vec<(String, u64)> = counts.into_iter().filter_map(word).collect();
    told.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    told
}

fn workflow(conn: &rusqlite::Connection, words: &Words, root: &Value) -> rusqlite::Result<Workflow> {
    let sql = "SELECT state, count(*), min(coalesce(sent, received, timestamp)), max(timestamp),
               max(CASE WHEN id = ?1 THEN name END) FROM task WHERE root = ?1 OR id = ?1 GROUP BY state";
    let mut workflow =
        Workflow { root: row::id_text(root.clone()), first: f64::INFINITY, ..Workflow::default() };
    let mut rows = conn.prepare_cached(sql)?;
    let mut rows = rows.query([root])?;
    while let Some(row) = rows.next()? {
        let state = words.text(row.get(0)?).unwrap_or_default().to_owned();
        workflow.states.insert(state, row.get(1)?);
        workflow.first = workflow.first.min(row.get(2)?);
        workflow.last = workflow.last.max(row.get(3)?);
        if let Some(name) = row.get::<_, Option<i64>>(4)? {
            workflow.name = words.text(name).map(str::to_owned);
        }
    }
    Ok(workflow)
}
