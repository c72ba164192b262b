//! What the tests of taskq share: recordings of real Celery, contract suites, private servers.

pub mod fixtures;
