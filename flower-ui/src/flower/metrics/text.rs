//! Prometheus' text format and OpenMetrics, series with the same labels put together.

use std::fmt::Write;

use indexmap::IndexMap;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A text that grows by metrics.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: String,
    /// The series of the metric that is written now.
    series: IndexMap<String, f64>,
    /// Whether it is OpenMetrics.
    open: bool,
    /// Whether this metric has no place there.
    left_out: bool,
}

impl Text {
    /// OpenMetrics.
    pub(super) fn open() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// Begins a metric.
    pub(super) fn head(&mut self, name: &str, help: &str, kind: Kind) {
        self.flush();
        // There these belong to the metric before, and may be left out.
        self.left_out = self.open && name.ends_with("_created");
        if self.left_out {
            return;
        }
        let name = if self.open && kind == Kind::Counter { name.trim_end_matches("_total") } else { name };
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let _ = writeln!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}"); // a text takes everything
    }

    /// A value; of several with the same labels the sum.
    pub(super) fn add(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        *self.series.entry(key(name, labels)).or_insert(0.0) += value;
    }

    /// Of several with the same labels the greatest.
    pub(super) fn most(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let known = self.series.entry(key(name, labels)).or_insert(value);
        *known = known.max(value);
    }

    /// Of several with the same labels the least.
    pub(super) fn least(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let known = self.series.entry(key(name, labels)).or_insert(value);
        *known = known.min(value);
    }

    fn flush(&mut self) {
        for (key, value) in self.series.drain(..).filter(|_| !self.left_out) {
            let _ = writeln!(self.out, "{key} {}", number(value));
        }
    }

    /// The whole.
    pub(super) fn finish(mut self) -> String {
        self.flush();
        if self.open {
            self.out.push_str("# EOF\n");
        }
        self.out
    }
}

fn key(name: &str, labels: &[(&str, &str)]) -> String {
    let mut key = name.to_owned();
    for (index, (label, value)) in labels.iter().enumerate() {
        key.push(if index == 0 { '{' } else { ',' });
        let value = value.replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"");
        let _ = write!(key, "{label}=\"{value}\"");
    }
    if !labels.is_empty() {
        key.push('}');
    }
    key
}

/// As Prometheus' client for Python writes it: `1.0`, `+Inf`.
pub(super) fn number(value: f64) -> String {
    if value.is_infinite() {
        return if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    format!("{value:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_same_series_put_together() {
        let mut text = Text::default();
        text.head("m", "what", Kind::Gauge);
        text.add("m", &[("a", "x\"\n\\")], 1.0);
        text.add("m", &[("a", "x\"\n\\")], 2.0);
        text.head("n", "what", Kind::Counter);
        text.add("n", &[], f64::INFINITY);
        let expected = "# HELP m what\n# TYPE m gauge\nm{a=\"x\\\"\\n\\\\\"} 3.0\n# HELP n what\n# TYPE n counter\nn +Inf\n";
        assert_eq!(text.finish(), expected);
    }

    #[test]
    fn open_metrics_names_counters_without_their_ending_and_says_where_it_ends() {
        let mut text = Text::open();
        text.head("n_total", "what", Kind::Counter);
        text.add("n_total", &[], 1.0);
        text.head("n_created", "what", Kind::Gauge);
        text.least("n_created", &[], 5.0);
        assert_eq!(text.finish(), "# HELP n what\n# TYPE n counter\nn_total 1.0\n# EOF\n");
    }
}
