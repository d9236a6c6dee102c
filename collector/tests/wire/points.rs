//! O32 to O37: data points. Each rule rejects its point alone; what passes is kept as sent.

use crate::harness::{BOTH, Server};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, UInt32Type, UInt64Type};
use hopline_model::Signal;

/// One metric with these data points.
fn points(kind: &str, more: &str, points: &str) -> Vec<u8> {
    let text = format!(r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","{kind}":{{{more}"dataPoints":[{points}]}}}}]}}]}}]}}"#);
    hopline_collector::decode::to_protobuf(Signal::Metrics, text.as_bytes()).unwrap()
}

/// The newest rows, after a request is answered in full.
async fn taken(server: &Server, way: crate::harness::Way, bytes: &[u8]) -> RecordBatch {
    let before = server.rows(Signal::Metrics);
    let answer = server.send(way, Signal::Metrics, bytes).await;
    assert!(answer.is_full_success(), "{answer:?}");
    let rows = arrow::compute::concat_batches(hopline_model::schema::schema(Signal::Metrics), &server.batches(Signal::Metrics)).unwrap();
    rows.slice(before, rows.num_rows() - before)
}

fn text<'a>(rows: &'a RecordBatch, column: &str, row: usize) -> Option<&'a str> {
    let column = rows.column_by_name(column).unwrap();
    match column.as_dictionary_opt::<arrow::datatypes::Int32Type>() {
        Some(dictionary) => dictionary.is_valid(row).then(|| dictionary.values().as_string::<i32>().value(dictionary.keys().value(row) as usize)),
        None => column.is_valid(row).then(|| column.as_string::<i32>().value(row)),
    }
}

fn number(rows: &RecordBatch, column: &str, row: usize) -> Option<f64> {
    let column = rows.column_by_name(column).unwrap();
    column.is_valid(row).then(|| column.as_primitive::<Float64Type>().value(row))
}

