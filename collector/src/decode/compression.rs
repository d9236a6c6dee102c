//! Compressed bytes → bytes, within a limit on what comes out.
//!
//! The output grows with what really comes out and stops one byte over the limit, so a bomb costs what the limit allows and no more.
//! Broken: what is not of its format, is damaged (checksums are verified), or ends early; a zstd window over 8 MiB.

use bytes::Bytes;
use std::io::Read;

/// How a body or message is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    Identity,
    Gzip,
    Zstd,
    Deflate,
}

impl Compression {
    pub const ALL: [Self; 4] = [Self::Identity, Self::Gzip, Self::Zstd, Self::Deflate];

    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim();
        [
            ("", Self::Identity),
            ("identity", Self::Identity),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("zstd", Self::Zstd),
            ("deflate", Self::Deflate),
        ]
        .into_iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map(|(_, compression)| compression)
    }
}

/// Why there is no output. `R`: why whoever was asked for room gave none.
#[derive(Debug, PartialEq, Eq)]
pub enum Failed<R> {
    TooLarge,
    Broken(String),
    NoRoom(R),
}

/// zstd windows up to 8 MiB: what RFC 8878 asks every decoder for.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Room is asked for each time this much more has come out.
const GROW_BYTES: usize = 1 << 20;
/// What telemetry usually compresses by.
pub(crate) const RATIO_USUAL: usize = 6;

/// The bytes in plain; `room` is asked for the size of the output while it grows.
pub fn expand<R>(bytes: Bytes, compression: Compression, limit: usize, room: impl FnMut(usize) -> Result<(), R>) -> Result<Bytes, Failed<R>> {
    let input: &[u8] = &bytes;
    match compression {
        Compression::Identity if bytes.len() > limit => Err(Failed::TooLarge),
        Compression::Identity => Ok(bytes),
        _ if bytes.is_empty() => Ok(bytes),
        // The last four bytes say how large the last member is (modulo 4 GiB).
        Compression::Gzip if input.last_chunk().is_some_and(|size| u32::from_le_bytes(*size) as usize > limit) && input.starts_with(b"\x1f\x8b") => {
            Err(Failed::TooLarge)
        }
        Compression::Gzip => drain(flate2::read::MultiGzDecoder::new(input), input.len(), limit, room, "gzip"),
        Compression::Deflate => drain(flate2::read::ZlibDecoder::new(input), input.len(), limit, room, "deflate"),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(|error| broken("zstd", &error))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| broken("zstd", &error))?;
            drain(decoder, input.len(), limit, room, "zstd")
        }
    }
}

fn broken<R>(name: &str, error: &std::io::Error) -> Failed<R> {
    Failed::Broken(format!("{name}: {error}"))
}

fn drain<R>(
    mut reader: impl Read,
    input_bytes: usize,
    limit: usize,
    mut room: impl FnMut(usize) -> Result<(), R>,
    name: &str,
) -> Result<Bytes, Failed<R>> {
    // In pieces: one buffer would be copied while it grows, and a bomb cost twice what the limit allows.
    let (mut pieces, mut length) = (Vec::new(), 0);
    loop {
        let more = (limit + 1 - length).min(GROW_BYTES);
        let capacity = if pieces.is_empty() { input_bytes.saturating_mul(RATIO_USUAL).min(more) } else { more };
        let mut piece = Vec::with_capacity(capacity);
        let read = reader.by_ref().take(more as u64).read_to_end(&mut piece).map_err(|error| broken(name, &error))?;
        length += read;
        if length > limit {
            return Err(Failed::TooLarge);
        }
        room(length).map_err(Failed::NoRoom)?;
        pieces.push(piece);
        if read < more {
            return Ok(if pieces.len() == 1 { pieces.remove(0).into() } else { pieces.concat().into() });
        }
    }
}
