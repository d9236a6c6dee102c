//! Everything sent can be read back: random messages with every field and value type go in as OTLP and come out as
//! `application/x-protobuf`, equal as sets, from live rows, after kill -9, out of blocks and merged.
//!
//! The seed is printed; `HOPLINE_SEED` repeats a run.

use crate::harness::{Server, seed};
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, LogsData, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, MetricsData, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status, TracesData, span};
use prost::Message;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

const TRACES: usize = 12;

struct Random {
    rng: StdRng,
    now: u64,
}

impl Random {
    fn one_in(&mut self, n: u32) -> bool {
        self.rng.random_ratio(1, n)
    }

    fn text(&mut self) -> String {
        const PARTS: [&str; 12] = ["", "a", "order", " ", "\"", "\\", "\n", "ä€", "\u{1F600}", "$", "0", "x y"];
        (0..self.rng.random_range(0..5)).map(|_| PARTS[self.rng.random_range(0..PARTS.len())]).collect()
    }

    fn bytes(&mut self, max: usize) -> Vec<u8> {
        (0..self.rng.random_range(0..=max)).map(|_| self.rng.random()).collect()
    }

    fn double(&mut self) -> f64 {
        match self.rng.random_range(0..6) {
            0 => f64::NAN,
            1 => f64::INFINITY,
            2 => f64::NEG_INFINITY,
            3 => -0.0,
            4 => self.rng.random_range(-5..5) as f64,
            _ => f64::from_bits(self.rng.random::<u64>() & 0x7fef_ffff_ffff_ffff),
        }
    }

    fn value(&mut self, depth: u32) -> AnyValue {
        let value = match self.rng.random_range(0..if depth > 4 { 6 } else { 8 }) {
            0 => None,
            1 => Some(Value::StringValue(self.text())),
            2 => Some(Value::BoolValue(self.rng.random())),
            3 => Some(Value::IntValue(self.rng.random::<i64>() >> self.rng.random_range(0..64))),
            4 => Some(Value::DoubleValue(self.double())),
            5 => Some(Value::BytesValue(self.bytes(6))),
            6 => Some(Value::ArrayValue(ArrayValue { values: (0..self.rng.random_range(0..4)).map(|_| self.value(depth + 1)).collect() })),
            _ => Some(Value::KvlistValue(KeyValueList { values: self.attributes(depth + 1) })),
        };
        AnyValue { value }
    }

