//! Queries on rows, through the scan that will run them.

use crate::language::{Target, compile};
use arrow::array::RecordBatch;
use hopline_model::log::Log;
use hopline_model::schema::column;
use hopline_model::span::Span;
use hopline_model::{Signal, SpanId, TenantId, TraceId, UnixNanos};
use hopline_storage::scan::{Column, Order, Predicate, ScanRequest};
use hopline_storage::{Chunk, Snapshot};
use std::sync::Arc;

/// A snapshot of rows that are live in one chunk.
fn snapshot(signal: Signal, rows: RecordBatch) -> Snapshot {
    let chunk = Chunk { rows, time_min: UnixNanos(0), time_max: UnixNanos(i64::MAX), received: UnixNanos(0) };
    let mut chunks = [Arc::default(), Arc::default(), Arc::default()];
    chunks[usize::from(signal.code()) - 1] = Arc::new(vec![chunk]);
    Snapshot { tenant: TenantId(1), chunks, blocks: Arc::default(), complete: true, live_edges: Default::default() }
}

/// Which rows hold, by the text of a column.
fn matching(snapshot: &Snapshot, signal: Signal, predicate: &Predicate, shown: &'static str) -> String {
    let request = ScanRequest {
        predicate: predicate.clone(),
        columns: vec![Column::Fixed(shown), Column::Fixed(column::SEQ)],
        order: Order::OldestFirst,
        ..ScanRequest::all(signal)
    };
    let (batches, _) = snapshot.collect(&request).unwrap();
    let names: Vec<String> = batches
        .iter()
        .flat_map(|batch| match signal {
            Signal::Spans => Span::from_rows(batch).into_iter().map(|span| span.name).collect::<Vec<_>>(),
            _ => Log::from_rows(batch).into_iter().map(|log| log.event_name.unwrap_or_default()).collect(),
        })
        .collect();
    names.join(" ")
}

