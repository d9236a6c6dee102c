//! What arrived from whom, and what went wrong: in words for a person, in numbers for Prometheus.

use crate::decode::Visit;
use crate::receive::{Connection, Kind, Sender};
use hopline_model::{Signal, UnixNanos};
use http::HeaderValue;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// Newest errors kept.
const ERRORS_MAX: usize = 50;
/// Text taken from a client is cut to this many characters.
const TEXT_CHARS_MAX: usize = 200;

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) connections: AtomicU64,
    pub(crate) connections_refused: AtomicU64,
    pub(crate) connections_silent: AtomicU64,
    /// By signal and transport (gRPC, HTTP protobuf, HTTP JSON).
    pub(crate) requests: [[AtomicU64; 3]; 3],
    pub(crate) accepted: [AtomicU64; 3],
    pub(crate) rejected: [AtomicU64; 3],
    pub(crate) refused: [AtomicU64; Kind::ALL.len()],
    pub(crate) duplicates: AtomicU64,
    pub(crate) received_bytes: AtomicU64,
}

pub(crate) const TRANSPORTS: [&str; 3] = ["grpc", "http/protobuf", "http/json"];

/// One sender of telemetry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Exporter {
    pub(crate) service: String,
    pub(crate) sdk: String,
    pub(crate) address: IpAddr,
}

#[derive(Debug, Default)]
struct Seen {
    last_seen: UnixNanos,
    transport: &'static str,
    accepted: [u64; 3],
    rejected: [u64; 3],
    last_reason: String,
    refused: u64,
}

#[derive(Debug)]
struct Trouble {
    time: UnixNanos,
    address: String,
    transport: &'static str,
    message: String,
}

#[derive(Debug, Default)]
pub(crate) struct Register {
    exporters: Mutex<HashMap<Exporter, Seen>>,
    errors: Mutex<VecDeque<Trouble>>,
}

impl Register {
    pub(crate) fn visited(&self, now: UnixNanos, sender: &Sender, signal: Signal, visits: Vec<Visit>, reason: &str, exporters_max: usize) {
        let address = sender.connection.peer.ip();
        let mut exporters = self.exporters.lock();
        for visit in visits {
            let sdk = if visit.sdk.is_empty() { text(sender.agent.as_ref()) } else { cut(&visit.sdk) };
            let key = Exporter { service: cut(&visit.service), sdk, address };
            let mut before = sender.connection.exporter.lock();
            if before.as_ref() != Some(&key) {
                *before = Some(key.clone());
            }
            drop(before);
            let seen = place(&mut exporters, key, exporters_max);
            seen.last_seen = now;
            seen.transport = TRANSPORTS[sender.transport];
            seen.accepted[slot(signal)] += visit.accepted;
            seen.rejected[slot(signal)] += visit.rejected;
            if visit.rejected > 0 {
                seen.last_reason = cut(reason);
            }
        }
    }

    /// A request that was not read has no service: it is put down to whoever sent over the same connection before, else to the
    /// `User-Agent` at that address.
    pub(crate) fn refused(
        &self,
        now: UnixNanos,
        connection: &Connection,
        agent: Option<&HeaderValue>,
        transport: &'static str,
        message: &str,
        exporters_max: usize,
    ) {
        let peer = connection.peer;
        let known = connection.exporter.lock().clone();
        let key = known.unwrap_or_else(|| Exporter { service: String::new(), sdk: text(agent), address: peer.ip() });
        let mut exporters = self.exporters.lock();
        let seen = place(&mut exporters, key, exporters_max);
        seen.refused += 1;
        seen.last_seen = now;
        seen.transport = transport;
        seen.last_reason = cut(message);
        drop(exporters);
        self.error(now, &peer.to_string(), transport, message);
    }

    pub(crate) fn error(&self, time: UnixNanos, address: &str, transport: &'static str, message: &str) {
        let mut errors = self.errors.lock();
        if errors.len() >= ERRORS_MAX {
            errors.pop_front();
        }
        errors.push_back(Trouble { time, address: address.to_owned(), transport, message: cut(message) });
    }

