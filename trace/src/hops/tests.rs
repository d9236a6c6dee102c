//! The cases of `tests/fixtures/hops`, each its spans and the ledger they make; captured requests of a real SDK; and large shapes.

use crate::sample::{MS, Sample, sample, span_id, trace};
use crate::{Trace, analyse};
use hopline_model::attributes::Value as Attribute;
use hopline_model::span::Span;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Spans, and what is to be found in them. A hop names only the fields it is about; `null` is an absent one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What it guarantees, for the reader.
    #[allow(dead_code)]
    about: String,
    spans: Vec<Sample>,
    hops: Vec<BTreeMap<String, Value>>,
    defects: Vec<String>,
    /// Span ids (placeholders by the id they stand for), depth first.
    order: Option<Vec<u64>>,
    marks: Option<BTreeMap<u64, u32>>,
    primary: Option<u64>,
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures")
}

/// A field of a hop as a case writes it: times in milliseconds, `start` since the base of the samples.
fn field(hop: &Value, name: &str) -> Value {
    let nanos = |value: &Value| value.as_i64().map_or(Value::Null, |nano| Value::from(nano as f64 / MS as f64));
    match name {
        "client" | "server" | "network" | "queue" | "self" | "critical" | "skew" => nanos(&hop[format!("{name}_nano")]),
        "start" => {
            let text = hop["start"].as_str().unwrap();
            assert!(text.starts_with("2026-11-24T12:00:00.") && text.ends_with('Z') && text.len() == 30, "{text}");
            Value::from(text[20..29].parse::<f64>().unwrap() / MS as f64)
        }
        _ => match name.split_once('.') {
            Some((side, name)) => hop[side][name].clone(),
            None => hop[name].clone(),
        },
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() < 1e-6,
        _ => a == b,
    }
}

fn check(name: &str, case: &Case) {
    let trace = trace(&case.spans);
    let analysis = analyse(&trace);
    let hops = serde_json::to_value(analysis.ledger(&trace)).unwrap();
    let hops = hops.as_array().unwrap();
    let shown = || serde_json::to_string_pretty(hops).unwrap();
    assert_eq!(hops.len(), case.hops.len(), "{name}: {}", shown());
    for (hop, expected) in hops.iter().zip(&case.hops) {
        for (key, value) in expected {
            let found = field(hop, key);
            assert!(equal(&found, value), "{name}: {key} is {found}, not {value}, in {}", shown());
        }
    }
    let defects: Vec<String> = analysis.defects.iter().map(ToString::to_string).collect();
    assert_eq!(defects, case.defects, "{name}");
    if let Some(order) = &case.order {
        let found: Vec<_> = analysis.tree.order().iter().map(|node| analysis.tree.span_id(&trace, *node as usize)).collect();
        assert_eq!(found, order.iter().map(|id| span_id(*id)).collect::<Vec<_>>(), "{name}");
    }
    for (id, marks) in case.marks.iter().flatten() {
        let span = (0..trace.len()).find(|span| trace.span_id(*span) == span_id(*id)).unwrap();
        assert_eq!(analysis.tree.marks(span).0, *marks, "{name}: marks of {id}");
    }
    if let Some(primary) = case.primary {
        let found = analysis.causes.primary(&trace, &analysis.tree).map(|span| trace.span_id(span));
        assert_eq!(found, Some(span_id(primary)), "{name}");
    }
}

#[test]
fn cases() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(fixtures().join("hops")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 30, "cases in tests/fixtures/hops: {}", files.len());
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let case: Case = serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(&name, &case);
    }
}

/// The rows as they are and the same spans as structs say the same.
#[test]
fn rows_and_structs_agree() {
    let samples = vec![
        sample(1, 0, "a", "root", "server", 0.0, 10.0).version("1"),
        sample(2, 1, "a", "SELECT", "client", 1.0, 5.0).attribute("db.system", "mysql").error("boom"),
    ];
    let spans = crate::sample::spans(&samples);
    let (rows, structs) = (trace(&samples), Trace::from_spans(&spans));
    assert_eq!(analyse(&rows).ledger(&rows), analyse(&structs).ledger(&structs));
    // A batch with few columns still makes a tree.
    let batch = Span::to_batch(&spans).rows;
    let columns = ["trace_id", "span_id", "parent_span_id"].map(|name| batch.schema().index_of(name).unwrap());
    let few = Trace::from_rows(&[batch.project(&columns).unwrap()]);
    assert_eq!(analyse(&few).tree.depth(1), 1);
}