#[test]
fn spans() {
    let spans = [
        Span {
            name: "a".into(),
            service_name: "checkout".into(),
            service_version: Some("2".into()),
            deployment_environment_name: Some("prod".into()),
            status_code: "error".into(),
            status_message: Some("card declined by bank".into()),
            kind: "server".into(),
            duration_nano: 600_000_000,
            attributes: r#"{"http.request.body.size":2000000,"http.response.status_code":500,"http.route":"/cart/{id}"}"#.into(),
            resource: r#"{"host.name":"h1"}"#.into(),
            trace_id: TraceId([7; 16]),
            ..Span::default()
        },
        Span {
            name: "b".into(),
            service_name: "payment".into(),
            service_version: Some("3".into()),
            duration_nano: 500_000_000,
            parent_span_id: Some(SpanId([1; 8])),
            span_id: SpanId([2; 8]),
            attributes: r#"{"http.response.status_code":"500","note":"The CARD was fine","wait_ms":30}"#.into(),
            events: Some(r#"[{"attributes":{"exception.type":"java.net.SocketTimeoutException"},"name":"exception","time_unix_nano":"5"}]"#.into()),
            ..Span::default()
        },
        Span {
            name: "c".into(),
            service_name: "payment".into(),
            kind: "client".into(),
            duration_nano: 1,
            attributes: r#"{"http.response.status_code":404,"my key":"x*y"}"#.into(),
            links: Some(r#"[{"attributes":{"why":"batch"},"span_id":"0102030405060708","trace_id":"0000000000000000d269b633813fc60c"}]"#.into()),
            ..Span::default()
        },
    ];
    let spans: Vec<Span> =
        (0..).zip(spans).map(|(seq, span)| Span { seq: hopline_model::Seq(seq), start_time: UnixNanos(seq as i64), ..span }).collect();
    let snapshot = snapshot(Signal::Spans, Span::to_batch(&spans).rows);
    let cases = [
        ("", "a b c"),
        ("service:payment", "b c"),
        ("service:Payment", ""),
        ("service:pay*", "b c"),
        ("service:*out", "a"),
        ("service:*a*m*", "b c"),
        ("service:~\"^(pay|x)\"", "b c"),
        ("service:(checkout OR x)", "a"),
        ("-service:payment", "a"),
        ("version:*", "a b"),
        ("-version:2", "b c"),
        ("version:>=2.5", "b"),
        ("env:prod OR kind:client", "a c"),
        ("status:error duration:>500ms", "a"),
        ("duration:>=500ms", "a b"),
        ("duration:1ns..500ms", "b c"),
        ("duration:1ns", "c"),
        ("http.response.status_code:500", "a b"),
        ("http.response.status_code:>=404", "a b c"),
        ("http.response.status_code:(404 OR >=600)", "c"),
        ("http.response.status_code:400..499", "c"),
        ("http.response.status_code:4*", "c"),
        ("http.route:/cart/{id}", "a"),
        ("http.route:\"/cart/*\"", "a"),
        ("http.request.body.size:>1MiB", "a"),
        ("wait_ms:>=0.03s", "b"),
        ("host.name:h1", "a"),
        ("resource.host.name:h1", "a"),
        ("attributes.host.name:h1", ""),
        ("\"my key\":\"x\\*y\"", "c"),
        ("\"my key\":x*", "c"),
        ("event:exception", "b"),
        ("event.exception.type:*Timeout*", "b"),
        ("link:d269b633813fc60c", "c"),
        ("link.why:batch", "c"),
        ("parent:*", "b"),
        ("-parent:*", "a c"),
        ("trace:07070707-07070707-07070707-07070707", "a"),
        ("trace:0707*", "a"),
        ("span:0202020202020202", "b"),
        ("card", "a b"),
        ("\"card declined\"", "a"),
        ("declined card", "a"),
        ("decl*", "a"),
        ("\"card decl\"*", "a"),
        ("SocketTimeoutException", "b"),
        ("java.net.SocketTimeoutException", "b"),
        ("-card", "c"),
        ("service:payment (card OR \"my key\":*)", "b c"),
        ("status:error OR (service:payment -kind:client)", "a b"),
        ("statusmessage:\"card*bank\"", "a"),
    ];
    for (text, expect) in cases {
        for target in [Target::Spans, Target::Traces] {
            let compiled = compile(text, target).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(matching(&snapshot, Signal::Spans, &compiled.rows[0], column::NAME), expect, "{text}");
        }
    }
}

/// Fields inside the body: JSON, logfmt, JSON behind a text, canonical JSON with what it doubles.
#[test]
fn bodies() {
    let bodies = [
        r#"{"user":{"id":42},"level":"error","tags":["vip","eu"],"took":12.5,"path":"\/cart\/1"}"#,
        r#"ts=1 user.id="42" level=info msg="card declined" took=1e3"#,
        r#"INFO done {"user.id":42.0,"n":9007199254740993}"#,
        r#"{"\u0075ser":{"id":"\u0034\u0032"},"$$type":"x","msg":"a\u003cb"}"#,
        "user id 42",
    ];
    let logs: Vec<Log> = bodies
        .iter()
        .zip(["a", "b", "c", "d", "e"])
        .enumerate()
        .map(|(at, (body, name))| Log {
            seq: hopline_model::Seq(at as u64),
            time: UnixNanos(at as i64),
            event_name: Some(name.into()),
            body: Some((*body).into()),
            ..Log::default()
        })
        .collect();
    let snapshot = snapshot(Signal::Logs, Log::to_batch(&logs).rows);
    let cases = [
        ("body.user.id:42", "a b c d"),
        ("body.user.id:42.0", "a b c d"),
        ("-body.user.id:42", "e"),
        ("body.user.id:(42 OR 43)", "a b c d"),
        ("body.user.id:*", "a b c d"),
        ("body.user.id:>41", "a b c d"),
        ("body.user.id:4*", "a b c d"),
        ("body.user.id:~\"^42$\"", "a b d"),
        ("body.level:error", "a"),
        ("body.msg:\"card declined\"", "b"),
        ("body.msg:card", ""),
        ("body.tags:eu", "a"),
        ("body.took:>=12.5", "a b"),
        ("body.took:1000", ""),
        ("body.took:1e3", "b"),
        ("body.path:/cart/1", "a"),
        ("body.n:9007199254740993", "c"),
        ("body.n:9007199254740992", ""),
        ("body.\"$type\":x", "d"),
        ("body.msg:\"a<b\"", "d"),
        ("body.user.id:42 body.level:error", "a"),
        ("body.nothing:*", ""),
    ];
    for (text, expect) in cases {
        let compiled = compile(text, Target::Logs).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(matching(&snapshot, Signal::Logs, &compiled.rows[0], column::EVENT_NAME), expect, "{text}");
    }
}

#[test]
fn logs() {
    let log = |seq: u64, severity: i32, body: &str, attributes: &str| Log {
        seq: hopline_model::Seq(seq),
        time: UnixNanos(seq as i64),
        event_name: Some(["a", "b", "c"][seq as usize].into()),
        severity_number: severity,
        body: Some(body.into()),
        attributes: attributes.into(),
        trace_id: (seq == 0).then_some(TraceId([7; 16])),
        ..Log::default()
    };
    let logs = [
        log(0, 17, "Card declined: 10.0.0.1", r#"{"code":7}"#),
        log(1, 14, "card 10 0 1", r#"{"code":"x..y","duration":5}"#),
        log(2, 0, "nothing", "{}"),
    ];
    let snapshot = snapshot(Signal::Logs, Log::to_batch(&logs).rows);
    let cases = [
        ("", "a b c"),
        ("status:error", "a"),
        ("-status:error", "b c"),
        ("status:ok", "b c"),
        ("severity:error", "a"),
        ("severity:warn", "b"),
        ("severity:warn2", "b"),
        ("severity:14", "b"),
        ("severity:>=warn", "a b"),
        ("severity:>warn", "a"),
        ("severity:<warn", "c"),
        ("severity:info..error", "a b"),
        ("severity:(warn OR unspecified)", "b c"),
        ("severity:*", "a b"),
        ("severity:w*", "b"),
        ("card", "a b"),
        ("10.0.0.1", "a"),
        ("card -declined", "b"),
        ("body:nothing", "c"),
        ("body:card*", "b"),
        ("body:~\"(?i)^card\"", "a b"),
        ("trace:*", "a"),
        ("trace:07070707070707070707070707070707", "a"),
        ("code:7", "a"),
        ("code:x..y", "b"),
        ("duration:>=5", "b"),
        ("event:(a OR c)", "a c"),
        ("service:unknown_service", "a b c"),
    ];
    for (text, expect) in cases {
        let compiled = compile(text, Target::Logs).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(matching(&snapshot, Signal::Logs, &compiled.rows[0], column::EVENT_NAME), expect, "{text}");
    }
}
