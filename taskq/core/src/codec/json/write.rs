//! The dialect, written from anything that serializes.

use std::io::Write as _;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{
    Serialize, Serializer,
    ser::{
        Error as _, Impossible, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
        SerializeTuple, SerializeTupleStruct, SerializeTupleVariant,
    },
};

use super::CodecError;
use crate::codec::value::token;

/// How `serde_json` marks text that is JSON already.
const RAW: &str = "$serde_json::private::RawValue";

pub(super) struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    fn raw(self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn int(self, number: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    fn text(self, text: &str) -> Result<(), CodecError> {
        serde_json::to_writer(self.out, text).map_err(CodecError::custom)
    }

    /// `{"__type__":kind,"__value__":text}`
    fn marker(self, kind: &str, text: &str) -> Result<(), CodecError> {
        write!(self.out, r#"{{"__type__":"{kind}","__value__":"#).map_err(CodecError::custom)?;
        Writer::new(self.out).text(text)?;
        self.out.push(b'}');
        Ok(())
    }

    fn variant(&mut self, name: &str) -> Result<(), CodecError> {
        self.out.push(b'{');
        Writer::new(self.out).text(name)?;
        self.out.push(b':');
        Ok(())
    }
}

macro_rules! ints {
    ($($method:ident: $int:ty),*) => {$(
        fn $method(self, number: $int) -> Result<(), CodecError> {
            self.int(number);
            Ok(())
        }
    )*};
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    ints!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128);

    fn serialize_bool(self, truth: bool) -> Result<(), CodecError> {
        self.raw(if truth { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<(), CodecError> {
        if number.is_finite() {
            self.raw(ryu::Buffer::new().format_finite(number).as_bytes());
            return Ok(());
        }
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Result<(), CodecError> {
        if number.is_nan() {
            self.raw(b"NaN");
        } else if number.is_infinite() {
            self.raw(if number > 0.0 { b"Infinity" } else { b"-Infinity" });
        } else {
            self.raw(ryu::Buffer::new().format_finite(number).as_bytes());
        }
        Ok(())
    }

    fn serialize_char(self, char: char) -> Result<(), CodecError> {
        self.text(char.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), CodecError> {
        self.text(text)
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), CodecError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.marker("bytes", text),
            Err(_) => self.marker("base64", &BASE64_STANDARD.encode(bytes)),
        }
    }

    fn serialize_none(self) -> Result<(), CodecError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CodecError> {
        self.raw(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CodecError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), CodecError> {
        self.text(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        let kind = match name {
            token::BIG_INT => {
                let digits = value.serialize(TextOf)?;
                self.raw(digits.as_bytes());
                return Ok(());
            }
            token::UUID => {
                let hex = value.serialize(TextOf)?.replace('-', "");
                write!(self.out, r#"{{"__type__":"uuid","__value__":{{"hex":"{hex}"}}}}"#)
                    .map_err(CodecError::custom)?;
                return Ok(());
            }
            token::DATETIME => "datetime",
            token::DATE => "date",
            token::TIME => "time",
            token::DECIMAL => "decimal",
            _ => return value.serialize(self),
        };
        self.marker(kind, &value.serialize(TextOf)?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.variant(variant)?;
        value.serialize(Writer::new(self.out))?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, CodecError> {
        Ok(Compound::open(self.out, b"[", b"]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, CodecError> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, CodecError> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, CodecError> {
        self.variant(variant)?;
        Ok(Compound::open(self.out, b"[", b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, CodecError> {
        Ok(Compound::open(self.out, b"{", b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Compound<'a>, CodecError> {
        if name == RAW {
            return Ok(Compound { out: self.out, first: true, close: b"", raw: true });
        }
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        mut self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, CodecError> {
        self.variant(variant)?;
        Ok(Compound::open(self.out, b"{", b"}}"))
    }
}

/// A list or a map that is being written.
pub(super) struct Compound<'a> {
    out: &'a mut Vec<u8>,
    first: bool,
    close: &'static [u8],
    /// The one field is JSON already.
    raw: bool,
}

impl<'a> Compound<'a> {
    fn open(out: &'a mut Vec<u8>, open: &[u8], close: &'static [u8]) -> Self {
        out.extend_from_slice(open);
        Self { out, first: true, close, raw: false }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.out.push(b',');
        }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.comma();
        value.serialize(Writer::new(self.out))
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), CodecError> {
        if self.raw {
            let json = value.serialize(TextOf)?;
            self.out.extend_from_slice(json.as_bytes());
            return Ok(());
        }
        self.comma();
        Writer::new(self.out).text(key)?;
        self.out.push(b':');
        value.serialize(Writer::new(self.out))
    }

    fn close(self) {
        self.out.extend_from_slice(self.close);
    }
}

macro_rules! elements {
    ($($interface:ident: $method:ident),*) => {$(
        impl $interface for Compound<'_> {
            type Ok = ();
            type Error = CodecError;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
                self.element(value)
            }
            fn end(self) -> Result<(), CodecError> {
                self.close();
                Ok(())
            }
        }
    )*};
}
elements!(SerializeSeq: serialize_element, SerializeTuple: serialize_element, SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field);

macro_rules! fields {
    ($($interface:ident),*) => {$(
        impl $interface for Compound<'_> {
            type Ok = ();
            type Error = CodecError;
            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), CodecError> {
                self.field(key, value)
            }
            fn end(self) -> Result<(), CodecError> {
                self.close();
                Ok(())
            }
        }
    )*};
}
fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        self.comma();
        let key = key.serialize(TextOf)?;
        Writer::new(self.out).text(&key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.out.push(b':');
        value.serialize(Writer::new(self.out))
    }

    fn end(self) -> Result<(), CodecError> {
        self.close();
        Ok(())
    }
}

/// Serializes a scalar to its text: map keys, and the texts behind tokens. Python turns keys into text too.
struct TextOf;

macro_rules! texts {
    ($($method:ident: $scalar:ty),*) => {$(
        fn $method(self, scalar: $scalar) -> Result<String, CodecError> {
            Ok(scalar.to_string())
        }
    )*};
}

fn no_key<T>() -> Result<T, CodecError> {
    Err(CodecError::custom("a key of a map must be a text, a number or a truth value"))
}

impl Serializer for TextOf {
    type Ok = String;
    type Error = CodecError;
    type SerializeSeq = Impossible<String, CodecError>;
    type SerializeTuple = Impossible<String, CodecError>;
    type SerializeTupleStruct = Impossible<String, CodecError>;
    type SerializeTupleVariant = Impossible<String, CodecError>;
    type SerializeMap = Impossible<String, CodecError>;
    type SerializeStruct = Impossible<String, CodecError>;
    type SerializeStructVariant = Impossible<String, CodecError>;

    texts!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_f32: f32, serialize_f64: f64, serialize_char: char, serialize_str: &str);

    fn serialize_bytes(self, _: &[u8]) -> Result<String, CodecError> {
        no_key()
    }
    fn serialize_none(self) -> Result<String, CodecError> {
        Ok("null".to_owned())
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, CodecError> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<String, CodecError> {
        Ok("null".to_owned())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<String, CodecError> {
        no_key()
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<String, CodecError> {
        Ok(variant.to_owned())
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<String, CodecError> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, CodecError> {
        no_key()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, CodecError> {
        no_key()
    }
    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, CodecError> {
        no_key()
    }
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, CodecError> {
        no_key()
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, CodecError> {
        no_key()
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CodecError> {
        no_key()
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, CodecError> {
        no_key()
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, CodecError> {
        no_key()
    }
}
