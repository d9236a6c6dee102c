//! A month of data beside an hour of it, at the same rate: the same questions take about as long, however much is stored.
//!
//! Requests are received when they say they were, so windows and days end as they would. `HOPLINE_TORTURE` sends 3 million
//! records (`HOPLINE_MONTH_RECORDS` another number), else a few thousand.

use super::store::{NOW, config, open_os};
use crate::scan::{Cancel, Column, Field, Order, Predicate, ScanRequest, Test, fixed_columns};
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

/// Where the bytes of the files are when a question is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Files {
    /// In the system's memory, as after the question before.
    Warm,
    /// On the disk alone: all are dropped from memory before each question.
    Cold,
}

/// A store, and how long each of its questions took at best, in one state of the files.
struct Store<'a> {
    dir: &'a std::path::Path,
    snapshot: Snapshot,
    hours: u64,
    rate: Rate,
    took: [Vec<Duration>; QUESTIONS.len()],
    /// Reads of files by each question at most.
    reads: [u64; QUESTIONS.len()],
    blocks_opened: u64,
}

/// With how often each is asked.
const QUESTIONS: [(&str, u32); 4] = [("trace by id", 400), ("two columns of a trace", 400), ("newest 20", 60), ("one service", 60)];

impl Store<'_> {
    /// Questions with a range ask for the store's last hour.
    fn ask(&mut self, question: usize, round: u32) {
        let spans_per_hour = self.rate.spans_per_hour;
        let (request, rows) = match question {
            0 | 1 => {
                let traces = self.hours * spans_per_hour / SPANS_PER_TRACE;
                let number = u64::from(round) * 2_654_435_761 % traces;
                let two = vec![Column::Fixed(column::NAME), Column::Fixed(column::SERVICE_NAME)];
                let columns = if question == 0 { fixed_columns(Signal::Spans) } else { two };
                let (rows, stats) = self.snapshot.trace_rows(Signal::Spans, trace(number), &columns, &Cancel::default()).unwrap();
                assert_eq!(rows.iter().map(|rows| rows.num_rows() as u64).sum::<u64>(), SPANS_PER_TRACE);
                self.blocks_opened = self.blocks_opened.max(stats.blocks - stats.blocks_pruned);
                return;
            }
            2 => {
                let columns = vec![Column::Fixed(column::TIME), Column::Fixed(column::BODY)];
                (ScanRequest { columns, order: Order::NewestFirst, limit: Some(20), ..ScanRequest::all(Signal::Logs) }, 20)
            }
            _ => {
                let last = UnixNanos(self.rate.start(self.hours - 1));
                let request = ScanRequest {
                    range: TimeRange::new(last, last.saturating_add(NANOS_PER_HOUR)),
                    predicate: Predicate::Compare { field: Field::Column(column::SERVICE_NAME), test: Test::Equals("service-3".into()) },
                    columns: vec![Column::Fixed(column::START_TIME), Column::Fixed(column::NAME)],
                    ..ScanRequest::all(Signal::Spans)
                };
                (request, spans_per_hour / SERVICES)
            }
        };
        let found = self.snapshot.collect(&request).unwrap().0;
        assert_eq!(found.iter().map(|found| found.num_rows() as u64).sum::<u64>(), rows);
    }

    fn time(&mut self, question: usize, round: u32, files: Files) {
        if files == Files::Cold {
            // Read once, so that what lies below the system has it alike for every store.
            self.ask(question, round);
            drop_pages(self.dir);
        }
        // What looking at the count costs is counted too.
        let looking = reads_so_far().abs_diff(reads_so_far());
        let (reads, began) = (reads_so_far(), Instant::now());
        self.ask(question, round);
        let took = began.elapsed();
        let reads = reads_so_far() - reads - looking;
        self.reads[question] = self.reads[question].max(reads);
        let known = &mut self.took[question];
        match known.get_mut(round as usize) {
            Some(known) => *known = took.min(*known),
            None => known.push(took),
        }
    }

    fn medians(&mut self) -> [Duration; QUESTIONS.len()] {
        std::array::from_fn(|question| {
            let mut took = std::mem::take(&mut self.took[question]);
            took.sort();
            took[took.len() / 2]
        })
    }
}

