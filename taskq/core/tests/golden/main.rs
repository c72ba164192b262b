//! The codec and the protocol against what real Celery 5.7 put on the wire (`tests/fixtures/celery`).

mod canvas;
mod messages;
mod poison;
mod recordings;
mod signed;
mod values;
