//! Filters in the scan against the same filters in DataFusion: the same rows, whatever the condition.

use super::rows::{T0, lines_of};
use crate::table::SqlOptions;
use crate::table::report::Report;
use crate::table::session::session_with;
use crate::table::sql::{SqlAnswer, logical_plan};
use datafusion::physical_plan::execute_stream;
use hopline_model::log::Log;
use hopline_model::span::Span;
use hopline_model::{Seq, Signal, SpanId, TenantId, TraceId, UnixNanos};
use hopline_storage::{Chunk, Snapshot};
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn raw() -> impl Strategy<Value = &'static str> {
    select(vec![
        "1",
        "2",
        "500",
        "\"500\"",
        "500.0",
        "1.5",
        "-0.0",
        "true",
        "\"/cart\"",
        "\"/cart/1\"",
        "\"a*b\"",
        "\"x'y\"",
        "\"\"",
        "null",
        "\"NaN\"",
        "\"inf\"",
        "\" 5\"",
        "\"1e3\"",
        "{\"$double\":\"NaN\"}",
        "[1]",
        "9007199254740993",
        "\"+7\"",
    ])
}

fn json() -> impl Strategy<Value = String> {
    proptest::collection::vec((select(vec!["code", "http.route", "user"]), raw()), 0..3).prop_map(|pairs| {
        let mut out = String::new();
        let mut seen = std::collections::BTreeMap::new();
        pairs.into_iter().for_each(|(key, value)| {
            seen.insert(key, value);
        });
        hopline_model::attributes::write_map(&mut out, seen.into_iter(), |out, value| out.push_str(value));
        out
    })
}

fn span() -> impl Strategy<Value = Span> {
    let parts = (
        1u8..4,
        0i64..20,
        0i64..5,
        select(vec!["unset", "error"]),
        select(vec!["web", "500", "a*b"]),
        proptest::option::of(select(vec!["1", "1.0"])),
    );
    (parts, json(), json(), proptest::option::of(0u8..3)).prop_map(
        |((trace, second, duration, status, name, version), attributes, resource, parent)| Span {
            trace_id: TraceId([trace; 16]),
            span_id: SpanId([trace * 16 + second as u8; 8]),
            parent_span_id: parent.map(|id| SpanId([id; 8])),
            start_time: UnixNanos(T0 + second * 1_000_000_000),
            duration_nano: duration,
            status_code: status.into(),
            name: name.into(),
            service_version: version.map(Into::into),
            attributes,
            resource: resource.into(),
            ..Span::default()
        },
    )
}

fn log() -> impl Strategy<Value = Log> {
    let body = proptest::option::of(select(vec![
        "card declined",
        "Declined card",
        "500",
        "",
        "x",
        "code=500 user=web",
        "{\"code\":500,\"user\":[\"web\",\"x\"]}",
        "done {\"user\":\"a*b\",\"code\":\"500.0\"}",
        "{\"user\":\"\\u0077eb\"}",
    ]));
    (0i64..20, select(vec![0, 9, 17]), body, json(), proptest::option::of(1u8..4)).prop_map(|(second, severity, body, attributes, trace)| Log {
        time: UnixNanos(T0 + second * 1_000_000_000),
        observed_time: (second > 10).then_some(UnixNanos(T0 + second * 1_000_000_000 + 5)),
        severity_number: severity,
        body: body.map(Into::into),
        trace_id: trace.map(|id| TraceId([id; 16])),
        attributes,
        ..Log::default()
    })
}

