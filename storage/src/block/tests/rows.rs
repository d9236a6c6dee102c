//! What is written comes back: every type, hostile attributes, many rows, order, meta.

use super::*;
use crate::block::cache::{OPENED, What};
use crate::block::dense::{Splitter, choose, join};
use arrow::array::{AsArray, StringArray};
use hopline_model::Value;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        3 => "[a-z]{0,3}".prop_map(Value::String),
        2 => (-3i64..3).prop_map(Value::Int),
        1 => any::<i64>().prop_map(Value::Int),
        1 => any::<bool>().prop_map(Value::Bool),
        2 => prop_oneof![Just(0.5), Just(-0.0), any::<f64>()].prop_map(Value::Double),
        1 => Just(Value::Null),
        1 => ".{0,4}".prop_map(Value::String),
        1 => proptest::collection::vec(any::<u8>(), 0..4).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            proptest::collection::vec(("[ab$]{0,2}", inner), 0..3).prop_map(Value::Map),
        ]
    })
}

/// Attributes with a key twice, keys that start with `$`, are empty or need escapes, any value.
fn attributes() -> impl Strategy<Value = String> {
    proptest::collection::vec((prop_oneof![4 => "[a-e]", 1 => "[a-c$\"\\\\é]{0,2}"], value()), 0..7).prop_map(|pairs| Value::Map(pairs).to_text())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Splitting into columns and joining gives the same text, byte for byte, and `whole` says the truth.
    #[test]
    fn split_and_join(texts in proptest::collection::vec(attributes(), 1..60)) {
        let column = StringArray::from(texts.clone());
        let mut splitter = Splitter::new(choose(std::iter::once(&column)));
        let (rest, dense) = splitter.split(&column);
        for key in splitter.keys.iter().filter(|key| key.whole) {
            for text in rest.as_string::<i32>().iter().flatten() {
                prop_assert!(hopline_model::attributes::get(text, &key.key).is_none(), "{} in {}", key.key, text);
            }
        }
        let dense: Vec<(&str, arrow::array::ArrayRef)> = splitter.keys.iter().map(|key| key.key.as_str()).zip(dense).collect();
        let joined = join(rest.as_string::<i32>(), &dense);
        prop_assert_eq!(joined.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), texts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Logs with any values in every column come back as they were from every level.
    #[test]
    fn any_logs(rows in proptest::collection::vec((any::<i64>(), proptest::option::of(any::<i64>()), proptest::option::of(".{0,6}"), attributes(), any::<i32>()), 1..40), size in 1usize..20) {
        let mut logs: Vec<Log> = rows
            .into_iter()
            .map(|(time, observed, body, attributes, severity)| Log {
                time: UnixNanos(time),
                observed_time: observed.map(UnixNanos),
                body: body.clone(),
                event_name: body.clone(),
                severity_text: body.clone(),
                extra: body,
                severity_number: severity,
                trace_id: observed.and_then(|id| TraceId::from_bytes(&[id.to_be_bytes(), id.to_be_bytes()].concat())),
                attributes,
                flags: severity as u32,
                ..Log::default()
            })
            .collect();
        let chunks = log_chunks(&mut logs, size);
        let mut shelf = Shelf::new();
        for blocks in levels(&mut shelf, Signal::Logs, &chunks, 2) {
            let mut got: Vec<Log> = stored(&blocks).iter().flat_map(Log::from_rows).collect();
            got.sort_by_key(|log| log.seq);
            prop_assert_eq!(&got, &logs);
        }
    }

    #[test]
    fn any_spans(rows in proptest::collection::vec((any::<i64>(), any::<i64>(), proptest::option::of(".{0,6}"), attributes(), 1u8..5), 1..40), size in 1usize..20) {
        let mut spans: Vec<Span> = rows
            .into_iter()
            .map(|(start, duration, text, attributes, id)| Span {
                trace_id: TraceId([id; 16]),
                start_time: UnixNanos(start),
                duration_nano: duration,
                name: text.clone().unwrap_or_default(),
                status_message: text.clone(),
                trace_state: text.clone(),
                extra: text,
                attributes,
                flags: duration as u32,
                ..Span::default()
            })
            .collect();
        let chunks = span_chunks(&mut spans, size);
        let mut shelf = Shelf::new();
        for blocks in levels(&mut shelf, Signal::Spans, &chunks, 2) {
            let mut got: Vec<Span> = stored(&blocks).iter().flat_map(Span::from_rows).collect();
            got.sort_by_key(|span| span.seq);
            prop_assert_eq!(&got, &spans);
        }
    }
}

/// Metric points of every kind, with lists, from every level.
#[test]
fn metrics() {
    use arrow::array::*;
    use arrow::datatypes::*;
    let count = 5000;
    let table = schema(Signal::Metrics);
    let mut seqs = 0..;
    let mut batch = |first: i64| {
        let columns = table.fields().iter().map(|field| -> ArrayRef {
            let some = |i: i64| !field.is_nullable() || i % 3 != 0;
            let rows = first..first + count;
            match (field.name().as_str(), field.data_type()) {
                ("seq", _) => Arc::new(UInt64Array::from_iter_values(seqs.by_ref().take(count as usize))),
                (name, DataType::Timestamp(..)) => {
                    let step = if name == "time" { 1_000_000_000 } else { 0 };
                    Arc::new(rows.map(|i| some(i).then_some(i * step)).collect::<TimestampNanosecondArray>().with_timezone("UTC"))
                }
                ("attributes", _) => Arc::new(StringArray::from_iter_values(rows.map(|i| format!("{{\"le\":{},\"pod\":\"p-{}\"}}", i % 7, i % 11)))),
                (_, DataType::Dictionary(..)) => Arc::new(
                    rows.map(|i| some(i).then(|| format!("v{}", i % 5)))
                        .collect::<Vec<_>>()
                        .iter()
                        .map(Option::as_deref)
                        .collect::<DictionaryArray<Int32Type>>(),
                ),
                (_, DataType::Utf8) => Arc::new(rows.map(|i| some(i).then(|| i.to_string())).collect::<StringArray>()),
                (_, DataType::Boolean) => Arc::new(rows.map(|i| some(i).then_some(i % 2 == 0)).collect::<BooleanArray>()),
                (_, DataType::Float64) => Arc::new(rows.map(|i| some(i).then_some(i as f64 / 3.0)).collect::<Float64Array>()),
                (_, DataType::Int64) => Arc::new(rows.map(|i| some(i).then_some(-i)).collect::<Int64Array>()),
                (_, DataType::UInt64) => Arc::new(rows.map(|i| some(i).then_some(i as u64)).collect::<UInt64Array>()),
                (_, DataType::UInt32) => Arc::new(UInt32Array::from_iter_values(rows.map(|i| i as u32))),
                (_, DataType::List(item)) => {
                    let lists: Vec<Option<i64>> = rows.map(|i| some(i).then_some(i % 4)).collect();
                    let lengths = lists.iter().map(|len| len.unwrap_or(0) as usize);
                    let total: i64 = lists.iter().flatten().sum();
                    let values: ArrayRef = match item.data_type() {
                        DataType::UInt64 => Arc::new(UInt64Array::from_iter_values(0..total as u64)),
                        _ => Arc::new(Float64Array::from_iter_values((0..total).map(|i| i as f64))),
                    };
                    let nulls = arrow::buffer::NullBuffer::from_iter(lists.iter().map(Option::is_some));
                    Arc::new(ListArray::new(item.clone(), arrow::buffer::OffsetBuffer::from_lengths(lengths), values, Some(nulls)))
                }
                (name, kind) => panic!("{name} {kind}"),
            }
        });
        RecordBatch::try_new(table.clone(), columns.collect()).unwrap()
    };
    let rows: Vec<RecordBatch> = (0..3).map(|i| batch(i * count)).collect();
    let chunk = |rows: &RecordBatch, i: i64| Chunk {
        rows: rows.clone(),
        time_min: UnixNanos(i * count * 1_000_000_000),
        time_max: UnixNanos(((i + 1) * count - 1) * 1_000_000_000),
        received: UnixNanos(count * 2_000_000_000),
    };
    let chunks: Vec<Chunk> = rows.iter().zip(0..).map(|(rows, i)| chunk(rows, i)).collect();
    let text = |batches: &[RecordBatch]| {
        let all = arrow::compute::concat_batches(table, batches).unwrap();
        let order = arrow::compute::sort_to_indices(all.column(0), None, None).unwrap();
        let all = arrow::compute::take_record_batch(&all, &order).unwrap();
        let columns = all.columns().iter();
        columns
            .map(|column| (0..all.num_rows()).map(|row| crate::scan::value::cell_text(column, row).map(|text| text.into_owned())).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let expect = text(&rows);
    let mut shelf = Shelf::new();
    for blocks in levels(&mut shelf, Signal::Metrics, &chunks, 1) {
        assert_eq!(text(&stored(&blocks)), expect);
        let (scanned, stats) = snapshot(&blocks).collect(&ScanRequest::all(Signal::Metrics)).unwrap();
        assert_eq!(stats.damaged, Vec::<String>::new());
        assert_eq!(text(&scanned), expect);
    }
}

/// A hundred thousand spans of traces that overlap: several row groups, traces lie together, an id reads few bytes, memory for a
/// merge may be small.
#[test]
fn many_spans() {
    let mut spans: Vec<Span> = (0..100_000u64)
        .map(|i| {
            let trace = (i / 40) * 4 + i % 4;
            let mut id = [1; 16];
            id[..8].copy_from_slice(&trace.to_be_bytes());
            Span {
                trace_id: TraceId(id),
                start_time: UnixNanos(i as i64 * 1_000_000),
                duration_nano: (i % 1000) as i64,
                name: format!("GET /{}", i % 10),
                service_name: ["shop", "cart", "payment"][i as usize % 3].into(),
                status_code: if i % 50 == 0 { "error" } else { "unset" }.into(),
                attributes: format!("{{\"http.response.status_code\":{},\"user.id\":\"u-{i}\"}}", 200 + i % 5),
                ..Span::default()
            }
        })
        .collect();
    let chunks = span_chunks(&mut spans, 7000);
    let mut shelf = Shelf::new();
    let first: Vec<Arc<Block>> = chunks.chunks(4).map(|chunks| shelf.write(Signal::Spans, 0, chunks)).collect();
    for memory_bytes in [0, 32 << 20] {
        let merged = shelf.merge(&first, 1, memory_bytes);
        assert_eq!(merged.len(), 1);
        let meta = &merged[0].meta;
        assert_eq!((meta.rows, meta.time_min, meta.time_max), (100_000, 0, 99_999_000_000));
        assert_eq!(meta.services.iter().map(|service| service.errors).sum::<u64>(), 2000);
        assert_eq!(meta.dense, ["http.response.status_code", "user.id"]);
        assert!(meta.files.iter().any(|file| file.kind == FileKind::Tok));
        let rows: Vec<Span> = stored(&merged).iter().flat_map(Span::from_rows).collect();
        let runs = rows.chunk_by(|a, b| a.trace_id == b.trace_id);
        assert_eq!(runs.clone().count(), 10_000, "every trace lies in one piece");
        assert!(runs.clone().all(|run| run.is_sorted_by_key(|span| span.start_time)));
        assert!(runs.map(|run| run[0].start_time).is_sorted());
        let mut by_seq = rows;
        by_seq.sort_by_key(|span| span.seq);
        assert_eq!(by_seq, spans);
        let seen = snapshot(&merged);
        let columns = [crate::scan::Column::Fixed("seq")];
        let (batches, stats) = seen.trace_rows(Signal::Spans, spans[77_777].trace_id, &columns, &crate::scan::Cancel::default()).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 10);
        assert!(stats.bytes_read < meta.bytes() / 20, "{} of {}", stats.bytes_read, meta.bytes());
        // A rare value: by the page filters.
        let rare = Predicate::Compare { field: crate::scan::Field::Any("user.id".into()), test: crate::scan::Test::Equals("u-77777".into()) };
        let request = ScanRequest { predicate: rare, columns: columns.to_vec(), ..ScanRequest::all(Signal::Spans) };
        let (batches, stats) = seen.collect(&request).unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
        assert!(stats.bytes_read < meta.bytes() / 10, "{} of {}", stats.bytes_read, meta.bytes());
        // By time and by duration: as many as there are.
        let ranged = ScanRequest { range: TimeRange::new(UnixNanos(5_000_000_000), UnixNanos(5_100_000_000)), ..ScanRequest::all(Signal::Spans) };
        assert_eq!(seen.count(&ranged).unwrap().0, 100);
    }
}

/// Rows lie by window, in order of time within it, and far ones go by when they were received.
#[test]
fn windows() {
    let hour = 3_600_000_000_000;
    let received = 100 * hour;
    let times = [received, received - 5 * hour, 0, received + 50 * hour, received - 5 * hour + 1, received + 600_000_000_000];
    let mut logs: Vec<Log> = times.iter().map(|time| Log { time: UnixNanos(*time), ..Log::default() }).collect();
    let mut chunks = log_chunks(&mut logs, 10);
    chunks[0].received = UnixNanos(received);
    let mut shelf = Shelf::new();
    let block = shelf.write(Signal::Logs, 0, &chunks);
    let windows: Vec<(i64, u64)> = block.meta.windows.iter().map(|rows| (rows.window, rows.rows)).collect();
    assert_eq!(windows, [(received - 5 * hour, 2), (received, 3), (received + 600_000_000_000, 1)]);
    assert_eq!(shelf.merge(&[block], 1, 0).len(), 3);
}

/// What a block has opened goes with it, of every kind.
#[test]
fn what_is_gone_is_let_go_of() {
    let mut shelf = Shelf::new();
    let mut spans: Vec<Span> =
        (0..500).map(|i| Span { trace_id: TraceId([(i % 200) as u8 + 1; 16]), start_time: UnixNanos(i), ..Span::default() }).collect();
    let mut logs: Vec<Log> = (0..500).map(|i| Log { time: UnixNanos(i), body: Some(format!("line {i}")), ..Log::default() }).collect();
    for (signal, chunks) in [(Signal::Spans, span_chunks(&mut spans, 100)), (Signal::Logs, log_chunks(&mut logs, 100))] {
        let written = shelf.write(signal, 0, &chunks);
        let block = Block::new(written.meta.clone(), written.objects.clone());
        block.rows_file().unwrap();
        block.links().unwrap();
        assert_eq!((block.tix().is_some(), block.traces().is_some()), (true, signal == Signal::Spans));
        assert_eq!(block.text_index().is_some(), signal == Signal::Logs);
        _ = (block.tok(), block.edges());
        let serial = block.serial;
        drop(block);
        let kept: Vec<What> = OPENED.iter().filter(|(key, _)| key.0 == serial).map(|(key, _)| key.1).collect();
        assert_eq!(kept, [], "{signal}");
    }
}
