//! Lists of tasks.
//!
//! Kept true here: a search ends in time, with what it found by then and how far it got; counts are exact up to
//! 10,000, and say when they are not.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, Row, params_from_iter, types::Value};
use taskq_core::Error;

use super::{
    Store, order, row,
    unwritten::Overlay,
    words::{Kind, Words},
};
use crate::{
    live::clock,
    query::{Condition, Cursor, Expr, Page, Sort, TaskPage, TaskQuery},
    record::TaskRecord,
};

/// Rows of an answer whose page has no limit.
const MOST_ROWS: u64 = 10_000;
/// Rows of the newest that may be left out before the file is asked alone.
const NEAR: u64 = 1_000;
/// Matches that are counted.
const MOST_COUNTED: u64 = 10_000;
/// How long a search looks for the rows of its page.
const BUDGET: Duration = Duration::from_secs(2);
/// How long it counts after that.
const COUNT_BUDGET: Duration = Duration::from_millis(30);

pub(super) const COLUMNS: &str = "t.key, t.id, t.timestamp, t.bones, p.data, t.payload_dropped";

impl Store {
    /// The tasks that match.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn tasks(&self, query: &TaskQuery, page: &Page) -> Result<TaskPage, Error> {
        let (query, page) = (query.clone(), page.clone());
        // The newest are read beside the file. Any other place is the file's to find: then that has to have all.
        if query.sort.is_some() || page.offset > NEAR {
            self.settle(false).await;
            let total = self.shared.health().tasks;
            let overlay = Overlay { total, ..Overlay::default() };
            return self.read(move |conn, words| Search::new(&query, words).run(conn, &page, &overlay)).await;
        }
        let unwritten = {
            let hot = self.shared.hot();
            hot.unwritten(self.shared.health().tasks)
        };
        let shared = Arc::clone(&self.shared);
        self.read(move |conn, words| {
            let mut asked = Vec::new();
            let overlay = unwritten.find(conn, &query, &mut asked)?;
            if !asked.is_empty() {
                shared.hot().answered(asked);
            }
            Search::new(&query, words).newest(
                conn,
                &page,
                page.limit.unwrap_or(MOST_ROWS).min(MOST_ROWS),
                &overlay,
            )
        })
        .await
    }
}

/// A query, ready to run.
pub(super) struct Search {
    pub(super) condition: Condition,
    /// What is to be looked at in the record, where the condition does not tell.
    expr: Option<Expr>,
    sort: Option<Sort>,
}

impl Search {
    pub(super) fn new(query: &TaskQuery, words: &Words) -> Self {
        let mut parts = Vec::new();
        let exactly = [
            ("t.worker", Kind::Worker, &query.worker),
            ("t.name", Kind::Name, &query.name),
            ("t.state", Kind::State, &query.state),
        ];
        for (column, kind, wanted) in exactly {
            if let Some(wanted) = wanted {
                parts.push(Condition::one_of(
                    column,
                    &words.find(kind, |text| text.eq_ignore_ascii_case(wanted)),
                ));
            }
        }
        if let Some(from) = query.received_start {
            parts.push(Condition::new("(t.received IS NULL OR t.received >= ?)", vec![Value::Real(from)]));
        }
        if let Some(until) = query.received_end {
            parts.push(Condition::new("(t.received IS NULL OR t.received <= ?)", vec![Value::Real(until)]));
        }
        let mut expr = None;
        if let Some(search) = &query.search {
            let condition = search.0.condition(words);
            expr = (!condition.exact).then(|| search.0.clone());
            parts.push(condition);
        }
        Self { condition: Condition::join(parts, " AND ", "1"), expr, sort: query.sort }
    }

    /// Whether a task fits that the condition lets pass.
    pub(super) fn fits(&self, task: &TaskRecord) -> bool {
        self.expr.as_ref().is_none_or(|expr| expr.matches(task))
    }

