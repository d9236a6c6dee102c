//! OTLP/JSON against Python's protobuf: random messages that `tests/sdk/python/messages.py` writes in both encodings mean the same here.
//!
//! The interpreter is the one `.ci/setup test` made. `HOPLINE_DIFFERENTIAL` says how many messages (600 in CI; `make torture` 100,000).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use base64::Engine;
use hopline_collector::config::Redaction;
use hopline_collector::decode::{Limits, Rules, json, protobuf, to_protobuf};
use hopline_collector::process::Redactor;
use hopline_model::{Signal, UnixNanos};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[test]
fn o18_random_json_equals_pythons_protobuf() {
    let count: u64 = std::env::var("HOPLINE_DIFFERENTIAL").ok().map_or(600, |count| count.parse().unwrap());
    let seed: u32 = std::env::var("HOPLINE_FUZZ_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("HOPLINE_FUZZ_SEED={seed}");
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache"));
    let mut command = Command::new(cache.join("hopline/python/bin/python"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/sdk/python/messages.py")).arg(count.to_string()).arg(seed.to_string());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}; run `.ci/setup test` first"));
    let redactor = Redactor::new(&Redaction { rules: Vec::new(), salt: String::new() }).unwrap();
    let rules = Rules { redactor: &redactor, limits: Limits { derive: false, ..Limits::default() }, names: None };
    let (mut compared, mut rows) = (0, 0);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let mut parts = line.splitn(3, '\t');
        let signal = match parts.next().unwrap() {
            "spans" => Signal::Spans,
            "logs" => Signal::Logs,
            _ => Signal::Metrics,
        };
        let bytes = base64::engine::general_purpose::STANDARD.decode(parts.next().unwrap()).unwrap();
        let text = parts.next().unwrap();
        // Message by message: what our tables make of the JSON is, read by prost, the message Python wrote.
        let ours = to_protobuf(signal, text.as_bytes()).unwrap_or_else(|error| panic!("message {compared}: {error}\n{text}"));
        assert_eq!(canonical(signal, &ours), canonical(signal, &bytes), "message {compared}: {text}");
        // Row by row: both ways give the same rows, rejections and warnings.
        let (by_json, by_protobuf) =
            (json(signal, text.as_bytes(), UnixNanos(1), rules).unwrap(), protobuf(signal, &bytes, UnixNanos(1), rules).unwrap());
        assert_eq!(by_json.batch, by_protobuf.batch, "message {compared}: {text}");
        assert_eq!((by_json.rejected.counts(), by_json.warnings.counts()), (by_protobuf.rejected.counts(), by_protobuf.warnings.counts()));
        compared += 1;
        rows += by_json.batch.rows.num_rows();
    }
    assert!(child.wait().unwrap().success());
    println!("{compared} messages equal, {rows} rows");
    assert!(compared == count && rows > 0);
}

/// The bytes prost writes of what it reads: one form for one meaning.
fn canonical(signal: Signal, bytes: &[u8]) -> Vec<u8> {
    match signal {
        Signal::Spans => ExportTraceServiceRequest::decode(bytes).unwrap().encode_to_vec(),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes).unwrap().encode_to_vec(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes).unwrap().encode_to_vec(),
    }
}
