//! `GET /series`: numbers over time, for charts.
//!
//! Kept true here: nothing is drawn where nothing could be heard: such points are `null`, and the gaps are told.

use std::collections::BTreeMap;

use axum::extract::State;
use serde_json::{Value as Json, json};

use super::{
    names::range,
    overview::{ended, per_second},
    problem::{Problem, Reply, reply},
};
use crate::{
    sample,
    server::{Params, Shared},
    store::{Rollup, SeriesQuery, Split},
};

/// The last hour when nothing is said.
const SPAN: f64 = 3_600.0;
/// Points when nothing is said, and at most.
const POINTS: i64 = 120;
const MOST: i64 = 1_000;
/// The narrowest that is kept, in seconds.
const MINUTE: f64 = 60.0;
/// Lines of a chart; the rest is one more.
const LINES: usize = 10;

/// One line.
struct Line {
    key: String,
    points: Vec<Option<f64>>,
}

/// Points beside each other.
struct Axis {
    from: f64,
    step: f64,
    count: usize,
}

impl Axis {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    fn new(from: f64, until: f64, points: i64) -> Self {
        let step = ((until - from) / points as f64 / MINUTE).ceil().max(1.0) * MINUTE;
        let from = (from / step).floor() * step;
        Self { from, step, count: (((until - from) / step).ceil() as usize).max(1) }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn place(&self, at: f64) -> Option<usize> {
        let place = (at - self.from) / self.step;
        (place >= 0.0 && (place as usize) < self.count).then_some(place as usize)
    }

    #[allow(clippy::cast_precision_loss)]
    fn begin(&self, place: usize) -> f64 {
        self.from + place as f64 * self.step
    }
}

pub(super) async fn series(State(shared): State<Shared>, params: Params) -> Reply {
    let (from, until) = range(&shared, &params, SPAN)?;
    let points = params.int("points")?.unwrap_or(POINTS).clamp(2, MOST);
    let axis = Axis::new(from, until, points);
    let measure = params.raw("measure").unwrap_or("throughput");
    let split = params.raw("split").unwrap_or_default();
    let (lines, note) = match measure {
        "depth" => (depth(&shared, &params, &axis, until).await?, None),
        "busy" => (Vec::new(), Some("how busy workers were is not kept over time")),
        "throughput" | "failures" | "wait" | "run" => {
            (rolled(&shared, &params, &axis, until, measure, split).await?, None)
        }
        other => {
            return Err(Problem::argument(format!("there is no measure `{other}`"))
                .fix("measures are throughput, failures, wait, run, depth"));
        }
    };
    let outages = shared.live.coverage().outages;
    let gaps: Vec<(f64, f64)> = outages
        .iter()
        .map(|(begin, end)| (*begin, end.unwrap_or(until)))
        .filter(|(begin, end)| *end > from && *begin < until)
        .collect();
    let lines: Vec<Json> = lines
        .into_iter()
        .map(|line| json!({"key": line.key, "label": line.key, "points": line.points}))
        .collect();
    Ok(reply(
        &shared,
        json!({
            "from": axis.from, "to": until, "step": axis.step, "measure": measure, "lines": lines, "gaps": gaps,
            "note": note,
        }),
    ))
}

async fn rolled(
    shared: &Shared,
    params: &Params,
    axis: &Axis,
    until: f64,
    measure: &str,
    split: &str,
) -> Result<Vec<Line>, Problem> {
    let text = |name: &str| params.filled(name).map(str::to_owned);
    let by = match split {
        "name" => Split::Name,
        "queue" => Split::Queue,
        "" | "state" => Split::None,
        other => {
            return Err(Problem::argument(format!("`{measure}` cannot be split by `{other}`"))
                .fix("split by state, name or queue"));
        }
    };
    let query = SeriesQuery { from: axis.from, until, name: text("name"), queue: text("queue"), split: by };
    let found = shared.store.series(&query).await.map_err(|error| Problem::history(&error))?;
    let mut of: BTreeMap<String, Vec<Rollup>> = BTreeMap::new();
    let empty = || vec![Rollup::default(); axis.count];
    if by == Split::None {
        of.insert(String::new(), empty());
    }
    for point in found {
        #[allow(clippy::cast_precision_loss)] // seconds since 1970
        let Some(place) = axis.place(point.at as f64) else { continue };
        let key =
            if by == Split::None { String::new() } else { point.of.unwrap_or_else(|| "unknown".to_owned()) };
        of.entry(key).or_insert_with(empty)[place].merge(&point.rollup);
    }
    let known = Known::new(shared, axis, until);
    if by == Split::None {
        return Ok(of.remove("").map(|line| parts(&line, measure, split, &known)).unwrap_or_default());
    }
    let mut lines: Vec<(u64, String, Vec<Rollup>)> =
        of.into_iter().map(|(key, line)| (line.iter().map(ended).sum(), key, line)).collect();
    lines.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let rest = lines.split_off(lines.len().min(LINES));
    if !rest.is_empty() {
        let mut other = empty();
        for (_, _, line) in rest {
            other.iter_mut().zip(&line).for_each(|(sum, rollup)| sum.merge(rollup));
        }
        lines.push((0, "other".to_owned(), other));
    }
    Ok(lines
        .into_iter()
        .map(|(_, key, line)| Line { key, points: known.draw(&line, value(measure)) })
        .collect())
}

/// The lines of a chart that is not split by something.
fn parts(line: &[Rollup], measure: &str, split: &str, known: &Known<'_>) -> Vec<Line> {
    type Part = (&'static str, fn(&Rollup) -> u64);
    let states: [Part; 5] = [
        ("succeeded", |it| it.succeeded),
        ("failed", |it| it.failed),
        ("retried", |it| it.retried),
        ("revoked", |it| it.revoked),
        ("rejected", |it| it.rejected),
    ];
    match measure {
        "throughput" if split == "state" => states
            .into_iter()
            .map(|(key, part)| Line {
                key: key.to_owned(),
                points: known.draw(line, |it, step| Some(per_second(part(it), step))),
            })
            .collect(),
        "wait" | "run" => [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)]
            .into_iter()
            .map(|(key, share)| Line {
                key: key.to_owned(),
                points: known.draw(line, |it, _| {
                    if measure == "wait" { it.wait.percentile(share) } else { it.run.percentile(share) }
                }),
            })
            .collect(),
        _ => vec![Line { key: measure.to_owned(), points: known.draw(line, value(measure)) }],
    }
}

fn value(measure: &str) -> fn(&Rollup, f64) -> Option<f64> {
    match measure {
        "failures" => |it, step| Some(per_second(it.failed, step)),
        "wait" => |it, _| it.wait.percentile(0.95),
        "run" => |it, _| it.run.percentile(0.95),
        _ => |it, step| Some(per_second(ended(it), step)),
    }
}

/// Where something could be heard.
struct Known<'a> {
    axis: &'a Axis,
    /// Of each part so many seconds.
    heard: Vec<f64>,
}

