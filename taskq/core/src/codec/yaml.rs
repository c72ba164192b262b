//! YAML as PyYAML's safe loader reads it and kombu accepts it: YAML 1.1 words, timestamps and `!!binary`; no tag
//! ever runs code.

mod read;
mod scalar;
mod write;

pub(super) use read::decode;
pub(super) use write::encode;
