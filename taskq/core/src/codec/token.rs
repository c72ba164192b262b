//! Names by which our own serializers and deserializers recognise each other through serde.
//!
//! A typed value is serialized as a newtype struct of such a name around a text: our JSON writer turns it into
//! kombu's marker, any other serializer writes the text.

/// What every name begins with; kombu's `__type__` follows.
pub(super) const PREFIX: &str = "$taskq::";

pub(super) const DATETIME: &str = "$taskq::datetime";
pub(super) const DATE: &str = "$taskq::date";
pub(super) const TIME: &str = "$taskq::time";
pub(super) const UUID: &str = "$taskq::uuid";
pub(super) const DECIMAL: &str = "$taskq::decimal";
/// An integer of any size around its digits.
pub(super) const INTEGER: &str = "$taskq::integer";

/// Asked for by `Value` when it deserializes itself: our deserializer answers with the exact variant.
pub(super) const VALUE: &str = "$taskq::value";

/// What `serde_json` calls its raw values.
pub(super) const RAW_JSON: &str = "$serde_json::private::RawValue";
