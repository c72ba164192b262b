//! A rule: what is measured, and when that is too much.
//!
//! Kept true here: a number that nobody knows fires nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    api::{
        body::Body,
        overview::{ended, per_second},
        problem::{Problem, now},
        tasks::search,
    },
    query::{Page, TaskQuery},
    server::{Shared, segment},
    store::{Rollup, SeriesQuery},
};

/// What is looked at when nothing is said, in seconds.
const WINDOW: f64 = 600.0;
/// Longest window: a week.
const WIDEST: f64 = 604_800.0;
/// Rollups are by the minute.
const NARROWEST: f64 = 60.0;
/// What can be measured of series.
pub(super) const MEASURES: [&str; 7] =
    ["throughput", "failures", "failure_rate", "wait", "run", "depth", "oldest"];

/// A rule as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Rule {
    pub(super) name: String,
    /// Counts the tasks that match, if it is there; else `measure` is looked at.
    pub(super) query: Option<String>,
    pub(super) measure: Option<String>,
    /// Only of this task name or queue.
    pub(super) task: Option<String>,
    pub(super) queue: Option<String>,
    /// `>` or `<`
    pub(super) op: String,
    pub(super) value: f64,
    /// Seconds that are looked at.
    pub(super) window: f64,
    /// It has to be so for so many seconds.
    #[serde(rename = "for")]
    pub(super) hold: f64,
    /// `bad` or `warn`
    pub(super) level: String,
    /// Ids of channels.
    pub(super) channels: Vec<String>,
    pub(super) enabled: bool,
}

