//! The language from the outside: mistakes, trees, predicates, rows, limits, completion, the users' page.

#![allow(clippy::unwrap_used)]

mod completion;
mod properties;
mod rows;

use super::{DEPTH_MAX, REGEXES_MAX, TERMS_MAX, TEXT_BYTES_MAX, Target, TraceFacts, compile, parse};
use hopline_model::UnixNanos;

const TARGETS: [Target; 4] = [Target::Traces, Target::Spans, Target::Logs, Target::Metrics];

/// The predicates of a text, each as its debug text without the noise of its types.
fn show(text: &str, target: Target) -> String {
    let compiled = compile(text, target).unwrap_or_else(|error| panic!("{text}: {error}"));
    let rows: Vec<String> = compiled.rows.iter().map(|predicate| format!("{predicate:?}")).collect();
    rows.join(" / ").replace("Bound { value: ", "{").replace(", inclusive: ", " ")
}

#[test]
fn canonical_texts() {
    let cases = [
        ("", ""),
        ("   ", ""),
        ("service:checkout  status:error", "service:checkout status:error"),
        ("a AND b && c", "a b c"),
        ("a OR b || c", "a OR b OR c"),
        ("a b OR c", "a b OR c"),
        ("a (b OR c)", "a (b OR c)"),
        ("((a))", "a"),
        ("(a b) c", "a b c"),
        ("NOT a", "-a"),
        ("!a", "-a"),
        ("--a", "--a"),
        ("-(a b)", "-(a b)"),
        ("NOT(a OR b)", "-(a OR b)"),
        ("\"card declined\"", "\"card declined\""),
        ("\"a \\\"b\\\" \\\\ \\d\"", "\"a \\\"b\\\" \\\\ \\\\d\""),
        ("decl* \"card decl\"*", "decl* \"card decl\"*"),
        ("*", "*"),
        ("x:*", "x:*"),
        ("x:**", "x:*"),
        ("x:\"a*b\"", "x:\"a*b\""),
        ("x:\"a\\*b\"", "x:\"a\\*b\""),
        ("x:>=5", "x:>=5"),
        ("x:1..5", "x:1..5"),
        ("x:5..", "x:5.."),
        ("x:..5", "x:..5"),
        ("x:~\"^a\\d+$\"", "x:~\"^a\\\\d+$\""),
        ("x:~^a$", "x:~\"^a$\""),
        ("x:(a OR \"b c\" || >5)", "x:(a OR \"b c\" OR >5)"),
        ("{a} {b:1} c", "{a} {b:1} c"),
        ("{}", "{}"),
        ("\"my key\":x", "\"my key\":x"),
        ("attributes.\"my key\":x", "attributes.\"my key\":x"),
        ("name:/users/{id}", "name:/users/{id}"),
        ("{name:/users/{id}}", "{name:/users/{id}}"),
        ("http://shop/cart 12:30:05 std::io::Error 10.0.0.1:80", "http://shop/cart 12:30:05 std::io::Error 10.0.0.1:80"),
        ("or and not", "or and not"),
        ("x:a:b", "x:a:b"),
        ("x:-5", "x:-5"),
    ];
    for (text, expect) in cases {
        let query = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(query.to_string(), expect, "{text}");
        assert_eq!(parse(expect).unwrap(), query, "{text}");
    }
}

