//! Edges, links and traces against those of all spans at once: live, sealed, merged, started again, in whatever order spans come.

use super::store::{NOW, config, open_os, request, wait_replayed};
use crate::Delete;
use crate::block::FileKind;
use crate::block::derived::make;
use crate::objects::names;
use crate::scan::{Cancel, Field, Predicate, Test};
use crate::storage::{Append, Storage};
use hopline_model::schema::column;
use hopline_model::span::Span;
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_MINUTE};
use hopline_model::{Seq, Signal, SpanId, TenantId, TimeRange, TraceId, UnixNanos};
use hopline_trace::{Edge, Edges, LinkRow, Summary, Trace, analyse, links};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Long ago, so that every window and day has ended; where a minute begins.
const THEN: i64 = (NOW.0 - 40 * NANOS_PER_DAY) / NANOS_PER_MINUTE * NANOS_PER_MINUTE;
const TRACES: u8 = 6;

/// A span of one of few traces, under any parent, within half an hour: so that traces lie in many blocks and windows.
fn span() -> impl Strategy<Value = Span> {
    let service = service();
    let kind = prop::sample::select(vec!["server", "client", "internal", "producer", "consumer"]);
    let more = (prop::option::weighted(0.2, (0..TRACES, 1u64..8)), prop::sample::select(vec!["unset", "error"]), 0u8..3, 0i64..2_000);
    (0..TRACES, 1u64..8, prop::option::of(1u64..8), service, kind, 0i64..30 * 60, more).prop_map(
        |(trace, id, parent, service, kind, second, (link, status, version, millis))| Span {
            trace_id: trace_id(trace),
            span_id: SpanId(id.to_be_bytes()),
            parent_span_id: parent.map(|id| SpanId(id.to_be_bytes())),
            // Most spans of a trace lie near each other.
            start_time: UnixNanos(
                THEN + i64::from(trace) * 5 * NANOS_PER_MINUTE + if second % 4 == 0 { second } else { second % 20 } * 1_000_000_000,
            ),
            duration_nano: millis * 1_000_000,
            name: format!("{service} {kind}"),
            kind: kind.into(),
            status_code: status.into(),
            service_name: service.into(),
            service_version: Some(format!("1.{version}")),
            trace_state: (version == 2).then(|| "ot=th:c".into()),
            links: link.map(|(trace, id)| format!("[{{\"span_id\":\"{}\",\"trace_id\":\"{}\"}}]", SpanId(id.to_be_bytes()), trace_id(trace))),
            ..Span::default()
        },
    )
}

fn service() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["web", "cart", "bank"])
}

fn trace_id(number: u8) -> TraceId {
    TraceId([number + 1; 16])
}

