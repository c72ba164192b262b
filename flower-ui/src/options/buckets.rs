//! The buckets of the runtime histogram.

/// Flower's: those of Prometheus' client for Python.
pub(super) const DEFAULT: [f64; 15] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, f64::INFINITY];

/// Reads `0.1,1,10,inf`: rising, the last one infinite in any case.
pub(super) fn read(text: &str) -> Result<Vec<f64>, String> {
    let mut buckets = Vec::new();
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        let bound: f64 = word.parse().map_err(|_| format!("`{word}` is no number"))?;
        if bound.is_nan() || buckets.last().is_some_and(|last| bound <= *last) {
            return Err("buckets have to rise".to_owned());
        }
        buckets.push(bound);
    }
    if buckets.last().is_none_or(|last| last.is_finite()) {
        buckets.push(f64::INFINITY);
    }
    Ok(buckets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_rise_and_end_at_infinity() {
        assert_eq!(read("1, 2.5").unwrap(), [1.0, 2.5, f64::INFINITY]);
        assert_eq!(read("1,inf").unwrap(), [1.0, f64::INFINITY]);
        assert!(read("2,1").is_err() && read("x").is_err());
    }
}
