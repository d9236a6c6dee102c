//! Durations, counts and times for people.

use serde_json::Value;

/// `812 ms`, `1.53 s`, `2 m 05 s`: three digits that matter.
pub(crate) fn duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let scaled = |unit: f64, name: &str| {
        let value = nanos as f64 / unit;
        let digits = if value >= 100.0 {
            0
        } else if value >= 10.0 {
            1
        } else {
            2
        };
        format!("{sign}{value:.digits$} {name}")
    };
    match nanos {
        0 => "0".into(),
        1..1_000 => format!("{sign}{nanos} ns"),
        1_000..1_000_000 => scaled(1e3, "µs"),
        1_000_000..1_000_000_000 => scaled(1e6, "ms"),
        1_000_000_000..120_000_000_000 => scaled(1e9, "s"),
        _ => {
            let seconds = nanos / 1_000_000_000;
            match seconds {
                0..7200 => format!("{sign}{} m {:02} s", seconds / 60, seconds % 60),
                _ => format!("{sign}{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
            }
        }
    }
}

/// An integer that may stand as a number or, beyond 2^53, as text.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// RFC 3339 to the nanosecond, as the API writes it.
pub(crate) fn time_nanos(text: &str) -> Option<i64> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// `2026-11-23 14:11:55.123`: in UTC, to the millisecond.
pub(crate) fn time(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S%.3f").to_string(),
        Err(_) => text.to_string(),
    }
}

pub(crate) fn bytes(count: u64) -> String {
    let mut value = count as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{count} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// Any JSON value as one line.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let cases = [
            (0, "0"),
            (999, "999 ns"),
            (1_500, "1.50 µs"),
            (812_000_000, "812 ms"),
            (1_530_000_000, "1.53 s"),
            (-20_000_000, "-20.0 ms"),
            (125_000_000_000, "2 m 05 s"),
            (7_500_000_000_000, "2 h 05 m"),
        ];
        for (nanos, expect) in cases {
            assert_eq!(duration(nanos), expect);
        }
    }

    #[test]
    fn times_and_bytes() {
        assert_eq!(time("2026-11-23T14:11:55.123456789Z"), "2026-11-23 14:11:55.123");
        assert_eq!(time("soon"), "soon");
        assert_eq!(time_nanos("1970-01-01T00:00:01.000000002Z"), Some(1_000_000_002));
        assert_eq!((bytes(12).as_str(), bytes(2048).as_str(), bytes(5 << 30).as_str()), ("12 B", "2.0 KiB", "5.0 GiB"));
    }
}