#[derive(Debug, Clone, Copy)]
enum Then {
    Nothing,
    Flush,
    Settle,
    Kill,
    /// The spans of one service go.
    Delete(&'static str),
}

fn then() -> impl Strategy<Value = Then> {
    prop_oneof![3 => Just(Then::Nothing), 3 => Just(Then::Flush), 2 => Just(Then::Settle), 1 => Just(Then::Kill), 2 => service().prop_map(Then::Delete)]
}

fn append(spans: &[Span]) -> Append {
    Append { received: UnixNanos(THEN + 30 * NANOS_PER_MINUTE), ..request(vec![Span::to_batch(spans)], None) }
}

/// The datasets that are made of spans.
#[derive(Debug, PartialEq)]
struct Datasets {
    edges: Vec<Edge>,
    links: Vec<LinkRow>,
    traces: BTreeMap<TraceId, Summary>,
}

/// What all spans come to, numbered as they came.
fn truth(spans: &[Span]) -> Datasets {
    let numbered: Vec<Span> = spans.iter().enumerate().map(|(at, span)| Span { seq: Seq(at as u64), ..span.clone() }).collect();
    let traces = Trace::split(&[Span::to_batch(&numbered).rows]);
    let mut edges = Edges::new();
    traces.iter().for_each(|trace| edges.add(trace, &analyse(trace)));
    let mut links: Vec<LinkRow> = traces.iter().flat_map(links::links).collect();
    links.sort_by_key(crate::block::derived::links::order);
    Datasets { edges: edges.into_rows(), links, traces: traces.iter().filter_map(Summary::of).map(named).collect() }
}

/// Which seq is the smaller decides; which numbers rows have does not matter.
fn named(mut summary: Summary) -> (TraceId, Summary) {
    summary.root.iter_mut().for_each(|root| root.seq = 0);
    (summary.trace_id, summary)
}

fn seen(storage: &Storage) -> Datasets {
    let snapshot = storage.snapshot(TenantId(0));
    let targets: Vec<TraceId> = (0..TRACES).map(trace_id).collect();
    let edges = snapshot.edges(TimeRange::ALL, usize::MAX, &Cancel::default()).unwrap();
    let links = snapshot.links_to(&targets, TimeRange::ALL, 10_000, &Cancel::default()).unwrap();
    assert!(!edges.cut && edges.stats.damaged.is_empty() && !links.cut);
    // Asked for by name, and all there are.
    let (found, stats) = snapshot.summaries(&targets, &Cancel::default()).unwrap();
    assert_eq!(stats.damaged, [] as [String; 0]);
    let mut traces: BTreeMap<TraceId, Summary> = BTreeMap::new();
    let each = &mut |parts: Vec<Summary>| {
        for part in parts {
            traces.entry(part.trace_id).and_modify(|sum| sum.merge(&part)).or_insert(part);
        }
        Ok(ControlFlow::Continue(()))
    };
    assert_eq!(snapshot.trace_parts(None, &Cancel::default(), each).unwrap().damaged, [] as [String; 0]);
    assert_eq!(traces, found.into_iter().collect());
    Datasets { edges: edges.rows, links: links.rows, traces: traces.into_values().map(named).collect() }
}

async fn start(dir: &Path) -> Arc<Storage> {
    // Some seals count what they hold, and some leave it to upkeep.
    let storage = open_os(crate::Config { seal_edges_rows_max: 4, ..config(dir) }).unwrap();
    wait_replayed(&storage).await;
    storage
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whenever they are asked for, edges and links are those of all spans that came so far.
    #[test]
    fn equal_in_every_state(steps in prop::collection::vec((prop::collection::vec(span(), 1..8), then()), 1..10)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let mut storage = start(dir.path()).await;
            let mut all: Vec<Span> = Vec::new();
            for (spans, then) in &steps {
                storage.append(append(spans)).await.unwrap();
                all.extend(spans.iter().cloned());
                match then {
                    Then::Nothing => {}
                    Then::Flush => storage.flush().await.unwrap(),
                    Then::Settle => storage.settle().await.unwrap(),
                    Then::Delete(service) => {
                        let test = Test::Equals((*service).into());
                        let predicate = Predicate::Compare { field: Field::Column(column::SERVICE_NAME), test };
                        let deleted = storage.delete(TenantId(0), Delete { signal: Signal::Spans, predicate, range: TimeRange::ALL }).await.unwrap();
                        let before = all.len();
                        all.retain(|span| span.service_name != *service);
                        prop_assert_eq!(deleted.rows, (before - all.len()) as u64);
                    }
                    Then::Kill => {
                        drop(storage);
                        storage = start(dir.path()).await;
                    }
                }
                let (seen, truth) = (seen(&storage), truth(&all));
                prop_assert_eq!(seen.edges, truth.edges, "edges after {:?}", then);
                prop_assert_eq!(seen.links, truth.links, "links after {:?}", then);
                prop_assert_eq!(seen.traces, truth.traces, "traces after {:?}", then);
            }
            storage.settle().await.unwrap();
            prop_assert_eq!(seen(&storage), truth(&all));
            // The sum of what the blocks hold, with nothing left to add.
            let minutes = TimeRange::new(UnixNanos(THEN), UnixNanos(THEN + 10 * NANOS_PER_MINUTE));
            let part = storage.snapshot(TenantId(0)).edges(minutes, usize::MAX, &Cancel::default()).unwrap();
            prop_assert_eq!(part.stats.rows_scanned, 0);
            let expect: Vec<Edge> = truth(&all).edges.into_iter().filter(|edge| minutes.contains(edge.key.minute)).collect();
            prop_assert_eq!(part.rows, expect);
            Ok(())
        })?;
    }
}