#[test]
fn mistakes_say_where_and_what() {
    use Target::{Logs, Metrics, Spans, Traces};
    let cases = [
        (Spans, "service:", "at 8: expected a value after \"service:\""),
        (Spans, "service: checkout", "at 8: expected a value after \"service:\""),
        (Spans, "(service:)", "at 9: expected a value after \"service:\""),
        (Spans, "duration:>", "at 10: expected a number after \">\""),
        (Spans, "name:~", "at 6: expected a regular expression after \"~\""),
        (Spans, "a OR", "at 4: expected a word, a phrase or field:value after \"OR\""),
        (Spans, "OR a", "at 0: expected a word, a phrase or field:value before \"OR\""),
        (Spans, "(a", "at 2: expected \")\" for the \"(\" at 0"),
        (Spans, "a)", "at 1: this \")\" closes nothing: expected \"(\" before it"),
        (Spans, "()", "at 1: expected a word, a phrase or field:value before \")\""),
        (Traces, "{a", "at 2: expected \"}\" for the \"{\" at 0"),
        (Traces, "a}", "at 1: this \"}\" closes nothing: expected \"{\" before it"),
        (Spans, "\"abc", "at 4: expected a closing quote for the one at 0"),
        (Spans, "x:\"abc", "at 6: expected a closing quote for the one at 2"),
        (Spans, "\"\"", "at 0: expected a text between the quotes"),
        (Spans, "a - b", "at 3: expected a word, a phrase or field:value right after \"-\" (in quotes, it is text)"),
        (Spans, "*card", "at 0: expected \"*\" only at the end of a word (with a field it may stand anywhere: name:\"*card*\")"),
        (Spans, "http.*:5", "at 5: expected a field's whole name (\"*\" stands for values only; in quotes it is part of the name)"),
        (Spans, "duration>500ms", "at 8: expected \":\" after \"duration\": did you mean duration:>500ms? (in quotes, it is text)"),
        (Logs, "service=cart", "at 7: expected \":\" after \"service\": did you mean service:cart? (in quotes, it is text)"),
        (Spans, "x:a\"b\"", "at 3: expected a space (put the whole value in quotes, with \\\" for a quote inside)"),
        (Spans, "x:(a b)", "at 5: expected OR or \")\" in the list of values of x"),
        (Spans, "x:(a OR", "at 7: expected a value after \"OR\""),
        (Spans, "x:()", "at 3: expected a value after \"(\""),
        (Spans, "x:foo(bar", "at 5: expected \")\" in the same word (in quotes, it may stand alone)"),
        (Spans, "status:eror", "at 7: there is no status \"eror\": expected unset, ok or error; did you mean error?"),
        (
            Spans,
            "kind:sever",
            "at 5: there is no kind \"sever\": expected unspecified, internal, server, client, producer or consumer; did you mean server?",
        ),
        (Spans, "kind:>server", "at 6: expected unspecified, internal, server, client, producer or consumer: a kind is not larger or smaller"),
        (Spans, "status:x*", "at 7: no status is like \"x*\": expected unset, ok or error"),
        (
            Metrics,
            "type:guage",
            "at 5: there is no type \"guage\": expected gauge, sum, histogram, exponential_histogram or summary; did you mean gauge?",
        ),
        (
            Logs,
            "severity:warm",
            "at 9: there is no severity \"warm\": expected trace, debug, info, warn, error, fatal or a number from 0 to 24; did you mean warn?",
        ),
        (
            Logs,
            "severity:~warn",
            "at 10: expected trace, debug, info, warn, error, fatal or a number from 0 to 24: a regular expression is for severity_text",
        ),
        (Logs, "status:warn", "at 7: on logs, status is error or ok (severity tells more: severity:>=warn): did you mean severity:warn?"),
        (Logs, "status:eror", "at 7: there is no status \"eror\": expected error or ok (severity tells more: severity:>=warn); did you mean error?"),
        (Spans, "duration:>500", "at 10: expected a unit after \"500\" for duration: ns, us, µs, ms, s, m, h or d, such as 500ms"),
        (Spans, "duration:long", "at 9: expected a duration such as 500ms for duration, not \"long\"; units are ns, us, µs, ms, s, m, h or d"),
        (Spans, "duration:2s..1s", "at 9: expected the smaller end of the range first"),
        (Spans, "x:>abc", "at 3: expected a number, not \"abc\": only numbers are larger or smaller"),
        (Spans, "wait:>5ms", "at 6: expected a plain number, not \"5ms\": the unit of wait is not known, so compare with the number as it is stored"),
        (Metrics, "value:x", "at 6: expected a number for value, not \"x\""),
        (Spans, "trace:xyz", "at 6: expected 32 (or 16) hexadecimal digits of a trace id, not \"xyz\""),
        (Logs, "span:12", "at 5: expected 16 hexadecimal digits of a span id, not \"12\""),
        (Traces, "trace.eror:>1", "at 0: a trace has no field trace.eror: did you mean trace.errors? (in quotes, it is an attribute)"),
        (Traces, "trace.duration:>5", "at 16: expected a unit after \"5\" for trace.duration: ns, us, µs, ms, s, m, h or d, such as 5ms"),
        (Traces, "trace.start:>monday", "at 13: expected a time such as 2026-11-24T10:00:00Z for trace.start, not \"monday\""),
        (Traces, "root.name:>5", "at 11: expected a text: root.name is not larger or smaller"),
        (Spans, "trace.spans:>5", "at 0: trace.spans is a condition on whole traces, which only a search of traces knows"),
        (
            Traces,
            "status:error OR trace.spans:>5",
            "at 16: a condition on the whole trace can stand beside conditions on its spans, not with them under OR or a negation",
        ),
        (Spans, "{a}", "at 0: {…} asks for a span of a trace: expected terms without braces, or a search of traces"),
        (Logs, "event.\"a\":x", "at 0: only spans have event.…: expected attributes.\"a\" or \"a\""),
        (Spans, "\"\":x", "at 0: expected a key between the quotes"),
        (Spans, "name:~\"(\"", "at 6: expected a regular expression: unclosed group"),
        (Spans, "name:~\"(a{1000}){1000}\"", "at 6: the regular expression is too large: expected a smaller one"),
    ];
    for (target, text, expect) in cases {
        match compile(text, target) {
            Ok(compiled) => panic!("{text} compiles: {compiled:?}"),
            Err(error) => {
                assert_eq!(error.to_string(), expect, "{text}");
                assert!(
                    !error.expected.is_empty() && text.is_char_boundary(error.position) && text.is_char_boundary(error.position + error.length),
                    "{text}: {error:?}"
                );
            }
        }
    }
    let outermost = "expected \"{…}\" only at the outermost level, beside other terms: not negated, not in parentheses, not with OR";
    for (text, at) in [("-{a}", 1), ("({a})", 1), ("{a} OR b", 0), ("b OR c {a}", 7), ("{a {b}}", 3)] {
        assert_eq!(compile(text, Target::Traces).unwrap_err().to_string(), format!("at {at}: {outermost}"), "{text}");
    }
}

