//! Durations in logarithmic buckets: small, exact to merge, and the same on every machine (integers only).
//!
//! Values below 32 have a bucket each; above, every power of two is cut into 16 buckets of equal width. A bucket's middle is within
//! 1/32 (3.1 %) of every value in it. Only buckets in use are kept.
//!
//! As bytes (LEB128 numbers, `u128` for the sum):
//! ```text
//! ┌─────────┬─────────┬──────────────────────────────────┬─────┬─────┬─────┐
//! │ version │ buckets │ (bucket − bucket before, count)… │ sum │ min │ max │   min and max only when there are buckets
//! └─────────┴─────────┴──────────────────────────────────┴─────┴─────┴─────┘
//! ```
//! Broken bytes (cut short, another version, buckets out of order or out of range, a count of 0, bytes left over) are an error, never a panic.

#[cfg(test)]
mod tests;

const VERSION: u8 = 1;
/// Values below have their own bucket, and a bucket number above starts here.
const EXACT: u64 = 32;
const PER_OCTAVE_LOG2: u32 = 4;
/// The bucket of `u64::MAX`.
const BUCKET_MAX: u16 = 32 + 58 * 16 + 15;

/// Counts of durations (or any numbers) by size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// Bucket and count, by bucket; no count is 0.
    buckets: Vec<(u16, u64)>,
    sum: u128,
    min: u64,
    max: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("histogram bytes are damaged: {0}")]
pub struct DecodeError(&'static str);

fn bucket(value: u64) -> u16 {
    if value < EXACT {
        return value as u16;
    }
    let octave = value.ilog2();
    let within = (value >> (octave - PER_OCTAVE_LOG2)) & 15;
    (EXACT + u64::from(octave - 5) * 16 + within) as u16
}

/// First value and width.
fn span(bucket: u16) -> (u64, u64) {
    let bucket = u64::from(bucket);
    if bucket < EXACT {
        return (bucket, 1);
    }
    let (octave, within) = ((bucket - EXACT) / 16 + 5, (bucket - EXACT) % 16);
    let width = 1u64 << (octave - u64::from(PER_OCTAVE_LOG2));
    ((16 + within) * width, width)
}

impl Histogram {
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration; a negative one counts as 0.
    pub fn record(&mut self, nano: i64) {
        self.record_many(nano.max(0) as u64, 1);
    }

    pub fn record_many(&mut self, value: u64, count: u64) {
        if count == 0 {
            return;
        }
        let empty = self.buckets.is_empty();
        self.min = if empty { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.sum = self.sum.saturating_add(u128::from(value) * u128::from(count));
        let bucket = bucket(value);
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.saturating_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// Exact: what was counted in both, as if counted in one.
    pub fn merge(&mut self, other: &Self) {
        if other.buckets.is_empty() {
            return;
        }
        self.min = if self.buckets.is_empty() { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.sum = self.sum.saturating_add(other.sum);
        let mut merged = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut a, mut b) = (self.buckets.iter().peekable(), other.buckets.iter().peekable());
        loop {
            merged.push(match (a.peek(), b.peek()) {
                (Some((x, n)), Some((y, m))) if x == y => {
                    let both = (*x, n.saturating_add(*m));
                    a.next();
                    b.next();
                    both
                }
                (Some(x), Some(y)) if x.0 < y.0 => {
                    let least = **x;
                    a.next();
                    least
                }
                (_, Some(y)) => {
                    let least = **y;
                    b.next();
                    least
                }
                (Some(x), None) => {
                    let least = **x;
                    a.next();
                    least
                }
                (None, None) => break,
            });
        }
        self.buckets = merged;
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub fn sum(&self) -> u128 {
        self.sum
    }

    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min)
    }

    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max)
    }

    /// The value below which a share `q` of the values lies, within 3.1 %; never outside the smallest and largest value counted.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if self.is_empty() {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0u64;
        for (bucket, count) in &self.buckets {
            seen = seen.saturating_add(*count);
            if seen >= rank {
                let (first, width) = span(*bucket);
                return Some((first + width / 2).clamp(self.min, self.max));
            }
        }
        Some(self.max)
    }

    /// How many values lie at or above one, within the width of its bucket.
    pub fn count_from(&self, value: u64) -> u64 {
        let from = bucket(value);
        self.buckets.iter().filter(|(bucket, _)| *bucket >= from).fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// First value, width and count of each bucket in use, ascending: for charts.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        self.buckets.iter().map(|(bucket, count)| {
            let (first, width) = span(*bucket);
            (first, width, *count)
        })
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        put(&mut out, self.buckets.len() as u128);
        let mut before = 0;
        for (bucket, count) in &self.buckets {
            put(&mut out, u128::from(bucket - before));
            put(&mut out, u128::from(*count));
            before = *bucket;
        }
        put(&mut out, self.sum);
        if !self.is_empty() {
            put(&mut out, u128::from(self.min));
            put(&mut out, u128::from(self.max));
        }
        out
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (version, mut rest) = bytes.split_first().ok_or(DecodeError("no bytes"))?;
        if *version != VERSION {
            return Err(DecodeError("another version"));
        }
        let rest = &mut rest;
        let buckets = take(rest)?;
        let mut histogram = Self::default();
        let mut before: Option<u16> = None;
        for _ in 0..buckets {
            let step = u16::try_from(take(rest)?).map_err(|_| DecodeError("a bucket out of range"))?;
            if before.is_some() && step == 0 {
                return Err(DecodeError("a bucket twice"));
            }
            let bucket = before.unwrap_or(0).checked_add(step).filter(|bucket| *bucket <= BUCKET_MAX).ok_or(DecodeError("a bucket out of range"))?;
            let count = u64::try_from(take(rest)?).map_err(|_| DecodeError("a count out of range"))?;
            if count == 0 {
                return Err(DecodeError("an empty bucket"));
            }
            histogram.buckets.push((bucket, count));
            before = Some(bucket);
        }
        histogram.sum = take(rest)?;
        if !histogram.is_empty() {
            histogram.min = u64::try_from(take(rest)?).map_err(|_| DecodeError("a minimum out of range"))?;
            histogram.max = u64::try_from(take(rest)?).map_err(|_| DecodeError("a maximum out of range"))?;
            if histogram.min > histogram.max {
                return Err(DecodeError("a minimum above the maximum"));
            }
        }
        if rest.is_empty() { Ok(histogram) } else { Err(DecodeError("bytes left over")) }
    }
}

fn put(out: &mut Vec<u8>, mut value: u128) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(rest: &mut &[u8]) -> Result<u128, DecodeError> {
    let mut value = 0u128;
    for at in 0..19 {
        let (byte, after) = rest.split_first().ok_or(DecodeError("cut short"))?;
        *rest = after;
        let part = u128::from(byte & 127);
        if at == 18 && part > 3 {
            return Err(DecodeError("a number too long"));
        }
        value |= part << (7 * at);
        if byte & 128 == 0 {
            return Ok(value);
        }
    }
    Err(DecodeError("a number too long"))
}
