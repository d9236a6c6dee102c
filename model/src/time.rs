//! Time: nanoseconds since 1970 in UTC, half-open ranges, and the seam through which the present comes in.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Nanoseconds since 1970-01-01T00:00:00Z. OTLP's u64 saturates here (year 2262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct UnixNanos(pub i64);

pub const NANOS_PER_MICRO: i64 = 1_000;
pub const NANOS_PER_MILLI: i64 = 1_000_000;
pub const NANOS_PER_SECOND: i64 = 1_000_000_000;
pub const NANOS_PER_MINUTE: i64 = 60 * NANOS_PER_SECOND;
pub const NANOS_PER_HOUR: i64 = 60 * NANOS_PER_MINUTE;
pub const NANOS_PER_DAY: i64 = 24 * NANOS_PER_HOUR;

impl UnixNanos {
    pub const MIN: Self = Self(i64::MIN);
    pub const MAX: Self = Self(i64::MAX);

    /// OTLP's fixed64 time, saturated.
    pub fn from_otlp(nanos: u64) -> Self {
        Self(i64::try_from(nanos).unwrap_or(i64::MAX))
    }

    pub fn saturating_add(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    pub fn saturating_sub(self, nanos: i64) -> Self {
        Self(self.0.saturating_sub(nanos))
    }
}

impl fmt::Display for UnixNanos {
    /// RFC 3339 in UTC with nine digits: `2026-11-23T14:11:55.000000001Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(time) => write!(f, "{time:.9}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// `start <= t && t < end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub start: UnixNanos,
    pub end: UnixNanos,
}

impl TimeRange {
    pub const ALL: Self = Self { start: UnixNanos::MIN, end: UnixNanos::MAX };

    pub fn new(start: UnixNanos, end: UnixNanos) -> Self {
        Self { start, end }
    }

    /// Without upper bound: `UnixNanos::MAX` as an end means none, so that a saturated time is still inside.
    pub fn since(start: UnixNanos) -> Self {
        Self { start, end: UnixNanos::MAX }
    }

    pub fn contains(&self, time: UnixNanos) -> bool {
        self.start <= time && (time < self.end || self.end == UnixNanos::MAX)
    }

    /// Whether any time of the closed interval `[min, max]` is inside.
    pub fn overlaps(&self, min: UnixNanos, max: UnixNanos) -> bool {
        self.start <= max && (min < self.end || self.end == UnixNanos::MAX)
    }
}

/// Where the present comes from, so that tests and simulations can bring their own.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Wall-clock time: what data is stamped and windowed by. May jump.
    fn now(&self) -> UnixNanos;
    /// Nanoseconds since some fixed instant: what waits and durations are measured by. Never goes back.
    fn monotonic_nano(&self) -> u64;
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock {
    started: std::time::Instant,
}

impl SystemClock {
    #[expect(clippy::new_ret_no_self, reason = "a clock is only ever used behind its trait")]
    pub fn new() -> Arc<dyn Clock> {
        Arc::new(Self { started: std::time::Instant::now() })
    }
}

impl Clock for SystemClock {
    fn now(&self) -> UnixNanos {
        let now = std::time::SystemTime::now();
        match now.duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => UnixNanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
            Err(before) => UnixNanos(i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos)),
        }
    }

    fn monotonic_nano(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }
}

/// A clock that stands where it is put.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: AtomicI64,
    monotonic: AtomicI64,
}

impl ManualClock {
    pub fn at(now: UnixNanos) -> Arc<Self> {
        Arc::new(Self { now: AtomicI64::new(now.0), monotonic: AtomicI64::new(0) })
    }

    /// Time passes: both readings move on.
    pub fn advance(&self, nanos: i64) {
        self.now.fetch_add(nanos, Ordering::SeqCst);
        self.monotonic.fetch_add(nanos.max(0), Ordering::SeqCst);
    }

    /// The wall clock jumps; the monotonic one does not.
    pub fn jump_to(&self, now: UnixNanos) {
        self.now.store(now.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixNanos {
        UnixNanos(self.now.load(Ordering::SeqCst))
    }

    fn monotonic_nano(&self) -> u64 {
        self.monotonic.load(Ordering::SeqCst) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nine_digits() {
        assert_eq!(UnixNanos(0).to_string(), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(UnixNanos(1_700_000_000_000_000_001).to_string(), "2023-11-14T22:13:20.000000001Z");
        assert_eq!(UnixNanos::from_otlp(u64::MAX), UnixNanos::MAX);
        assert!(UnixNanos::MAX.to_string().starts_with("2262-04-11T"));
        assert!(UnixNanos::MIN.to_string().starts_with("1677-"));
    }

    #[test]
    fn ranges_are_half_open() {
        let range = TimeRange::new(UnixNanos(10), UnixNanos(20));
        assert!(range.contains(UnixNanos(10)) && !range.contains(UnixNanos(20)));
        assert!(range.overlaps(UnixNanos(0), UnixNanos(10)) && !range.overlaps(UnixNanos(20), UnixNanos(30)));
        assert!(TimeRange::ALL.contains(UnixNanos::MAX));
    }
}