    /// 40 lists inside each other: what protobuf's own limit of 100 messages leaves room for.
    fn deep(&mut self) -> AnyValue {
        let mut value = self.value(5);
        for _ in 0..40 {
            value = AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![value] })) };
        }
        value
    }

    fn attributes(&mut self, depth: u32) -> Vec<KeyValue> {
        const KEYS: [&str; 10] = ["k", "http.route", "$name", "$$", "", "ä", "with space", "a.b", "n", "k"];
        (0..self.rng.random_range(0..6))
            .map(|_| {
                let key = KEYS[self.rng.random_range(0..KEYS.len())].to_owned();
                let value = if depth == 0 && self.one_in(20) { self.deep() } else { self.value(depth) };
                KeyValue { key, value: Some(value), ..Default::default() }
            })
            .collect()
    }

    fn resource(&mut self) -> Option<Resource> {
        let mut attributes = self.attributes(1);
        if !self.one_in(4) {
            attributes.push(KeyValue {
                key: "service.name".into(),
                value: Some(AnyValue { value: Some(Value::StringValue(format!("s{}", self.rng.random_range(0..3)))) }),
                ..Default::default()
            });
        }
        let entity_refs = match self.one_in(4) {
            true => {
                vec![EntityRef {
                    schema_url: self.text(),
                    r#type: "host".into(),
                    id_keys: vec!["host.id".into()],
                    description_keys: vec![self.text()],
                }]
            }
            false => Vec::new(),
        };
        Some(Resource { attributes, dropped_attributes_count: self.rng.random_range(0..2), entity_refs })
    }

    fn scope(&mut self) -> Option<InstrumentationScope> {
        let (name, version) = (self.text(), self.text());
        Some(InstrumentationScope { name, version, attributes: self.attributes(1), dropped_attributes_count: self.rng.random_range(0..2) })
    }

    /// Mostly around now; sometimes 0, in 1970, and beyond 2262, where the column saturates.
    fn time(&mut self) -> u64 {
        match self.rng.random_range(0..12) {
            0 => 0,
            1 => self.rng.random_range(1..1_000_000),
            2 => u64::MAX - self.rng.random_range(0..1_000),
            3 => i64::MAX as u64,
            _ => self.now - self.rng.random_range(0..1_000_000_000),
        }
    }

    fn span(&mut self, trace_id: &[u8]) -> Span {
        Span {
            trace_id: trace_id.to_vec(),
            span_id: self.rng.random::<[u8; 8]>().to_vec(),
            trace_state: if self.one_in(3) { "ot=th:8".into() } else { String::new() },
            parent_span_id: match self.rng.random_range(0..4) {
                0 => Vec::new(),
                1 => self.bytes(12),
                2 => vec![0; 8],
                _ => self.rng.random::<[u8; 8]>().to_vec(),
            },
            flags: self.rng.random_range(0..1024),
            name: self.text(),
            kind: self.rng.random_range(0..8),
            start_time_unix_nano: self.time(),
            end_time_unix_nano: self.time(),
            attributes: self.attributes(0),
            dropped_attributes_count: self.rng.random_range(0..3),
            events: (0..self.rng.random_range(0..3))
                .map(|_| span::Event {
                    time_unix_nano: self.time(),
                    name: self.text(),
                    attributes: self.attributes(1),
                    dropped_attributes_count: self.rng.random_range(0..2),
                })
                .collect(),
            dropped_events_count: self.rng.random_range(0..3),
            links: (0..self.rng.random_range(0..3))
                .map(|_| span::Link {
                    trace_id: self.bytes(16),
                    span_id: self.bytes(8),
                    trace_state: self.text(),
                    attributes: self.attributes(1),
                    dropped_attributes_count: self.rng.random_range(0..2),
                    flags: self.rng.random_range(0..3),
                })
                .collect(),
            dropped_links_count: self.rng.random_range(0..3),
            status: self.one_in(2).then(|| Status { message: self.text(), code: self.rng.random_range(0..4) }),
        }
    }

    fn log(&mut self, trace_id: &[u8]) -> LogRecord {
        LogRecord {
            time_unix_nano: self.time(),
            observed_time_unix_nano: self.time(),
            severity_number: self.rng.random_range(-1..26),
            severity_text: self.text(),
            body: match self.rng.random_range(0..4) {
                0 => None,
                1 => Some(AnyValue { value: Some(Value::StringValue(self.text())) }),
                _ => Some(self.value(0)),
            },
            attributes: self.attributes(0),
            dropped_attributes_count: self.rng.random_range(0..3),
            flags: self.rng.random_range(0..512),
            trace_id: trace_id.to_vec(),
            span_id: if self.one_in(3) { self.bytes(9) } else { self.rng.random::<[u8; 8]>().to_vec() },
            event_name: self.text(),
        }
    }

    fn exemplars(&mut self) -> Vec<Exemplar> {
        (0..self.rng.random_range(0..2))
            .map(|_| Exemplar {
                filtered_attributes: self.attributes(1),
                time_unix_nano: self.time(),
                span_id: self.bytes(8),
                trace_id: self.bytes(16),
                value: Some(if self.one_in(2) { exemplar::Value::AsInt(self.rng.random()) } else { exemplar::Value::AsDouble(self.double()) }),
            })
            .collect()
    }

    /// A point's time must not be 0.
    fn times(&mut self) -> (u64, u64) {
        (self.time(), self.time().max(1))
    }

    fn number(&mut self) -> NumberDataPoint {
        let (start_time_unix_nano, time_unix_nano) = self.times();
        let value =
            if self.one_in(2) { number_data_point::Value::AsInt(self.rng.random()) } else { number_data_point::Value::AsDouble(self.double()) };
        NumberDataPoint {
            attributes: self.attributes(0),
            start_time_unix_nano,
            time_unix_nano,
            exemplars: self.exemplars(),
            flags: 0,
            value: Some(value),
        }
    }

    fn metric(&mut self, name: &str) -> Metric {
        let aggregation_temporality = self.rng.random_range(0..3);
        let data = match self.rng.random_range(0..5) {
            0 => Data::Gauge(Gauge { data_points: vec![self.number(), self.number()] }),
            1 => Data::Sum(Sum { data_points: vec![self.number()], aggregation_temporality, is_monotonic: self.rng.random() }),
            2 => {
                let (start_time_unix_nano, time_unix_nano) = self.times();
                let bucket_counts: Vec<u64> = (0..3).map(|_| self.rng.random_range(0..9)).collect();
                Data::Histogram(Histogram {
                    data_points: vec![HistogramDataPoint {
                        attributes: self.attributes(0),
                        start_time_unix_nano,
                        time_unix_nano,
                        count: bucket_counts.iter().sum(),
                        sum: self.one_in(2).then(|| self.double()),
                        bucket_counts,
                        explicit_bounds: vec![0.5, 2.0],
                        exemplars: self.exemplars(),
                        flags: 0,
                        min: self.one_in(2).then_some(0.25),
                        max: self.one_in(2).then_some(7.0),
                    }],
                    aggregation_temporality,
                })
            }
            3 => {
                let (start_time_unix_nano, time_unix_nano) = self.times();
                let side = |random: &mut Self| {
                    random.one_in(2).then(|| Buckets {
                        offset: random.rng.random_range(-5..5),
                        bucket_counts: (0..random.rng.random_range(0..4)).map(|_| random.rng.random_range(0..u64::MAX)).collect(),
                    })
                };
                Data::ExponentialHistogram(ExponentialHistogram {
                    data_points: vec![ExponentialHistogramDataPoint {
                        attributes: self.attributes(0),
                        start_time_unix_nano,
                        time_unix_nano,
                        count: self.rng.random_range(0..99),
                        sum: self.one_in(2).then(|| self.double()),
                        scale: self.rng.random_range(-10..20),
                        zero_count: self.rng.random_range(0..9),
                        positive: side(self),
                        negative: side(self),
                        flags: 0,
                        exemplars: self.exemplars(),
                        min: self.one_in(2).then_some(-1.0),
                        max: self.one_in(2).then_some(1.0),
                        zero_threshold: 0.125,
                    }],
                    aggregation_temporality,
                })
            }
            _ => {
                let (start_time_unix_nano, time_unix_nano) = self.times();
                Data::Summary(Summary {
                    data_points: vec![SummaryDataPoint {
                        attributes: self.attributes(0),
                        start_time_unix_nano,
                        time_unix_nano,
                        count: self.rng.random_range(0..99),
                        sum: self.double(),
                        quantile_values: vec![ValueAtQuantile { quantile: 0.5, value: self.double() }, ValueAtQuantile { quantile: 0.9, value: 1.0 }],
                        flags: 0,
                    }],
                })
            }
        };
        Metric { name: name.to_owned(), description: self.text(), unit: self.text(), metadata: self.attributes(1), data: Some(data) }
    }
}

