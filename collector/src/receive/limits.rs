//! A body is read and decompressed within its limits: bytes sent, bytes after decompression, time, and the budget of all.
//!
//! Chained encodings are refused. How bytes are decompressed is `decode::compression`'s.

use super::{Kind, Refusal, Sender, Shared};
use crate::admit::Permit;
use crate::decode::compression::{self, Compression, Failed, RATIO_USUAL};
use crate::passing::Unwanted;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use std::time::Duration;

/// Taken from the budget before a body has arrived. Most requests are smaller; larger ones take more as they come.
const HELD_BYTES_MAX: usize = 1 << 20;
/// Of a refused request, at most this much is still read.
const DISCARD_BYTES_MAX: usize = 128 << 20;
const DISCARD_TIME_MAX: Duration = Duration::from_secs(10);

pub(crate) fn too_large(limit: usize) -> Refusal {
    Refusal::new(
        Kind::TooLarge,
        format!("the request is larger than {limit} bytes after decompression: send smaller batches, or raise collector.body_bytes_max"),
    )
}

/// The body as sent, and its place in the budget.
pub(crate) async fn read(shared: &Shared, sender: &Sender, body: &mut Incoming, compressed: bool, extra: usize) -> Result<(Bytes, Permit), Refusal> {
    let limit = shared.config.body_bytes_max.saturating_add(extra);
    let hint = body.size_hint();
    if hint.lower() > limit as u64 {
        return Err(too_large(shared.config.body_bytes_max));
    }
    let expected = hint.exact().map_or(64 << 10, |bytes| bytes as usize);
    let needed = if compressed { expected.saturating_mul(RATIO_USUAL).min(limit) } else { expected };
    let mut permit = shared.admission.take(sender.key, needed, needed.min(HELD_BYTES_MAX)).await?;
    let deadline = tokio::time::Instant::now() + Duration::from_millis(shared.config.body_timeout_ms);
    let stall = Duration::from_millis(shared.config.body_stall_timeout_ms);
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    loop {
        let until = deadline.min(tokio::time::Instant::now() + stall);
        let frame = match tokio::time::timeout_at(until, body.frame()).await {
            Err(_) if until == deadline => {
                return Err(Refusal::new(Kind::Slow, format!("the body did not arrive within {} ms", shared.config.body_timeout_ms)));
            }
            Err(_) => {
                return Err(Refusal::new(Kind::Slow, format!("nothing of the body arrived for {} ms", shared.config.body_stall_timeout_ms)));
            }
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
                more.reserve(needed.min(HELD_BYTES_MAX).clamp(length, limit));
                more.extend_from_slice(&first.take().unwrap_or_default());
                more.extend_from_slice(&data);
            }
            _ => more.extend_from_slice(&data),
        }
    }
    Ok((first.unwrap_or_else(|| more.freeze()), permit))
}

/// Takes the rest of a body that is not wanted off the wire, so that the client reads its answer instead of a broken connection.
/// Bounded in bytes and time, and nothing is kept; what is `unwanted` is not even read.
pub(crate) async fn discard(body: &mut Incoming, unwanted: Option<&Unwanted>) {
    let unwanted = unwanted.map(Unwanted::begin);
    let discard = async {
        let mut bytes = 0;
        while bytes < DISCARD_BYTES_MAX {
            if let Some(unwanted) = &unwanted {
                unwanted.missing(body.size_hint().exact().unwrap_or(0));
            }
            match body.frame().await {
                Some(Ok(frame)) => bytes += frame.data_ref().map_or(0, Bytes::len),
                _ => break,
            }
        }
    };
    // Whoever is slower than this meets a closed connection.
    let _ = tokio::time::timeout(DISCARD_TIME_MAX, discard).await;
}

/// The bytes sent, decompressed.
pub(crate) fn decompress(bytes: Bytes, compression: Compression, limit: usize, permit: &mut Permit) -> Result<Bytes, Refusal> {
    compression::expand(bytes, compression, limit, |bytes| permit.grow(bytes)).map_err(|failed| match failed {
        Failed::TooLarge => too_large(limit),
        Failed::Broken(words) => Refusal::new(Kind::Invalid, words),
        Failed::NoRoom(overloaded) => overloaded.into(),
    })
}