    fn run(&self, conn: &Connection, page: &Page, overlay: &Overlay) -> rusqlite::Result<TaskPage> {
        let limit = page.limit.unwrap_or(MOST_ROWS).min(MOST_ROWS);
        let order = self.sort.as_ref().map(order::sql);
        match (&self.expr, order) {
            (None, Some(Some(order))) => self.sorted(conn, page, limit, overlay, &order),
            (_, None) => self.newest(conn, page, limit, overlay),
            // Neither an index nor a column tells the order: the newest matches are sorted here.
            (_, Some(_)) => {
                let newest = Page { offset: 0, limit: None, after: None };
                let mut found = self.newest(conn, &newest, MOST_ROWS, overlay)?;
                if let Some(sort) = self.sort {
                    order::sort(&mut found.rows, sort);
                }
                let (from, limit) = (usize::try_from(page.offset).unwrap_or(usize::MAX), limit as usize);
                found.rows = found.rows.into_iter().skip(from).take(limit).collect();
                // Those that match and are older were not looked at.
                found.partial = found.next.is_some() || found.searched_back_to.is_some();
                found.next = None;
                Ok(found)
            }
        }
    }

    /// In an order that SQLite can tell.
    fn sorted(
        &self,
        conn: &Connection,
        page: &Page,
        limit: u64,
        overlay: &Overlay,
        order: &str,
    ) -> rusqlite::Result<TaskPage> {
        let Condition { sql, values, .. } = &self.condition;
        let offset = page.offset.min(i64::MAX as u64);
        let sql = format!("{} ORDER BY {order} LIMIT {limit} OFFSET {offset}", select(sql));
        let mut rows = Vec::new();
        let done = within(conn, BUDGET, &sql, values, |row| {
            rows.extend(record(row)?);
            Ok(true)
        })?;
        let searched_back_to = (!done).then(|| rows.last().map_or(0.0, |row: &TaskRecord| row.timestamp));
        let (matched, matched_is_exact) = self.count(conn, overlay)?;
        Ok(TaskPage {
            matched: matched.max(rows.len() as u64),
            matched_is_exact,
            rows,
            total: overlay.total,
            partial: searched_back_to.is_some(),
            searched_back_to,
            next: None,
        })
    }

    /// The newest first.
    fn newest(
        &self,
        conn: &Connection,
        page: &Page,
        limit: u64,
        overlay: &Overlay,
    ) -> rusqlite::Result<TaskPage> {
        let mut condition = self.condition.clone();
        if let Some(Cursor { timestamp, key }) = page.after {
            let after = Condition::new(
                "(t.timestamp, t.key) < (?, ?)",
                vec![Value::Real(timestamp), Value::Integer(key)],
            );
            condition = Condition::join(vec![condition, after], " AND ", "1");
        }
        let (sql, arms) = by_time(&condition);
        let mut values = vec![condition.values.as_slice(); arms].concat();
        // With nothing to look at in the records, so many are enough; some of them may be hidden. Bound, so that the
        // statement is the same the next time.
        values.push(Value::Integer(match self.expr {
            None => (page.offset + limit + 1).saturating_add(overlay.hidden.len() as u64) as i64,
            Some(_) => -1,
        }));
        let later = |place: &Cursor| page.after.is_none_or(|after| place.order(&after).is_lt());
        let mut waiting = overlay.rows.iter().filter(|(place, _)| later(place)).peekable();
        let mut taken = Taken { offset: page.offset, limit, ..Taken::default() };
        let mut seen_at = None;
        let counting = Instant::now() + COUNT_BUDGET;
        let counts = self.expr.is_some();
        let enough = |taken: &Taken| {
            taken.next.is_some() && (!counts || taken.matched > MOST_COUNTED || Instant::now() >= counting)
        };
        let done = within(conn, BUDGET, &sql, &values, |row| {
            let place = Cursor { timestamp: row.get(2)?, key: row.get(0)? };
            seen_at = Some(place.timestamp);
            while let Some((newer, task)) = waiting.next_if(|(other, _)| other.order(&place).is_gt()) {
                taken.put(*newer, || task.clone());
            }
            if overlay.hidden.contains(&place.key) {
                return Ok(!enough(&taken));
            }
            // Nothing is read of what is neither looked at nor shown.
            let is_wanted = counts || taken.wants();
            let task = if is_wanted { record(row)? } else { None };
            if is_wanted && !task.as_ref().is_some_and(|task| self.fits(task)) {
                return Ok(true);
            }
            taken.put(place, || task.unwrap_or_default());
            Ok(!enough(&taken))
        })?;
        if done {
            waiting.for_each(|(place, task)| taken.put(*place, || task.clone()));
        }
        let full = taken.next.is_some();
        let searched_back_to = (!done && !full).then(|| seen_at.unwrap_or_else(clock));
        let (matched, matched_is_exact) = match &self.expr {
            None => self.count(conn, overlay)?,
            Some(_) => (taken.matched, done && page.after.is_none()),
        };
        let Taken { rows, next, .. } = taken;
        let total = overlay.total;
        Ok(TaskPage { rows, matched, matched_is_exact, total, searched_back_to, partial: false, next })
    }

