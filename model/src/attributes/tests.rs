use super::*;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
        ".*".prop_map(Value::String),
        prop::collection::vec(any::<u8>(), 0..9).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(6, 64, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec(("[a-c$\"\\\\]{0,3}", inner), 0..5).prop_map(Value::Map),
        ]
    })
}

proptest! {
    /// Any value comes back the same from its text, by the reader and by serde_json's grammar.
    #[test]
    fn round_trip(value in value()) {
        let text = value.to_text();
        prop_assert_eq!(Value::parse(&text).expect("own text"), value);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{}", text);
    }

    /// Walking the top level yields every pair once, with the raw text of its value.
    #[test]
    fn walk(pairs in prop::collection::vec(("[a-c$\"é\\\\]{0,3}", value()), 0..6)) {
        let map = Value::Map(pairs.clone());
        let mut expect: Vec<(String, String)> = pairs.iter().map(|(key, value)| (key.clone(), value.to_text())).collect();
        let mut got: Vec<(String, String)> = entries(&map.to_text()).map(|(key, raw)| (key.into_owned(), raw.to_owned())).collect();
        expect.sort();
        got.sort();
        prop_assert_eq!(got, expect);
    }

    /// Cut or damaged text is an error or another value, never a panic.
    #[test]
    fn damaged(value in value(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let text = value.to_text();
        let at = at.index(text.len());
        if let Some(cut) = text.get(..at) {
            let _ = Value::parse(cut);
            let _ = entries(cut).count();
        }
        let mut bytes = text.into_bytes();
        bytes[at] = byte;
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = Value::parse(&text);
            let _ = entries(&text).count();
        }
    }
}

#[test]
fn texts() {
    let cases = [
        (Value::Int(1), "1"),
        (Value::Double(1.0), "1.0"),
        (Value::Double(-0.0), "-0.0"),
        (Value::Double(f64::NAN), r#"{"$double":"NaN"}"#),
        (Value::Bytes(b"hi".to_vec()), r#"{"$bytes":"aGk="}"#),
        (Value::Map(vec![("b".into(), Value::Null), ("a".into(), Value::Bool(true))]), r#"{"a":true,"b":null}"#),
        (Value::Map(vec![("a".into(), Value::Int(2)), ("a".into(), Value::Int(1))]), r#"{"$pairs":[["a",2],["a",1]]}"#),
        (Value::Map(vec![("$x".into(), Value::Int(2))]), r#"{"$$x":2}"#),
        (Value::String("a\"\u{1}".into()), r#""a\"\u0001""#),
    ];
    for (value, text) in cases {
        assert_eq!(value.to_text(), text);
        assert_eq!(Value::parse(text).expect(text), value);
    }
    assert_eq!(get(r#"{"a":{"b":1},"b":"x\"y"}"#, "b").map(plain_text).as_deref(), Some("x\"y"));
    assert_eq!(get(r#"{"a":1}"#, "b"), None);
    let deep = "[".repeat(100_000);
    assert!(Value::parse(&deep).is_err());
}

#[test]
fn own_members_are_told_from_attributes() {
    let seen = |text: &str| members(text).map(|(key, own, raw)| format!("{}{key}={raw}", if own { "own " } else { "" })).collect::<Vec<_>>();
    assert_eq!(seen(r#"{"$name":"lib","$$name":1,"a":2}"#), [r#"own $name="lib""#, "$name=1", "a=2"]);
    assert_eq!(
        seen(r#"{"$pairs":[["$own",{"$name":"lib","$version":"1"}],["$name",3],["a",1],["a",2],["$own",{"$$name":4}]]}"#),
        [r#"own $name="lib""#, r#"own $version="1""#, "$name=3", "a=1", "a=2", r#"$own={"$$name":4}"#]
    );
}

/// Whatever must be escaped is, wherever it stands in a text of any length; whatever need not be is written as it is.
#[test]
fn escapes_at_every_place() {
    for len in 1..20 {
        for at in 0..len {
            for special in (0u8..0x80).map(char::from).chain(['é', '€', '🦀', '\u{80}']) {
                let text: String = (0..len).map(|place| if place == at { special } else { 'é' }).collect();
                let mut written = String::new();
                write_string(&mut written, &text);
                assert_eq!(serde_json::from_str::<String>(&written).expect("JSON"), text);
                let plain = special >= ' ' && special != '"' && special != '\\';
                assert_eq!(written.len() == text.len() + 2, plain, "{special:?} at {at} of {len}");
            }
        }
    }
}
