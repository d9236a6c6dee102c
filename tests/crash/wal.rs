//! A log of crafted segments, written here by its documented layout (`storage/src/wal/{segment,entry}.rs`) from the payloads
//! of a real one: start over a log larger than any load of a test could make.

use super::load::now_nano;
use crate::harness::otlp::{LogOf, SpanOf};
use crate::harness::{Encoding, Message, Server, eventually};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Map, Value, json};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const HEAD_BYTES: usize = 8192;
const FIXED_BYTES: usize = 56;
const SEGMENT_BYTES: usize = 64 << 20;

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

/// An entry of a real segment: its header without hashes, its payload.
struct Entry {
    header: [u8; FIXED_BYTES],
    payload: Vec<u8>,
    rows: u64,
    signal: u8,
}

/// The entries of a segment, one behind the other.
fn entries(segment: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut at = HEAD_BYTES;
    while segment.len() >= at + FIXED_BYTES && &segment[at..at + 4] == b"HpLe" {
        let header: [u8; FIXED_BYTES] = segment[at..at + FIXED_BYTES].try_into().unwrap();
        let hashes = usize::from(u16::from_le_bytes([header[36], header[37]]));
        let (start, len) = (at + FIXED_BYTES + 24 * hashes, u32_at(&header, 8) as usize);
        let payload = segment[start..start + len].to_vec();
        assert_eq!(crc32c::crc32c(&payload), u32_at(&header, 12), "the layout is another one");
        entries.push(Entry { rows: u64::from(u32_at(&header, 48)), signal: header[32], header, payload });
        at = (start + len).next_multiple_of(8);
    }
    entries
}

fn head(first: u64, epoch: u32, salt: u64, last_kept: u64) -> Vec<u8> {
    let mut copy = [0; 48];
    copy[..8].copy_from_slice(b"HOPL-WAL");
    copy[12..16].copy_from_slice(&1_u32.to_le_bytes());
    copy[16..24].copy_from_slice(&first.to_le_bytes());
    copy[24..28].copy_from_slice(&epoch.to_le_bytes());
    copy[32..40].copy_from_slice(&salt.to_le_bytes());
    copy[40..48].copy_from_slice(&last_kept.to_le_bytes());
    let crc = crc32c::crc32c(&copy[12..]);
    copy[8..12].copy_from_slice(&crc.to_le_bytes());
    let mut head = vec![0; HEAD_BYTES];
    head[..48].copy_from_slice(&copy);
    head[4096..4144].copy_from_slice(&copy);
    head
}

/// What was crafted.
struct Crafted {
    bytes: u64,
    spans: u64,
    logs: u64,
}

/// Writes segments with copies of the entries behind LSN `lsn`, about `bytes` together.
fn craft(wal: &Path, entries: &[Entry], mut lsn: u64, epoch: u32, bytes: u64, chance: &mut StdRng) -> Crafted {
    let mut crafted = Crafted { bytes: 0, spans: 0, logs: 0 };
    let mut source = entries.iter().cycle();
    while crafted.bytes < bytes {
        let first = lsn + 1;
        let salt: u64 = chance.random();
        let mut segment = head(first, epoch, salt, lsn);
        lsn = first;
        while segment.len() < SEGMENT_BYTES.min((bytes - crafted.bytes) as usize + HEAD_BYTES) {
            let entry = source.next().expect("a cycle");
            lsn += 1;
            let offset = segment.len() as u64;
            let mut header = entry.header.to_vec();
            header[16..24].copy_from_slice(&lsn.to_le_bytes());
            header[24..28].copy_from_slice(&epoch.to_le_bytes());
            // A request of its own with one hash; neither the one before nor the one behind belongs to it.
            header[34] &= 1;
            header[36..38].copy_from_slice(&1_u16.to_le_bytes());
            header[38..40].fill(0);
            header[40..48].copy_from_slice(&now_nano().to_le_bytes());
            header.extend_from_slice(&chance.random::<u128>().to_le_bytes());
            header.extend_from_slice(&0_u32.to_le_bytes());
            header.extend_from_slice(&(entry.rows as u32).to_le_bytes());
            let mut seed = [0; 16];
            seed[..8].copy_from_slice(&salt.to_le_bytes());
            seed[8..].copy_from_slice(&offset.to_le_bytes());
            let crc = crc32c::crc32c_append(crc32c::crc32c(&seed), &header[8..]);
            header[4..8].copy_from_slice(&crc.to_le_bytes());
            segment.extend_from_slice(&header);
            segment.extend_from_slice(&entry.payload);
            segment.resize(segment.len().next_multiple_of(8), 0);
            match entry.signal {
                1 => crafted.spans += entry.rows,
                _ => crafted.logs += entry.rows,
            }
        }
        let file = std::fs::File::create_new(wal.join(format!("{first:020}.wal"))).expect("a new segment");
        file.write_all_at(&segment, 0).expect("room on the disk");
        file.sync_all().expect("a sync");
        crafted.bytes += segment.len() as u64;
    }
    crafted
}

const METHODS: [&str; 4] = ["GET", "POST", "PUT", "DELETE"];

