//! A month of data beside an hour of it, at the same rate: the same questions take about as long, however much is stored.
//!
//! Requests are received when they say they were, so windows and days end as they would. `HOPLINE_TORTURE` sends 3 million
//! records (`HOPLINE_MONTH_RECORDS` another number), else a few thousand.

use super::store::{NOW, config, open_os};
use crate::scan::{Cancel, Column, Field, Order, Predicate, ScanRequest, Test};
use crate::storage::{Append, Storage};
use crate::{Config, Snapshot};
use hopline_model::log::Log;
use hopline_model::schema::column;
use hopline_model::span::Span;
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_HOUR, NANOS_PER_MINUTE};
use hopline_model::{Signal, SpanId, TenantId, TimeRange, TraceId, UnixNanos};
use std::time::{Duration, Instant};

const DAYS: u64 = 30;
const SPANS_PER_TRACE: u64 = 10;
const SERVICES: u64 = 12;
const TENANT: TenantId = TenantId(0);
/// Midnight, so that days are whole; long enough ago that every one has ended.
const START: i64 = (NOW.0 / NANOS_PER_DAY - 60) * NANOS_PER_DAY;

fn trace(number: u64) -> TraceId {
    TraceId(u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_le_bytes())
}

/// How much is sent, and when.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// Hours of a day in which something is sent.
    hours_per_day: u64,
    /// As many logs as spans.
    spans_per_hour: u64,
}

impl Rate {
    fn start(self, hour: u64) -> i64 {
        let (day, of_day) = (hour / self.hours_per_day, hour % self.hours_per_day);
        START + day as i64 * NANOS_PER_DAY + (of_day * 24 / self.hours_per_day) as i64 * NANOS_PER_HOUR
    }
}

/// The records of one hour, in its first ten minutes.
async fn hour(storage: &Storage, hour: u64, rate: Rate) {
    let start = rate.start(hour);
    let step = 10 * NANOS_PER_MINUTE / rate.spans_per_hour as i64;
    let number = |i: u64| hour * rate.spans_per_hour + i;
    let span = |i: u64| Span {
        start_time: UnixNanos(start + i as i64 * step),
        trace_id: trace(number(i) / SPANS_PER_TRACE),
        span_id: SpanId((number(i) + 1).to_be_bytes()),
        name: format!("operation {}", i % 40),
        service_name: format!("service-{}", i % SERVICES),
        duration_nano: 1_000_000 + (i as i64 * 7919) % 1_000_000,
        attributes: format!("{{\"http.route\":\"/r/{}\",\"number\":{}}}", i % 30, number(i)),
        ..Span::default()
    };
    let log = |i: u64| Log {
        time: UnixNanos(start + i as i64 * step),
        trace_id: Some(trace(number(i) / SPANS_PER_TRACE)),
        service_name: format!("service-{}", i % SERVICES),
        severity_number: if i.is_multiple_of(50) { 17 } else { 9 },
        body: Some(format!("request {} took {} ms", number(i), i % 977)),
        ..Log::default()
    };
    let all = 0..rate.spans_per_hour;
    let batches = vec![Span::to_batch(&all.clone().map(span).collect::<Vec<_>>()), Log::to_batch(&all.map(log).collect::<Vec<_>>())];
    let received = UnixNanos(start + 10 * NANOS_PER_MINUTE);
    storage.append(Append { tenant: TENANT, batches, request_hash: None, received }).await.unwrap();
    storage.flush().await.unwrap();
}

/// The quickest of many: what it costs, not what else the machine does.
fn quickest(rounds: u32, mut ask: impl FnMut(u32)) -> Duration {
    (0..rounds)
        .map(|round| {
            let began = Instant::now();
            ask(round);
            began.elapsed()
        })
        .min()
        .unwrap()
}

fn median(rounds: u32, mut ask: impl FnMut(u32)) -> Duration {
    let mut took: Vec<Duration> = (0..rounds).map(|round| quickest(1, |_| ask(round))).collect();
    took.sort();
    took[took.len() / 2]
}

#[derive(Debug)]
struct Times {
    trace: Duration,
    newest: Duration,
    service: Duration,
    blocks_opened: u64,
}

