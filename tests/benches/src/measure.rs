//! Contestants take turns: every run measures each of them once.

use anyhow::{Context as _, Result};
use futures_util::future::LocalBoxFuture;

/// One side of a comparison: what is measured of it, as a number.
pub struct Contestant<'a> {
    /// `taskq`, `ceiling`, `celery`, …
    pub name: &'static str,
    measure: Box<dyn FnMut() -> LocalBoxFuture<'a, Result<f64>> + 'a>,
}

impl<'a> Contestant<'a> {
    /// `measure` is called once a run.
    pub fn new<F>(name: &'static str, mut measure: impl FnMut() -> F + 'a) -> Self
    where
        F: Future<Output = Result<f64>> + 'a,
    {
        Self { name, measure: Box::new(move || Box::pin(measure())) }
    }
}

/// What was measured of one contestant.
#[derive(Debug, Clone)]
pub struct Samples {
    /// Of which.
    pub name: &'static str,
    sorted: Vec<f64>,
}

impl Samples {
    fn new(name: &'static str, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { name, sorted: values }
    }

    /// The middle one.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.at(self.sorted.len() / 2)
    }

    /// The least.
    #[must_use]
    pub fn min(&self) -> f64 {
        self.at(0)
    }

    /// The most.
    #[must_use]
    pub fn max(&self) -> f64 {
        self.at(self.sorted.len().saturating_sub(1))
    }

    fn at(&self, index: usize) -> f64 {
        self.sorted.get(index).copied().unwrap_or(f64::NAN)
    }
}

/// Measures each contestant `runs` times, one after the other within each run.
///
/// # Errors
/// That of the first which fails, with its name.
pub async fn take_turns(mut contestants: Vec<Contestant<'_>>, runs: u16) -> Result<Vec<Samples>> {
    let mut values = vec![Vec::with_capacity(usize::from(runs)); contestants.len()];
    for _ in 0..runs {
        for (contestant, values) in contestants.iter_mut().zip(&mut values) {
            let value = (contestant.measure)().await.with_context(|| contestant.name)?;
            values.push(value);
        }
    }
    Ok(contestants
        .iter()
        .zip(values)
        .map(|(contestant, values)| Samples::new(contestant.name, values))
        .collect())
}