/// A block that is counted late, while seals count others: what it adds was made before they came, and is put right.
#[test]
fn counted_beside_seals() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let few = || prop::collection::vec(span(), 1..5);
    let cases = (prop::collection::vec(few(), 0..3), prop::collection::vec(span(), 5..12), prop::collection::vec(few(), 0..3));
    proptest!(ProptestConfig::with_cases(30), |((first, late, then) in cases)| {
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let storage = start(dir.path()).await;
            let mut all: Vec<Span> = Vec::new();
            let sealed = async |spans: &[Span]| {
                storage.append(append(spans)).await.unwrap();
                storage.flush().await.unwrap();
                storage.snapshot(TenantId(0))
            };
            for spans in &first {
                all.extend(spans.iter().cloned());
                sealed(spans).await;
            }
            let before = sealed(&late).await;
            all.extend(late);
            for spans in &then {
                all.extend(spans.iter().cloned());
                sealed(spans).await;
            }
            let now = storage.snapshot(TenantId(0));
            let block = before.blocks.iter().find(|block| !make::is_counted(&block.meta)).unwrap();
            let mut edges = Edges::new();
            for counted in now.blocks.iter().filter(|block| make::is_counted(&block.meta)) {
                make::sum(&counted.edges().unwrap(), TimeRange::ALL, &mut edges).unwrap();
            }
            edges.merge(make::again(block, &before).unwrap().0);
            edges.merge(make::put_right(block, &before, &now).unwrap().0);
            let mut rows = edges.into_rows();
            rows.retain(|row| !row.counts.is_empty());
            prop_assert_eq!(rows, truth(&all).edges);
            // And as upkeep does it.
            storage.settle().await.unwrap();
            prop_assert!(storage.snapshot(TenantId(0)).blocks.iter().all(|block| make::is_counted(&block.meta)));
            prop_assert_eq!(seen(&storage), truth(&all));
            Ok(())
        })?;
    });
}

/// Some spans of each trace, none of which ends in the same batch.
fn some() -> Vec<Vec<Span>> {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    (0..6).map(|_| prop::collection::vec(span(), 20).new_tree(&mut runner).unwrap().current()).collect()
}

/// Blocks of the first format, without edges, links and traces, answer from their spans; beside newer blocks too, and after merges.
#[tokio::test(flavor = "multi_thread")]
async fn blocks_of_the_first_format() {
    let dir = tempfile::tempdir().unwrap();
    let batches = some();
    let storage = open_os(config(dir.path())).unwrap();
    for spans in &batches[..2] {
        storage.append(append(spans)).await.unwrap();
        storage.flush().await.unwrap();
    }
    storage.close().await.unwrap();
    drop(storage);
    let catalog = rusqlite::Connection::open(dir.path().join(names::CATALOG)).unwrap();
    let metas: Vec<(i64, String)> = catalog
        .prepare("SELECT id, meta FROM blocks")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for (id, meta) in metas {
        let mut meta: crate::block::BlockMeta = serde_json::from_str(&meta).unwrap();
        assert!(meta.files.iter().any(|file| file.kind == FileKind::Edg) && meta.files.iter().any(|file| file.kind == FileKind::Lnk));
        meta.files.retain(|file| !matches!(file.kind, FileKind::Edg | FileKind::Lnk | FileKind::Trc));
        meta.format = 1;
        catalog.execute("UPDATE blocks SET meta = ? WHERE id = ?", rusqlite::params![serde_json::to_string(&meta).unwrap(), id]).unwrap();
    }
    drop(catalog);
    let storage = start(dir.path()).await;
    assert_eq!(seen(&storage), truth(&batches[..2].concat()));
    for (at, spans) in batches.iter().enumerate().skip(2) {
        storage.append(append(spans)).await.unwrap();
        if at == 3 {
            storage.flush().await.unwrap();
        }
        assert_eq!(seen(&storage), truth(&batches[..=at].concat()), "{at}");
    }
    storage.settle().await.unwrap();
    assert_eq!(seen(&storage), truth(&batches.concat()));
}

/// A damaged `.edg`, `.lnk` or `.trc` is passed over: answers come from the rows; repair writes it anew.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_files() {
    let dir = tempfile::tempdir().unwrap();
    let batches = some();
    let storage = start(dir.path()).await;
    storage.append(append(&batches.concat())).await.unwrap();
    storage.settle().await.unwrap();
    let expect = truth(&batches.concat());
    assert_eq!(seen(&storage), expect);
    let blocks = storage.snapshot(TenantId(0)).blocks;
    for kind in [FileKind::Edg, FileKind::Lnk, FileKind::Trc] {
        let meta = &blocks.iter().find(|block| block.meta.files.iter().any(|file| file.kind == kind)).unwrap().meta;
        let path = dir.path().join(names::block_file(meta.tenant, meta.signal, meta.id, kind));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[9] ^= 4;
        std::fs::write(&path, bytes).unwrap();
    }
    storage.close().await.unwrap();
    drop((storage, blocks));
    let storage = start(dir.path()).await;
    assert_eq!(seen(&storage), expect);
    let repaired = storage.repair().unwrap();
    assert!(repaired.rebuilt > 0 && repaired.lost.is_empty(), "{repaired:?}");
    assert_eq!(storage.verify().damaged, []);
    assert_eq!(seen(&storage), expect);
}