/// Spans and logs about as large and as varied as the standard load's.
fn telemetry(part: u64, chance: &mut StdRng) -> [Message; 2] {
    let now = now_nano() - 3_600_000_000_000;
    let attributes = |chance: &mut StdRng| {
        Map::from_iter([
            ("http.request.method".to_string(), json!(METHODS[chance.random_range(0..4)])),
            ("http.route".to_string(), json!(format!("/cart/{}", chance.random_range(0..40)))),
            ("http.response.status_code".to_string(), json!(200 + 100 * chance.random_range(0..4))),
            ("user.id".to_string(), json!(format!("user-{}", chance.random_range(0..100_000)))),
            ("order.id".to_string(), json!(format!("{:016x}", chance.random::<u64>()))),
            ("server.address".to_string(), json!(format!("10.0.{}.{}", chance.random_range(0..4), chance.random_range(0..250)))),
        ])
    };
    let spans: Vec<SpanOf> = (0..1000)
        .map(|i| SpanOf {
            service: format!("service-{}", i % 8),
            resource: Map::new(),
            trace: format!("{:032x}", u128::from(part * 1000 + i / 8 + 1) << 64 | u128::from(chance.random::<u64>() | 1)),
            span: format!("{:016x}", chance.random::<u64>() | 1),
            parent: String::new(),
            name: format!("operation {}", i % 20),
            kind: 2,
            at_ms: i as f64,
            ms: chance.random_range(0.1..200.0),
            status: 0,
            message: String::new(),
            attributes: attributes(chance),
            events: vec![],
            links: vec![],
        })
        .collect();
    let logs: Vec<LogOf> = (0..1000)
        .map(|i| LogOf {
            service: format!("service-{}", i % 8),
            at_ms: i as f64,
            severity: 9,
            body: Value::String(format!(
                "order {:016x} of user-{} was accepted after {} ms by host-{}",
                chance.random::<u64>(),
                chance.random_range(0..100_000),
                chance.random_range(1..500),
                chance.random_range(0..50)
            )),
            trace: format!("{:032x}", chance.random::<u128>()),
            span: format!("{:016x}", chance.random::<u64>() | 1),
            attributes: attributes(chance),
        })
        .collect();
    [Message::spans(now, &spans), Message::logs(now, &logs)]
}

/// After kill -9 over a large log: the doors open at once and take and show new rows, everything old is answered soon, in
/// bounded memory. 1 GiB in the long form.
#[test]
fn large_log() {
    let mib: u64 = match std::env::var("HOPLINE_WAL_MIB") {
        Ok(mib) => mib.parse().expect("HOPLINE_WAL_MIB is a number"),
        Err(_) if super::torture() => 1024,
        Err(_) => 32,
    };
    let mut chance = StdRng::seed_from_u64(11);
    let mut server = Server::start();
    let exporter = server.exporter();
    for part in 0..8 {
        telemetry(part, &mut chance).iter().for_each(|message| exporter.send(message, Encoding::Protobuf));
    }
    server.kill();
    let wal = server.data_dir().join("wal");
    let segment = std::fs::read_dir(&wal).unwrap().next().expect("one segment").unwrap().path();
    let bytes = std::fs::read(&segment).unwrap();
    let entries = entries(&bytes);
    assert_eq!(entries.len(), 16);
    let (epoch, lsn) = (u32_at(&bytes, 24), entries.iter().map(|entry| u64_at(&entry.header, 16)).max().unwrap());
    let crafted = craft(&wal, &entries, lsn, epoch, mib << 20, &mut chance);

    let began = Instant::now();
    server.start_again();
    let doors = server.ready_after();
    let now = now_nano();
    server.exporter().send(
        &Message::logs(
            now,
            &[LogOf {
                service: "new".into(),
                at_ms: 0.0,
                severity: 9,
                body: json!("new"),
                trace: String::new(),
                span: String::new(),
                attributes: Map::new(),
            }],
        ),
        Encoding::Json,
    );
    let answer = server.api().get(&format!("/api/v1/logs?from={now}&limit=10"));
    assert_eq!(answer["items"].as_array().map(Vec::len), Some(1), "a new row is seen during replay: {answer}");
    let ((), _) = eventually(Duration::from_secs(600), || {
        std::thread::sleep(Duration::from_millis(50));
        let status = server.api().get("/api/v1/status");
        if status["storage"]["replayed"] == true { Ok(()) } else { Err(status.to_string()) }
    });
    let replayed = began.elapsed();
    let count = |table: &str| {
        let (status, answer) = server.api().post("/api/v1/sql", &json!({"query": format!("SELECT count(*) AS n FROM {table}")}));
        assert_eq!(status, 200, "{answer}");
        answer["rows"][0]["n"].as_u64().expect("a count")
    };
    assert_eq!(count("spans"), crafted.spans + 8000);
    assert_eq!(count("logs"), crafted.logs + 8001);
    let peak = server.resident_bytes_peak() >> 20;
    super::ledger(&format!(
        "{} MiB of WAL ({} spans, {} logs): doors open after {} ms, everything answered after {:.1} s, peak memory {peak} MiB",
        crafted.bytes >> 20,
        crafted.spans,
        crafted.logs,
        doors.as_millis(),
        replayed.as_secs_f64()
    ));
    assert!(doors < Duration::from_secs(3), "{doors:?}");
    assert!(replayed < Duration::from_secs(60), "{replayed:?}");
    assert!(peak <= MEMORY_MIB_MAX, "{peak} MiB");
    server.stop();
}

/// The budget of a default server, and what a debug build is larger.
const MEMORY_MIB_MAX: u64 = 320;
