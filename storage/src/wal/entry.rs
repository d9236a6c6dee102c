//! The bytes of one entry.
//!
//! ```text
//!  0        4            8             12            16     24      28       32      33      34     36       40
//! ┌────────┬────────────┬─────────────┬─────────────┬──────┬───────┬────────┬───────┬───────┬──────┬────────┬──────────┐
//! │ magic  │ header crc │ payload len │ payload crc │ LSN  │ epoch │ tenant │signal │schema │flags │ hashes │ received │…
//! └────────┴────────────┴─────────────┴─────────────┴──────┴───────┴────────┴───────┴───────┴──────┴────────┴──────────┘
//!                          at 38: the entry's index within its commit group (all that one sync made durable), u16
//!  48     52        56                                         56 + 24·hashes
//! ┌──────┬─────────┬──────────────────────────────────────────┬───────────┬───────────────┐
//! │ rows │ raw len │ hashes × (xxh3-128, first row, rows)     │ payload … │ zeros to 8    │
//! └──────┴─────────┴──────────────────────────────────────────┴───────────┴───────────────┘
//! ```
//!
//! Little-endian. CRC32C. The header's checksum also covers the segment's salt and the entry's place in the file,
//! so bytes that stand in another place than where they were written are not an entry.
//!
//! | broken how | recognised by | what recovery does |
//! |---|---|---|
//! | cut short (file ends inside) | lengths | the tail is set aside |
//! | torn or flipped in the header | header crc | searches the next entry by magic; the stretch is set aside |
//! | torn or flipped in the payload | payload crc | skips to the next entry; the stretch is set aside |
//! | zeros | magic | searches on: zeros in the middle are a lost sector, zeros to the end are the end |
//! | left over from a recycled block, duplicated, swapped | salt and place in the header crc | not an entry: set aside |
//! | written but not synced, the sync failed | the next segment's head names the LSNs as void | dropped: the client was told so |
//! | a request of several entries, one missing, in the segment's last commit group | flags `MORE` and `PREVIOUS`, index | all of it is dropped: its sync may never have ended, and half a request must not make its retry a duplicate |
//! | the same in an earlier group | a later group exists, so its sync had ended | the rest is kept: it was acknowledged |

use crate::error::{Error, Result};
use hopline_model::{Lsn, Signal, TenantId, UnixNanos};

pub(crate) const MAGIC: [u8; 4] = *b"HpLe";
pub(crate) const FIXED_BYTES: usize = 56;
const HASH_BYTES: usize = 24;
pub(crate) const ALIGN: usize = 8;

const FLAG_ZSTD: u8 = 1;
/// The next entry belongs to the same request.
const FLAG_MORE: u8 = 2;
/// The entry before belongs to the same request.
const FLAG_PREVIOUS: u8 = 4;

/// One request's rows within an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HashRows {
    pub(crate) hash: u128,
    pub(crate) first: u32,
    pub(crate) rows: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) lsn: Lsn,
    pub(crate) epoch: u32,
    pub(crate) tenant: TenantId,
    pub(crate) signal: Signal,
    pub(crate) schema: u8,
    pub(crate) compressed: bool,
    pub(crate) more: bool,
    pub(crate) previous: bool,
    /// Place within the commit group.
    pub(crate) index: u16,
    pub(crate) received: UnixNanos,
    pub(crate) rows: u32,
    pub(crate) raw_len: u32,
    pub(crate) payload_len: u32,
    pub(crate) payload_crc: u32,
    pub(crate) hashes: Vec<HashRows>,
}

impl Header {
    pub(crate) fn header_len(&self) -> usize {
        FIXED_BYTES + HASH_BYTES * self.hashes.len()
    }

    /// With the padding.
    pub(crate) fn entry_len(&self) -> usize {
        (self.header_len() + self.payload_len as usize).next_multiple_of(ALIGN)
    }
}

/// Where an entry stands: what its header checksum is bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) salt: u64,
    pub(crate) offset: u64,
}

fn header_crc(place: Place, header: &[u8]) -> u32 {
    let mut seed = [0; 16];
    seed[..8].copy_from_slice(&place.salt.to_le_bytes());
    seed[8..].copy_from_slice(&place.offset.to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&seed), &header[8..])
}

/// An encoded entry that has no LSN and no place yet. Most of the work is done by whoever asks; the writer only numbers it.
#[derive(Debug)]
pub(crate) struct Unplaced {
    bytes: Vec<u8>,
    header_len: usize,
}

