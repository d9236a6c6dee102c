//! kill -9 under load: at random instants, during recovery, and between the steps of a seal.

use super::load::{Done, Fate, Load, RECORDS_PER_REQUEST, check, now_nano};
use crate::harness::Server;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// In CI; the long form runs 2,000.
const ROUNDS_DEFAULT: u32 = 100;
/// Rounds on one directory: then another begins, so that asking for everything stays short.
const ROUNDS_PER_STORE: u32 = 50;

/// Small tables, so that seals happen within a round; small segments, so that there are several.
const SETTINGS: [(&str, &str); 3] = [
    ("HOPLINE_STORAGE__SEAL_TABLE_BYTES_MAX", "300000"),
    ("HOPLINE_STORAGE__WAL_SEGMENT_BYTES", "262144"),
    ("HOPLINE_STORAGE__FREE_BYTES_MIN", "1000000"),
];

/// Between two steps of writing, sealing or trimming.
const POINTS: [&str; 6] = ["wal.written", "wal.synced", "seal.written", "seal.committed", "seal.swapped", "seal.trimmed"];

#[derive(Debug, Default)]
struct Counts {
    rounds: u32,
    in_recovery: u32,
    at_points: u32,
    acknowledged: u64,
    unknown: u64,
    retried: u64,
}

#[test]
fn acknowledged_is_found_once_after_kill() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u32>().ok());
    let rounds = number("HOPLINE_TORTURE_ROUNDS").unwrap_or(ROUNDS_DEFAULT);
    let seed = u64::from(number("HOPLINE_SEED").unwrap_or(7));
    let mut chance = StdRng::seed_from_u64(seed);
    let mut counts = Counts::default();
    while counts.rounds < rounds {
        one_store(&mut chance, ROUNDS_PER_STORE.min(rounds - counts.rounds), &mut counts);
    }
    let Counts { in_recovery, at_points, acknowledged, unknown, retried, .. } = counts;
    super::ledger(&format!(
        "{rounds} rounds of kill -9, three signals (seed {seed}; {in_recovery} with another kill during recovery, {at_points} between two steps of a write or seal): \
         {} records acknowledged in {acknowledged} requests, 0 lost, 0 twice; {unknown} requests unknown; {retried} byte-identical retries",
        acknowledged * RECORDS_PER_REQUEST,
    ));
    assert!(acknowledged > u64::from(rounds), "the load was too small to mean anything");
}

/// Rounds of kill and start on one directory.
fn one_store(chance: &mut StdRng, rounds: u32, counts: &mut Counts) {
    let mut server = Server::with(&[], &SETTINGS);
    let next = Arc::new(AtomicU64::new(1));
    let mut all = Done::default();
    let first = now_nano();
    for round in 1..=rounds {
        let (known, began) = (all.sent.len(), now_nano());
        let what = format!("round {}", counts.rounds + 1);
        // A third of the deaths are between two steps, a third have another one while the server recovers.
        let way = chance.random_range(0..3);
        if way == 1 {
            let point = POINTS[chance.random_range(0..POINTS.len())];
            server.set_environment("HOPLINE_FAILPOINT", Some(&format!("{point}:{}", chance.random_range(1..4))));
            server.kill();
            server.start_again();
            server.set_environment("HOPLINE_FAILPOINT", None);
        }
        let load = Load::start(&server, &next);
        if way == 1 {
            // Dead by itself, unless the load was too slow for its point.
            counts.at_points += u32::from(server.died_within(Duration::from_millis(600)));
        } else {
            std::thread::sleep(Duration::from_millis(chance.random_range(20..300)));
        }
        server.kill();
        if way == 2 {
            server.start_and_kill(Duration::from_millis(chance.random_range(0..150)));
            counts.in_recovery += 1;
        }
        server.start_again();
        load.moved(&server);
        // The clients that retry reach the new server now; then all stop.
        std::thread::sleep(Duration::from_millis(60));
        let done = load.stop();
        all.sent.extend(done.sent);
        all.retried += done.retried;
        server.api().wait_replayed();
        check(&server.api(), &all.sent[known..], began, &what);
        counts.rounds += 1;
        // At the end the rows are moved into blocks by a clean stop, and everything is asked for again.
        if round == rounds {
            check(&server.api(), &all.sent, first, &format!("after {what}"));
            server.stop();
            server.start_again();
            check(&server.api(), &all.sent, first, &format!("after {what} and a clean stop"));
        }
    }
    let acknowledged = all.sent.iter().filter(|sent| sent.fate == Fate::Acknowledged).count() as u64;
    counts.acknowledged += acknowledged;
    counts.unknown += all.sent.len() as u64 - acknowledged;
    counts.retried += all.retried;
}
