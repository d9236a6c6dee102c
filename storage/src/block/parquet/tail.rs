//! The end of a file: its page indexes and footer, and the checksums of all before them. Nothing of it is parsed before it is
//! known to be what was written.

use super::MARK;
use crate::block::checked::{Checksums, STRIPE_BYTES};
use crate::error::{Error, Result};
use crate::objects::ObjectIo;
use bytes::{Buf, Bytes};
use hopline_model::ids::decode_hex;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Everything behind the row groups, checked.
pub(super) fn read_tail(objects: &dyn ObjectIo, name: &str, bytes: u64, crc: u32) -> Result<(Checksums, Bytes)> {
    const GUESS_BYTES: u64 = 64 << 10;
    let damaged = |detail: &str| Error::corrupt(name, detail);
    // The text of the checksums is a thousandth of the file.
    let mut most = (GUESS_BYTES + bytes / 1000).min(bytes);
    loop {
        let end = objects.read(name, bytes - most, most as usize)?;
        let parsed = memchr::memmem::rfind(&end, MARK.as_bytes()).and_then(|at| parse_sums(&end[at + MARK.len()..]));
        if let Some((sums, data_crc)) = parsed
            && sums.len < bytes
        {
            let tail_bytes = bytes - sums.len;
            let tail =
                if tail_bytes <= most { end.slice((most - tail_bytes) as usize..) } else { objects.read(name, sums.len, tail_bytes as usize)? };
            // What the text says of the rows and what the tail is must together be the file that was committed.
            if crc32c::crc32c_combine(data_crc, crc32c::crc32c(&tail), tail.len()) != crc {
                return Err(damaged("checksum of its footer"));
            }
            return Ok((sums, tail));
        }
        if most == bytes {
            return Err(damaged("its checksums are not there"));
        }
        most = (most * 8).min(bytes);
    }
}

/// `None` when the text is cut or is not ours.
fn parse_sums(text: &[u8]) -> Option<(Checksums, u32)> {
    let hex = |range: std::ops::Range<usize>, out: &mut [u8]| decode_hex(std::str::from_utf8(text.get(range)?).ok()?, out);
    let (mut len, mut crc) = ([0; 8], [0; 4]);
    hex(0..16, &mut len)?;
    hex(16..24, &mut crc)?;
    let len = u64::from_be_bytes(len);
    let count = len.div_ceil(STRIPE_BYTES as u64);
    if count > text.len() as u64 {
        return None;
    }
    let mut stripes = vec![0; count as usize * 4];
    hex(24..24 + stripes.len() * 2, &mut stripes)?;
    let stripes = stripes.chunks_exact(4).map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))).collect();
    Some((Checksums { len, stripes }, u32::from_be_bytes(crc)))
}

/// The verified end of a file, at its place.
pub(super) struct Tail {
    pub(super) at: u64,
    pub(super) bytes: Bytes,
}

impl Length for Tail {
    fn len(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

impl ChunkReader for Tail {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> std::result::Result<Self::T, ParquetError> {
        let from = start.checked_sub(self.at).filter(|from| *from <= self.bytes.len() as u64);
        let from = from.ok_or_else(|| ParquetError::EOF(format!("byte {start} is no part of the footer")))?;
        Ok(self.bytes.slice(from as usize..).reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> std::result::Result<Bytes, ParquetError> {
        let from = start.checked_sub(self.at).and_then(|from| usize::try_from(from).ok());
        let range = from.and_then(|from| Some(from..from.checked_add(length)?)).filter(|range| range.end <= self.bytes.len());
        range.map(|range| self.bytes.slice(range)).ok_or_else(|| ParquetError::EOF(format!("{length} bytes at {start} are no part of the footer")))
    }
}
