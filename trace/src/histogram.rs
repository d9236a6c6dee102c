//! Durations in logarithmic buckets: small, exact to merge, and the same on every machine (integers only).
//!
//! Values below 32 have a bucket each; above, every power of two is cut into 16 buckets of equal width. A bucket's middle is within
//! 1/32 (3.1 %) of every value in it. Only buckets in use are kept.
//!
//! What was counted can be taken away again, exactly: so no smallest and largest value is kept. Counts wrap, so a histogram may also hold
//! only what is to be taken away from another; then a count reads as a huge number, and asking it for a quantile is of no use.
//!
//! As bytes (LEB128 numbers; counts and sum as zigzag of the signed number, since what is taken away is small too):
//! ```text
//! ┌─────────┬─────────┬──────────────────────────────────┬─────┐
//! │ version │ buckets │ (bucket − bucket before, count)… │ sum │
//! └─────────┴─────────┴──────────────────────────────────┴─────┘
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
        self.sum = self.sum.wrapping_add(u128::from(value).wrapping_mul(u128::from(count)));
        let bucket = bucket(value);
        match self.buckets.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.wrapping_add(count),
            Err(at) => self.buckets.insert(at, (bucket, count)),
        }
    }

    /// Exact: what was counted in both, as if counted in one.
    pub fn merge(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_add(other.sum);
        self.combine(other, u64::wrapping_add);
    }

    /// Exact: as if what was counted in the other had never been counted here.
    pub fn subtract(&mut self, other: &Self) {
        self.sum = self.sum.wrapping_sub(other.sum);
        self.combine(other, u64::wrapping_sub);
    }

    fn combine(&mut self, other: &Self, with: fn(u64, u64) -> u64) {
        if other.buckets.is_empty() {
            return;
        }
        let mut combined = Vec::with_capacity(self.buckets.len() + other.buckets.len());
        let (mut own, mut others) = (self.buckets.iter().copied().peekable(), other.buckets.iter().copied().peekable());
        loop {
            let next = match (own.peek().map(|(bucket, _)| *bucket), others.peek().map(|(bucket, _)| *bucket)) {
                (None, None) => break,
                (Some(a), Some(b)) => a.min(b),
                (Some(bucket), None) | (None, Some(bucket)) => bucket,
            };
            let count = |from: &mut std::iter::Peekable<_>| from.next_if(|(bucket, _): &(u16, u64)| *bucket == next).map_or(0, |(_, count)| count);
            let count = with(count(&mut own), count(&mut others));
            if count != 0 {
                combined.push((next, count));
            }
        }
        self.buckets = combined;
    }

    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, (_, count)| sum.wrapping_add(*count))
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The value below which a share `q` of the values lies, within 3.1 %; of values in one bucket, their mean.
    pub fn quantile(&self, q: f64) -> Option<u64> {
        if let [(_, count)] = &self.buckets[..] {
            return u64::try_from(self.sum / u128::from(*count)).ok();
        }
        let rank = ((q.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64).max(1);
        let mut seen = 0u64;
        let middle = |bucket: u16| {
            let (first, width) = span(bucket);
            first + width / 2
        };
        let reached = self.buckets.iter().find(|(_, count)| {
            seen = seen.saturating_add(*count);
            seen >= rank
        });
        reached.or(self.buckets.last()).map(|(bucket, _)| middle(*bucket))
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
            put(&mut out, zigzag(i128::from(*count as i64)));
            before = *bucket;
        }
        put(&mut out, zigzag(self.sum as i128));
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
            let count = i64::try_from(unzigzag(take(rest)?)).map_err(|_| DecodeError("a count out of range"))? as u64;
            if count == 0 {
                return Err(DecodeError("an empty bucket"));
            }
            histogram.buckets.push((bucket, count));
            before = Some(bucket);
        }
        histogram.sum = unzigzag(take(rest)?) as u128;
        if rest.is_empty() { Ok(histogram) } else { Err(DecodeError("bytes left over")) }
    }
}

/// Small for small numbers of either sign.
fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)) as u128
}

fn unzigzag(value: u128) -> i128 {
    (value >> 1) as i128 ^ -((value & 1) as i128)
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
