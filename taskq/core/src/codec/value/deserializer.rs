//! A value as the source of a deserialization: any argument struct decodes from it.
//!
//! Typed values answer to what is asked: a UUID is a text for `uuid::Uuid`, bytes are a list of numbers for
//! `Vec<u8>`, an integer beyond 64 bits is one of 128 bits or its digits.

use std::vec;

use bytes::Bytes;
use serde::{
    Deserializer,
    de::{
        DeserializeSeed, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
        VariantAccess, Visitor,
        value::{SeqDeserializer, StringDeserializer, U32Deserializer},
    },
};
use uuid::Uuid;

use super::{Value, de::Exact, key::Key};
use crate::codec::{CodecError, token};

impl<'de> IntoDeserializer<'de, CodecError> for Value {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! as_i128 {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
            self.deserialize_i128(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Value {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(is) => visitor.visit_bool(is),
            Self::Int(number) => match u64::try_from(number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(number),
            },
            Self::BigInt(digits) => match digits.parse() {
                Ok(number) => visitor.visit_u64(number),
                // Most types that take anything know no integers of 128 bits.
                Err(_) => visitor.visit_string(digits.into()),
            },
            Self::Float(number) => visitor.visit_f64(number),
            Self::Str(text)
            | Self::DateTime(text)
            | Self::Date(text)
            | Self::Time(text)
            | Self::Decimal(text) => visitor.visit_string(text),
            Self::Uuid(uuid) => {
                visitor.visit_str(uuid.as_hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
            // Most types that take anything know no bytes.
            Self::Bytes(bytes) => match std::str::from_utf8(&bytes) {
                Ok(text) => visitor.visit_str(text),
                Err(_) => visit_numbers(&bytes, visitor),
            },
            Self::List(items) => visit_list(items, visitor),
            Self::Map(map) => {
                let mut entries = Entries { entries: map.into_iter(), value: None };
                visitor.visit_map(&mut entries)
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        if name != token::VALUE {
            return visitor.visit_newtype_struct(self);
        }
        let (variant, content) = match self {
            Self::BigInt(digits) => (Exact::BigInt, Self::Str(digits.into())),
            Self::Bytes(_) => (Exact::Bytes, self),
            Self::DateTime(_) => (Exact::DateTime, self),
            Self::Date(_) => (Exact::Date, self),
            Self::Time(_) => (Exact::Time, self),
            Self::Uuid(_) => (Exact::Uuid, self),
            Self::Decimal(_) => (Exact::Decimal, self),
            plain => return plain.deserialize_any(visitor),
        };
        visitor.visit_enum(Typed { variant, content })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self.wide() {
            Some(Wide::Signed(number)) => visitor.visit_i128(number),
            Some(Wide::Unsigned(number)) => visitor.visit_u128(number),
            None => self.deserialize_any(visitor),
        }
    }

    // An integer that is too large says so, rather than that it is a text.
    as_i128! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match &self {
            Self::BigInt(digits) => visitor.visit_f64(digits.parse().map_err(CodecError::custom::<_>)?),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self {
            Self::Bytes(bytes) => visitor.visit_byte_buf(bytes.into()),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self {
            Self::Bytes(bytes) => visit_numbers(&bytes, visitor),
            other => other.deserialize_any(visitor),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, CodecError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        match self {
            Self::Str(name) => visitor.visit_enum(name.into_deserializer()),
            Self::Map(map) => {
                let mut entries = map.into_iter();
                match (entries.next(), entries.next()) {
                    (Some((name, content)), None) => visitor.visit_enum(Variant { name, content }),
                    _ => Err(CodecError::invalid_value(Unexpected::Map, &"a map with a single key")),
                }
            }
            other => Err(CodecError::invalid_type(Unexpected::Other(other.type_name()), &"a text or a map")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool char str string unit unit_struct tuple_struct map struct identifier
    }
}

/// An integer beyond `i64`.
enum Wide {
    Signed(i128),
    Unsigned(u128),
}

impl Value {
    fn wide(&self) -> Option<Wide> {
        let Self::BigInt(digits) = self else { return None };
        if digits.parse::<u64>().is_ok() {
            return None; // not wide for `u64`, whose visitor takes nothing wider
        }
        digits.parse().map(Wide::Unsigned).or_else(|_| digits.parse().map(Wide::Signed)).ok()
    }
}

fn visit_numbers<'de, V: Visitor<'de>>(bytes: &Bytes, visitor: V) -> Result<V::Value, CodecError> {
    visitor.visit_seq(SeqDeserializer::new(bytes.iter().copied()))
}

/// Every element must be taken: a tuple of two does not fit a list of three.
fn visit_list<'de, V: Visitor<'de>>(items: Vec<Value>, visitor: V) -> Result<V::Value, CodecError> {
    let given = items.len();
    let mut items = Items(items.into_iter());
    let taken = visitor.visit_seq(&mut items)?;
    match items.0.len() {
        0 => Ok(taken),
        left => Err(CodecError::invalid_length(given, &Fewer(given - left))),
    }
}

struct Fewer(usize);

impl serde::de::Expected for Fewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} elements", self.0).map(drop)
    }
}

struct Items(vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Items {
    type Error = CodecError;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, CodecError> {
        self.0.next().map(|item| seed.deserialize(item)).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries {
    entries: indexmap::map::IntoIter<String, Value>,
    value: Option<Value>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = CodecError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, CodecError> {
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(Key(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, CodecError> {
        seed.deserialize(self.value.take().unwrap_or_default())
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// `{"Variant": content}`
struct Variant {
    name: String,
    content: Value,
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = CodecError;
    type Variant = VariantContent;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, VariantContent), CodecError> {
        let name: StringDeserializer<CodecError> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, VariantContent(self.content)))
    }
}

struct VariantContent(Value);

impl<'de> VariantAccess<'de> for VariantContent {
    type Error = CodecError;

    fn unit_variant(self) -> Result<(), CodecError> {
        serde::Deserialize::deserialize(self.0)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, CodecError> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, CodecError> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        self.0.deserialize_struct("", fields, visitor)
    }
}

/// A typed value on its way into a [`Value`].
struct Typed {
    variant: Exact,
    content: Value,
}

impl<'de> EnumAccess<'de> for Typed {
    type Error = CodecError;
    type Variant = VariantContent;

    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, VariantContent), CodecError> {
        let index: U32Deserializer<CodecError> = (self.variant as u32).into_deserializer();
        Ok((seed.deserialize(index)?, VariantContent(self.content)))
    }
}