    pub(crate) fn exporters(&self) -> Value {
        let exporters = self.exporters.lock();
        let mut rows: Vec<(&Exporter, &Seen)> = exporters.iter().collect();
        rows.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.last_seen));
        rows.into_iter()
            .map(|(exporter, seen)| {
                let counts = |counts: &[u64; 3]| {
                    Signal::ALL.iter().map(|signal| (signal.name().to_owned(), json!(counts[slot(*signal)]))).collect::<serde_json::Map<_, _>>()
                };
                json!({
                    "service": exporter.service,
                    "sdk": exporter.sdk,
                    "address": exporter.address.to_string(),
                    "transport": seen.transport,
                    "last_seen": seen.last_seen.to_string(),
                    "accepted": counts(&seen.accepted),
                    "rejected": counts(&seen.rejected),
                    "refused_requests": seen.refused,
                    "last_reason": seen.last_reason,
                })
            })
            .collect()
    }

    pub(crate) fn errors(&self) -> Value {
        let errors = self.errors.lock();
        errors
            .iter()
            .rev()
            .map(|error| json!({"time": error.time.to_string(), "address": error.address, "transport": error.transport, "message": error.message}))
            .collect()
    }
}

fn place(exporters: &mut HashMap<Exporter, Seen>, key: Exporter, exporters_max: usize) -> &mut Seen {
    if exporters.len() >= exporters_max.max(1) && !exporters.contains_key(&key) {
        let oldest = exporters.iter().min_by_key(|(_, seen)| seen.last_seen).map(|(key, _)| key.clone());
        if let Some(oldest) = oldest {
            exporters.remove(&oldest);
        }
    }
    exporters.entry(key).or_default()
}

pub(crate) fn slot(signal: Signal) -> usize {
    usize::from(signal.code()) - 1
}

fn text(agent: Option<&HeaderValue>) -> String {
    cut(agent.and_then(|agent| agent.to_str().ok()).unwrap_or_default())
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

impl Counters {
    pub(crate) fn metrics(&self, out: &mut String) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut family = |name: &str, kind: &str, help: &str, samples: Vec<(String, u64)>| {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP hopline_collector_{name} {help}\n# TYPE hopline_collector_{name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(out, "hopline_collector_{name}{labels} {value}");
            }
        };
        let by_signal = |counters: &[AtomicU64; 3]| {
            Signal::ALL.iter().map(|signal| (format!("{{signal=\"{signal}\"}}"), get(&counters[slot(*signal)]))).collect()
        };
        let mut requests = Vec::new();
        for signal in Signal::ALL {
            for (transport, name) in TRANSPORTS.iter().enumerate() {
                requests.push((format!("{{signal=\"{signal}\",transport=\"{name}\"}}"), get(&self.requests[slot(signal)][transport])));
            }
        }
        family("requests_total", "counter", "Export requests answered with success.", requests);
        family("accepted_records_total", "counter", "Spans, log records and data points made durable.", by_signal(&self.accepted));
        family("rejected_records_total", "counter", "Spans, log records and data points answered as rejected.", by_signal(&self.rejected));
        let refused = Kind::ALL.iter().map(|kind| (format!("{{reason=\"{}\"}}", kind.name()), get(&self.refused[*kind as usize]))).collect();
        family("refused_requests_total", "counter", "Requests answered with an error.", refused);
        family("duplicate_requests_total", "counter", "Retries of requests that were stored before.", vec![(String::new(), get(&self.duplicates))]);
        family("received_bytes_total", "counter", "Bytes of requests after decompression.", vec![(String::new(), get(&self.received_bytes))]);
        family("connections", "gauge", "Open connections.", vec![(String::new(), get(&self.connections))]);
        family("connections_refused_total", "counter", "Connections over a limit.", vec![(String::new(), get(&self.connections_refused))]);
        family(
            "connections_silent_total",
            "counter",
            "Connections closed because nothing was sent.",
            vec![(String::new(), get(&self.connections_silent))],
        );
    }
}
