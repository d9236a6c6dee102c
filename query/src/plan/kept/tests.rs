#![allow(clippy::unwrap_used)]
use super::*;
use crate::language::{Target, compile};
use crate::plan::memory::Memory;
use crate::table::tests::rows::{T0, store};
use hopline_model::schema::column;
use hopline_model::{Signal, TimeRange};

const QUERIES: [&str; 6] = ["", "service:web", "-service:web", "order", "http.request.method:*", "nothing_has_this:1"];

/// Answers with and without what was kept are those of the scan, of every range; the second time blocks are not asked again.
#[tokio::test(flavor = "multi_thread")]
async fn kept_answers_are_the_scans() {
    let store = store().await;
    let kept = Kept::new(1 << 20);
    for _ in 0..2 {
        let snapshot = store.snapshot();
        for signal in [Signal::Spans, Signal::Logs] {
            for query in QUERIES {
                let target = if signal == Signal::Logs { Target::Logs } else { Target::Spans };
                let predicate = crate::plan::rows::predicate(compile(query, target).unwrap());
                for range in [TimeRange::ALL, TimeRange::since(UnixNanos(T0 + 50_000_000)), TimeRange::new(UnixNanos(T0), UnixNanos(T0 + 1))] {
                    let request = ScanRequest { range, predicate: predicate.clone(), ..ScanRequest::all(signal) };
                    let count = kept.count(&snapshot, &request).unwrap();
                    assert_eq!(count.0, snapshot.count(&request).unwrap().0, "{query} {range:?}");
                    for by in [None, Some(column::SERVICE_NAME)] {
                        let cells = kept.histogram(&snapshot, &request, 50_000_000, by).unwrap();
                        assert_eq!(cells.0, snapshot.histogram(&request, 50_000_000, by).unwrap().0, "{query} {range:?}");
                    }
                    for column in [Column::Fixed(column::SERVICE_NAME), Column::Attribute("http.request.method".into())] {
                        let mut room = Memory::new(1 << 20).room();
                        let mut counts = Counts::new(&mut room);
                        kept.values(&snapshot, &request, &column, &mut counts).unwrap();
                        assert_eq!(counts.most(10), snapshot.values(&request, &column, 10).unwrap().0, "{query} {range:?}");
                    }
                }
            }
        }
    }
    let all = ScanRequest {
        predicate: crate::plan::rows::predicate(compile("name:\"POST /checkout\"", Target::Spans).unwrap()),
        ..ScanRequest::all(Signal::Spans)
    };
    let snapshot = store.snapshot();
    let (first, read) = kept.count(&snapshot, &all).unwrap();
    let found = kept.found.load(Ordering::Relaxed);
    let (second, reread) = kept.count(&snapshot, &all).unwrap();
    assert_eq!((first, kept.found.load(Ordering::Relaxed)), (second, found + 1));
    assert!(reread.rows_scanned < read.rows_scanned, "{read:?} {reread:?}");
    assert_eq!(reread.blocks, read.blocks);
}

/// Without room nothing is kept, and answers are the same.
#[tokio::test(flavor = "multi_thread")]
async fn without_room() {
    let store = store().await;
    let kept = Kept::new(0);
    let request = ScanRequest::all(Signal::Spans);
    for _ in 0..2 {
        assert_eq!(kept.count(&store.snapshot(), &request).unwrap().0, 5);
    }
    kept.answers.run_pending_tasks();
    assert_eq!(kept.answers.entry_count(), 0);
}