    /// How many match, as far as can be counted in time, and whether that is all.
    fn count(&self, conn: &Connection, overlay: &Overlay) -> rusqlite::Result<(u64, bool)> {
        if self.condition.is_all() {
            return Ok((overlay.total, true));
        }
        let Condition { sql, values, .. } = &self.condition;
        let most = (MOST_COUNTED + 1 + overlay.hidden.len() as u64) as i64;
        let values: Vec<Value> = values.iter().cloned().chain([Value::Integer(most)]).collect();
        let sql = format!("SELECT t.key FROM task t WHERE {sql} LIMIT ?");
        let mut count = overlay.rows.len() as u64;
        let done = within(conn, COUNT_BUDGET, &sql, &values, |row| {
            count += u64::from(!overlay.hidden.contains(&row.get(0)?));
            Ok(count <= MOST_COUNTED)
        })?;
        Ok((count.min(MOST_COUNTED), done && count <= MOST_COUNTED))
    }
}

/// What is taken for a page, the newest first.
#[derive(Default)]
struct Taken {
    offset: u64,
    limit: u64,
    rows: Vec<TaskRecord>,
    matched: u64,
    last: Option<Cursor>,
    /// Where the next page begins.
    next: Option<Cursor>,
}

impl Taken {
    /// Whether the next one is shown.
    fn wants(&self) -> bool {
        self.matched >= self.offset && (self.rows.len() as u64) < self.limit
    }

    fn put(&mut self, place: Cursor, task: impl FnOnce() -> TaskRecord) {
        let wants = self.wants();
        self.matched += 1;
        if wants {
            self.last = Some(place);
            self.rows.push(task());
        } else if self.matched > self.offset {
            self.next = self.next.or(self.last);
        }
    }
}

/// The newest first, with a bound for their number; and how often the values of the condition are in it.
pub(super) fn by_time(condition: &Condition) -> (String, usize) {
    let arms: Vec<String> = condition.arms().iter().map(|arm| select(arm)).collect();
    (format!("{} ORDER BY 3 DESC, 1 DESC LIMIT ?", arms.join(" UNION ALL ")), arms.len())
}

fn select(condition: &str) -> String {
    format!("SELECT {COLUMNS} FROM task t LEFT JOIN payload p ON p.task = t.key WHERE {condition}")
}

/// The record in a row of [`COLUMNS`]. `None` when it cannot be read: of a newer version.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Option<TaskRecord>> {
    let id = row::id_text(row.get(1)?);
    Ok(row::history(row, 3)?.map(|history| history.record(&id)))
}

/// Runs a query until `each` says no, or the time is up. Whether it came to its end.
pub(super) fn within(
    conn: &Connection,
    budget: Duration,
    sql: &str,
    values: &[Value],
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<bool>,
) -> rusqlite::Result<bool> {
    let interrupt = conn.get_interrupt_handle();
    let timer = tokio::runtime::Handle::try_current().ok().map(|runtime| {
        runtime.spawn(async move {
            tokio::time::sleep(budget).await;
            interrupt.interrupt();
        })
    });
    let result = (|| {
        let start = Instant::now();
        let mut rows = conn.prepare_cached(sql)?;
        let mut rows = rows.query(params_from_iter(values))?;
        while let Some(row) = rows.next()? {
            if !each(row)? || start.elapsed() > budget {
                return Ok(false);
            }
        }
        Ok(true)
    })();
    if let Some(timer) = timer {
        timer.abort();
    }
    match result {
        Err(error) if rusqlite::Error::sqlite_error_code(&error) == Some(ErrorCode::OperationInterrupted) => {
            Ok(false)
        }
        result => result,
    }
}