/// The medians of both stores, asked in turns: what else the machine does meets both alike. Of each question the quickest of
/// some passes counts: what it costs, not what came between.
fn times(stores: &mut [Store<'_>; 2], files: Files) -> [[Duration; QUESTIONS.len()]; 2] {
    const PASSES: u32 = 4;
    const TURN: u32 = 20;
    for (question, (_, rounds)) in QUESTIONS.into_iter().enumerate() {
        let rounds = if files == Files::Cold { rounds / 4 } else { rounds };
        if files == Files::Warm {
            stores.iter_mut().for_each(|store| (0..rounds).for_each(|round| store.ask(question, round)));
        }
        for _ in 0..PASSES {
            for turn in (0..rounds).step_by(TURN as usize) {
                stores.iter_mut().for_each(|store| (turn..rounds.min(turn + TURN)).for_each(|round| store.time(question, round, files)));
            }
        }
    }
    stores.each_mut().map(Store::medians)
}

/// Drops the pages of all files under a directory from the system's memory.
fn drop_pages(dir: &std::path::Path) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            drop_pages(&entry.path());
        } else if let Ok(file) = std::fs::File::open(entry.path()) {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        }
    }
}

/// Of this thread, by the system's count.
fn reads_so_far() -> u64 {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    let line = counts.lines().find(|line| line.starts_with("syscr:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
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
    let store = |dir, storage: &Storage, hours| Store {
        dir,
        snapshot: storage.snapshot(TENANT),
        hours,
        rate,
        took: Default::default(),
        reads: Default::default(),
        blocks_opened: 0,
    };
    let mut stores = [store(dir.path(), &storage, DAYS * hours_per_day), store(small_dir.path(), &small, 1)];
    let mut ratios = Vec::new();
    let mut asked = String::new();
    for state in [Files::Warm, Files::Cold] {
        let [wide, narrow] = times(&mut stores, state);
        for (((question, _), wide), narrow) in QUESTIONS.into_iter().zip(wide).zip(narrow) {
            let ratio = wide.as_secs_f64() / narrow.as_secs_f64();
            ratios.push(ratio);
            asked += &format!("; {question}, files {state:?}: {wide:?} ({ratio:.2} ×)");
        }
    }
    let blocks_opened = stores[0].blocks_opened;
    let line = format!(
        "{DAYS} days, {} records in {} blocks, {} MiB ({:.1} B a record), sent and merged in {:.0} s; against one hour of the same{}; reads at most {:?} and {:?} of an hour; {blocks_opened} blocks opened for a trace, {} files, {} MiB resident",
        stats.block_rows,
        stats.blocks,
        stats.block_bytes >> 20,
        stats.block_bytes as f64 / stats.block_rows as f64,
        sent.as_secs_f64(),
        asked.to_lowercase(),
        stores[0].reads,
        stores[1].reads,
        files(dir.path()),
        resident_bytes() >> 20,
    );
    // A day is a few blocks of each signal, whatever it was made of.
    assert!(stats.blocks <= 2 * (DAYS * 2 + stats.block_bytes / (16 << 20)), "{line}");
    assert!(blocks_opened <= 2 + 8, "{line}");
    // The short form runs beside other tests, so only a growth with what is stored fails there.
    let most = if long { 1.5 } else { 6.0 };
    assert!(ratios.iter().all(|ratio| *ratio <= most), "{line}");
    // A trace of a month reads more than one of an hour: the index that says which block holds it, and the blocks that are in
    // none yet.
    for (month, hour) in stores[0].reads.into_iter().zip(stores[1].reads) {
        assert!(!long || month <= hour + 4 + blocks_opened, "{month} reads, {hour} of an hour: {line}");
    }
    super::ledger(&line);
}