impl Unplaced {
    /// `header` gives everything but LSN, epoch, lengths and checksums; `payload` appends the payload and gives (raw length, compressed).
    pub(crate) fn encode(mut header: Header, payload: impl FnOnce(&mut Vec<u8>) -> Result<(usize, bool)>) -> Result<Self> {
        let header_len = header.header_len();
        let mut bytes = vec![0; header_len];
        let (raw_len, compressed) = payload(&mut bytes)?;
        let too_long = || Error::Invalid("a request encodes to more than 4 GiB: send smaller requests".into());
        header.raw_len = raw_len.try_into().map_err(|_| too_long())?;
        header.payload_len = (bytes.len() - header_len).try_into().map_err(|_| too_long())?;
        header.payload_crc = crc32c::crc32c(&bytes[header_len..]);
        header.compressed = compressed;
        bytes.resize(bytes.len().next_multiple_of(ALIGN), 0);
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&header.payload_len.to_le_bytes());
        bytes[12..16].copy_from_slice(&header.payload_crc.to_le_bytes());
        bytes[28..32].copy_from_slice(&header.tenant.0.to_le_bytes());
        bytes[32] = header.signal.code();
        bytes[33] = header.schema;
        bytes[34] = u8::from(header.compressed) * FLAG_ZSTD + u8::from(header.more) * FLAG_MORE + u8::from(header.previous) * FLAG_PREVIOUS;
        bytes[36..38].copy_from_slice(&(header.hashes.len() as u16).to_le_bytes());
        bytes[40..48].copy_from_slice(&header.received.0.to_le_bytes());
        bytes[48..52].copy_from_slice(&header.rows.to_le_bytes());
        bytes[52..56].copy_from_slice(&header.raw_len.to_le_bytes());
        for (i, hash) in header.hashes.iter().enumerate() {
            let at = FIXED_BYTES + HASH_BYTES * i;
            bytes[at..at + 16].copy_from_slice(&hash.hash.to_le_bytes());
            bytes[at + 16..at + 20].copy_from_slice(&hash.first.to_le_bytes());
            bytes[at + 20..at + 24].copy_from_slice(&hash.rows.to_le_bytes());
        }
        Ok(Self { bytes, header_len })
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends the final bytes to `out`.
    pub(crate) fn place(&self, lsn: Lsn, index: u16, epoch: u32, place: Place, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let header = &mut out[start..start + self.header_len];
        header[16..24].copy_from_slice(&lsn.0.to_le_bytes());
        header[24..28].copy_from_slice(&epoch.to_le_bytes());
        header[38..40].copy_from_slice(&index.to_le_bytes());
        let crc = header_crc(place, header);
        header[4..8].copy_from_slice(&crc.to_le_bytes());
    }
}

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// More bytes are needed to say: this many from the entry's start.
    Short(usize),
    Header(Header),
    /// No entry starts here.
    Not,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// Reads a header; the payload's checksum is checked by [`payload_holds`].
pub(crate) fn parse(bytes: &[u8], place: Place) -> Parsed {
    if bytes.len() < FIXED_BYTES {
        return Parsed::Short(FIXED_BYTES);
    }
    if bytes[..4] != MAGIC {
        return Parsed::Not;
    }
    let hashes = usize::from(u16::from_le_bytes([bytes[36], bytes[37]]));
    let header_len = FIXED_BYTES + HASH_BYTES * hashes;
    if bytes.len() < header_len {
        return Parsed::Short(header_len);
    }
    if u32_at(bytes, 4) != header_crc(place, &bytes[..header_len]) {
        return Parsed::Not;
    }
    let Some(signal) = Signal::from_code(bytes[32]) else { return Parsed::Not };
    let hashes = bytes[FIXED_BYTES..header_len]
        .chunks_exact(HASH_BYTES)
        .map(|hash| HashRows {
            hash: u128::from(u64_at(hash, 0)) | u128::from(u64_at(hash, 8)) << 64,
            first: u32_at(hash, 16),
            rows: u32_at(hash, 20),
        })
        .collect();
    Parsed::Header(Header {
        lsn: Lsn(u64_at(bytes, 16)),
        epoch: u32_at(bytes, 24),
        tenant: TenantId(u32_at(bytes, 28)),
        signal,
        schema: bytes[33],
        compressed: bytes[34] & FLAG_ZSTD != 0,
        more: bytes[34] & FLAG_MORE != 0,
        previous: bytes[34] & FLAG_PREVIOUS != 0,
        index: u16::from_le_bytes([bytes[38], bytes[39]]),
        received: UnixNanos(u64_at(bytes, 40) as i64),
        rows: u32_at(bytes, 48),
        raw_len: u32_at(bytes, 52),
        payload_len: u32_at(bytes, 8),
        payload_crc: u32_at(bytes, 12),
        hashes,
    })
}

/// The payload within an entry's bytes.
pub(crate) fn payload<'a>(header: &Header, entry: &'a [u8]) -> &'a [u8] {
    &entry[header.header_len()..header.header_len() + header.payload_len as usize]
}

pub(crate) fn payload_holds(header: &Header, entry: &[u8]) -> bool {
    crc32c::crc32c(payload(header, entry)) == header.payload_crc
}
