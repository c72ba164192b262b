//! Private servers for a run: one file each, all on free loopback ports in the run's folder.

pub(crate) mod certificate;
pub(crate) mod probe;
pub(crate) mod rabbitmq;
pub(crate) mod redis;
pub(crate) mod sentinel;
