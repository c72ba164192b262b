//! Schedules against simple references, at every change of every sampled clock.

mod clock_changes;
mod crontab;