#[test]
fn limits() {
    let long = "a".repeat(TEXT_BYTES_MAX);
    assert!(parse(&long).is_ok());
    assert_eq!(parse(&format!("{long}a")).unwrap_err().message, "the query has 8193 bytes: expected at most 8192 bytes");
    let deep = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(DEPTH_MAX)).is_ok());
    let expect = "at 32: expected at most 32 parentheses and negations inside each other";
    assert_eq!(parse(&deep(DEPTH_MAX + 1)).unwrap_err().to_string(), expect);
    assert_eq!(parse(&deep(4_000)).unwrap_err().to_string(), expect);
    assert_eq!(parse(&"-".repeat(8_000)).unwrap_err().to_string(), expect);
    let many = |terms: usize| vec!["a"; terms].join(" ");
    assert!(parse(&many(TERMS_MAX)).is_ok());
    assert_eq!(parse(&many(TERMS_MAX + 1)).unwrap_err().message, "expected at most 256 words and values in a query");
    let list = |terms: usize| format!("x:({})", vec!["a"; terms].join(" OR "));
    assert!(parse(&list(TERMS_MAX)).is_ok());
    assert!(parse(&list(TERMS_MAX + 1)).is_err());
    let regexes = |count: usize| vec!["x:~a"; count].join(" ");
    assert!(parse(&regexes(REGEXES_MAX)).is_ok());
    assert_eq!(parse(&regexes(REGEXES_MAX + 1)).unwrap_err().message, "expected at most 16 regular expressions in a query");
}

