//! What blocks cost: CPU seconds per 1 M rows to append, to write L0 and to merge to L1, bytes per row, and CPU milliseconds of
//! the reads a person waits for. `HOPLINE_BENCH_ROWS` sets how many rows of each signal (default 500,000).

use hopline_model::log::Log;
use hopline_model::span::Span;
use hopline_model::time::NANOS_PER_MINUTE;
use hopline_model::{Batch, Signal, SpanId, SystemClock, TenantId, TimeRange, TraceId, UnixNanos};
use hopline_storage::objects::OsFiles;
use hopline_storage::scan::{Bound, Cancel, Column, Field, Order, Predicate, ScanRequest, Test};
use hopline_storage::text::TextQuery;
use hopline_storage::{Append, Config, Storage};
use std::io::Write;
use std::sync::Arc;

const REQUEST_ROWS: u64 = 1000;
const TRACE_ROWS: u64 = 16;
const SERVICES: [&str; 8] = ["frontend", "cart", "checkout", "payment", "shipping", "catalog", "email", "currency"];
/// 15 minutes of rows end here: every window has ended.
const END: i64 = 1_750_000_000_000_000_000;

/// CPU seconds of this process so far, all threads.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ (number << 7)
}

fn trace(number: u64) -> TraceId {
    let mut id = [1; 16];
    id[..8].copy_from_slice(&mixed(number).to_be_bytes());
    id[8..].copy_from_slice(&number.to_be_bytes());
    TraceId(id)
}

fn time(row: u64, rows: u64) -> UnixNanos {
    UnixNanos(
        END - 15 * NANOS_PER_MINUTE + (row as i128 * i128::from(15 * NANOS_PER_MINUTE) / i128::from(rows)) as i64 + (mixed(row) % 100_000) as i64,
    )
}

fn resource(service: &str) -> Arc<str> {
    format!("{{\"host.name\":\"node-3\",\"k8s.pod.name\":\"{service}-7c9d\",\"service.name\":\"{service}\",\"service.version\":\"1.4.2\",\"telemetry.sdk.language\":\"rust\"}}").into()
}

fn span(row: u64, rows: u64) -> Span {
    let service = SERVICES[(mixed(row) % 8) as usize];
    let route = mixed(row) % 23;
    Span {
        trace_id: trace(row / TRACE_ROWS),
        span_id: SpanId(mixed(row + 1).max(1).to_be_bytes()),
        parent_span_id: (!row.is_multiple_of(TRACE_ROWS)).then(|| SpanId(mixed(row).max(1).to_be_bytes())),
        start_time: time(row, rows),
        duration_nano: (mixed(row * 3) % 900_000_000) as i64,
        name: format!("GET /route/{route}"),
        kind: ["server", "client", "internal"][(row % 3) as usize].into(),
        status_code: if row.is_multiple_of(97) { "error" } else { "unset" }.into(),
        service_name: service.into(),
        service_version: Some("1.4.2".into()),
        resource: resource(service),
        attributes: format!(
            "{{\"client.address\":\"10.1.{}.{}\",\"http.request.method\":\"GET\",\"http.response.status_code\":{},\"http.route\":\"/route/{route}\",\"network.peer.port\":{},\"order.id\":\"o-{row:09}\",\"server.address\":\"{service}.internal\",\"url.path\":\"/route/{route}/{}\",\"user.id\":\"u-{}\"}}",
            mixed(row) % 64,
            mixed(row) % 256,
            [200, 200, 200, 404, 500][(mixed(row) % 5) as usize],
            30000 + mixed(row) % 20000,
            mixed(row) % 5000,
            mixed(row) % 40_000,
        ),
        ..Span::default()
    }
}

fn log(row: u64, rows: u64) -> Log {
    let service = SERVICES[(mixed(row) % 8) as usize];
    let time = time(row, rows);
    Log {
        time,
        observed_time: Some(time.saturating_add(1_000_000)),
        trace_id: Some(trace(row / 8)),
        span_id: Some(SpanId(mixed(row).max(1).to_be_bytes())),
        severity_number: [9, 9, 9, 5, 13, 17][(mixed(row) % 6) as usize],
        severity_text: Some(["INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"][(mixed(row) % 6) as usize].into()),
        body: Some(format!(
            "user u-{} asked for order o-{row:09} in {} ms: {}",
            mixed(row) % 40_000,
            mixed(row) % 900,
            ["done", "done", "timeout of upstream", "retried twice"][(mixed(row) % 4) as usize]
        )),
        service_name: service.into(),
        service_version: Some("1.4.2".into()),
        resource: resource(service),
        attributes: format!(
            "{{\"code.function\":\"handle\",\"duration_ms\":{},\"http.route\":\"/route/{}\",\"session.id\":\"{:016x}\",\"thread.id\":{}}}",
            mixed(row) % 900,
            mixed(row) % 23,
            mixed(row / 30),
            row % 16
        ),
        ..Log::default()
    }
}

