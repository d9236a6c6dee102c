//! Nothing is lost: resource, scope, events, links, odd times and ids, and every field of data points, by prost's types and plain
//! text, against what the walk wrote.

use super::*;
use arrow::array::RecordBatch;
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type};
use opentelemetry_proto::tonic::metrics::v1 as otlp;

/// An object whose first members are our own.
fn object(own: &[(&str, String)], pairs: &[common::KeyValue]) -> String {
    let text = map(pairs).to_text();
    if own.is_empty() {
        return text;
    }
    if let Some(rest) = text.strip_prefix(r#"{"$pairs":["#) {
        let own: Vec<String> = own.iter().map(|(key, raw)| format!(r#""{key}":{raw}"#)).collect();
        return format!(r#"{{"$pairs":[["$own",{{{}}}],{rest}"#, own.join(","));
    }
    let own: Vec<String> = own.iter().map(|(key, raw)| format!(r#""{key}":{raw}"#)).collect();
    if text == "{}" { format!("{{{}}}", own.join(",")) } else { format!("{{{},{}", own.join(","), &text[1..]) }
}

fn quoted(text: &str) -> String {
    Value::String(text.into()).to_text()
}

/// Members whose value is not the default.
fn set<const N: usize>(members: [(&'static str, bool, String); N]) -> Vec<(&'static str, String)> {
    members.into_iter().filter(|(_, set, _)| *set).map(|(key, _, raw)| (key, raw)).collect()
}

fn resource_text(resource: &otlp_resource::Resource, schema_url: &str) -> String {
    let list = |keys: &[String]| format!("[{}]", keys.iter().map(|key| quoted(key)).collect::<Vec<_>>().join(","));
    let entity = |entity: &common::EntityRef| {
        let members = set([
            ("description_keys", !entity.description_keys.is_empty(), list(&entity.description_keys)),
            ("id_keys", !entity.id_keys.is_empty(), list(&entity.id_keys)),
            ("schema_url", !entity.schema_url.is_empty(), quoted(&entity.schema_url)),
            ("type", !entity.r#type.is_empty(), quoted(&entity.r#type)),
        ]);
        object(&members, &[])
    };
    let entities = resource.entity_refs.iter().map(entity).collect::<Vec<_>>().join(",");
    let own = set([
        ("$dropped_attributes_count", resource.dropped_attributes_count != 0, resource.dropped_attributes_count.to_string()),
        ("$entity_refs", !entities.is_empty(), format!("[{entities}]")),
        ("$schema_url", !schema_url.is_empty(), quoted(schema_url)),
    ]);
    object(&own, &resource.attributes)
}

fn scope_text(scope: &common::InstrumentationScope, schema_url: &str) -> String {
    let own = set([
        ("$dropped_attributes_count", scope.dropped_attributes_count != 0, scope.dropped_attributes_count.to_string()),
        ("$name", !scope.name.is_empty(), quoted(&scope.name)),
        ("$schema_url", !schema_url.is_empty(), quoted(schema_url)),
        ("$version", !scope.version.is_empty(), quoted(&scope.version)),
    ]);
    object(&own, &scope.attributes)
}

fn list(items: Vec<String>) -> Option<String> {
    (!items.is_empty()).then(|| format!("[{}]", items.join(",")))
}

fn hex(bytes: &[u8]) -> String {
    format!("\"{}\"", hopline_model::ids::encode_hex(bytes))
}

fn event_text(event: &otlp_trace::span::Event) -> String {
    let members = set([
        ("attributes", !event.attributes.is_empty(), map(&event.attributes).to_text()),
        ("dropped_attributes_count", event.dropped_attributes_count != 0, event.dropped_attributes_count.to_string()),
        ("name", true, quoted(&event.name)),
        ("time_unix_nano", true, format!("\"{}\"", event.time_unix_nano)),
    ]);
    object(&members, &[])
}

fn link_text(link: &otlp_trace::span::Link) -> String {
    let members = set([
        ("attributes", !link.attributes.is_empty(), map(&link.attributes).to_text()),
        ("dropped_attributes_count", link.dropped_attributes_count != 0, link.dropped_attributes_count.to_string()),
        ("flags", link.flags != 0, link.flags.to_string()),
        ("span_id", true, hex(&link.span_id)),
        ("trace_id", true, hex(&link.trace_id)),
        ("trace_state", !link.trace_state.is_empty(), quoted(&link.trace_state)),
    ]);
    object(&members, &[])
}

/// resource, scope, events, links, extra of each span that is kept.
fn spans_oracle(request: &ExportTraceServiceRequest) -> Vec<(String, String, Option<String>, Option<String>, Option<String>)> {
    let mut rows = Vec::new();
    for group in &request.resource_spans {
        let resource = resource_text(&group.resource.clone().unwrap_or_default(), &group.schema_url);
        for scoped in &group.scope_spans {
            let scope = scope_text(&scoped.scope.clone().unwrap_or_default(), &scoped.schema_url);
            for span in &scoped.spans {
                if TraceId::from_bytes(&span.trace_id).is_none() || SpanId::from_bytes(&span.span_id).is_none() {
                    continue;
                }
                let (start, end) = (span.start_time_unix_nano, span.end_time_unix_nano);
                let fits = start <= end && i64::try_from(end).is_ok();
                let strange = SpanId::from_bytes(&span.parent_span_id).is_none() && !span.parent_span_id.is_empty();
                let extra = set([
                    ("end_time_unix_nano", !fits, format!("\"{end}\"")),
                    ("parent_span_id", strange, Value::Bytes(span.parent_span_id.clone()).to_text()),
                    ("start_time_unix_nano", i64::try_from(start).is_err(), format!("\"{start}\"")),
                ]);
                rows.push((
                    resource.clone(),
                    scope.clone(),
                    list(span.events.iter().map(event_text).collect()),
                    list(span.links.iter().map(link_text).collect()),
                    (!extra.is_empty()).then(|| object(&extra, &[])),
                ));
            }
        }
    }
    rows
}

fn number(value: impl ToString) -> String {
    value.to_string()
}

fn double(value: f64) -> String {
    Value::Double(value).to_text()
}

fn flag(value: bool) -> String {
    value.to_string()
}

/// One row of metrics as texts, `-` where there is nothing.
type Point = Vec<(&'static str, String)>;

fn optional(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".into())
}

fn exemplars_text(exemplars: &[otlp::Exemplar]) -> Option<String> {
    let valued = exemplars.iter().filter_map(|exemplar| {
        let value = match exemplar.value? {
            otlp::exemplar::Value::AsInt(int) => number(int),
            otlp::exemplar::Value::AsDouble(value) => double(value),
        };
        let members = set([
            ("attributes", !exemplar.filtered_attributes.is_empty(), map(&exemplar.filtered_attributes).to_text()),
            ("span_id", !exemplar.span_id.is_empty(), hex(&exemplar.span_id)),
            ("time_unix_nano", true, format!("\"{}\"", exemplar.time_unix_nano)),
            ("trace_id", !exemplar.trace_id.is_empty(), hex(&exemplar.trace_id)),
            ("value", true, value),
        ]);
        Some(object(&members, &[]))
    });
    list(valued.collect())
}

fn shared(time: u64, start: u64, flags: u32, attributes: &[common::KeyValue]) -> Point {
    let saturated = |nanos: u64| i64::try_from(nanos).unwrap_or(i64::MAX);
    let extra = set([
        ("start_time_unix_nano", i64::try_from(start).is_err(), format!("\"{start}\"")),
        ("time_unix_nano", i64::try_from(time).is_err(), format!("\"{time}\"")),
    ]);
    vec![
        ("time", number(saturated(time))),
        ("start_time", optional((start != 0).then(|| number(saturated(start))))),
        ("flags", number(flags)),
        ("attributes", map(attributes).to_text()),
        ("extra", optional((!extra.is_empty()).then(|| object(&extra, &[])))),
    ]
}

/// The points that are kept, by prost; only columns that a kind has are looked at.
fn points_oracle(request: &ExportMetricsServiceRequest) -> Vec<Point> {
    use otlp::metric::Data;
    let mut rows = Vec::new();
    for metric in request.resource_metrics.iter().flat_map(|group| &group.scope_metrics).flat_map(|scoped| &scoped.metrics) {
        let mut push = |kind: &str, temporality: Option<i32>, monotonic: Option<bool>, mut point: Point| {
            let some = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
            point.extend([
                ("name", metric.name.clone()),
                ("type", kind.to_owned()),
                ("unit", some(&metric.unit)),
                ("description", some(&metric.description)),
                ("temporality", optional(temporality.map(|number| named(&hopline_model::schema::TEMPORALITIES, number)))),
                ("is_monotonic", optional(monotonic.map(flag))),
                ("metadata", optional((!metric.metadata.is_empty()).then(|| map(&metric.metadata).to_text()))),
            ]);
            point.sort();
            rows.push(point);
        };
        let mut numbers = |points: &[otlp::NumberDataPoint], kind: &str, temporality: Option<i32>, monotonic: Option<bool>| {
            for point in points {
                if point.time_unix_nano == 0 || (point.value.is_none() && point.flags & 1 == 0) {
                    continue;
                }
                let (value, int) = match point.value {
                    None => (None, None),
                    Some(otlp::number_data_point::Value::AsDouble(value)) => (Some(value), None),
                    Some(otlp::number_data_point::Value::AsInt(int)) => (Some(int as f64), Some(int)),
                };
                let mut row = shared(point.time_unix_nano, point.start_time_unix_nano, point.flags, &point.attributes);
                row.extend([
                    ("value", optional(value.map(double))),
                    ("value_int", optional(int.map(number))),
                    ("exemplars", optional(exemplars_text(&point.exemplars))),
                ]);
                push(kind, temporality, monotonic, row);
            }
        };
        match &metric.data {
            None => {}
            Some(Data::Gauge(gauge)) => numbers(&gauge.data_points, "gauge", None, None),
            Some(Data::Sum(sum)) => numbers(&sum.data_points, "sum", Some(sum.aggregation_temporality), Some(sum.is_monotonic)),
            Some(Data::Histogram(histogram)) => {
                for point in &histogram.data_points {
                    let (counts, bounds) = (&point.bucket_counts, &point.explicit_bounds);
                    let lengths = counts.len() == bounds.len() + 1 || (counts.is_empty() && bounds.is_empty());
                    let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]) && !bounds.iter().any(|bound| bound.is_nan());
                    let adds_up = counts.is_empty() || counts.iter().map(|count| u128::from(*count)).sum::<u128>() == u128::from(point.count);
                    if point.time_unix_nano == 0 || (point.flags & 1 == 0 && !(lengths && rising && adds_up)) {
                        continue;
                    }
                    let mut row = shared(point.time_unix_nano, point.start_time_unix_nano, point.flags, &point.attributes);
                    row.extend([
                        ("count", number(point.count)),
                        ("sum", optional(point.sum.map(double))),
                        ("min", optional(point.min.map(double))),
                        ("max", optional(point.max.map(double))),
                        ("bucket_counts", format!("{counts:?}")),
                        ("explicit_bounds", format!("{bounds:?}")),
                        ("exemplars", optional(exemplars_text(&point.exemplars))),
                    ]);
                    push("histogram", Some(histogram.aggregation_temporality), None, row);
                }
            }
            Some(Data::ExponentialHistogram(histogram)) => {
                for point in &histogram.data_points {
                    let sides = [("negative", &point.negative), ("positive", &point.positive)];
                    let fits = |buckets: &otlp::exponential_histogram_data_point::Buckets| {
                        i32::try_from(i64::from(buckets.offset) + buckets.bucket_counts.len() as i64).is_ok()
                    };
                    if point.time_unix_nano == 0 || sides.iter().any(|(_, side)| side.as_ref().is_some_and(|side| !fits(side))) {
                        continue;
                    }
                    let mut members: Vec<(&str, String)> = Vec::new();
                    for (key, side) in sides {
                        let Some(side) = side else { continue };
                        let counts: Vec<String> = side.bucket_counts.iter().map(number).collect();
                        members.push((key, format!(r#"{{"counts":[{}],"offset":{}}}"#, counts.join(","), side.offset)));
                    }
                    members.extend([
                        ("scale", number(point.scale)),
                        ("zero_count", number(point.zero_count)),
                        ("zero_threshold", double(point.zero_threshold)),
                    ]);
                    let mut row = shared(point.time_unix_nano, point.start_time_unix_nano, point.flags, &point.attributes);
                    row.extend([
                        ("count", number(point.count)),
                        ("sum", optional(point.sum.map(double))),
                        ("min", optional(point.min.map(double))),
                        ("max", optional(point.max.map(double))),
                        ("exponential", object(&members, &[])),
                        ("exemplars", optional(exemplars_text(&point.exemplars))),
                    ]);
                    push("exponential_histogram", Some(histogram.aggregation_temporality), None, row);
                }
            }
            Some(Data::Summary(summary)) => {
                for point in summary.data_points.iter().filter(|point| point.time_unix_nano != 0) {
                    let quantiles: Vec<String> =
                        point.quantile_values.iter().map(|at| format!("[{},{}]", double(at.quantile), double(at.value))).collect();
                    let mut row = shared(point.time_unix_nano, point.start_time_unix_nano, point.flags, &point.attributes);
                    row.extend([("count", number(point.count)), ("sum", double(point.sum)), ("quantiles", format!("[{}]", quantiles.join(",")))]);
                    push("summary", None, None, row);
                }
            }
        }
    }
    rows
}

/// The same columns of a row, read back.
fn point_row(rows: &RecordBatch, row: usize, columns: &Point) -> Point {
    let read = |name: &str| -> String {
        let column = rows.column_by_name(name).unwrap();
        if column.is_null(row) {
            return "-".into();
        }
        match name {
            "time" | "start_time" => number(column.as_primitive::<TimestampNanosecondType>().value(row)),
            "flags" => number(column.as_primitive::<UInt32Type>().value(row)),
            "count" => number(column.as_primitive::<UInt64Type>().value(row)),
            "value_int" => number(column.as_primitive::<Int64Type>().value(row)),
            "value" | "sum" | "min" | "max" => double(column.as_primitive::<Float64Type>().value(row)),
            "is_monotonic" => flag(column.as_boolean().value(row)),
            "bucket_counts" => format!("{:?}", column.as_list::<i32>().value(row).as_primitive::<UInt64Type>().values().to_vec()),
            "explicit_bounds" => format!("{:?}", column.as_list::<i32>().value(row).as_primitive::<Float64Type>().values().to_vec()),
            _ => match column.as_dictionary_opt::<Int32Type>() {
                Some(dictionary) => dictionary.values().as_string::<i32>().value(dictionary.keys().value(row) as usize).to_owned(),
                None => column.as_string::<i32>().value(row).to_owned(),
            },
        }
    };
    columns.iter().map(|(name, _)| (*name, read(name))).collect()
}

fn check_points(bytes: &[u8]) {
    let request = ExportMetricsServiceRequest::decode(bytes).unwrap();
    let decoded = decode(Signal::Metrics, bytes).unwrap();
    let expect = points_oracle(&request);
    assert_eq!(decoded.batch.rows.num_rows(), expect.len(), "{:?}", decoded.rejected);
    for (row, point) in expect.iter().enumerate() {
        assert_eq!(&point_row(&decoded.batch.rows, row, point), point, "row {row}");
    }
    assert_eq!(decode(Signal::Metrics, &request.encode_to_vec()).unwrap().batch, decoded.batch);
}

fn any_double() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(f64::NAN), Just(f64::INFINITY), -4.0..4.0f64, any::<u64>().prop_map(f64::from_bits)]
}

fn exemplar() -> impl Strategy<Value = otlp::Exemplar> {
    let value = prop_oneof![
        Just(None),
        any_double().prop_map(|value| Some(otlp::exemplar::Value::AsDouble(value))),
        any::<i64>().prop_map(|value| Some(otlp::exemplar::Value::AsInt(value)))
    ];
    (pairs(), time(), id(8), id(16), value).prop_map(|(filtered_attributes, time_unix_nano, span_id, trace_id, value)| otlp::Exemplar {
        filtered_attributes,
        time_unix_nano,
        span_id,
        trace_id,
        value,
    })
}

fn number_point() -> impl Strategy<Value = otlp::NumberDataPoint> {
    let value = prop_oneof![
        Just(None),
        any_double().prop_map(|value| Some(otlp::number_data_point::Value::AsDouble(value))),
        any::<i64>().prop_map(|value| Some(otlp::number_data_point::Value::AsInt(value)))
    ];
    (pairs(), time(), time(), value, prop::collection::vec(exemplar(), 0..3), 0..4u32).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, value, exemplars, flags)| otlp::NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            value,
            exemplars,
            flags,
        },
    )
}

fn histogram_point() -> impl Strategy<Value = otlp::HistogramDataPoint> {
    let bounds = prop::collection::vec(any_double(), 0..3);
    let optional = || prop::option::of(any_double());
    (
        (pairs(), time(), time(), 0..3u32),
        (bounds, any::<bool>(), 0..4u64),
        (optional(), optional(), optional()),
        prop::collection::vec(exemplar(), 0..2),
    )
        .prop_map(
            |((attributes, start_time_unix_nano, time_unix_nano, flags), (mut explicit_bounds, sorted, off), (sum, min, max), exemplars)| {
                if sorted {
                    explicit_bounds.retain(|bound| !bound.is_nan());
                    explicit_bounds.sort_by(f64::total_cmp);
                    explicit_bounds.dedup();
                }
                let bucket_counts: Vec<u64> = if off == 3 { Vec::new() } else { (0..=explicit_bounds.len() as u64).collect() };
                let count = bucket_counts.iter().sum::<u64>() + u64::from(off == 2);
                otlp::HistogramDataPoint {
                    attributes,
                    start_time_unix_nano,
                    time_unix_nano,
                    flags,
                    count,
                    sum,
                    min,
                    max,
                    bucket_counts,
                    explicit_bounds,
                    exemplars,
                }
            },
        )
}

fn exponential_point() -> impl Strategy<Value = otlp::ExponentialHistogramDataPoint> {
    let offset = prop_oneof![any::<i32>(), -3..3i32, Just(i32::MAX)];
    let side = (offset, prop::collection::vec(any::<u64>(), 0..4))
        .prop_map(|(offset, bucket_counts)| otlp::exponential_histogram_data_point::Buckets { offset, bucket_counts });
    let side = prop::option::of(side).boxed();
    ((pairs(), time(), time(), 0..3u32), (any::<i32>(), any::<u64>(), any_double()), (side.clone(), side), prop::option::of(any_double())).prop_map(
        |((attributes, start_time_unix_nano, time_unix_nano, flags), (scale, zero_count, zero_threshold), (positive, negative), sum)| {
            otlp::ExponentialHistogramDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                flags,
                scale,
                zero_count,
                count: zero_count,
                zero_threshold,
                positive,
                negative,
                sum,
                min: sum,
                max: None,
                exemplars: Vec::new(),
            }
        },
    )
}

fn metrics_request() -> impl Strategy<Value = ExportMetricsServiceRequest> {
    use otlp::metric::Data;
    let summary = (pairs(), time(), time(), any::<u64>(), any_double(), prop::collection::vec((any_double(), any_double()), 0..3)).prop_map(
        |(attributes, start_time_unix_nano, time_unix_nano, count, sum, quantiles)| otlp::SummaryDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            count,
            sum,
            flags: 0,
            quantile_values: quantiles.into_iter().map(|(quantile, value)| otlp::summary_data_point::ValueAtQuantile { quantile, value }).collect(),
        },
    );
    let data = prop_oneof![
        1 => Just(None),
        3 => prop::collection::vec(number_point(), 0..4).prop_map(|data_points| Some(Data::Gauge(otlp::Gauge { data_points }))),
        3 => (prop::collection::vec(number_point(), 0..4), -1..5i32, any::<bool>())
            .prop_map(|(data_points, aggregation_temporality, is_monotonic)| Some(Data::Sum(otlp::Sum { data_points, aggregation_temporality, is_monotonic }))),
        3 => (prop::collection::vec(histogram_point(), 0..4), 0..3i32)
            .prop_map(|(data_points, aggregation_temporality)| Some(Data::Histogram(otlp::Histogram { data_points, aggregation_temporality }))),
        3 => (prop::collection::vec(exponential_point(), 0..3), 0..3i32)
            .prop_map(|(data_points, aggregation_temporality)| Some(Data::ExponentialHistogram(otlp::ExponentialHistogram { data_points, aggregation_temporality }))),
        2 => prop::collection::vec(summary, 0..3).prop_map(|data_points| Some(Data::Summary(otlp::Summary { data_points }))),
    ];
    let metric = ("[a-b]{0,2}", "[a-b]{0,2}", "[a-b]{0,2}", pairs(), data).prop_map(|(name, description, unit, metadata, data)| otlp::Metric {
        name,
        description,
        unit,
        metadata,
        data,
    });
    (resource(), prop::collection::vec(metric, 0..4)).prop_map(|(resource, metrics)| ExportMetricsServiceRequest {
        resource_metrics: vec![otlp::ResourceMetrics {
            resource,
            scope_metrics: vec![otlp::ScopeMetrics { scope: None, metrics, schema_url: String::new() }],
            schema_url: String::new(),
        }],
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn spans_keep_what_stands_around_them(request in traces()) {
        let rows = Span::from_rows(&decode(Signal::Spans, &request.encode_to_vec()).unwrap().batch.rows);
        let rows: Vec<_> = rows.into_iter().map(|row| (row.resource.to_string(), row.scope.to_string(), row.events, row.links, row.extra)).collect();
        prop_assert_eq!(rows, spans_oracle(&request));
    }

    /// Points equal prost's; cut anywhere, both refuse alike or agree.
    #[test]
    fn metrics_equal_to_prost(request in metrics_request(), cut in any::<prop::sample::Index>()) {
        let bytes = request.encode_to_vec();
        check_points(&bytes);
        let cut = &bytes[..cut.index(bytes.len() + 1).min(bytes.len())];
        match ExportMetricsServiceRequest::decode(cut) {
            Ok(_) => check_points(cut),
            Err(_) => prop_assert!(decode(Signal::Metrics, cut).is_err()),
        }
    }
}

/// What real SDKs sent as metrics.
#[test]
fn captured_metrics_equal_to_prost() {
    let mut checked = 0;
    for archive in ["python-shop.protobuf.tar.gz", "rust-ledger.protobuf.tar.gz"] {
        for (_, body) in files(archive).into_iter().filter(|(name, body)| name.contains("metrics") && !body.is_empty()) {
            check_points(&body);
            checked += 1;
        }
    }
    assert!(checked > 0);
}
