//! Values into serde: markers through our JSON writer, plain texts through any other serializer.

use serde::{Serialize, Serializer};

use super::Value;
use crate::codec::token;

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(is) => serializer.serialize_bool(*is),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::BigInt(digits) => match (digits.parse(), digits.parse()) {
                (Ok(number), _) => serializer.serialize_u64(number),
                (_, Ok(number)) => serializer.serialize_i128(number),
                _ => serializer.serialize_newtype_struct(token::INTEGER, digits),
            },
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::DateTime(text) => serializer.serialize_newtype_struct(token::DATETIME, text),
            Self::Date(text) => serializer.serialize_newtype_struct(token::DATE, text),
            Self::Time(text) => serializer.serialize_newtype_struct(token::TIME, text),
            Self::Uuid(uuid) => {
                let mut text = uuid::Uuid::encode_buffer();
                let text = uuid.as_hyphenated().encode_lower(&mut text);
                serializer.serialize_newtype_struct(token::UUID, &*text)
            }
            Self::Decimal(text) => serializer.serialize_newtype_struct(token::DECIMAL, text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(map) => serializer.collect_map(map),
        }
    }
}
