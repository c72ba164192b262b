//! stub
#![allow(missing_docs, dead_code, unused_variables)]
use bytes::Bytes;
pub type Map = indexmap::IndexMap<String, Value>;
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    BigInt(Box<str>),
    Float(f64),
    Str(String),
    Bytes(Bytes),
    DateTime(String),
    Date(String),
    Time(String),
    Uuid(uuid::Uuid),
    Decimal(String),
    List(Vec<Value>),
    Map(Map),
}
impl Value {
    pub fn as_str(&self) -> Option<&str> {
        None
    }
    pub fn as_i64(&self) -> Option<i64> {
        None
    }
    pub fn as_f64(&self) -> Option<f64> {
        None
    }
    pub fn as_bool(&self) -> Option<bool> {
        None
    }
}
impl<'de> serde::Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Value::Null)
    }
}
impl<'de> serde::Deserializer<'de> for Value {
    type Error = CodecError;
    fn deserialize_any<V: serde::de::Visitor<'de>>(self, v: V) -> Result<V::Value, CodecError> {
        v.visit_unit()
    }
    serde::forward_to_deserialize_any! {bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any}
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct CodecError;
impl CodecError {
    pub fn arguments(_: impl Into<String>) -> Self {
        Self
    }
    pub fn headers(_: impl Into<String>) -> Self {
        Self
    }
}
impl serde::de::Error for CodecError {
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serializer {
    Json,
    Msgpack,
    Yaml,
}
impl Serializer {
    pub fn content_type(self) -> &'static str {
        ""
    }
    pub fn content_encoding(self) -> &'static str {
        ""
    }
    pub fn encode(self, _: &Value) -> Result<Bytes, CodecError> {
        Err(CodecError)
    }
    pub fn decode(self, _: &[u8]) -> Result<Value, CodecError> {
        Err(CodecError)
    }
}
#[derive(Clone, Debug)]
pub struct Accept;
impl Accept {
    pub fn check(&self, _: &str) -> Result<Serializer, CodecError> {
        Err(CodecError)
    }
}
pub fn to_value<T: serde::Serialize>(_: &T) -> Result<Value, CodecError> {
    Err(CodecError)
}
pub mod json {
    use super::*;
    pub fn from_slice<T: serde::de::DeserializeOwned>(_: &[u8]) -> Result<T, CodecError> {
        Err(CodecError)
    }
    pub fn to_bytes<T: serde::Serialize + ?Sized>(_: &T) -> Result<Bytes, CodecError> {
        Err(CodecError)
    }
    pub fn split_list(_: &Bytes) -> Result<Vec<Bytes>, CodecError> {
        Err(CodecError)
    }
}
pub mod compress {
    use super::*;
    pub fn compress(_: &str, _: &[u8]) -> Result<(&'static str, Bytes), CodecError> {
        Err(CodecError)
    }
    pub fn decompress(_: &str, _: &[u8], _: usize) -> Result<Bytes, CodecError> {
        Err(CodecError)
    }
}
pub mod repr {
    use super::*;
    pub fn args(_: &[Value]) -> String {
        String::new()
    }
    pub fn raw_args(_: &[u8]) -> String {
        String::new()
    }
    pub fn raw_kwargs(_: &[u8]) -> String {
        String::new()
    }
}
