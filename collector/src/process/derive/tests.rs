use super::*;

#[derive(serde::Deserialize)]
struct Line {
    from: String,
    line: String,
    severity_number: Option<i32>,
    trace_id: Option<String>,
    span_id: Option<String>,
}

/// Lines of real log files in 60 formats, labelled by hand: what they say is found, and nothing where they say nothing.
#[test]
fn real_lines() {
    let text = include_str!("../../../../tests/fixtures/logs/lines.jsonl");
    let mut wrong = Vec::new();
    let mut count = 0;
    for text in text.lines() {
        let line: Line = serde_json::from_str(text).expect("a line of the fixture");
        count += 1;
        let found = (severity("", &line.line), trace(&line.line));
        let ids = found.1.map(|(trace, span)| (trace.to_string(), span.map(|span| span.to_string())));
        if found.0 != line.severity_number || ids != line.trace_id.clone().map(|trace| (trace, line.span_id.clone())) {
            wrong.push(format!("{}: {:?} {ids:?} instead of {:?} {:?}: {:.120}", line.from, found.0, line.severity_number, line.trace_id, line.line));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count >= 70);
}

#[test]
fn severities() {
    let cases = [
        ("WARNING", "anything", Some(13)),
        ("AUDIT", "level=error", Some(17)),
        ("", r#"{"msg":"x","severity":"CRITICAL"}"#, Some(21)),
        ("", r#"{"level":30,"msg":"error"}"#, Some(9)),
        ("", r#"{"level":3,"msg":"error"}"#, None),
        ("", r#"{"log":{"level":"warn"}}"#, Some(13)),
        ("", r#"{"msg":"an ERROR inside"}"#, None),
        ("", "ts=1 lvl=eror msg=x", None),
        ("", "ts=1 lvl=dbg msg=x", Some(5)),
        ("", "<11>1 2024-01-01T00:00:00Z host app - - - broken", Some(17)),
        ("", "<999> no", None),
        ("", "ERROR:root:it broke", Some(17)),
        ("", "error: cannot open", Some(17)),
        ("", "2024-01-01 10:00:00.123  INFO 1 --- [main] c.e.App : Started", Some(9)),
        ("", "2024-01-01T10:00:00Z\tWARN\tmain.go:1\tslow", Some(13)),
        ("", "\u{1b}[31mERROR\u{1b}[0m it broke", Some(17)),
        ("", "[2024-01-01 00:00:00] [ERROR] it broke", Some(17)),
        ("", "Traceback (most recent call last):\n  File \"a.py\"", Some(17)),
        ("", "Exception in thread \"main\" java.lang.Error", Some(17)),
        ("", "panic: runtime error: index out of range", Some(21)),
        ("", "0 errors, 2 warnings", None),
        ("", "GET /ERROR 200", None),
        ("", "TRACE_ID is not set, ERROR_COUNT=0", None),
        ("", "information about the error", None),
        ("", "first line\nERROR on the second", None),
        ("", "", None),
    ];
    for (severity_text, body, expect) in cases {
        assert_eq!(severity(severity_text, body), expect, "{severity_text:?} {body:?}");
    }
}

#[test]
fn traces() {
    const TRACE: &str = "5b8efff798038103d269b633813fc60c";
    const SPAN: &str = "eee19b7ec3c1b174";
    let both = Some((TRACE, Some(SPAN)));
    let cases = [
        ("GET / trace_id=5b8efff798038103d269b633813fc60c span_id=eee19b7ec3c1b174", both),
        (r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","msg":"x"}"#, both),
        (r#"{"trace_id": "5B8EFFF798038103D269B633813FC60C", "span_id": "EEE19B7EC3C1B174"}"#, both),
        ("otelTraceID=5b8efff798038103d269b633813fc60c otelSpanID=eee19b7ec3c1b174 otelTraceSampled=True", both),
        (r#"{"trace":{"id":"5b8efff798038103d269b633813fc60c"},"span":{"id":"eee19b7ec3c1b174"}}"#, both),
        (r#"{"trace.id":"5b8efff798038103d269b633813fc60c","span.id":"eee19b7ec3c1b174"}"#, both),
        ("traceparent: 00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01", both),
        ("INFO [shop,5b8efff798038103d269b633813fc60c,eee19b7ec3c1b174] 1 --- x", both),
        ("INFO 1 --- [shop] [main] [5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174] x", both),
        (r#"{"logging.googleapis.com/trace":"projects/p/traces/5b8efff798038103d269b633813fc60c"}"#, Some((TRACE, None))),
        ("X-B3-TraceId: 5b8efff798038103d269b633813fc60c", Some((TRACE, None))),
        ("request traceID=[5b8efff7-9803-8103-d269-b633813fc60c] failed", Some((TRACE, None))),
        ("trace_id=eee19b7ec3c1b174", Some(("0000000000000000eee19b7ec3c1b174", None))),
        ("trace_id=5b8efff798038103d269b633813fc60c parent_span_id=eee19b7ec3c1b174", Some((TRACE, None))),
        (r#"body says \"trace_id\":\"5b8efff798038103d269b633813fc60c\""#, Some((TRACE, None))),
        ("trace_id=00000000000000000000000000000000", None),
        ("trace_id=5b8efff798038103d269b633813fc60c1", None),
        ("parent_trace_id=5b8efff798038103d269b633813fc60c", None),
        ("checksum 5b8efff798038103d269b633813fc60c", None),
        ("stack trace: abcdef", None),
        ("trace_id=", None),
        ("trace_id", None),
        ("traceparent=00-zz", None),
        ("", None),
    ];
    for (text, expect) in cases {
        let found = trace(text).map(|(trace, span)| (trace.to_string(), span.map(|span| span.to_string())));
        assert_eq!(found, expect.map(|(trace, span)| (trace.to_owned(), span.map(str::to_owned))), "{text}");
    }
}

proptest::proptest! {
    /// Whatever the text, looking at it ends without a panic.
    #[test]
    fn any_text(text in "[a-fTRACEtrace_id=:\\[\\]\"{}<>0-9\u{1b}é -]{0,120}", long in "\\PC{0,40}") {
        let _ = (severity(&long, &text), trace(&text), severity("", &long), trace(&long));
        let long = text.repeat(400);
        let _ = (severity("", &long), trace(&long));
    }
}
