//! The arguments of `cargo xtask bench`.

use clap::Parser;

/// What is measured, how often and how much.
#[derive(Debug, Parser)]
pub struct Options {
    /// Only rows whose name contains this.
    #[arg(default_value = "")]
    pub filter: String,
    /// How often every contestant is measured; the table shows medians.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub runs: u16,
    /// Divides the amount of work: 10 takes a tenth of the time, and says less.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub shrink: u32,
    /// Only rows that have a floor, which no noise of a shared machine explains; fails when one is under it.
    #[arg(long)]
    pub floors: bool,
    /// Leaves Celery out.
    #[arg(long)]
    pub no_celery: bool,
    /// Cargo's own.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// `full`, or as much less as `--shrink` says, in steps of 1,000.
    #[must_use]
    pub fn tasks(&self, full: usize) -> usize {
        (full / self.shrink as usize).next_multiple_of(1_000)
    }
}