async fn settled(dir: &std::path::Path, signal: Signal, rows: u64, out: &mut impl Write) -> Result<Arc<Storage>, Box<dyn std::error::Error>> {
    let config = Config { data_dir: dir.to_owned(), free_bytes_min: 0, retention_hours: 1 << 40, merge_delay_ms: 1 << 50, ..Config::default() };
    let storage = Storage::open(config, SystemClock::new(), Arc::new(OsFiles))?;
    let (mut append, mut at) = (0.0, 0);
    let before_all = cpu();
    let mut making = 0.0;
    while at < rows {
        let before = cpu();
        let batches: Vec<Batch> = (0..20)
            .map(|i| {
                let range = at + i * REQUEST_ROWS..(at + (i + 1) * REQUEST_ROWS).min(rows);
                match signal {
                    Signal::Spans => Span::to_batch(&range.map(|row| span(row, rows)).collect::<Vec<_>>()),
                    _ => Log::to_batch(&range.map(|row| log(row, rows)).collect::<Vec<_>>()),
                }
            })
            .collect();
        making += cpu() - before;
        let before = cpu();
        for batch in batches {
            storage.append(Append { tenant: TenantId(0), batches: vec![batch], request_hash: None, received: UnixNanos(END) }).await?;
        }
        append += cpu() - before;
        at += 20 * REQUEST_ROWS;
    }
    storage.flush().await?;
    let written = cpu() - before_all - making;
    let before = cpu();
    let first = storage.stats();
    storage.settle().await?;
    let merged = cpu() - before;
    let stats = storage.stats();
    let million = 1e6 / rows as f64;
    writeln!(
        out,
        "{signal}: append, WAL and L0 {:.2} s per 1 M (seals run beside the appends, which alone took {:.2}), merge to L1 {:.2} s; L0 {:.1} B a row in {} blocks, settled {:.1} B in {}",
        written * million,
        append * million,
        merged * million,
        first.block_bytes as f64 / rows as f64,
        first.blocks,
        stats.block_bytes as f64 / rows as f64,
        stats.blocks
    )?;
    let snapshot = storage.snapshot(TenantId(0));
    for block in snapshot.blocks(signal).take(1) {
        for file in &block.meta.files {
            writeln!(out, "  {:?} {:.2} B a row", file.kind, file.bytes as f64 / block.meta.rows as f64)?;
        }
    }
    Ok(storage)
}