/// A resource or scope and a record, as text that is equal when they are equal as sets of keys and values.
fn line(resource: &Option<Resource>, schema_urls: (&str, &str), scope: &Option<InstrumentationScope>, record: &impl Debug) -> String {
    let mut resource = resource.clone().unwrap_or_default();
    sort(&mut resource.attributes);
    let mut scope = scope.clone().unwrap_or_default();
    sort(&mut scope.attributes);
    format!("{resource:?} {scope:?} {schema_urls:?} {record:?}")
}

/// Maps are sets of pairs; a missing value is an empty one.
fn sort(pairs: &mut [KeyValue]) {
    for pair in pairs.iter_mut() {
        pair.value = Some(normal(pair.value.take().unwrap_or_default()));
    }
    pairs.sort_by(|a, b| a.key.cmp(&b.key).then_with(|| format!("{a:?}").cmp(&format!("{b:?}"))));
}

fn normal(mut value: AnyValue) -> AnyValue {
    match &mut value.value {
        Some(Value::ArrayValue(array)) => array.values = std::mem::take(&mut array.values).into_iter().map(normal).collect(),
        Some(Value::KvlistValue(list)) => sort(&mut list.values),
        _ => {}
    }
    value
}

fn span_lines(data: &TracesData) -> Vec<String> {
    let mut lines = Vec::new();
    for group in &data.resource_spans {
        for scope in &group.scope_spans {
            for record in &scope.spans {
                let mut record = record.clone();
                sort(&mut record.attributes);
                record.events.iter_mut().for_each(|event| sort(&mut event.attributes));
                record.links.iter_mut().for_each(|link| sort(&mut link.attributes));
                record.status = record.status.filter(|status| *status != Status::default());
                lines.push(line(&group.resource, (&group.schema_url, &scope.schema_url), &scope.scope, &record));
            }
        }
    }
    lines.sort();
    lines
}