impl<'a> Known<'a> {
    fn new(shared: &Shared, axis: &'a Axis, until: f64) -> Self {
        let coverage = shared.live.coverage();
        // The last part is not over yet.
        let heard = |place: usize| coverage.heard(axis.begin(place), axis.begin(place + 1).min(until));
        Self { axis, heard: (0..axis.count).map(heard).collect() }
    }

    fn draw(&self, line: &[Rollup], value: impl Fn(&Rollup, f64) -> Option<f64>) -> Vec<Option<f64>> {
        let point = |(place, rollup): (usize, &Rollup)| {
            let told = rollup.started + rollup.received + rollup.sent + ended(rollup) > 0;
            match self.heard[place] {
                // Events of a time in which nobody listened, told late.
                0.0 if told => value(rollup, self.axis.step),
                0.0 => None,
                seconds => value(rollup, seconds),
            }
        };
        line.iter().enumerate().map(point).collect()
    }
}

/// Messages that waited.
async fn depth(shared: &Shared, params: &Params, axis: &Axis, until: f64) -> Result<Vec<Line>, Problem> {
    let wanted = params.filled("queue");
    let names = match wanted {
        Some(queue) => vec![queue.to_owned()],
        None => sample::names(shared).into_iter().take(LINES).collect(),
    };
    let mut lines = Vec::with_capacity(names.len());
    for key in names {
        let samples = shared
            .store
            .queue_series(&key, axis.from, until)
            .await
            .map_err(|error| Problem::history(&error))?;
        let mut sums = vec![(0.0, 0.0); axis.count];
        for sample in samples {
            #[allow(clippy::cast_precision_loss)] // seconds since 1970, messages
            if let (Some(place), Some(waiting)) = (axis.place(sample.at as f64), sample.waiting) {
                sums[place].0 += waiting as f64;
                sums[place].1 += 1.0;
            }
        }
        let points = sums.into_iter().map(|(sum, count)| (count > 0.0).then(|| sum / count)).collect();
        lines.push(Line { key, points });
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_cut_into_whole_minutes() {
        let axis = Axis::new(1_000.0, 4_600.0, 120);
        assert_eq!((axis.from, axis.step, axis.count), (960.0, 60.0, 61));
        assert_eq!((axis.place(960.0), axis.place(4_599.0), axis.place(959.0)), (Some(0), Some(60), None));
        let week = Axis::new(0.0, 604_800.0, 120);
        assert_eq!(week.step % MINUTE, 0.0);
        assert!(week.count <= 121);
    }
}