/// `hours`: of the store; questions with a range ask for its last hour.
fn times(snapshot: &Snapshot, hours: u64, rate: Rate) -> Times {
    let spans_per_hour = rate.spans_per_hour;
    let last = UnixNanos(rate.start(hours - 1));
    let last_hour = TimeRange::new(last, last.saturating_add(NANOS_PER_HOUR));
    let traces = hours * spans_per_hour / SPANS_PER_TRACE;
    let mut blocks_opened = 0;
    let trace = median(400, |round| {
        let number = u64::from(round) * 2_654_435_761 % traces;
        let columns = [Column::Fixed(column::NAME), Column::Fixed(column::SERVICE_NAME)];
        let (rows, stats) = snapshot.trace_rows(Signal::Spans, trace(number), &columns, &Cancel::default()).unwrap();
        assert_eq!(rows.iter().map(|rows| rows.num_rows() as u64).sum::<u64>(), SPANS_PER_TRACE);
        blocks_opened = blocks_opened.max(stats.blocks - stats.blocks_pruned);
    });
    let newest = ScanRequest {
        columns: vec![Column::Fixed(column::TIME), Column::Fixed(column::BODY)],
        order: Order::NewestFirst,
        limit: Some(20),
        ..ScanRequest::all(Signal::Logs)
    };
    let newest = median(60, |_| {
        let rows = snapshot.collect(&newest).unwrap().0;
        assert_eq!(rows.iter().map(|rows| rows.num_rows()).sum::<usize>(), 20);
    });
    let one_service = ScanRequest {
        range: last_hour,
        predicate: Predicate::Compare { field: Field::Column(column::SERVICE_NAME), test: Test::Equals("service-3".into()) },
        columns: vec![Column::Fixed(column::START_TIME), Column::Fixed(column::NAME)],
        ..ScanRequest::all(Signal::Spans)
    };
    let service = median(60, |_| {
        let rows = snapshot.collect(&one_service).unwrap().0;
        assert_eq!(rows.iter().map(|rows| rows.num_rows() as u64).sum::<u64>(), spans_per_hour / SERVICES);
    });
    Times { trace, newest, service, blocks_opened }
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn files(dir: &std::path::Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_as_quick_as_an_hour() {
    let long = std::env::var_os("HOPLINE_TORTURE").is_some();
    let records: u64 =
        std::env::var("HOPLINE_MONTH_RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(if long { 3_000_000 } else { 14_400 });
    // Whole traces, services and minutes in every hour.
    let unit = SPANS_PER_TRACE * SERVICES / 2;
    let hours_per_day = if long { 24 } else { 4 };
    let rate = Rate { hours_per_day, spans_per_hour: (records / 2 / (DAYS * hours_per_day) / unit).max(1) * unit };
    let settings = |dir: &std::path::Path| Config { delete_grace_ms: 0, ..config(dir) };

    let small_dir = tempfile::tempdir().unwrap();
    let small = open_os(settings(small_dir.path())).unwrap();
    small.tenant("default").unwrap();
    hour(&small, 0, rate).await;
    small.settle().await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let storage = open_os(settings(dir.path())).unwrap();
    storage.tenant("default").unwrap();
    for day in 0..DAYS {
        for of_day in 0..hours_per_day {
            hour(&storage, day * hours_per_day + of_day, rate).await;
        }
        storage.settle().await.unwrap();
    }
    let sent = began.elapsed();
    let stats = storage.stats();
    assert_eq!(stats.block_rows, DAYS * hours_per_day * rate.spans_per_hour * 2);
    let (month, one_hour) = (storage.snapshot(TENANT), small.snapshot(TENANT));
    let wide = times(&month, DAYS * hours_per_day, rate);
    let narrow = times(&one_hour, 1, rate);
    let ratio = |wide: Duration, narrow: Duration| wide.as_secs_f64() / narrow.as_secs_f64();
    let ratios = [ratio(wide.trace, narrow.trace), ratio(wide.newest, narrow.newest), ratio(wide.service, narrow.service)];
    let line = format!(
        "{DAYS} days, {} records in {} blocks, {} MiB ({:.1} B a record), sent and merged in {:.0} s; against one hour of the same: trace by id {:?} ({:.2} ×, {} blocks opened), newest 20 {:?} ({:.2} ×), one service {:?} ({:.2} ×); {} files, {} MiB resident",
        stats.block_rows,
        stats.blocks,
        stats.block_bytes >> 20,
        stats.block_bytes as f64 / stats.block_rows as f64,
        sent.as_secs_f64(),
        wide.trace,
        ratios[0],
        wide.blocks_opened,
        wide.newest,
        ratios[1],
        wide.service,
        ratios[2],
        files(dir.path()),
        resident_bytes() >> 20,
    );
    super::ledger(&line);
    // A day is a few blocks of each signal, whatever it was made of.
    assert!(stats.blocks <= 2 * (DAYS * 2 + stats.block_bytes / (16 << 20)), "{line}");
    assert!(wide.blocks_opened <= 2 + 8, "{line}");
    // The short form runs beside other tests, so only a growth with what is stored fails there.
    let most = if long { 1.5 } else { 6.0 };
    assert!(ratios.iter().all(|ratio| *ratio <= most), "{line}");
}