fn log_lines(data: &LogsData) -> Vec<String> {
    let mut lines = Vec::new();
    for group in &data.resource_logs {
        for scope in &group.scope_logs {
            for record in &scope.log_records {
                let mut record = record.clone();
                sort(&mut record.attributes);
                record.body = record.body.map(normal).filter(|body| body.value.is_some());
                lines.push(line(&group.resource, (&group.schema_url, &scope.schema_url), &scope.scope, &record));
            }
        }
    }
    lines.sort();
    lines
}

/// A line per data point.
fn point_lines(data: &MetricsData) -> Vec<String> {
    let mut lines = Vec::new();
    for group in &data.resource_metrics {
        for scope in &group.scope_metrics {
            for metric in &scope.metrics {
                let mut metric = metric.clone();
                sort(&mut metric.metadata);
                let data = metric.data.take();
                let mut add = |kind: String, point: &dyn Debug| {
                    lines.push(line(&group.resource, (&group.schema_url, &scope.schema_url), &scope.scope, &(&metric, kind, point)));
                };
                macro_rules! each {
                    ($data:ident, $kind:expr) => {
                        for mut point in $data.data_points.clone() {
                            sort(&mut point.attributes);
                            point.exemplars.iter_mut().for_each(|exemplar| sort(&mut exemplar.filtered_attributes));
                            add($kind, &point);
                        }
                    };
                }
                match data {
                    Some(Data::Gauge(data)) => each!(data, "gauge".into()),
                    Some(Data::Sum(data)) => each!(data, format!("sum {} {}", data.aggregation_temporality, data.is_monotonic)),
                    Some(Data::Histogram(data)) => each!(data, format!("histogram {}", data.aggregation_temporality)),
                    Some(Data::ExponentialHistogram(data)) => each!(data, format!("exponential {}", data.aggregation_temporality)),
                    Some(Data::Summary(data)) => {
                        for mut point in data.data_points {
                            sort(&mut point.attributes);
                            add("summary".into(), &point);
                        }
                    }
                    None => {}
                }
            }
        }
    }
    lines.sort();
    lines
}

struct Sent {
    traces: Vec<(String, TracesData)>,
    logs: Vec<(String, LogsData)>,
    metrics: MetricsData,
}