/// A condition on both tables' columns, or on one's.
fn condition(signal: Signal) -> impl Strategy<Value = String> {
    let text = select(vec!["'500'", "'web'", "'a*b'", "'error'", "'1'", "'1.0'", "'x''y'", "''", "'/cart'", "'null'", "'true'", "'500.0'"]);
    let number = select(vec!["0", "1", "2", "500", "1.5", "9007199254740993", "-1"]);
    let compare = || select(vec!["=", "<>", "<", "<=", ">", ">="]);
    let texts: Vec<&str> = match signal {
        Signal::Spans => {
            vec!["name", "status_code", "service_version", "attributes['code']", "attributes['http.route']", "resource['code']", "parent_span_id"]
        }
        _ => vec![
            "body",
            "service_name",
            "attributes['code']",
            "attributes['user']",
            "severity_text",
            "body_field(body, 'user')",
            "body_field(body, 'code')",
        ],
    };
    let numbers: Vec<&str> = match signal {
        Signal::Spans => vec!["duration_nano", "attributes['code']::bigint", "attributes['code']::double", "resource['user']::bigint"],
        _ => vec!["severity_number", "attributes['code']::bigint", "attributes['user']::double"],
    };
    let time = match signal {
        Signal::Spans => "start_time",
        _ => "time",
    };
    let any = [texts.clone(), numbers.clone()].concat();
    let mut leaves = vec![
        (select(texts.clone()), select(vec!["=", "<>"]), text.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")).boxed(),
        (select(texts.clone()), select(vec!["in", "not in"]), proptest::collection::vec(text, 1..3))
            .prop_map(|(a, op, b)| format!("{a} {op} ({})", b.join(", ")))
            .boxed(),
        (
            select(texts.clone()),
            select(vec!["like", "not like", "ilike", "~", "!~"]),
            select(vec!["'5%'", "'%a%'", "'/c_rt%'", "'%'", "'a*b'", "'500'"]),
        )
            .prop_filter("no pattern for regular expressions", |(_, op, pattern)| !op.contains('~') || !pattern.contains("*"))
            .prop_map(|(a, op, b)| format!("{a} {op} {b}"))
            .boxed(),
        (select(numbers.clone()), compare(), number.clone()).prop_map(|(a, op, b)| format!("{a} {op} {b}")).boxed(),
        (number, compare(), select(numbers)).prop_map(|(a, op, b)| format!("{a} {op} {b}")).boxed(),
        (select(any), select(vec!["is null", "is not null"])).prop_map(|(a, op)| format!("{a} {op}")).boxed(),
        (compare(), 0..20).prop_map(move |(op, second)| format!("{time} {op} '2026-01-01T00:00:{second:02}Z'")).boxed(),
        select(vec!["trace_id", "span_id"])
            .prop_flat_map(|column| (Just(column), select(vec!["=", "<>"]), 0u8..4))
            .prop_map(|(column, op, id)| {
                format!("{column} {op} '{}'", hopline_model::ids::encode_hex(&vec![id; if column == "trace_id" { 16 } else { 8 }]))
            })
            .boxed(),
        Just("null".to_owned()).boxed(),
        Just("length(trace_id) > 5".to_owned()).boxed(),
    ];
    if signal == Signal::Logs {
        leaves.push(
            select(vec!["match(body, 'card')", "match(body, '\"card declined\"')", "match(body, 'decl* card')", "observed_time > time"])
                .prop_map(str::to_owned)
                .boxed(),
        );
    }
    proptest::strategy::Union::new(leaves).prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} and {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} or {b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

fn snapshot(signal: Signal, chunks: Vec<Chunk>) -> Arc<Snapshot> {
    let mut snapshot =
        Snapshot { tenant: TenantId(0), chunks: Default::default(), blocks: Arc::default(), complete: true, live_edges: Default::default() };
    snapshot.chunks[usize::from(signal.code()) - 1] = Arc::new(chunks);
    Arc::new(snapshot)
}

async fn answer(snapshot: &Arc<Snapshot>, query: &str, push_down: bool) -> String {
    let report = Arc::new(Report::new(Instant::now() + Duration::from_secs(60), Default::default()));
    let state = session_with(snapshot.clone(), report.clone(), &SqlOptions::default(), push_down).unwrap();
    let plan = match logical_plan(&state, query, Vec::new()).await {
        Ok(plan) => plan,
        Err(error) => panic!("{query}: {error}"),
    };
    let physical = state.create_physical_plan(&plan).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    let stream = execute_stream(physical, state.task_ctx()).unwrap();
    lines_of(SqlAnswer { schema: stream.schema(), stream, report }).await.unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn same(snapshot: &Arc<Snapshot>, table: &str, condition: &str) -> Result<(), TestCaseError> {
    let query = format!("select seq, attributes['code'] as code from {table} where {condition} order by seq");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (with, without) = runtime.block_on(async { (answer(snapshot, &query, true).await, answer(snapshot, &query, false).await) });
    prop_assert_eq!(with, without, "{}", query);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn spans(mut spans in proptest::collection::vec(span(), 1..20), condition in condition(Signal::Spans), size in 1usize..12) {
        spans.iter_mut().enumerate().for_each(|(i, span)| span.seq = Seq(i as u64));
        let chunks = spans.chunks(size).map(|spans| Chunk {
            rows: Span::to_batch(spans).rows,
            time_min: spans.iter().map(|span| span.start_time).min().unwrap(),
            time_max: spans.iter().map(|span| span.start_time).max().unwrap(),
            received: UnixNanos(T0),
        });
        same(&snapshot(Signal::Spans, chunks.collect()), "spans", &condition)?;
    }

    #[test]
    fn logs(mut logs in proptest::collection::vec(log(), 1..20), condition in condition(Signal::Logs), size in 1usize..12) {
        logs.iter_mut().enumerate().for_each(|(i, log)| log.seq = Seq(i as u64));
        let chunks = logs.chunks(size).map(|logs| Chunk {
            rows: Log::to_batch(logs).rows,
            time_min: logs.iter().map(|log| log.time).min().unwrap(),
            time_max: logs.iter().map(|log| log.time).max().unwrap(),
            received: UnixNanos(T0),
        });
        same(&snapshot(Signal::Logs, chunks.collect()), "logs", &condition)?;
    }
}