/// What the Node SDK sent, with what its author says of it: every trace is one hop from web to quotes, failed where it failed.
#[test]
fn captured_node_requests() {
    let folder = fixtures().join("captures");
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("node-web.truth.json")).unwrap()).unwrap();
    let output = std::process::Command::new("tar")
        .arg("-xzOf")
        .arg(folder.join("node-web.json.tar.gz"))
        .arg("--wildcards")
        .arg("*-traces.json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let requests = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let spans: Vec<Span> = requests.flat_map(|request| spans_of(&request.unwrap())).collect();
    assert_eq!(spans.len() as u64, truth["total_spans"].as_u64().unwrap());
    let traces = Trace::split(&[Span::to_batch(&spans).rows]);
    for expected in truth["traces"].as_array().unwrap() {
        let trace = traces.iter().find(|trace| trace.trace_id().to_string() == expected["trace_id"]).unwrap();
        let analysis = analyse(trace);
        let ledger = analysis.ledger(trace);
        assert_eq!(ledger.len(), 1, "{ledger:#?}");
        let hop = &ledger[0];
        assert_eq!((hop.caller.service.as_str(), hop.callee.service.as_str()), ("web", "quotes"));
        assert_eq!((hop.pairing, hop.protocol.as_deref()), (super::Pairing::Kind, Some("http")));
        assert_eq!(hop.callee.version.as_deref(), Some("5.2.0"));
        assert!(hop.network_nano.is_none_or(|nano| nano >= 0));
        assert_eq!(hop.status == "error", !expected["ok"].as_bool().unwrap(), "{}", expected["trace_id"]);
        assert_eq!(analysis.summary.unwrap().span_count, expected["spans"].as_u64().unwrap());
    }
}

/// Spans of an OTLP/JSON request.
fn spans_of(request: &Value) -> Vec<Span> {
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let nano = |value: &Value| value.as_str().map_or(0, |text| text.parse::<i64>().unwrap());
    let attributes = |value: &Value| -> Vec<(String, Attribute)> {
        let scalar = |value: &Value| match (&value["stringValue"], &value["intValue"]) {
            (Value::String(text), _) => Attribute::String(text.clone()),
            (_, Value::Number(number)) => Attribute::Int(number.as_i64().unwrap()),
            _ => Attribute::Null,
        };
        list(value, "attributes").iter().map(|pair| (pair["key"].as_str().unwrap().to_owned(), scalar(&pair["value"]))).collect()
    };
    let mut spans = Vec::new();
    for resource in list(request, "resourceSpans") {
        let origin = attributes(&resource["resource"]);
        let text = |key: &str| {
            origin
                .iter()
                .find(|(name, _)| name == key)
                .and_then(|(_, value)| if let Attribute::String(text) = value { Some(text.clone()) } else { None })
        };
        for span in list(&resource, "scopeSpans").iter().flat_map(|scope| list(scope, "spans")) {
            let (start, end) = (nano(&span["startTimeUnixNano"]), nano(&span["endTimeUnixNano"]));
            spans.push(Span {
                seq: hopline_model::Seq(spans.len() as u64),
                trace_id: span["traceId"].as_str().unwrap().parse().unwrap(),
                span_id: span["spanId"].as_str().unwrap().parse().unwrap(),
                parent_span_id: span["parentSpanId"].as_str().and_then(|id| id.parse().ok()),
                start_time: hopline_model::UnixNanos(start),
                duration_nano: end - start,
                name: span["name"].as_str().unwrap().to_owned(),
                kind: hopline_model::schema::KINDS[span["kind"].as_u64().unwrap() as usize].to_owned(),
                status_code: hopline_model::schema::STATUS_CODES[span["status"]["code"].as_u64().unwrap_or(0) as usize].to_owned(),
                service_name: text("service.name").unwrap(),
                service_namespace: text("service.namespace"),
                service_version: text("service.version"),
                attributes: Attribute::Map(attributes(&span)).to_text(),
                ..Span::default()
            });
        }
    }
    spans
}

/// 10,000 services that call one another in a row.
#[test]
fn depth_10_000() {
    let samples: Vec<Sample> = (0..10_000u64)
        .map(|at| {
            let kind = if at % 2 == 0 { "server" } else { "client" };
            sample(at + 1, at, &format!("s{}", at / 2), "work", kind, at as f64 * 0.001, 100.0 - at as f64 * 0.002)
        })
        .collect();
    let trace = trace(&samples);
    let analysis = analyse(&trace);
    assert_eq!(analysis.tree.depth(9_999), 9_999);
    assert_eq!(analysis.tree.size(0), 10_000);
    let ledger = analysis.ledger(&trace);
    assert_eq!(ledger.len(), 5_000);
    assert_eq!(ledger[4_998].depth, 4_999);
    assert_eq!(analysis.critical.total_nano(), 100 * MS);
}

/// One span that makes 100,000 calls.
#[test]
fn children_100_000() {
    let mut samples = vec![sample(1, 0, "a", "root", "server", 0.0, 100_000.0)];
    samples.extend((0..100_000u64).map(|at| sample(at + 2, 1, "b", "work", "server", at as f64, 0.5)));
    let trace = trace(&samples);
    let analysis = analyse(&trace);
    assert_eq!(analysis.hops.len(), 100_000);
    assert_eq!(analysis.tree.children(0).len(), 100_000);
    assert_eq!(analysis.hops.entries()[0].self_nano, 50_000 * MS);
    assert_eq!(analysis.critical.nano[0], 50_000 * MS);
}