#[test]
fn predicates() {
    use Target::{Logs, Metrics, Spans, Traces};
    let compare = |field: &str, test: &str| format!("Compare {{ field: {field}, test: {test} }}");
    let cases = [
        (Spans, "", "All".to_owned()),
        (Traces, "trace.spans:>5", "All".into()),
        (Spans, "service:checkout", compare("Column(\"service_name\")", "Equals(\"checkout\")")),
        (Spans, "service.name:checkout", compare("Column(\"service_name\")", "Equals(\"checkout\")")),
        (Spans, "version:2.*", compare("Column(\"service_version\")", "Like(\"2.*\")")),
        (Spans, "status:ERROR", compare("Column(\"status_code\")", "Equals(\"error\")")),
        (Spans, "status:STATUS_CODE_OK", compare("Column(\"status_code\")", "Equals(\"ok\")")),
        (Spans, "status:(ok OR error)", compare("Column(\"status_code\")", "In([\"ok\", \"error\"])")),
        (Spans, "kind:2", compare("Column(\"kind\")", "Equals(\"server\")")),
        (Spans, "kind:9", compare("Column(\"kind\")", "Equals(\"9\")")),
        (Spans, "duration:>500ms", compare("Column(\"duration_nano\")", "Range { min: Some({500000000.0 false }), max: None }")),
        (
            Spans,
            "duration:1s..2s",
            compare("Column(\"duration_nano\")", "Range { min: Some({1000000000.0 true }), max: Some({2000000000.0 true }) }"),
        ),
        (Spans, "http.route:/cart", compare("Any(\"http.route\")", "Equals(\"/cart\")")),
        (Spans, "resource.host.name:a", compare("Resource(\"host.name\")", "Equals(\"a\")")),
        (Spans, "span.http.route:*", compare("Attribute(\"http.route\")", "Exists")),
        (Spans, "attributes.name:a", compare("Attribute(\"name\")", "Equals(\"a\")")),
        (Spans, "span.name:a", compare("Column(\"name\")", "Equals(\"a\")")),
        (Spans, "\"name\":a", compare("Any(\"name\")", "Equals(\"a\")")),
        (Spans, "event.name:exception", compare("Event(\"name\")", "Equals(\"exception\")")),
        (Spans, "event.exception.type:*Timeout", compare("Event(\"exception.type\")", "Like(\"*Timeout\")")),
        (Spans, "link:D269B633813FC60C", compare("Link(\"trace_id\")", "Equals(\"0000000000000000d269b633813fc60c\")")),
        (Spans, "scope.version:1", compare("Scope(\"$version\")", "Equals(\"1\")")),
        (Spans, "-parent:*", format!("Not({})", compare("Column(\"parent_span_id\")", "Exists"))),
        (Spans, "size:>1MB", compare("Any(\"size\")", "Range { min: Some({1000000.0 false }), max: None }")),
        (Spans, "delay_ms:>=2s", compare("Any(\"delay_ms\")", "Range { min: Some({2000.0 true }), max: None }")),
        (Spans, "x:main..dev", compare("Any(\"x\")", "Equals(\"main..dev\")")),
        (Spans, "x:\"a\\*b\"", compare("Any(\"x\")", "Equals(\"a*b\")")),
        (Spans, "x:\"a\\*b*\"", compare("Any(\"x\")", "Matches(Regex(\"(?s)^a\\\\*b.*$\"))")),
        (Spans, "trace:5B8EFFF7-98038103D269B633813FC60C", "TraceIds([5b8efff798038103d269b633813fc60c])".into()),
        (Spans, "span:(0102030405060708 OR 0102030405060709)", "SpanIds([0102030405060708, 0102030405060709])".into()),
        (Spans, "trace:5B8E*", compare("Column(\"trace_id\")", "Like(\"5b8e*\")")),
        (Logs, "status:error", compare("Column(\"severity_number\")", "Range { min: Some({17.0 true }), max: None }")),
        (Logs, "severity:warn", compare("Column(\"severity_number\")", "Range { min: Some({13.0 true }), max: Some({16.0 true }) }")),
        (Logs, "severity:>warn", compare("Column(\"severity_number\")", "Range { min: Some({17.0 true }), max: None }")),
        (Logs, "severity:<WARN2", compare("Column(\"severity_number\")", "Range { min: None, max: Some({13.0 true }) }")),
        (Logs, "severity:info..error", compare("Column(\"severity_number\")", "Range { min: Some({9.0 true }), max: Some({20.0 true }) }")),
        (Logs, "duration:>5", compare("Any(\"duration\")", "Range { min: Some({5.0 false }), max: None }")),
        (Logs, "event:login", compare("Column(\"event_name\")", "Equals(\"login\")")),
        (Logs, "event.domain:x", compare("Any(\"event.domain\")", "Equals(\"x\")")),
        (Logs, "*", "All".into()),
        (Logs, "card-declined", "Text(TextQuery { text: \"card-declined\", phrase: true, prefix: false })".into()),
        (Logs, "decl*", "Text(TextQuery { text: \"decl\", phrase: false, prefix: true })".into()),
        (Logs, "\"card decl\"*", "Text(TextQuery { text: \"card decl\", phrase: true, prefix: true })".into()),
        (Metrics, "value:>5", compare("Column(\"value\")", "Range { min: Some({5.0 false }), max: None }")),
        (Metrics, "type:sum", compare("Column(\"type\")", "Equals(\"sum\")")),
        (Traces, "{x:1} {x:2}", format!("{} / {}", compare("Any(\"x\")", "Equals(\"1\")"), compare("Any(\"x\")", "Equals(\"2\")"))),
        (Traces, "{x:1} x:2 trace.spans:>1", format!("{} / {}", compare("Any(\"x\")", "Equals(\"2\")"), compare("Any(\"x\")", "Equals(\"1\")"))),
        (Traces, "{x:1 trace.spans:>1}", compare("Any(\"x\")", "Equals(\"1\")")),
        (Traces, "{} trace.spans:>1", "All".into()),
    ];
    for (target, text, expect) in cases {
        assert_eq!(show(text, target), expect, "{text}");
    }
}