impl Rule {
    pub(super) fn read(shared: &Shared, body: &Body) -> Result<Self, Problem> {
        let text = |name: &str| Ok::<_, Problem>(body.filled(name)?.map(str::to_owned));
        let one_of = |name: &str, words: &[&str], otherwise: &str| {
            let word = text(name)?.unwrap_or_else(|| otherwise.to_owned());
            match words.contains(&&*word) {
                true => Ok(word),
                false => Err(Problem::argument(format!("`{name}` has to be one of {}", words.join(", ")))),
            }
        };
        let seconds = |name: &str, otherwise: f64, least: f64| {
            let seconds = body.float(name)?.unwrap_or(otherwise);
            match (least..=WIDEST).contains(&seconds) {
                true => Ok(seconds),
                false => Err(Problem::argument(format!("`{name}` has to be {least} to {WIDEST} seconds"))),
            }
        };
        let (query, measure) = (text("query")?, text("measure")?);
        match (&query, &measure) {
            (Some(query), None) => drop(search(shared, Some(query))?),
            (None, Some(_)) => drop(one_of("measure", &MEASURES, "")?),
            _ => return Err(Problem::argument("either `query` or `measure` has to be given, and not both")),
        }
        let value = body.float("value")?.ok_or_else(|| Problem::argument("`value` is missing: a number"))?;
        Ok(Self {
            name: body.required("name")?.to_owned(),
            query,
            measure,
            task: text("task")?,
            queue: text("queue")?,
            op: one_of("op", &[">", "<"], ">")?,
            value,
            window: seconds("window", WINDOW, NARROWEST)?,
            hold: seconds("for", 0.0, 0.0)?,
            level: one_of("level", &["bad", "warn"], "warn")?,
            channels: body.texts("channels")?,
            enabled: body.value("enabled").and_then(|it| it.as_bool()).unwrap_or(true),
        })
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub(super) fn json(&self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether a number is too much, or too little.
    pub(super) fn is_over(&self, number: f64) -> bool {
        if self.op == "<" { number < self.value } else { number > self.value }
    }

    /// The number now; `None` when nobody knows it.
    pub(super) async fn number(&self, shared: &Shared) -> Result<Option<f64>, Problem> {
        match (&self.query, self.measure.as_deref()) {
            (Some(query), _) => self.count(shared, query).await.map(Some),
            (None, Some("depth")) => Ok(self.of_queues(shared, |it| {
                #[allow(clippy::cast_precision_loss)] // messages
                Some(it.ready as f64)
            })),
            (None, Some("oldest")) => Ok(self.of_queues(shared, |it| it.oldest.map(|age| age.as_secs_f64()))),
            (None, _) => self.rolled(shared).await,
        }
    }

    async fn count(&self, shared: &Shared, query: &str) -> Result<f64, Problem> {
        let text = format!("({query}) seen:>-{}s", self.window);
        let query = TaskQuery { search: search(shared, Some(&text))?, ..TaskQuery::default() };
        let page = Page { limit: Some(1), ..Page::default() };
        let found = shared.store.tasks(&query, &page).await.map_err(|error| Problem::history(&error))?;
        #[allow(clippy::cast_precision_loss)] // tasks
        Ok(found.matched as f64)
    }

    /// The largest of the queues that are meant.
    fn of_queues(
        &self,
        shared: &Shared,
        number: impl Fn(&taskq_core::broker::QueueStats) -> Option<f64>,
    ) -> Option<f64> {
        shared.v1.samples.watch(now(shared));
        let known = shared.v1.samples.queues();
        let meant =
            known.queues.iter().filter(|it| self.queue.as_ref().is_none_or(|name| it.stats.queue == *name));
        meant.filter_map(|it| number(&it.stats)).reduce(f64::max)
    }

    async fn rolled(&self, shared: &Shared) -> Result<Option<f64>, Problem> {
        let until = now(shared);
        let mut all = Rollup::default();
        for (_, rollup) in self.series(shared, until - self.window, until).await? {
            all.merge(&rollup);
        }
        let heard = shared.live.coverage().last_event.is_some();
        Ok(self.of_rollup(&all, self.window).filter(|_| heard))
    }

    async fn series(&self, shared: &Shared, from: f64, until: f64) -> Result<Vec<(i64, Rollup)>, Problem> {
        let query = SeriesQuery {
            from,
            until,
            name: self.task.clone(),
            queue: self.queue.clone(),
            ..SeriesQuery::default()
        };
        let points = shared.store.series(&query).await.map_err(|error| Problem::history(&error))?;
        Ok(points.into_iter().map(|point| (point.at, point.rollup)).collect())
    }

    fn of_rollup(&self, it: &Rollup, seconds: f64) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)] // tasks
        match self.measure.as_deref()? {
            "throughput" => Some(per_second(ended(it), seconds)),
            "failures" => Some(it.failed as f64),
            "failure_rate" => (ended(it) > 0).then(|| it.failed as f64 / ended(it) as f64),
            "wait" => it.wait.percentile(0.95),
            "run" => it.run.percentile(0.95),
            _ => None,
        }
    }

    /// How often it would have fired in the last seven days; `None` where that is not kept.
    pub(super) async fn would_have(&self, shared: &Shared) -> Result<Option<u64>, Problem> {
        if self.query.is_some() || matches!(self.measure.as_deref(), Some("depth" | "oldest")) {
            return Ok(None);
        }
        let until = now(shared);
        let mut spans: Vec<(i64, Rollup)> = Vec::new();
        for (at, rollup) in self.series(shared, until - WIDEST, until).await? {
            #[allow(clippy::cast_possible_truncation)] // seconds
            let span = at / (self.window as i64).max(1);
            match spans.last_mut().filter(|(last, _)| *last == span) {
                Some((_, sum)) => sum.merge(&rollup),
                None => spans.push((span, rollup)),
            }
        }
        let mut fired = 0;
        let mut last = None;
        for (span, rollup) in &spans {
            if self.of_rollup(rollup, self.window).is_some_and(|number| self.is_over(number)) {
                fired += u64::from(last != Some(span - 1));
                last = Some(*span);
            }
        }
        Ok(Some(fired))
    }

    /// `tasks that match state:failure: 12, more than 10`
    pub(super) fn text(&self, number: Option<f64>) -> String {
        let what = match (&self.query, &self.measure) {
            (Some(query), _) => format!("tasks that match {query}"),
            (None, measure) => measure.clone().unwrap_or_default(),
        };
        let of = [self.task.as_deref(), self.queue.as_deref()]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(", ");
        let of = if of.is_empty() { of } else { format!(" of {of}") };
        let word = if self.op == "<" { "less" } else { "more" };
        let number = number.map_or_else(|| "not known".to_owned(), shown);
        format!("{}: {what}{of} {number}, {word} than {}", self.name, shown(self.value))
    }

    /// Where somebody can look.
    pub(super) fn link(&self) -> String {
        match (&self.query, &self.queue, &self.task) {
            (Some(query), ..) => format!("/tasks?q={}", segment(query)),
            (None, Some(queue), _) => format!("/queues/{}", segment(queue)),
            (None, None, Some(task)) => format!("/names/{}", segment(task)),
            _ => "/charts".to_owned(),
        }
    }
}

/// At most three digits after the point.
fn shown(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_what_it_is_about() {
        let rule = Rule {
            name: "slow".to_owned(),
            measure: Some("run".to_owned()),
            task: Some("shop.charge".to_owned()),
            op: ">".to_owned(),
            value: 2.5,
            ..Rule::default()
        };
        assert_eq!(rule.text(Some(3.0)), "slow: run of shop.charge 3, more than 2.5");
        assert_eq!(rule.text(None), "slow: run of shop.charge not known, more than 2.5");
        assert_eq!(rule.link(), "/names/shop.charge");
        assert!(rule.is_over(2.6) && !rule.is_over(2.5));
        assert_eq!(Rule::parse(&rule.json().to_string()), Some(rule));
    }
}
