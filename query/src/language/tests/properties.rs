//! Any text is a query or a mistake; a query's canonical text is the same query.

use super::TARGETS;
use crate::language::ast::{Expr, Name, Op, Query, Scope, Term, Test, Text, Value};
use crate::language::{Place, compile, complete, parse};
use proptest::prelude::*;
use proptest::sample::select;

/// Texts that once were, or could be, read wrongly: one a line.
const CORPUS: &str = include_str!("corpus.txt");

fn holds(text: &str) {
    for target in TARGETS {
        let compiled = compile(text, target);
        if let Err(error) = &compiled {
            assert!(text.is_char_boundary(error.position) && error.position + error.length <= text.len(), "{text:?}: {error:?}");
            assert!(!error.message.is_empty() && !error.expected.is_empty(), "{text:?}: {error:?}");
        }
    }
    if let Ok(query) = parse(text) {
        let shown = query.to_string();
        // The canonical text may need more bytes than were typed.
        if shown.len() <= crate::language::TEXT_BYTES_MAX {
            assert_eq!(parse(&shown).as_ref(), Ok(&query), "{text:?} reads as {shown:?}");
            assert_eq!(parse(&shown).unwrap().to_string(), shown);
        }
    }
    for at in 0..=text.len() + 1 {
        let completion = complete::context(text, at);
        assert!(completion.from <= completion.to && completion.to <= text.len(), "{text:?} at {at}: {completion:?}");
        assert!(text.is_char_boundary(completion.from) && text.is_char_boundary(completion.to), "{text:?} at {at}: {completion:?}");
        assert!(parse(&completion.rest).is_ok(), "{text:?} at {at}: {completion:?}");
    }
}

#[test]
fn corpus() {
    for line in CORPUS.lines() {
        holds(line);
        holds(&line.replace("⏎", "\n"));
    }
    assert!(CORPUS.lines().count() > 100);
}

fn key() -> impl Strategy<Value = (Option<Scope>, String, bool)> {
    let scope = select(vec![
        None,
        Some(Scope::Resource),
        Some(Scope::Span),
        Some(Scope::Attributes),
        Some(Scope::Event),
        Some(Scope::Link),
        Some(Scope::Scope),
    ]);
    prop_oneof!["[a-z_][a-z0-9._/-]{0,8}".prop_map(|key| (None, key, false)), (scope, "[^\u{0}]{0,6}").prop_map(|(scope, key)| (scope, key, true))]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        // Dots would make a range, a lone star a test that it is there.
        "[a-z0-9-][a-z0-9:/=,-]{0,5}(\\*[a-z0-9]{0,3})?".prop_map(|text| Value {
            pieces: text.split('*').map(str::to_owned).collect(),
            quoted: false,
            place: Place::default()
        }),
        proptest::collection::vec("[^\u{0}]{0,4}", 1..4).prop_map(|pieces| Value { pieces, quoted: true, place: Place::default() }),
    ]
}

fn test() -> impl Strategy<Value = Test> {
    let number = || "-?[0-9]{1,3}(ms|MB)?";
    let op = select(vec![Op::Above, Op::AtLeast, Op::Below, Op::AtMost]);
    let one = prop_oneof![
        Just(Test::Exists),
        value().prop_map(Test::Is),
        (op, value()).prop_map(|(op, value)| Test::Compare(op, value)),
        (proptest::option::of(number()), number()).prop_map(|(min, max)| Test::Range { min, max: Some(max), place: Place::default() }),
        number().prop_map(|min| Test::Range { min: Some(min), max: None, place: Place::default() }),
        "[^\u{0}]{0,6}".prop_map(|regex| Test::Matches { regex, place: Place::default() }),
    ];
    prop_oneof![4 => one.clone(), 1 => proptest::collection::vec(one, 1..4).prop_map(Test::List)]
}

fn expr() -> impl Strategy<Value = Expr> {
    let text = prop_oneof![
        "[a-z][a-z0-9/:.=-]{0,6}".prop_filter("a field", |text| !text.contains(':')).prop_map(|text| (text, false)),
        "[^\u{0}]{0,8}".prop_filter("nothing", |text| !text.trim().is_empty()).prop_map(|text| (text, true))
    ];
    let leaf = prop_oneof![
        1 => Just(Expr::Everything),
        3 => (text, any::<bool>()).prop_filter("a comparison", |((text, quoted), _)| *quoted || !text.contains('='))
            .prop_map(|((text, quoted), prefix)| Expr::Text(Text { text, quoted, prefix, place: Place::default() })),
        5 => (key(), test()).prop_map(|((scope, key, quoted), test)| {
            Expr::Term(Term { name: Name { scope, key, quoted, place: Place::default() }, test, place: Place::default() })
        }),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| Expr::and(parts).unwrap()),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(|parts| Expr::or(parts).unwrap()),
            inner.prop_map(|inner| Expr::Not(Box::new(inner))),
        ]
    })
}

fn query() -> impl Strategy<Value = Query> {
    let span = proptest::option::of(expr()).prop_map(|inside| Expr::Span { inside: inside.map(Box::new), place: Place::default() });
    prop_oneof![
        4 => proptest::option::of(expr()),
        2 => proptest::collection::vec(prop_oneof![2 => span, 1 => expr().prop_filter("one term", |expr| !matches!(expr, Expr::And(_)))], 1..4).prop_map(Expr::and),
    ]
    .prop_map(|root| Query { root })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text(text in "\\PC{0,40}") {
        holds(&text);
    }

    /// Texts made of what the language is made of come further into it.
    #[test]
    fn any_pieces(pieces in proptest::collection::vec(select(vec![
        " ", " ", "(", ")", "{", "}", "-", "!", "NOT ", "AND", "OR", " OR ", "&&", "||", "\"", "\\", "*", ":", "~", ">", ">=", "<", "..", "=",
        "service:", "status:", "duration:", "trace.duration:", "severity:", "resource.", "attributes.", "x:", "\"my key\":", "error", "500ms", "5", "é", "a.b", "\n",
    ]), 0..16)) {
        holds(&pieces.concat());
    }

    #[test]
    fn printed_and_read(query in query()) {
        let shown = query.to_string();
        prop_assert_eq!(parse(&shown).map_err(|error| format!("{shown}: {error}")), Ok(query));
    }

    /// Whatever a value or a key is, it can be typed.
    #[test]
    fn values_and_keys_can_be_typed(text in "[^\u{0}]{1,12}") {
        let field = complete::field_text(&text, crate::language::Target::Logs);
        let value = complete::value_text(&text);
        let compiled = compile(&format!("{field}:{value}"), crate::language::Target::Logs);
        let shown = format!("{:?}", compiled.map(|compiled| compiled.rows));
        prop_assert_eq!(shown, format!("Ok([Compare {{ field: Any({text:?}), test: Equals({text:?}) }}])"));
    }
}
