//! Planning goes by the version in memory alone, whatever the number of blocks.

use crate::block::meta::{BlockMeta, FORMAT};
use crate::block::{BlockFile, BlockId, CountCell, FileKind, ServiceRows, WindowRows};
use crate::objects::sim::SimFs;
use crate::objects::{LocalObjects, ObjectIo};
use crate::scan::ScanRequest;
use crate::version::Versions;
use hopline_model::time::ManualClock;
use hopline_model::{Signal, TenantId, TimeRange, UnixNanos};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const WINDOW_NANO: i64 = 600_000_000_000;
const BLOCKS: i64 = 100_000;

fn meta(number: i64) -> BlockMeta {
    let window = number * WINDOW_NANO;
    let services = (0..8).map(|i| ServiceRows { service_name: format!("service-{i}"), rows: 100, errors: 1 }).collect();
    BlockMeta {
        id: BlockId(number as u64),
        tenant: TenantId(0),
        signal: Signal::Logs,
        level: 1,
        format: FORMAT,
        rows: 800,
        time_min: window,
        time_max: window + WINDOW_NANO - 1,
        seq_min: 0,
        seq_max: 0,
        files: vec![BlockFile { kind: FileKind::Parquet, bytes: 1, crc32c: 0 }],
        windows: vec![WindowRows { window, row: 0, rows: 800 }],
        services,
        dense: vec!["http.route".into()],
        counts: (0..60).map(|i| CountCell { second: window / 1_000_000_000 + 10 * i, service: 0, severity_number: 9, rows: 13 }).collect(),
        created: 0,
    }
}

/// Two years of windows: a question over one hour knows in less than 50 ms which blocks it needs.
#[test]
fn a_hundred_thousand_blocks_are_planned() {
    let clock = ManualClock::at(UnixNanos(0));
    let objects: Arc<dyn ObjectIo> = Arc::new(LocalObjects::open(Path::new("/sim"), Arc::new(SimFs::new())).unwrap());
    let versions = Versions::new(clock, objects, 1, &crate::Config::default(), (0..BLOCKS).map(meta).collect(), &[]);
    // The hour behind everything, so that no file is opened: what is measured is the plan.
    let range = TimeRange::new(UnixNanos(BLOCKS * WINDOW_NANO), UnixNanos((BLOCKS + 6) * WINDOW_NANO));
    let request = ScanRequest { range, ..ScanRequest::all(Signal::Logs) };
    let mut took = Duration::MAX;
    // The machine may be busy with other tests: the best of a few.
    for _ in 0..5 {
        let started = Instant::now();
        let snapshot = versions.snapshot(TenantId(0));
        let stats = snapshot.scan(&request, &mut |_| Ok(ControlFlow::Continue(()))).unwrap();
        took = took.min(started.elapsed());
        assert_eq!((stats.blocks, stats.blocks_pruned), (BLOCKS as u64, BLOCKS as u64));
    }
    println!("{BLOCKS} blocks planned in {took:?}");
    assert!(took < Duration::from_millis(50), "{took:?}");
}
