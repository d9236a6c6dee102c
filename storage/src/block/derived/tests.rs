use super::pages::{Pages, PagesWriter, Row};
use super::traces::TraceRow;
use crate::block::tests::{Shelf, meta};
use crate::block::{Block, FileKind};
use crate::objects::names;
use hopline_model::{Signal, SpanId, TraceId, UnixNanos};
use hopline_trace::edges::{Edge, EdgeCounts, EdgeKey, Node};
use hopline_trace::hops::HopKind;
use hopline_trace::parts::PartRoot;
use hopline_trace::spans::{Kind, Status};
use hopline_trace::summary::Counts;
use hopline_trace::{Histogram, LinkRow, Part};
use proptest::prelude::*;
use std::fmt::Debug;
use std::sync::Arc;

fn text() -> impl Strategy<Value = Arc<str>> {
    prop_oneof![Just("".to_owned()), "[a-c]{1,2}", "\\PC{0,40}", "x{4000}"].prop_map(Arc::from)
}

fn node() -> impl Strategy<Value = Node> {
    (text(), text(), text()).prop_map(|(name, namespace, environment)| Node { name, namespace, environment })
}

/// Also what takes away: its counts are negative numbers in wrapped form.
fn edge() -> impl Strategy<Value = Edge> {
    let times = || prop::collection::vec((0u64..1 << 40, any::<bool>()), 0..6);
    let key =
        (0i64..5, node(), text(), text(), node(), (text(), text()), prop::sample::select(&HopKind::ALL[..]), prop::sample::select(&Status::ALL[..]));
    (key, any::<[i32; 4]>(), prop::option::of(-1e9..1e9f64), times(), times()).prop_map(|(key, counts, adjusted, total, own)| {
        let (minute, caller, caller_operation, caller_version, callee, (operation, callee_version), kind, status) = key;
        let [count, first_calls, reaches, first_causes] = counts.map(|count| i64::from(count) as u64);
        let of = |times: Vec<(u64, bool)>| {
            let mut sum = Histogram::new();
            for (time, away) in times {
                let mut one = Histogram::new();
                one.record_many(time, 1);
                if away { sum.subtract(&one) } else { sum.merge(&one) }
            }
            sum
        };
        Edge {
            key: EdgeKey {
                minute: UnixNanos((minute - 1) * 60_000_000_000),
                caller,
                caller_operation,
                caller_version,
                callee,
                operation,
                callee_version,
                kind,
                status,
            },
            counts: EdgeCounts {
                count,
                adjusted_count: adjusted.unwrap_or(count as i64 as f64),
                first_calls,
                reaches,
                first_causes,
                total: of(total),
                own: of(own),
            },
        }
    })
}

fn link() -> impl Strategy<Value = LinkRow> {
    (0u8..4, any::<[u8; 8]>(), any::<[u8; 16]>(), any::<[u8; 8]>(), text(), text(), prop::sample::select(&Kind::ALL[..]), any::<i64>()).prop_map(
        |(target, target_span, trace, span, service, name, kind, start)| LinkRow {
            target_trace_id: TraceId([target; 16]),
            target_span_id: SpanId(target_span),
            trace_id: TraceId(trace),
            span_id: SpanId(span),
            service_name: service.to_string(),
            name: name.to_string(),
            kind,
            start_time: UnixNanos(start),
        },
    )
}

/// Written, found by key and by range of keys, and never read as anything else when a bit is flipped or the end is missing.
/// Its numbers need not fit together: what was written is read.
fn part() -> impl Strategy<Value = Part> {
    let nano = || prop_oneof![0u64..1_000, any::<u64>()];
    let root = prop::option::of((any::<u32>(), nano(), text(), text(), prop::sample::select(&Status::ALL[..])));
    let services = prop::collection::vec((text(), 0u64..300, 0u64..3), 0..5);
    (1u32..1_000, any::<i64>(), nano(), 0u64..3, root, services).prop_map(|(rows, start, nano, error_count, root, services)| {
        let later = |nano: u64| UnixNanos(start.checked_add_unsigned(nano).unwrap_or(i64::MAX));
        let counts = |(name, spans, errors)| (name, Counts { spans, errors: if error_count > 0 { errors } else { 0 } });
        Part {
            rows,
            start: UnixNanos(start),
            end: later(nano),
            error_count,
            root: root.map(|(at, nano, service, name, status)| PartRoot { at: at % rows, start: later(nano), service, name, status }),
            services: services.into_iter().map(counts).collect(),
        }
    })
}

