//! O16 to O18: OTLP/JSON, as text on the wire. The rules in full are in `decode/tests.rs`, and a differential test against Python's
//! protobuf is in `tests/differential`.

use crate::harness::Server;
use hopline_model::Signal;

fn span(members: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5B8EFFF798038103D269B633813FC60C","spanId":"EEE19B7EC3C1B174"{members}}}]}}]}}]}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn o16_ids_are_hexadecimal_in_any_case() {
    let server = Server::start().await;
    let id = |trace: &str, span: &str| format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"{trace}","spanId":"{span}"}}]}}]}}]}}"#);
    for trace in ["5b8efff798038103d269b633813fc60c", "5B8EFFF798038103D269B633813FC60C", "5b8EFFF798038103d269B633813fc60C"] {
        assert!(server.json(Signal::Spans, &id(trace, "eee19B7EC3c1b174")).await.is_full_success());
    }
    assert!(server.spans().iter().all(|span| span.trace_id.to_string() == "5b8efff798038103d269b633813fc60c"));
    // An id of whole bytes and a wrong length rejects its span alone; what is no id at all, the request.
    for trace in ["", "5b8efff798038103d269b633813fc6", "5b8efff798038103d269b633813fc60caa", "00000000000000000000000000000000"] {
        assert_eq!(server.json(Signal::Spans, &id(trace, "eee19b7ec3c1b174")).await.partial.unwrap().0, 1, "{trace:?}");
    }
    for trace in
        ["5b8efff798038103d269b633813fc60", "5b8efff798038103d269b633813fc60cc", "W47/95gDgQPSabYzgT/GDA==", "zb8efff798038103d269b633813fc60c"]
    {
        let answer = server.json(Signal::Spans, &id(trace, "eee19b7ec3c1b174")).await;
        // 33 digits are half a byte too many, 32 wrong ones no digits.
        assert!(answer.status == 400 || answer.partial.is_some_and(|(rejected, _)| rejected == 1), "{trace:?}");
    }
    assert_eq!(server.rows(Signal::Spans), 3);
    // Links, log records and exemplars too.
    let link = r#","links":[{"traceId":"5B8EFFF798038103D269B633813FC60D","spanId":"EEE19B7EC3C1B175"}]"#;
    assert!(server.json(Signal::Spans, &span(link)).await.is_full_success());
    let links = server.spans().last().unwrap().links.clone().unwrap();
    assert!(links.contains("5b8efff798038103d269b633813fc60d") && links.contains("eee19b7ec3c1b175"), "{links}");
}

#[tokio::test(flavor = "multi_thread")]
async fn o17_enums_are_numbers_and_unknown_keys_are_ignored() {
    let server = Server::start().await;
    assert!(server.json(Signal::Spans, &span(r#","kind":2,"status":{"code":2,"message":"m"}"#)).await.is_full_success());
    let row = server.spans().remove(0);
    assert_eq!((row.kind.as_str(), row.status_code.as_str(), row.status_message.as_deref()), ("server", "error", Some("m")));
    for wrong in [r#","kind":"SPAN_KIND_SERVER""#, r#","status":{"code":"STATUS_CODE_ERROR"}"#] {
        assert_eq!(server.json(Signal::Spans, &span(wrong)).await.status, 400, "{wrong}");
    }
    for ignored in [r#","foo":{"deep":[1,[{"a":null}]]}"#, r#","trace_id":"x","start_time_unix_nano":5"#, r#","parent_span_id":{"a":1}"#] {
        assert!(server.json(Signal::Spans, &span(ignored)).await.is_full_success(), "{ignored}");
    }
    assert!(server.spans().iter().all(|span| span.parent_span_id.is_none() && span.start_time.0 == 0));
    let everywhere = r#"{"x":1,"resourceLogs":[{"x":[],"resource":{"x":{},"attributes":[{"x":0,"key":"service.name","value":{"x":0,"stringValue":"s"}}]},
        "scopeLogs":[{"x":null,"scope":{"x":""},"logRecords":[{"x":[[]],"body":{"x":1,"stringValue":"b"}}]}]}]}"#;
    assert!(server.json(Signal::Logs, everywhere).await.is_full_success());
    let log = server.logs().remove(0);
    assert_eq!((log.service_name.as_str(), log.body.as_deref()), ("s", Some("b")));
}

#[tokio::test(flavor = "multi_thread")]
async fn o18_numbers_bytes_and_null() {
    let server = Server::start().await;
    for (sent, nanos) in [
        (r#""1700000000000000001""#, 1_700_000_000_000_000_001),
        ("1700000000000000001", 1_700_000_000_000_000_001),
        ("1.7e18", 1_700_000_000_000_000_000),
        (r#""17e17""#, 1_700_000_000_000_000_000),
        ("null", 0),
    ] {
        assert!(server.json(Signal::Spans, &span(&format!(r#","startTimeUnixNano":{sent},"endTimeUnixNano":{sent}"#))).await.is_full_success());
        assert_eq!(server.spans().last().unwrap().start_time.0, nanos, "{sent}");
    }
    for (sent, stored) in [
        (r#"{"intValue":"-9223372036854775808"}"#, "-9223372036854775808"),
        (r#"{"intValue":9223372036854775807}"#, "9223372036854775807"),
        (r#"{"doubleValue":"NaN"}"#, r#"{"$double":"NaN"}"#),
        (r#"{"doubleValue":"-Infinity"}"#, r#"{"$double":"-Infinity"}"#),
        (r#"{"doubleValue":-0.0}"#, "-0.0"),
        (r#"{"bytesValue":"_-8"}"#, r#"{"$bytes":"/+8="}"#),
        (r#"{"bytesValue":"/+8="}"#, r#"{"$bytes":"/+8="}"#),
        (r#"{"bytesValue":""}"#, r#"{"$bytes":""}"#),
        ("{}", "null"),
        ("null", "null"),
        (r#"{"arrayValue":{"values":[{},{"kvlistValue":{}}]}}"#, "[null,{}]"),
    ] {
        let attributes = format!(r#","attributes":[{{"key":"k","value":{sent}}}]"#);
        assert!(server.json(Signal::Spans, &span(&attributes)).await.is_full_success(), "{sent}");
        assert_eq!(server.spans().last().unwrap().attributes, format!(r#"{{"k":{stored}}}"#), "{sent}");
    }
    // 50,000 levels are answered at once.
    let began = std::time::Instant::now();
    let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
    assert_eq!(server.json(Signal::Metrics, &deep).await.status, 400);
    assert!(began.elapsed() < std::time::Duration::from_secs(1));
}
