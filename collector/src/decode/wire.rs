//! Fields of a protobuf message, one after the other, borrowed.
//!
//! ```text
//! ┌───────────────────────────┬───────────────────────────────────────────────┐
//! │ varint: number << 3 | type│ 0 varint · 1 eight bytes · 2 varint length,    │
//! │                           │ bytes · 3 … 4 group · 5 four bytes             │
//! └───────────────────────────┴───────────────────────────────────────────────┘
//! ```
//! Broken, as prost has it: a varint over 10 bytes or 64 bits, a key over 32 bits, number 0, type 6 or 7, a length beyond the end,
//! a group that does not end or nests over 100 deep, a known field with another type, text that is not UTF-8.
//! A singular message that stands twice means both merged: its bytes joined.
//!
//! Everything on the way of an ordinary field is inlined by force: handed over in memory, a field's value is loaded wider than it was
//! stored, and the stalls cost more than the walk itself.

use std::borrow::Cow;

/// The request cannot be decoded: all of it is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub Cow<'static, str>);

impl Malformed {
    pub(crate) const fn new(words: &'static str) -> Self {
        Self(Cow::Borrowed(words))
    }
}

const GROUP_DEPTH_MAX: usize = 100;
const TRUNCATED: Malformed = Malformed::new("protobuf: a field is longer than its message");
const VARINT: Malformed = Malformed::new("protobuf: a variable-length number is too long");
const WIRE_TYPE: Malformed = Malformed::new("protobuf: a field has another wire type than its message declares");
const KEY: Malformed = Malformed::new("protobuf: a field key is invalid");
const GROUP: Malformed = Malformed::new("protobuf: a group does not end, or nests too deeply");

/// The value of one field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Walks the fields of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field that is no group.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, Malformed> {
        loop {
            if self.rest.is_empty() {
                return Ok(None);
            }
            let (number, kind) = self.key()?;
            match kind {
                3 => self.skip_group(number)?,
                4 => return Err(GROUP),
                _ => return Ok(Some((number, self.value(kind)?))),
            }
        }
    }

    #[inline(always)]
    fn key(&mut self) -> Result<(u32, u8), Malformed> {
        let key = self.varint()?;
        let number = (key >> 3) as u32;
        if key > u64::from(u32::MAX) || number == 0 {
            return Err(KEY);
        }
        Ok((number, (key & 7) as u8))
    }

    #[inline(always)]
    fn value(&mut self, kind: u8) -> Result<Field<'a>, Malformed> {
        match kind {
            0 => self.varint().map(Field::Varint),
            1 => self.array::<8>().map(|bytes| Field::Fixed64(u64::from_le_bytes(bytes))),
            2 => {
                let length = self.varint()?;
                if length > self.rest.len() as u64 {
                    return Err(TRUNCATED);
                }
                let (bytes, rest) = self.rest.split_at(length as usize);
                self.rest = rest;
                Ok(Field::Bytes(bytes))
            }
            5 => self.array::<4>().map(|bytes| Field::Fixed32(u32::from_le_bytes(bytes))),
            _ => Err(KEY),
        }
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Result<u64, Malformed> {
        match self.rest {
            [first, rest @ ..] if *first < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*first))
            }
            _ => self.varint_slow(),
        }
    }

    fn varint_slow(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for (at, &byte) in self.rest.iter().enumerate() {
            if at == 9 && byte > 1 {
                return Err(VARINT);
            }
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                return Ok(value);
            }
        }
        Err(TRUNCATED)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or(TRUNCATED)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[cold]
    fn skip_group(&mut self, number: u32) -> Result<(), Malformed> {
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            if self.rest.is_empty() {
                return Err(GROUP);
            }
            match self.key()? {
                (number, 3) if open.len() < GROUP_DEPTH_MAX => open.push(number),
                (number, 4) if number == innermost => drop(open.pop()),
                (_, 3 | 4) => return Err(GROUP),
                (_, kind) => drop(self.value(kind)?),
            }
        }
        Ok(())
    }
}

impl<'a> Field<'a> {
    #[inline(always)]
    pub(crate) fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WIRE_TYPE),
        }
    }

    #[inline(always)]
    pub(crate) fn text(self) -> Result<&'a str, Malformed> {
        utf8(self.bytes()?)
    }

    #[inline(always)]
    pub(crate) fn varint(self) -> Result<u64, Malformed> {
        match self {
            Self::Varint(value) => Ok(value),
            _ => Err(WIRE_TYPE),
        }
    }

    #[inline(always)]
    pub(crate) fn fixed64(self) -> Result<u64, Malformed> {
        match self {
            Self::Fixed64(value) => Ok(value),
            _ => Err(WIRE_TYPE),
        }
    }

    #[inline(always)]
    pub(crate) fn fixed32(self) -> Result<u32, Malformed> {
        match self {
            Self::Fixed32(value) => Ok(value),
            _ => Err(WIRE_TYPE),
        }
    }

    pub(crate) fn double(self) -> Result<f64, Malformed> {
        self.fixed64().map(f64::from_bits)
    }

    /// `sint32`: zigzag.
    pub(crate) fn sint32(self) -> Result<i32, Malformed> {
        let value = self.varint()? as u32;
        Ok((value >> 1) as i32 ^ -((value & 1) as i32))
    }

    /// Repeated eight-byte numbers, packed or one by one.
    pub(crate) fn repeated_fixed64(self, mut push: impl FnMut(u64)) -> Result<(), Malformed> {
        match self {
            Self::Fixed64(value) => push(value),
            Self::Bytes(bytes) => {
                let (chunks, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(TRUNCATED);
                }
                chunks.iter().for_each(|chunk| push(u64::from_le_bytes(*chunk)));
            }
            _ => return Err(WIRE_TYPE),
        }
        Ok(())
    }

    /// Repeated varints, packed or one by one.
    pub(crate) fn repeated_varint(self, mut push: impl FnMut(u64)) -> Result<(), Malformed> {
        match self {
            Self::Varint(value) => push(value),
            Self::Bytes(bytes) => {
                let mut fields = Fields::new(bytes);
                while !fields.rest.is_empty() {
                    push(fields.varint()?);
                }
            }
            _ => return Err(WIRE_TYPE),
        }
        Ok(())
    }
}

#[inline(always)]
pub(crate) fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed::new("protobuf: a text is not UTF-8"))
}

/// A singular message's bytes; a second occurrence is joined to the first.
pub(crate) fn merge<'a>(slot: &mut Option<Cow<'a, [u8]>>, bytes: &'a [u8]) {
    match slot {
        None => *slot = Some(Cow::Borrowed(bytes)),
        Some(before) => before.to_mut().extend_from_slice(bytes),
    }
}
