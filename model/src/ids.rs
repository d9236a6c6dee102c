//! Identity: traces and spans (W3C Trace Context), tenants, WAL entries and rows.

use std::fmt;
use std::str::FromStr;

/// What was wrong with a hexadecimal id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an id: expected {expected} hexadecimal digits")]
pub struct IdError {
    text: String,
    expected: &'static str,
}

/// 16 bytes naming a trace; all zero is invalid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId(pub [u8; 16]);

/// 8 bytes naming a span within its trace; all zero is invalid.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(pub [u8; 8]);

impl TraceId {
    /// `Some` when the bytes are 16 and not all zero.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let id: [u8; 16] = bytes.try_into().ok()?;
        (id != [0; 16]).then_some(Self(id))
    }
}

impl SpanId {
    /// `Some` when the bytes are 8 and not all zero.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let id: [u8; 8] = bytes.try_into().ok()?;
        (id != [0; 8]).then_some(Self(id))
    }
}

impl FromStr for TraceId {
    type Err = IdError;

    /// 32 hexadecimal digits in any case; 16 digits (old Zipkin and Jaeger ids) are left-padded with zeros.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError { text: text.chars().take(80).collect(), expected: "32 (or 16)" };
        let mut id = [0; 16];
        match text.len() {
            32 => decode_hex(text, &mut id).ok_or_else(error)?,
            16 => decode_hex(text, &mut id[8..]).ok_or_else(error)?,
            _ => return Err(error()),
        }
        Self::from_bytes(&id).ok_or_else(error)
    }
}

impl FromStr for SpanId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError { text: text.chars().take(80).collect(), expected: "16" };
        let mut id = [0; 8];
        if text.len() != 16 {
            return Err(error());
        }
        decode_hex(text, &mut id).ok_or_else(error)?;
        Self::from_bytes(&id).ok_or_else(error)
    }
}

/// Decodes exactly `2 * out.len()` hexadecimal digits of any case.
pub fn decode_hex(text: &str, out: &mut [u8]) -> Option<()> {
    let text = text.as_bytes();
    if text.len() != out.len() * 2 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        let high = (pair[0] as char).to_digit(16)?;
        let low = (pair[1] as char).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(())
}

/// Lower-case hexadecimal text of bytes.
pub fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(DIGITS[(byte >> 4) as usize] as char);
        text.push(DIGITS[(byte & 15) as usize] as char);
    }
    text
}

macro_rules! show_hex {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode_hex(&self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&encode_hex(&self.0))
            }
        }
    };
}
show_hex!(TraceId);
show_hex!(SpanId);

/// A tenant as it stands in the WAL, the catalog and paths; its name stands in the catalog alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub u32);

/// The number of a WAL entry: grows by one with each, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Lsn(pub u64);

/// The identity of a row: its entry's LSN << 20 | its index in the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Seq(pub u64);

/// How many rows one WAL entry can number.
pub const ENTRY_ROWS_MAX: usize = 1 << 20;

impl Seq {
    pub fn new(lsn: Lsn, index: u32) -> Self {
        Self(lsn.0 << 20 | u64::from(index))
    }

    pub fn lsn(self) -> Lsn {
        Lsn(self.0 >> 20)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_and_show() {
        let id: TraceId = "5B8EFFF798038103D269B633813FC60C".parse().expect("valid");
        assert_eq!(id.to_string(), "5b8efff798038103d269b633813fc60c");
        let short: TraceId = "d269b633813fc60c".parse().expect("valid");
        assert_eq!(short.to_string(), "0000000000000000d269b633813fc60c");
        for bad in ["", "00000000000000000000000000000000", "xyz", "5b8efff798038103d269b633813fc60", "é5b8efff798038103d269b633813fc6"] {
            assert!(bad.parse::<TraceId>().is_err(), "{bad}");
        }
        assert!("0000000000000000".parse::<SpanId>().is_err());
        assert_eq!(Seq::new(Lsn(3), 7).lsn(), Lsn(3));
    }
}
