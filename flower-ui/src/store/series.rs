//! Charts: rollups over time.

use taskq_core::Error;

use super::{
    Store,
    rollup::{self, Rollup, SPANS},
    words::Kind,
};

/// Points of a series at most: longer ones get wider spans.
const MOST_POINTS: i64 = 1_500;

/// What is to be charted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SeriesQuery {
    /// From, in seconds since 1970.
    pub from: f64,
    /// Until.
    pub until: f64,
    /// Only tasks of this name.
    pub name: Option<String>,
    /// Only tasks of this queue.
    pub queue: Option<String>,
    /// One series for each of these.
    pub split: Split,
}

/// What is charted apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// Nothing: one series.
    #[default]
    None,
    /// Names of tasks.
    Name,
    /// Queues.
    Queue,
}

/// A point of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// When it begins, in seconds since 1970.
    pub at: i64,
    /// How long it is, in seconds.
    pub span: i64,
    /// Name or queue; `None` for those that are not known, and without a split.
    pub of: Option<String>,
    /// What happened.
    pub rollup: Rollup,
}

impl Store {
    /// What happened over a time, in spans of a minute, ten minutes or an hour: the narrowest that are still
    /// kept and not too many. Ordered by time. Spans in which nothing happened are left out.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub async fn series(&self, query: &SeriesQuery) -> Result<Vec<Point>, Error> {
        self.settle(true).await;
        let query = query.clone();
        self.read(move |conn, words| {
            let (from, until) = (query.from as i64, query.until.ceil() as i64);
            let now = jiff::Timestamp::now().as_second();
            let fits = |(span, kept): &(i64, i64)| {
                (until - from) / span <= MOST_POINTS && from >= now - kept - span
            };
            let (span, _) = SPANS.into_iter().find(fits).unwrap_or(SPANS[SPANS.len() - 1]);
            let only = |kind, text: &Option<String>| text.as_ref().map(|text| words.id(kind, text).unwrap_or(-1));
            let (name, queue) = (only(Kind::Name, &query.name), only(Kind::Queue, &query.queue));
            let sql = "SELECT at, name, queue, sent, received, started, succeeded, failed, retried, revoked, rejected, wait, run
                       FROM rollup WHERE span = ?1 AND at >= ?2 AND at < ?3
                       AND (?4 IS NULL OR name = ?4) AND (?5 IS NULL OR queue = ?5) ORDER BY at";
            let mut rows = conn.prepare_cached(sql)?;
            let mut rows = rows.query((span, from.div_euclid(span) * span, until, name, queue))?;
            let mut points: Vec<Point> = Vec::new();
            while let Some(row) = rows.next()? {
                let at: i64 = row.get(0)?;
                let word = match query.split {
                    Split::None => 0,
                    Split::Name => row.get(1)?,
                    Split::Queue => row.get(2)?,
                };
                let of = words.text(word).map(str::to_owned);
                let rollup = rollup::read(row, 3)?;
                let same = points.iter_mut().rev().take_while(|point| point.at == at);
                match same.into_iter().find(|point| point.of == of) {
                    Some(point) => point.rollup.merge(&rollup),
                    None => points.push(Point { at, span, of, rollup }),
                }
            }
            Ok(points)
        })
        .await
    }
}