#[test]
fn texts_for_highlighting_are_those_that_are_found() {
    let compiled = compile("card -declined (\"no funds\" OR card) --x -(a -b)", Target::Logs).unwrap();
    let texts: Vec<&str> = compiled.texts.iter().map(|text| text.text.as_str()).collect();
    assert_eq!(texts, ["card", "no funds", "x", "b"]);
}

#[test]
fn conditions_on_traces() {
    let facts = TraceFacts {
        duration_nano: 1_500_000_000,
        span_count: 12,
        error_count: 1,
        service_count: 3,
        root_service: Some("shop"),
        root_name: None,
        start: UnixNanos(1_700_000_000_000_000_001),
    };
    let cases = [
        ("trace.duration:>1s", true),
        ("trace.duration:>1500ms", false),
        ("trace.duration:>=1500ms", true),
        ("trace.duration:1500ms", true),
        ("trace.duration:*", true),
        ("trace.spans:10..12", true),
        ("trace.spans:<12", false),
        ("trace.spans:(1 OR 12)", true),
        ("trace.spans:<11.5", false),
        ("trace.spans:>11.5", true),
        ("trace.errors:0", false),
        ("-trace.errors:0", true),
        ("trace.services:3", true),
        ("root.service:shop", true),
        ("root.service:s*p", true),
        ("root.service:SHOP", false),
        ("root.service:~\"^s\"", true),
        ("root.name:*", false),
        ("-root.name:x", true),
        ("root.service:shop trace.errors:>1", false),
        ("(root.service:x OR trace.errors:>0)", true),
        ("{status:error trace.errors:>5}", false),
        ("trace.start:>=2023-11-14T22:13:20.000000001Z", true),
        ("trace.start:>2023-11-14T22:13:20.000000001Z", false),
        ("trace.start:2023-11-14..2023-11-15", true),
        ("trace.start:..2023-11-14", false),
    ];
    for (text, expect) in cases {
        let compiled = compile(text, Target::Traces).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(compiled.trace.expect("a condition").holds(&facts), expect, "{text}");
    }
    assert!(compile("status:error", Target::Traces).unwrap().trace.is_none());
}

/// Every example of the users' page is a query of what it is said to be of, and every field has its line there.
#[test]
fn the_page_for_users_is_true() {
    let page = include_str!("../../../docs/query-language.md");
    let mut examples = 0;
    for block in page.split("```query").skip(1) {
        let (head, rest) = block.split_once('\n').unwrap();
        let body = rest.split_once("```").expect("the block ends").0;
        let targets: &[Target] = match head.trim() {
            "" => &TARGETS,
            "traces" => &[Target::Traces],
            "spans" => &[Target::Traces, Target::Spans],
            "logs" => &[Target::Logs],
            "metrics" => &[Target::Metrics],
            other => panic!("no such kind of example: {other}"),
        };
        for line in body.lines().map(|line| line.split("   #").next().unwrap().trim()).filter(|line| !line.is_empty()) {
            for target in targets {
                if let Err(error) = compile(line, *target) {
                    panic!("{line} of {target:?}: {error}");
                }
                examples += 1;
            }
        }
    }
    assert!(examples > 50, "{examples}");
    for target in TARGETS {
        for field in super::complete::fields(target) {
            assert!(page.contains(&format!("| `{}` |", field.name)), "{} is missing", field.name);
        }
    }
}
