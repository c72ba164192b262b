//! A whole worker in this process, on the memory broker: every gate, every outcome, the order of effects, and
//! the ways to stop.

mod celery;
mod chords;
mod control;
mod copies;
mod dead;
mod effects;
mod gates;
mod leases;
mod limits;
mod links;
mod outcomes;
mod poison;
mod pool;
mod prefetch;
mod rates;
mod retries;
mod rig;
mod shares;
mod stopping;
mod trace;
mod traced;
