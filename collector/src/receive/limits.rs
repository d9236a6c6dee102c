//! A body is read and decompressed within its limits: bytes sent, bytes after decompression, time, and the budget of all.
//!
//! Decompression writes into a buffer that grows with what comes out and stops one byte over the limit, so a bomb costs what the
//! limit allows and no more. Chained encodings are refused.

use super::{Kind, Refusal, Sender, Shared};
use crate::admit::Permit;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::io::Read;
use std::time::Duration;

/// How a body or message is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    Identity,
    Gzip,
    Zstd,
    Deflate,
}

impl Compression {
    pub(crate) fn parse(name: &str) -> Option<Self> {
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

/// zstd windows up to 8 MiB: what RFC 8878 asks every decoder for.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The budget is asked again each time this much more has come out.
const GROW_BYTES: usize = 1 << 20;
/// What telemetry usually compresses by; the first claim on the budget for a compressed body.
const RATIO_USUAL: usize = 6;

pub(crate) fn too_large(limit: usize) -> Refusal {
    Refusal::new(
        Kind::TooLarge,
        format!("the request is larger than {limit} bytes after decompression: send smaller batches, or raise collector.body_bytes_max"),
    )
}

/// The body as sent, and its place in the budget.
pub(crate) async fn read(shared: &Shared, sender: &Sender, mut body: Incoming, compressed: bool, extra: usize) -> Result<(Bytes, Permit), Refusal> {
    let limit = shared.config.body_bytes_max.saturating_add(extra);
    let hint = body.size_hint();
    if hint.lower() > limit as u64 {
        return Err(too_large(shared.config.body_bytes_max));
    }
    let expected = hint.exact().map_or(64 << 10, |bytes| bytes as usize);
    let claim = if compressed { expected.saturating_mul(RATIO_USUAL).min(limit) } else { expected };
    let mut permit = shared.admission.take(sender.key, claim).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(shared.config.body_timeout_ms);
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    loop {
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Refusal::new(Kind::Slow, format!("the body did not arrive within {} ms", shared.config.body_timeout_ms))),
            Ok(None) => break,
            Ok(Some(Err(error))) => return Err(Refusal::new(Kind::Invalid, format!("the body broke off: {error}"))),
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        let length = first.as_ref().map_or(0, Bytes::len) + more.len() + data.len();
        if length > limit {
            return Err(too_large(shared.config.body_bytes_max));
        }
        permit.grow(length)?;
        // The common request is one frame: it is not copied.
        match (&first, more.is_empty()) {
            (None, true) => first = Some(data),
            (Some(_), true) => {
                more.reserve(expected.clamp(length, limit));
                more.extend_from_slice(&first.take().unwrap_or_default());
                more.extend_from_slice(&data);
            }
            _ => more.extend_from_slice(&data),
        }
    }
    Ok((first.unwrap_or_else(|| more.freeze()), permit))
}

/// The bytes sent, decompressed.
pub(crate) fn decompress(bytes: Bytes, compression: Compression, limit: usize, permit: &mut Permit) -> Result<Bytes, Refusal> {
    let input: &[u8] = &bytes;
    match compression {
        Compression::Identity if bytes.len() > limit => Err(too_large(limit)),
        Compression::Identity => Ok(bytes),
        _ if bytes.is_empty() => Ok(bytes),
        Compression::Gzip => drain(flate2::read::MultiGzDecoder::new(input), input.len(), limit, permit, "gzip"),
        Compression::Deflate => drain(flate2::read::ZlibDecoder::new(input), input.len(), limit, permit, "deflate"),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(input).map_err(|error| broken("zstd", &error))?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| broken("zstd", &error))?;
            drain(decoder, input.len(), limit, permit, "zstd")
        }
    }
}

fn broken(name: &str, error: &std::io::Error) -> Refusal {
    Refusal::new(Kind::Invalid, format!("{name}: {error}"))
}

fn drain(mut reader: impl Read, input_bytes: usize, limit: usize, permit: &mut Permit, name: &str) -> Result<Bytes, Refusal> {
    let mut out = Vec::with_capacity(input_bytes.saturating_mul(RATIO_USUAL).min(GROW_BYTES).min(limit) + 1);
    loop {
        let room = (limit + 1 - out.len()).min(GROW_BYTES);
        let read = reader.by_ref().take(room as u64).read_to_end(&mut out).map_err(|error| broken(name, &error))?;
        if out.len() > limit {
            return Err(too_large(limit));
        }
        permit.grow(out.len())?;
        if read < room {
            return Ok(out.into());
        }
    }
}
