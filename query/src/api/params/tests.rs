use super::*;

#[test]
fn times() {
    let now = UnixNanos(1_700_000_000_000_000_000);
    let cases = [
        ("now", Some(now.0)),
        ("now-15m", Some(now.0 - 900_000_000_000)),
        ("now-1h30m", Some(now.0 - 5_400_000_000_000)),
        ("now+5s", Some(now.0 + 5_000_000_000)),
        ("0", Some(0)),
        ("1700000000", Some(1_700_000_000_000_000_000)),
        ("1700000000.5", Some(1_700_000_000_500_000_000)),
        ("1700000000123", Some(1_700_000_000_123_000_000)),
        ("1700000000123456", Some(1_700_000_000_123_456_000)),
        ("1700000000123456789", Some(1_700_000_000_123_456_789)),
        ("2023-11-14T22:13:20Z", Some(1_700_000_000_000_000_000)),
        ("2023-11-14T23:13:20+01:00", Some(1_700_000_000_000_000_000)),
        ("nowish", None),
        ("now-", None),
        ("now-5x", None),
        ("yesterday", None),
        ("2023-11-14", None),
    ];
    for (text, expect) in cases {
        assert_eq!(time("from", text, now).ok().map(|time| time.0), expect, "{text}");
    }
}

#[test]
fn ranges_and_limits() {
    let now = UnixNanos(1_700_000_000_000_000_000);
    assert_eq!(range(None, None, now).unwrap(), TimeRange::since(UnixNanos(now.0 - RANGE_DEFAULT_NANO)));
    assert!(range(Some("now"), Some("now-1h"), now).unwrap_err().to_string().contains("ends before"));
    assert_eq!(limit(None, 20, 1000).unwrap(), 20);
    assert_eq!(limit(Some(1000), 20, 1000).unwrap(), 1000);
    assert!(limit(Some(1001), 20, 1000).is_err());
}

#[test]
fn cursors() {
    assert_eq!(decode_cursor(&encode_cursor(&[1, 2, 255])).unwrap(), [1, 2, 255]);
    assert!(decode_cursor("%%").is_err());
}
