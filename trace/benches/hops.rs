//! A whole analysis, from the columns of a batch to the hop ledger: a trace of 10,000 spans (to stay below 50 ms) and one of 100,000 children.

use hopline_model::span::Span;
use hopline_model::{Seq, SpanId, UnixNanos};
use hopline_trace::{Edges, Trace, analyse};
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

const MILLI: i64 = 1_000_000;

fn span(at: u64, parent: u64, service: u64, kind: &str, start: i64, duration_nano: i64, attributes: &str) -> Span {
    Span {
        seq: Seq(at),
        span_id: SpanId(at.to_be_bytes()),
        parent_span_id: (parent != 0).then(|| SpanId(parent.to_be_bytes())),
        start_time: UnixNanos(1_795_521_600_000_000_000 + start),
        duration_nano,
        name: format!("{kind} /route/{}", service * 7 % 20),
        kind: kind.into(),
        service_name: format!("service-{service}"),
        service_version: Some("1.2.3".into()),
        attributes: attributes.into(),
        ..Span::default()
    }
}

/// A tree of calls, eight from each server, every one a CLIENT, a SERVER, an internal span and a query.
fn tree(spans: u64) -> Vec<Span> {
    const HTTP: &str = r#"{"http.request.method":"GET","http.response.status_code":200,"http.route":"/route/:id","network.protocol.version":"1.1","server.address":"service","server.port":8080,"url.full":"http://service:8080/route/1","user_agent.original":"bench"}"#;
    const DB: &str = r#"{"db.name":"shop","db.statement":"SELECT * FROM items WHERE id = ?","db.system":"postgresql","net.peer.name":"db-1"}"#;
    let mut made = vec![span(1, 0, 0, "server", 0, 60_000 * MILLI, HTTP)];
    let mut servers = std::collections::VecDeque::from([(1u64, 0i64, 60_000 * MILLI, 0u64)]);
    while let Some((server, start, duration, service)) = servers.pop_front() {
        let share = duration / 9;
        for call in 0..8 {
            let at = made.len() as u64 + 1;
            if at + 3 > spans {
                return made;
            }
            let (from, callee) = (start + share * call, (service * 8 + call as u64 + 1) % 40);
            made.push(span(at, server, service, "client", from, share, HTTP));
            made.push(span(at + 1, at, callee, "server", from + share / 10, share * 8 / 10, HTTP));
            made.push(span(at + 2, at + 1, callee, "internal", from + share / 8, share / 10, "{}"));
            made.push(span(at + 3, at + 1, callee, "client", from + share / 4, share / 10, DB));
            servers.push_back((at + 1, from + share / 10, share * 8 / 10, callee));
        }
    }
    made
}

fn children(count: u64) -> Vec<Span> {
    let mut made = vec![span(1, 0, 0, "server", 0, count as i64 * MILLI, "{}")];
    made.extend((0..count).map(|at| span(at + 2, 1, 1, "server", at as i64 * MILLI, MILLI / 2, "{}")));
    made
}

/// Milliseconds; the best of several rounds.
fn measure(mut work: impl FnMut()) -> f64 {
    (0..7)
        .map(|_| {
            let (start, mut rounds) = (Instant::now(), 0);
            while start.elapsed() < Duration::from_millis(200) {
                work();
                rounds += 1;
            }
            start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds)
        })
        .fold(f64::MAX, f64::min)
}

fn main() -> std::io::Result<()> {
    for (name, spans) in [("10,000 spans", tree(10_000)), ("100,000 children", children(100_000)), ("9 spans", tree(9))] {
        let batch = [Span::to_batch(&spans).rows];
        let read = measure(|| drop(black_box(Trace::from_rows(black_box(&batch)))));
        let trace = Trace::from_rows(&batch);
        let analysed = measure(|| drop(black_box(analyse(black_box(&trace)))));
        let analysis = analyse(&trace);
        let ledger = measure(|| drop(black_box(analysis.ledger(black_box(&trace)))));
        let edges = measure(|| {
            let mut edges = Edges::new();
            edges.add(black_box(&trace), &analysis);
            black_box(edges.len());
        });
        writeln!(
            std::io::stdout(),
            "{name} ({} rows, {} hops), ms: read {read:.3}, analyse {analysed:.3}, ledger {ledger:.3}, edges {edges:.3}, all {:.3}",
            trace.len(),
            analysis.hops.len(),
            read + analysed + ledger + edges
        )?;
    }
    Ok(())
}
