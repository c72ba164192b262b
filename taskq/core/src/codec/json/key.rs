//! Keys of maps: texts, or what Python makes texts of.

use serde::{
    Serialize, Serializer,
    ser::{self, Impossible},
};

use super::write::string;
use crate::codec::CodecError;

/// Writes a key: a text as it is, a number or boolean as its text, none as `null`.
pub(super) fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, key: &T) -> Result<(), CodecError> {
    key.serialize(KeyWriter(|text: &str| string(out, text)))
}

/// Writes a text that is JSON already.
pub(super) fn write_raw<T: Serialize + ?Sized>(out: &mut Vec<u8>, json: &T) -> Result<(), CodecError> {
    json.serialize(KeyWriter(|text: &str| out.extend_from_slice(text.as_bytes())))
}

/// Gives the text of what it serializes to a function.
struct KeyWriter<F>(F);

fn refused<T>() -> Result<T, CodecError> {
    Err(ser::Error::custom("a key of a map is neither a text nor a number"))
}

macro_rules! displayed {
    ($($method:ident $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Result<(), CodecError> {
            (self.0)(&value.to_string());
            Ok(())
        }
    )*};
}

impl<F: FnOnce(&str)> Serializer for KeyWriter<F> {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Impossible<(), CodecError>;
    type SerializeTuple = Impossible<(), CodecError>;
    type SerializeTupleStruct = Impossible<(), CodecError>;
    type SerializeTupleVariant = Impossible<(), CodecError>;
    type SerializeMap = Impossible<(), CodecError>;
    type SerializeStruct = Impossible<(), CodecError>;
    type SerializeStructVariant = Impossible<(), CodecError>;

    displayed! {
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128,
        serialize_bool bool, serialize_char char,
    }

    fn serialize_f32(self, number: f32) -> Result<(), CodecError> {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<(), CodecError> {
        let mut text = Vec::new();
        super::write::float(&mut text, number);
        (self.0)(&String::from_utf8_lossy(&text));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), CodecError> {
        (self.0)(text);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CodecError> {
        self.serialize_str("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CodecError> {
        self.serialize_str("null")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), CodecError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        value.serialize(self)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), CodecError> {
        refused()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CodecError> {
        refused()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), CodecError> {
        refused()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, CodecError> {
        refused()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, CodecError> {
        refused()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, CodecError> {
        refused()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, CodecError> {
        refused()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CodecError> {
        refused()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, CodecError> {
        refused()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, CodecError> {
        refused()
    }
}
