//! Numbers as people write them: `500ms`, `1h30m`, `2.5MB`, `-3`, `1e6`, and points in time.

use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_HOUR, NANOS_PER_MICRO, NANOS_PER_MILLI, NANOS_PER_MINUTE, NANOS_PER_SECOND};

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Quantity {
    Plain(f64),
    /// In nanoseconds.
    Duration(f64),
    /// In bytes.
    Bytes(f64),
}

/// What may be written behind the number of a duration.
pub(crate) const DURATION_UNITS: &str = "ns, us, µs, ms, s, m, h or d";

const DURATIONS: [(&str, i64); 9] = [
    ("ns", 1),
    ("us", NANOS_PER_MICRO),
    ("µs", NANOS_PER_MICRO),
    ("μs", NANOS_PER_MICRO),
    ("ms", NANOS_PER_MILLI),
    ("s", NANOS_PER_SECOND),
    ("m", NANOS_PER_MINUTE),
    ("h", NANOS_PER_HOUR),
    ("d", NANOS_PER_DAY),
];

const SIZES: [(&str, f64); 10] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("KB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];

/// Endings of attribute keys that say in which unit their numbers are, in nanoseconds.
const KEY_UNITS: [(&[&str], i64); 4] = [
    (&["ns", "nano", "nanos", "nanoseconds"], 1),
    (&["us", "micro", "micros", "microseconds"], NANOS_PER_MICRO),
    (&["ms", "milli", "millis", "milliseconds"], NANOS_PER_MILLI),
    (&["s", "sec", "secs", "seconds"], NANOS_PER_SECOND),
];

impl Quantity {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (number, unit) = text.split_at(number_length(text)?);
        let value: f64 = number.parse().ok().filter(|value: &f64| value.is_finite())?;
        if unit.is_empty() {
            return Some(Self::Plain(value));
        }
        if let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) {
            return Some(Self::Bytes(value * factor));
        }
        duration(text).map(Self::Duration)
    }
}

/// `1h30m`: parts from large to small or not, each with its unit; a sign stands before all of them.
fn duration(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut nanos = 0.0;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|end| *end > 0)?;
        let (value, behind) = rest.split_at(number);
        let unit = behind.find(|c: char| c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(unit);
        let (_, factor) = DURATIONS.iter().find(|(name, _)| *name == unit)?;
        nanos += value.parse::<f64>().ok()? * *factor as f64;
        rest = behind;
    }
    // No telemetry is finer than a nanosecond; 1.1 s is no fraction off.
    Some(sign * f64::round(nanos))
}

/// The length of the number a text starts with.
fn number_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from.min(bytes.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let whole = digits(at);
    at += whole;
    let mut fraction = 0;
    if bytes.get(at) == Some(&b'.') {
        fraction = digits(at + 1);
        at += 1 + fraction;
    }
    if whole + fraction == 0 {
        return None;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'-' | b'+')));
        let exponent = digits(at + 1 + sign);
        if exponent > 0 {
            at += 1 + sign + exponent;
        }
    }
    Some(at)
}

/// In which unit an attribute's key says its numbers are: `retry.delay_ms`.
pub(crate) fn unit_of_key(key: &str) -> Option<i64> {
    let (before, ending) = key.rsplit_once(['.', '_', '-'])?;
    let found = KEY_UNITS.iter().find(|(names, _)| names.contains(&ending))?;
    (!before.is_empty()).then_some(found.1)
}

/// The ends of `a..b`, one of which may be empty beside a number: `500ms..`, `..5`. Paths and versions are no ranges.
pub(crate) fn range(text: &str) -> Option<(&str, &str)> {
    let (min, max) = text.split_once("..")?;
    let numeric = |end: &str| number_length(end).is_some();
    let word = |end: &str| !end.is_empty() && end.chars().all(char::is_alphanumeric);
    let known = text.chars().all(|c| c.is_alphanumeric() || ".+:-".contains(c));
    let ends = match (min, max) {
        ("", end) | (end, "") => numeric(end),
        (min, max) => numeric(min) || numeric(max) || (word(min) && word(max)),
    };
    (known && ends).then_some((min, max))
}

/// A point in time: RFC 3339, or a date for its midnight in UTC.
pub(crate) fn time(text: &str) -> Option<i128> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_nanosecond());
    }
    let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
    Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        use Quantity::{Bytes, Duration, Plain};
        let cases = [
            ("500", Some(Plain(500.0))),
            ("-3.5", Some(Plain(-3.5))),
            ("+3", Some(Plain(3.0))),
            (".5", Some(Plain(0.5))),
            ("1e6", Some(Plain(1e6))),
            ("1e6s", None),
            ("5e", None),
            ("500ms", Some(Duration(5e8))),
            ("1.1s", Some(Duration(1.1e9))),
            ("0.1µs", Some(Duration(100.0))),
            ("1h30m", Some(Duration(5.4e12))),
            ("-1m", Some(Duration(-6e10))),
            ("2d", Some(Duration(1.728e14))),
            ("1h30", None),
            ("1kB", Some(Bytes(1000.0))),
            ("2.5MB", Some(Bytes(2.5e6))),
            ("1MiB", Some(Bytes(1_048_576.0))),
            ("1.2.3", None),
            ("", None),
            ("-", None),
            (".", None),
            ("ms", None),
            ("1e999", None),
            ("5é", None),
        ];
        for (text, expect) in cases {
            assert_eq!(Quantity::parse(text), expect, "{text}");
        }
    }

    #[test]
    fn ranges() {
        let cases = [
            ("1..5", Some(("1", "5"))),
            ("500ms..", Some(("500ms", ""))),
            ("..5", Some(("", "5"))),
            ("warn..error", Some(("warn", "error"))),
            ("-5..-1", Some(("-5", "-1"))),
            ("2026-11-24..2026-11-24T10:00:00Z", Some(("2026-11-24", "2026-11-24T10:00:00Z"))),
            ("../x", None),
            ("a/..", None),
            ("..", None),
            ("...", None),
            ("x..", None),
            ("1.5", None),
        ];
        for (text, expect) in cases {
            assert_eq!(range(text), expect, "{text}");
        }
    }

    #[test]
    fn keys_and_times() {
        assert_eq!(unit_of_key("retry.delay_ms"), Some(NANOS_PER_MILLI));
        assert_eq!(unit_of_key("uptime.seconds"), Some(NANOS_PER_SECOND));
        assert_eq!(unit_of_key("status"), None);
        assert_eq!(unit_of_key("ms"), None);
        assert_eq!(time("1970-01-01T00:00:01Z"), Some(1_000_000_000));
        assert_eq!(time("1970-01-02"), Some(i128::from(NANOS_PER_DAY)));
        assert_eq!(time("yesterday"), None);
    }
}
