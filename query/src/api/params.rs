//! Parameters as they are typed: times, ranges, limits, cursors.

use crate::error::{Error, Result};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hopline_model::time::NANOS_PER_HOUR;
use hopline_model::{TimeRange, UnixNanos};
use serde::de::DeserializeOwned;

#[cfg(test)]
mod tests;

/// The range of a question that names none.
pub(crate) const RANGE_DEFAULT_NANO: i64 = NANOS_PER_HOUR;
pub(crate) const LIMIT_DEFAULT: usize = 20;
/// Buckets a histogram may have.
const BUCKETS_MAX: usize = 2000;

/// Query parameters of a type; mistakes answer in problem JSON.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self> {
        match axum::extract::Query::<T>::try_from_uri(&parts.uri) {
            Ok(query) => Ok(Self(query.0)),
            Err(error) => Err(Error::Invalid(format!("{}: the parameters are described at /docs", error.body_text()))),
        }
    }
}

/// `q`, range, page: what lists take.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(crate) struct ListParams {
    pub(crate) q: String,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) cursor: Option<String>,
    pub(crate) total: Option<String>,
    pub(crate) buckets: Option<usize>,
    pub(crate) rows: Option<usize>,
    /// Comma-separated.
    pub(crate) fields: Option<String>,
}

impl ListParams {
    pub(crate) fn range(&self, now: UnixNanos) -> Result<TimeRange> {
        range(self.from.as_deref(), self.to.as_deref(), now)
    }

    /// `limit`, else the default; more than `max` is an error that says how to go on.
    pub(crate) fn limit(&self, max: usize) -> Result<usize> {
        limit(self.limit, LIMIT_DEFAULT, max)
    }

    /// How long a bucket of a histogram over `range` is, for about `buckets` of them (default 60).
    pub(crate) fn bucket_nano(&self, range: TimeRange, now: UnixNanos) -> Result<i64> {
        let buckets = self.buckets.unwrap_or(60);
        if !(1..=BUCKETS_MAX).contains(&buckets) {
            return Err(Error::Invalid(format!("buckets is a number from 1 to {BUCKETS_MAX}, not {buckets}")));
        }
        // Without an upper bound the histogram goes by the present; newer rows still have their buckets.
        let end = if range.end == UnixNanos::MAX { now.max(range.start.saturating_add(RANGE_DEFAULT_NANO / 60)) } else { range.end };
        Ok(crate::plan::logs::bucket_nano(range.start.0, end.0, buckets))
    }

    /// The names in `fields`, at most `max`.
    pub(crate) fn fields(&self, max: usize) -> Option<Vec<String>> {
        let fields: Vec<String> =
            self.fields.as_deref()?.split(',').map(str::trim).filter(|field| !field.is_empty()).take(max).map(str::to_owned).collect();
        (!fields.is_empty()).then_some(fields)
    }

    pub(crate) fn total_exact(&self) -> Result<bool> {
        match self.total.as_deref() {
            None | Some("") => Ok(false),
            Some("exact") => Ok(true),
            Some(other) => Err(Error::Invalid(format!("total is `exact` or left out, not `{other}`"))),
        }
    }
}

pub(crate) fn limit(asked: Option<usize>, default: usize, max: usize) -> Result<usize> {
    match asked {
        None => Ok(default.min(max)),
        Some(limit) if limit <= max => Ok(limit),
        Some(limit) => Err(Error::Invalid(format!("limit is at most {max}, not {limit}: go on with `cursor`, or raise query.items_max"))),
    }
}

/// `from` is an hour ago when it is not said; no `to` means no upper bound.
pub(crate) fn range(from: Option<&str>, to: Option<&str>, now: UnixNanos) -> Result<TimeRange> {
    let said = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let start = match said(from) {
        Some(text) => time("from", &text, now)?,
        None => now.saturating_sub(RANGE_DEFAULT_NANO),
    };
    match said(to) {
        None => Ok(TimeRange::since(start)),
        Some(text) => {
            let end = time("to", &text, now)?;
            if end < start {
                return Err(Error::Invalid(format!("the range ends before it starts: from is {start}, to is {end}")));
            }
            Ok(TimeRange::new(start, end))
        }
    }
}

/// RFC 3339, unix seconds, milli-, micro- or nanoseconds (told apart by size), `now`, `now-15m`, `now-1h30m`.
pub(crate) fn time(name: &str, text: &str, now: UnixNanos) -> Result<UnixNanos> {
    let wrong = || Error::Invalid(format!("{name}: `{text}` is no time: expected RFC 3339 (2026-11-23T14:00:00Z), a unix time, or now-15m"));
    if let Some(rest) = text.strip_prefix("now") {
        let (sign, rest) = match rest.as_bytes().first() {
            None => return Ok(now),
            Some(b'-') => (-1, &rest[1..]),
            Some(b'+' | b' ') => (1, &rest[1..]),
            Some(_) => return Err(wrong()),
        };
        return Ok(now.saturating_add(sign * duration_nano(rest).ok_or_else(wrong)?));
    }
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-') && !text[1.min(text.len())..].contains('-') {
        if let Ok(number) = text.parse::<i64>() {
            let scale = match number.unsigned_abs() {
                0..100_000_000_000 => 1_000_000_000,
                100_000_000_000..100_000_000_000_000 => 1_000_000,
                100_000_000_000_000..100_000_000_000_000_000 => 1_000,
                _ => 1,
            };
            return Ok(UnixNanos(number.saturating_mul(scale)));
        }
        let seconds: f64 = text.parse().map_err(|_| wrong())?;
        return Ok(UnixNanos((seconds * 1e9) as i64));
    }
    let parsed: jiff::Timestamp = text.parse().map_err(|_| wrong())?;
    Ok(UnixNanos(i64::try_from(parsed.as_nanosecond()).map_err(|_| wrong())?))
}

/// `15m`, `1h30m`, `2d`; a number alone is seconds.
pub(crate) fn duration_nano(text: &str) -> Option<i64> {
    if text.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let scale: i64 = match &rest[..unit_end] {
            "ns" => 1,
            "us" | "µs" => 1_000,
            "ms" => 1_000_000,
            "s" | "" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            "d" => 86_400_000_000_000,
            "w" => 604_800_000_000_000,
            _ => return None,
        };
        rest = &rest[unit_end..];
        total = total.checked_add(number.checked_mul(scale)?)?;
    }
    Some(total)
}

/// A cursor's bytes as text; opaque to clients.
pub(crate) fn encode_cursor(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode_cursor(text: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| bad_cursor())
}

pub(crate) fn bad_cursor() -> Error {
    Error::Invalid("this cursor is not one of ours: take `cursor` from the answer before, unchanged".into())
}