fn read(
    out: &mut impl Write,
    what: &str,
    times: u64,
    mut work: impl FnMut(u64) -> Result<u64, hopline_storage::Error>,
) -> Result<(), Box<dyn std::error::Error>> {
    work(0)?;
    let before = cpu();
    let mut rows = 0;
    for i in 0..times {
        rows += work(i)?;
    }
    writeln!(out, "  {what}: {:.3} ms, {:.1} rows", (cpu() - before) * 1e3 / times as f64, rows as f64 / times as f64)?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rows: u64 = std::env::var("HOPLINE_BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(500_000);
    let mut out = std::io::stdout();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let dir = tempfile::tempdir()?;
    let tenant = TenantId(0);
    let compare = |field: Field, test: Test| Predicate::Compare { field, test };
    let attribute = |key: &str, text: &str| compare(Field::Any(key.into()), Test::Equals(text.into()));
    let text = |text: &str| Predicate::Text(TextQuery { text: text.into(), phrase: false, prefix: false });
    let newest = |signal: Signal, predicate: Predicate, columns: &[&'static str]| ScanRequest {
        predicate,
        columns: columns.iter().map(|name| Column::Fixed(name)).collect(),
        order: Order::NewestFirst,
        limit: Some(20),
        ..ScanRequest::all(signal)
    };

    let spans = runtime.block_on(settled(&dir.path().join("spans"), Signal::Spans, rows, &mut out))?;
    let seen = spans.snapshot(tenant);
    let skeleton: Vec<Column> =
        ["trace_id", "span_id", "parent_span_id", "start_time", "duration_nano", "name", "kind", "status_code", "service_name"]
            .map(Column::Fixed)
            .to_vec();
    let collected = |request: &ScanRequest| Ok(seen.collect(request)?.0.iter().map(|batch| batch.num_rows() as u64).sum());
    let of_trace = |i: u64, columns: &[Column]| {
        let (batches, _) = seen.trace_rows(Signal::Spans, trace(mixed(i) % (rows / TRACE_ROWS)), columns, &Cancel::default())?;
        Ok(batches.iter().map(|batch| batch.num_rows() as u64).sum())
    };
    let all = hopline_storage::scan::request::fixed_columns(Signal::Spans);
    read(&mut out, "trace by id, nine columns", 200, |i| of_trace(i, &skeleton))?;
    read(&mut out, "trace by id, all columns", 200, |i| of_trace(i, &all))?;
    let columns = ["trace_id", "span_id", "start_time", "duration_nano", "name", "service_name"];
    let slow = |nanos: f64| compare(Field::Column("duration_nano"), Test::Range { min: Some(Bound { value: nanos, inclusive: true }), max: None });
    let payment = || compare(Field::Column("service_name"), Test::Equals("payment".into()));
    read(&mut out, "newest 20 of service + duration", 20, |_| {
        collected(&newest(Signal::Spans, Predicate::And(vec![payment(), slow(8.9e8)]), &columns))
    })?;
    let with_route = || Predicate::And(vec![payment(), slow(8.9e8), attribute("http.route", "/route/7")]);
    read(&mut out, "+ attribute", 20, |_| collected(&newest(Signal::Spans, with_route(), &columns)))?;
    let failed = || Predicate::And(vec![payment(), attribute("http.response.status_code", "500")]);
    read(&mut out, "newest 20 of service + HTTP status", 20, |_| collected(&newest(Signal::Spans, failed(), &columns)))?;
    let counted = |predicate: Predicate| Ok(seen.count(&ScanRequest { predicate, ..ScanRequest::all(Signal::Spans) })?.0);
    read(&mut out, "count of service + duration", 20, |_| counted(Predicate::And(vec![payment(), slow(5e8)])))?;
    read(&mut out, "count of service + HTTP status", 20, |_| counted(failed()))?;
    read(&mut out, "rare attribute value", 20, |i| {
        collected(&newest(Signal::Spans, attribute("order.id", &format!("o-{:09}", mixed(i) % rows)), &columns))
    })?;
    read(&mut out, "rare word", 20, |i| collected(&newest(Signal::Spans, text(&format!("{:09}", mixed(i) % rows)), &columns)))?;
    runtime.block_on(spans.close())?;
    drop((seen, spans));

    let logs = runtime.block_on(settled(&dir.path().join("logs"), Signal::Logs, rows, &mut out))?;
    let seen = logs.snapshot(tenant);
    let columns = ["time", "severity_number", "service_name", "body"];
    let collected = |request: &ScanRequest| Ok(seen.collect(request)?.0.iter().map(|batch| batch.num_rows() as u64).sum());
    read(&mut out, "rare word, four columns", 200, |i| collected(&newest(Signal::Logs, text(&format!("{:09}", mixed(i) % rows)), &columns)))?;
    read(&mut out, "newest 20 of a common word", 50, |_| collected(&newest(Signal::Logs, text("user"), &columns)))?;
    let counted = |predicate: Predicate| Ok(seen.count(&ScanRequest { predicate, ..ScanRequest::all(Signal::Logs) })?.0);
    read(&mut out, "count of a word", 200, |_| counted(text("timeout")))?;
    read(&mut out, "count of two words", 50, |_| counted(text("timeout upstream")))?;
    let whole = TimeRange::new(UnixNanos(END - 15 * NANOS_PER_MINUTE), UnixNanos(END + NANOS_PER_MINUTE));
    read(&mut out, "histogram by severity", 50, |_| {
        let request = ScanRequest { range: whole, ..ScanRequest::all(Signal::Logs) };
        Ok(seen.histogram(&request, 10_000_000_000, Some("severity_number"))?.0.iter().map(|cell| cell.2).sum())
    })?;
    let all = hopline_storage::scan::request::fixed_columns(Signal::Logs);
    read(&mut out, "logs of a trace, all columns", 200, |i| {
        let (batches, _) = seen.trace_rows(Signal::Logs, trace(mixed(i) % (rows / 8)), &all, &Cancel::default())?;
        Ok(batches.iter().map(|batch| batch.num_rows() as u64).sum())
    })?;
    runtime.block_on(logs.close())?;
    Ok(())
}
