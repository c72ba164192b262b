//! Writing any `Serialize`. Texts stay UTF-8; there is no white space but inside markers.

mod compound;

use bytes::Bytes;
use serde::{Serialize, Serializer, ser};

use super::marker;
use crate::codec::{CodecError, token};

/// Writes JSON in kombu's dialect: typed values and bytes as markers, `NaN` and infinities as bare words.
///
/// # Errors
/// When a map has keys that are neither texts nor numbers, or a `Serialize` fails.
pub fn to_bytes<T: Serialize + ?Sized>(value: &T) -> Result<Bytes, CodecError> {
    let mut out = Vec::with_capacity(128);
    value.serialize(Writer { out: &mut out })?;
    Ok(out.into())
}

/// The same at the end of `out`.
///
/// # Errors
/// As [`to_bytes`]; `out` then ends anywhere in the middle.
pub fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), CodecError> {
    value.serialize(Writer { out })
}

/// The same as a text.
///
/// # Errors
/// As [`to_bytes`].
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> Result<String, CodecError> {
    let mut out = Vec::with_capacity(128);
    value.serialize(Writer { out: &mut out })?;
    String::from_utf8(out).map_err(ser::Error::custom)
}

pub(super) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
}

/// Writes a text with its quotes.
pub(super) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0C => b"\\f",
            0..0x20 | 0x7F => b"\\u00",
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[written..at]);
        out.extend_from_slice(escape);
        if escape.len() == 4 {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        written = at + 1;
    }
    out.extend_from_slice(&text.as_bytes()[written..]);
    out.push(b'"');
}

pub(super) fn float(out: &mut Vec<u8>, number: f64) {
    let word: &[u8] = if number.is_nan() {
        b"NaN"
    } else if number == f64::INFINITY {
        b"Infinity"
    } else if number == f64::NEG_INFINITY {
        b"-Infinity"
    } else {
        out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
        return;
    };
    out.extend_from_slice(word);
}

macro_rules! integers {
    ($($method:ident $type:ty,)*) => {$(
        fn $method(self, number: $type) -> Result<(), CodecError> {
            self.out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            Ok(())
        }
    )*};
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = compound::Compound<'a>;
    type SerializeTuple = compound::Compound<'a>;
    type SerializeTupleStruct = compound::Compound<'a>;
    type SerializeTupleVariant = compound::Compound<'a>;
    type SerializeMap = compound::Compound<'a>;
    type SerializeStruct = compound::Compound<'a>;
    type SerializeStructVariant = compound::Compound<'a>;

    integers! {
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128,
    }

    fn serialize_bool(self, is: bool) -> Result<(), CodecError> {
        self.out.extend_from_slice(if is { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Result<(), CodecError> {
        if number.is_finite() {
            // The shortest digits of the 32 bits, not those of the 64 they convert to.
            self.out.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
        } else {
            float(self.out, number.into());
        }
        Ok(())
    }

    fn serialize_f64(self, number: f64) -> Result<(), CodecError> {
        float(self.out, number);
        Ok(())
    }

    fn serialize_char(self, character: char) -> Result<(), CodecError> {
        string(self.out, character.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, text: &str) -> Result<(), CodecError> {
        string(self.out, text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), CodecError> {
        marker::write_bytes(self.out, bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CodecError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CodecError> {
        self.out.extend_from_slice(b"null");
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
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        let Some(kind) = name.strip_prefix(token::PREFIX) else { return value.serialize(self) };
        match name {
            token::INTEGER => self.unquoted(value, |out, digits| out.extend_from_slice(digits)),
            token::UUID => {
                marker::open(self.out, kind);
                self.out.extend_from_slice(b"{\"hex\": \"");
                let out = &mut *self.out;
                Writer { out }.unquoted(value, |out, hyphenated| {
                    out.extend(hyphenated.iter().filter(|byte| **byte != b'-'));
                })?;
                self.out.extend_from_slice(b"\"}");
                marker::close(self.out);
                Ok(())
            }
            _ => {
                marker::open(self.out, kind);
                value.serialize(Writer { out: self.out })?;
                marker::close(self.out);
                Ok(())
            }
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.out.push(b'{');
        string(self.out, variant);
        self.out.push(b':');
        value.serialize(Writer { out: self.out })?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, CodecError> {
        Ok(compound::Compound::list(self.out))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, CodecError> {
        Ok(compound::Compound::list(self.out))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, CodecError> {
        Ok(compound::Compound::list(self.out))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, CodecError> {
        Ok(compound::Compound::variant(self.out, variant, b"[", b"]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, CodecError> {
        Ok(compound::Compound::map(self.out))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Self::SerializeStruct, CodecError> {
        Ok(match name {
            token::RAW_JSON => compound::Compound::raw(self.out),
            _ => compound::Compound::map(self.out),
        })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, CodecError> {
        Ok(compound::Compound::variant(self.out, variant, b"{", b"}}"))
    }
}

impl Writer<'_> {
    /// Serializes what is known to be a text without escapes, and writes it without its quotes.
    pub(super) fn unquoted<T: Serialize + ?Sized>(
        self,
        text: &T,
        write: impl FnOnce(&mut Vec<u8>, &[u8]),
    ) -> Result<(), CodecError> {
        let mut quoted = Vec::with_capacity(40);
        text.serialize(Writer { out: &mut quoted })?;
        let text = quoted.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
        write(self.out, text.unwrap_or(&quoted));
        Ok(())
    }
}
