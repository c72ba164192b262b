//! Lists, maps and their relatives.

use serde::{Serialize, ser};

use super::{Writer, string};
use crate::codec::{CodecError, json::key};

/// A list or map that is being written.
pub(in crate::codec::json) struct Compound<'a> {
    out: &'a mut Vec<u8>,
    close: &'static [u8],
    is_first: bool,
    /// Holds one text, which is JSON already.
    is_raw: bool,
}

impl<'a> Compound<'a> {
    pub(super) fn list(out: &'a mut Vec<u8>) -> Self {
        out.push(b'[');
        Self { out, close: b"]", is_first: true, is_raw: false }
    }

    pub(super) fn map(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, close: b"}", is_first: true, is_raw: false }
    }

    pub(super) fn raw(out: &'a mut Vec<u8>) -> Self {
        Self { out, close: b"", is_first: true, is_raw: true }
    }

    pub(super) fn variant(
        out: &'a mut Vec<u8>,
        variant: &str,
        open: &'static [u8],
        close: &'static [u8],
    ) -> Self {
        out.push(b'{');
        string(out, variant);
        out.push(b':');
        out.extend_from_slice(open);
        Self { out, close, is_first: true, is_raw: false }
    }

    fn comma(&mut self) {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.comma();
        value.serialize(Writer { out: self.out })
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), CodecError> {
        if self.is_raw {
            return key::write_raw(self.out, value);
        }
        self.comma();
        string(self.out, name);
        self.out.push(b':');
        value.serialize(Writer { out: self.out })
    }

    fn close(self) {
        self.out.extend_from_slice(self.close);
    }
}

macro_rules! lists {
    ($($trait:ident $method:ident,)*) => {$(
        impl ser::$trait for Compound<'_> {
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

lists! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

macro_rules! structs {
    ($($trait:ident,)*) => {$(
        impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = CodecError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), CodecError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), CodecError> {
                self.close();
                Ok(())
            }
        }
    )*};
}

structs! { SerializeStruct, SerializeStructVariant, }

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = CodecError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.comma();
        key::write(self.out, value)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        self.out.push(b':');
        value.serialize(Writer { out: self.out })
    }

    fn end(self) -> Result<(), CodecError> {
        self.close();
        Ok(())
    }
}