fn make(random: &mut Random) -> Sent {
    let mut sent = Sent { traces: Vec::new(), logs: Vec::new(), metrics: MetricsData::default() };
    for _ in 0..TRACES {
        let id = random.rng.random::<[u8; 16]>();
        let hex = hopline_model::ids::encode_hex(&id);
        let resource_spans = (0..random.rng.random_range(1..3))
            .map(|_| ResourceSpans {
                resource: random.resource(),
                scope_spans: (0..random.rng.random_range(1..3))
                    .map(|_| ScopeSpans {
                        scope: random.scope(),
                        spans: (0..random.rng.random_range(1..4)).map(|_| random.span(&id)).collect(),
                        schema_url: random.text(),
                    })
                    .collect(),
                schema_url: random.text(),
            })
            .collect();
        sent.traces.push((hex.clone(), TracesData { resource_spans }));
        let resource_logs = vec![ResourceLogs {
            resource: random.resource(),
            scope_logs: vec![ScopeLogs {
                scope: random.scope(),
                log_records: (0..random.rng.random_range(1..5)).map(|_| random.log(&id)).collect(),
                schema_url: random.text(),
            }],
            schema_url: random.text(),
        }];
        sent.logs.push((hex, LogsData { resource_logs }));
    }
    sent.metrics.resource_metrics = (0..TRACES)
        .map(|n| ResourceMetrics {
            resource: random.resource(),
            scope_metrics: vec![ScopeMetrics {
                scope: random.scope(),
                metrics: vec![random.metric(&format!("metric.{n}")), random.metric(&format!("other.{n}"))],
                schema_url: random.text(),
            }],
            schema_url: random.text(),
        })
        .collect();
    sent
}

/// What is read back, compared with what was sent; the first difference in words.
fn compare(server: &Server, sent: &Sent, when: &str) {
    let client = reqwest::blocking::Client::new();
    let get = |path: String| {
        let response = client.get(format!("{}{path}", server.http())).header("accept", "application/x-protobuf").send().unwrap();
        assert!(response.status().is_success(), "{when}: {path}: {}", response.text().unwrap());
        assert_eq!(response.headers()["x-hopline-complete"], "true", "{when}: {path}");
        response.bytes().unwrap()
    };
    let same = |what: &str, wanted: Vec<String>, seen: Vec<String>| {
        for (wanted, seen) in wanted.iter().zip(&seen) {
            assert_eq!(wanted, seen, "{when}: {what}");
        }
        assert_eq!(wanted.len(), seen.len(), "{when}: {what}");
    };
    for (id, data) in &sent.traces {
        same(id, span_lines(data), span_lines(&TracesData::decode(get(format!("/api/v1/traces/{id}"))).unwrap()));
    }
    for (id, data) in &sent.logs {
        same(id, log_lines(data), log_lines(&LogsData::decode(get(format!("/api/v1/traces/{id}/logs"))).unwrap()));
    }
    let metrics = MetricsData::decode(get("/api/v1/metrics/points?from=0&limit=1000".into())).unwrap();
    same("metrics", point_lines(&sent.metrics), point_lines(&metrics));
}

#[test]
fn everything_sent_can_be_read_back() {
    let seed = seed();
    println!("seed {seed}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut random = Random { rng: StdRng::seed_from_u64(seed), now: now - 3_600_000_000_000 };
    let mut sent = make(&mut random);
    // As the encoder put it on the wire: it leaves the sign of a zero out where a field has no presence.
    sent.metrics = MetricsData::decode(&*sent.metrics.encode_to_vec()).unwrap();
    let mut server = Server::start();
    let exporter = server.exporter();
    let post = |path: &str, body: Vec<u8>| {
        let answer = exporter.post(path, "application/x-protobuf", None, body).unwrap();
        // A warning about odd ids or temporality is fine, a rejection is not.
        let rejected = opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse::decode(&*answer).unwrap();
        assert_eq!(rejected.partial_success.map_or(0, |partial| partial.rejected_spans), 0, "{path}");
    };
    for (_, data) in &sent.traces {
        post("/v1/traces", data.encode_to_vec());
    }
    for (_, data) in &sent.logs {
        post("/v1/logs", data.encode_to_vec());
    }
    post("/v1/metrics", sent.metrics.encode_to_vec());
    compare(&server, &sent, "live");
    server.kill();
    server.start_again();
    server.api().wait_replayed();
    compare(&server, &sent, "after kill -9");
    server.stop();
    server.start_again();
    compare(&server, &sent, "out of blocks");
    assert!(server.command(&["doctor", "--settle"]).status().unwrap().success());
    compare(&server, &sent, "merged");
}