#[tokio::test(flavor = "multi_thread")]
async fn o32_points_without_time_or_value() {
    let server = Server::start().await;
    for way in BOTH {
        let before = server.rows(Signal::Metrics);
        for kind in ["gauge", "sum"] {
            let more = if kind == "sum" { r#""aggregationTemporality":2,"# } else { "" };
            let answer = server
                .send(
                    way,
                    Signal::Metrics,
                    &points(
                        kind,
                        more,
                        r#"{"timeUnixNano":1,"asInt":1},{"asInt":2},{"timeUnixNano":3},{"timeUnixNano":4,"flags":1},{"timeUnixNano":5,"asDouble":0}"#,
                    ),
                )
                .await;
            let (rejected, words) = answer.partial.unwrap();
            assert_eq!(rejected, 2);
            assert!(words.starts_with("2 of 5 data points rejected: 1 × time_unix_nano is 0") && words.contains("without a value"), "{words}");
        }
        assert_eq!(server.rows(Signal::Metrics) - before, 6);
        // An exemplar without a value is left out, with a warning; its point is kept.
        let answer = server.send(way, Signal::Metrics, &points("gauge", "", r#"{"timeUnixNano":1,"asInt":1,"exemplars":[{"timeUnixNano":2},{"timeUnixNano":3,"asDouble":1.5,"spanId":"eee19b7ec3c1b174","filteredAttributes":[{"key":"k","value":{"intValue":1}}]}]}"#)).await;
        assert_eq!(answer.partial.map(|(rejected, words)| (rejected, words.contains("exemplars without a value"))), Some((0, true)));
        let rows = server.batches(Signal::Metrics).pop().unwrap();
        let exemplars = text(&rows, "exemplars", rows.num_rows() - 1).unwrap();
        assert_eq!(exemplars, r#"[{"attributes":{"k":1},"span_id":"eee19b7ec3c1b174","time_unix_nano":"3","value":1.5}]"#);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o33_no_recorded_value_is_kept_as_a_marker() {
    let server = Server::start().await;
    for way in BOTH {
        for (kind, point) in [
            ("gauge", r#"{"timeUnixNano":1,"flags":1}"#),
            ("sum", r#"{"timeUnixNano":1,"flags":1}"#),
            // What else it says does not count, however wrong.
            ("histogram", r#"{"timeUnixNano":1,"flags":1,"count":5,"bucketCounts":[1],"explicitBounds":[3,2,1]}"#),
            ("exponentialHistogram", r#"{"timeUnixNano":1,"flags":1}"#),
            ("summary", r#"{"timeUnixNano":1,"flags":1}"#),
        ] {
            let more = if matches!(kind, "gauge" | "summary") { "" } else { r#""aggregationTemporality":2,"# };
            let rows = taken(&server, way, &points(kind, more, point)).await;
            assert_eq!(rows.column_by_name("flags").unwrap().as_primitive::<UInt32Type>().value(0), 1, "{kind}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o34_histograms() {
    let server = Server::start().await;
    let temporality = r#""aggregationTemporality":1,"#;
    for way in BOTH {
        for (wrong, words) in [
            (r#"{"timeUnixNano":1,"count":3,"bucketCounts":[3],"explicitBounds":[1]}"#, "one more than explicit_bounds"),
            (r#"{"timeUnixNano":1,"count":3,"bucketCounts":[3,0,0],"explicitBounds":[1]}"#, "one more than explicit_bounds"),
            (r#"{"timeUnixNano":1,"count":3,"bucketCounts":[],"explicitBounds":[1]}"#, "one more than explicit_bounds"),
            (r#"{"timeUnixNano":1,"count":3,"bucketCounts":[1,1,1],"explicitBounds":[1,1]}"#, "increase strictly"),
            (r#"{"timeUnixNano":1,"count":3,"bucketCounts":[1,1,1],"explicitBounds":[2,1]}"#, "increase strictly"),
            (r#"{"timeUnixNano":1,"count":3,"bucketCounts":[1,1,1],"explicitBounds":[1,"NaN"]}"#, "increase strictly"),
            (r#"{"timeUnixNano":1,"count":4,"bucketCounts":[1,1,1],"explicitBounds":[1,2]}"#, "not count"),
        ] {
            let good = r#"{"timeUnixNano":1,"count":3,"bucketCounts":[1,2],"explicitBounds":[1]}"#;
            let answer = server.send(way, Signal::Metrics, &points("histogram", temporality, &format!("{wrong},{good}"))).await;
            let (rejected, said) = answer.partial.unwrap();
            assert!(rejected == 1 && said.contains(words), "{wrong}: {said}");
        }
        // Unset and 0 are two things.
        let rows = taken(
            &server,
            way,
            &points(
                "histogram",
                temporality,
                r#"{"timeUnixNano":1,"count":3},{"timeUnixNano":2,"count":3,"sum":0,"min":0,"max":0,"bucketCounts":["3"]}"#,
            ),
        )
        .await;
        for column in ["sum", "min", "max"] {
            assert_eq!((number(&rows, column, 0), number(&rows, column, 1)), (None, Some(0.0)), "{column}");
        }
        assert_eq!(text(&rows, "temporality", 0), Some("delta"));
        let counts = rows.column_by_name("bucket_counts").unwrap().as_list::<i32>().value(1);
        assert_eq!(counts.as_primitive::<UInt64Type>().values(), &[3]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o35_exponential_histograms() {
    let server = Server::start().await;
    let temporality = r#""aggregationTemporality":2,"#;
    for way in BOTH {
        for scale in [i32::MIN, -10, 0, 20, i32::MAX] {
            let counts = vec!["1"; 160].join(",");
            let point = format!(
                r#"{{"timeUnixNano":1,"count":325,"sum":-2.5,"scale":{scale},"zeroCount":5,"zeroThreshold":0.25,"min":-8,"max":9,"positive":{{"offset":-80,"bucketCounts":[{counts}]}},"negative":{{"offset":3,"bucketCounts":[{counts}]}}}}"#
            );
            let rows = taken(&server, way, &points("exponentialHistogram", temporality, &point)).await;
            let kept = text(&rows, "exponential", 0).unwrap();
            let expect = format!(
                r#"{{"negative":{{"counts":[{counts}],"offset":3}},"positive":{{"counts":[{counts}],"offset":-80}},"scale":{scale},"zero_count":5,"zero_threshold":0.25}}"#
            );
            assert_eq!(kept, expect);
            assert_eq!((number(&rows, "sum", 0), number(&rows, "min", 0), number(&rows, "max", 0)), (Some(-2.5), Some(-8.0), Some(9.0)));
        }
        for (offset, taken) in [(i32::MAX, 0), (i32::MAX - 1, 1), (i32::MIN, 1)] {
            let point = format!(r#"{{"timeUnixNano":1,"count":1,"positive":{{"offset":{offset},"bucketCounts":[1]}}}}"#);
            let before = server.rows(Signal::Metrics);
            let answer = server.send(way, Signal::Metrics, &points("exponentialHistogram", temporality, &point)).await;
            assert_eq!((answer.code, server.rows(Signal::Metrics) - before), (0, taken), "offset {offset}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o36_all_kinds_with_all_their_fields() {
    let server = Server::start().await;
    let everything = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
        {"name":"g","unit":"By","description":"d","metadata":[{"key":"origin","value":{"stringValue":"x"}}],"gauge":{"dataPoints":[{"timeUnixNano":7,"startTimeUnixNano":3,"asInt":"-9223372036854775808","flags":256}]}},
        {"name":"s","sum":{"aggregationTemporality":1,"isMonotonic":true,"dataPoints":[{"timeUnixNano":"18446744073709551615","asDouble":"NaN","attributes":[{"key":"k","value":{"intValue":1}}]}]}},
        {"name":"q","summary":{"dataPoints":[{"timeUnixNano":7,"count":2,"sum":3.5,"quantileValues":[{"quantile":0,"value":1},{"quantile":0.99,"value":2.5}]}]}},
        {"name":"c","sum":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":7,"asInt":0}]}}]}]}]}"#;
    let bytes = hopline_collector::decode::to_protobuf(Signal::Metrics, everything.as_bytes()).unwrap();
    for way in BOTH {
        let rows = taken(&server, way, &bytes).await;
        assert_eq!((0..4).map(|row| text(&rows, "type", row).unwrap()).collect::<Vec<_>>(), ["gauge", "sum", "summary", "sum"]);
        assert_eq!(
            (text(&rows, "unit", 0), text(&rows, "description", 0), text(&rows, "metadata", 0)),
            (Some("By"), Some("d"), Some(r#"{"origin":"x"}"#))
        );
        let ints = rows.column_by_name("value_int").unwrap().as_primitive::<Int64Type>();
        assert_eq!((ints.value(0), ints.is_null(1), ints.value(3)), (i64::MIN, true, 0));
        assert_eq!(
            (text(&rows, "temporality", 0), text(&rows, "temporality", 1), text(&rows, "temporality", 3)),
            (None, Some("delta"), Some("cumulative"))
        );
        let monotonic = rows.column_by_name("is_monotonic").unwrap().as_boolean();
        assert_eq!((monotonic.is_null(0), monotonic.value(1), monotonic.value(3)), (true, true, false));
        assert!(number(&rows, "value", 1).unwrap().is_nan());
        assert_eq!(text(&rows, "extra", 1), Some(r#"{"time_unix_nano":"18446744073709551615"}"#));
        assert_eq!((text(&rows, "quantiles", 2), number(&rows, "sum", 2)), (Some("[[0.0,1.0],[0.99,2.5]]"), Some(3.5)));
    }
    // A temporality that must not be used is taken with a warning.
    let answer = server.send(BOTH[0], Signal::Metrics, &points("sum", "", r#"{"timeUnixNano":1,"asInt":1}"#)).await;
    assert!(answer.partial.is_some_and(|(rejected, words)| rejected == 0 && words.contains("aggregation_temporality is unspecified")));
}

/// A request that is sent again, its answer lost, is stored once; two different requests with one point are both kept, for rates
/// look at a series' points by time.
#[tokio::test(flavor = "multi_thread")]
async fn o37_points_sent_again_are_stored_once() {
    let server =
        Server::open(hopline_collector::Config::default(), Default::default(), std::sync::Arc::new(hopline_storage::objects::OsFiles), 900_000).await;
    let bytes = points("gauge", "", r#"{"timeUnixNano":1,"asInt":1}"#);
    for (at, way) in BOTH.into_iter().enumerate() {
        let answer = server.send(way, Signal::Metrics, &bytes).await;
        match at {
            0 => assert!(answer.is_full_success()),
            _ => assert!(answer.partial.is_some_and(|(rejected, words)| rejected == 0 && words.contains("stored before"))),
        }
    }
    assert_eq!(server.rows(Signal::Metrics), 1);
}