fn round_trip<R: Row + PartialEq + Debug>(rows: Vec<R>, at: usize, bit: u8) -> Result<(), TestCaseError> {
    let shelf = Shelf::new();
    let mut meta = meta(Signal::Spans, rows.len() as u64);
    let name = names::block_file(meta.tenant, meta.signal, meta.id, R::KIND);
    let mut writer = PagesWriter::create(shelf.objects.as_ref(), &name).unwrap();
    rows.iter().for_each(|row| writer.push(row).unwrap());
    meta.files = vec![writer.finish().unwrap()];
    let open = || Pages::<R>::open(&meta, &shelf.objects);
    let pages = open().unwrap().unwrap();
    let all: Vec<R> = (0..pages.len()).flat_map(|at| pages.page(at).unwrap()).collect();
    prop_assert_eq!(&all, &rows);
    for row in &rows {
        let of_key: Vec<&R> = rows.iter().filter(|other| other.key() == row.key()).collect();
        let found = pages.find(row.key()).unwrap();
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), of_key);
    }
    prop_assert!(pages.find([0xfe; 16]).unwrap().is_empty());
    let path = shelf.dir.path().join(&name);
    let bytes = std::fs::read(&path).unwrap();
    let mut flipped = bytes.clone();
    flipped[at % bytes.len()] ^= 1 << bit;
    for damaged in [flipped, bytes[..at % bytes.len()].to_vec()] {
        std::fs::write(&path, &damaged).unwrap();
        // Another block object: files stay open by name.
        let objects: Arc<dyn crate::objects::ObjectIo> =
            Arc::new(crate::objects::LocalObjects::open(shelf.dir.path(), Arc::new(crate::objects::OsFiles)).unwrap());
        let block = Block::new(meta.clone(), objects.clone());
        let read = Pages::<R>::open(&block.meta, &objects).and_then(|pages| {
            let pages = pages.unwrap();
            (0..pages.len()).map(|at| pages.page(at)).collect::<crate::Result<Vec<_>>>()
        });
        if let Ok(read) = read {
            prop_assert_eq!(&read.into_iter().flatten().collect::<Vec<R>>(), &rows, "only padding may be flipped");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn edges_round_trip(mut rows in prop::collection::vec(edge(), 0..60), at in any::<usize>(), bit in 0u8..8) {
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        round_trip(rows, at, bit)?;
    }

    #[test]
    fn traces_round_trip(parts in prop::collection::vec((0u32..5, part()), 0..60), at in any::<usize>(), bit in 0u8..8) {
        let mut end = 0;
        let rows = parts.into_iter().map(|(gap, part)| {
            let row = end + gap;
            end = row + part.rows;
            TraceRow { row, part }
        });
        round_trip(rows.collect(), at, bit)?;
    }

    #[test]
    fn links_round_trip(mut rows in prop::collection::vec(link(), 0..60), at in any::<usize>(), bit in 0u8..8) {
        rows.sort_by_key(super::links::order);
        round_trip(rows, at, bit)?;
    }
}

/// Many rows make many pages, of which a point read takes one.
#[test]
fn a_point_read_takes_one_page() {
    let shelf = Shelf::new();
    let mut meta = meta(Signal::Spans, 0);
    let name = names::block_file(meta.tenant, meta.signal, meta.id, FileKind::Lnk);
    let mut writer = PagesWriter::create(shelf.objects.as_ref(), &name).unwrap();
    let row = |number: u32| LinkRow {
        target_trace_id: TraceId(u128::from(number).to_be_bytes()),
        target_span_id: SpanId([1; 8]),
        trace_id: TraceId([2; 16]),
        span_id: SpanId([3; 8]),
        service_name: "worker".into(),
        name: "process".into(),
        kind: Kind::Consumer,
        start_time: UnixNanos(number.into()),
    };
    (0..20_000).for_each(|number| writer.push(&row(number)).unwrap());
    meta.files = vec![writer.finish().unwrap()];
    let pages = Pages::<LinkRow>::open(&meta, &shelf.objects).unwrap().unwrap();
    assert!(pages.len() > 20, "{}", pages.len());
    let before = pages.bytes_read();
    assert_eq!(pages.find(row(12_345).key()).unwrap(), [row(12_345)]);
    assert!(pages.bytes_read() - before <= 4 * 8192, "{} bytes", pages.bytes_read() - before);
}
