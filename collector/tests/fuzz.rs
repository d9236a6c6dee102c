//! Every decoder under mutation: no panic, no hang, no memory beyond its budget, whatever the bytes.
//!
//! The corpus is `tests/fixtures/fuzz`: it is replayed as it stands, then mutated for `HOPLINE_FUZZ_SECONDS` (3 in CI, 600 a decoder
//! in `make torture`). An input that breaks a rule is written beside the corpus, to be kept there once the fault is mended.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use bytes::Bytes;
use hopline_collector::config::{Action, Redaction, Rule};
use hopline_collector::decode::compression::{Compression, Failed, expand};
use hopline_collector::decode::{Limits, Rules, json, protobuf, to_protobuf};
use hopline_collector::process::Redactor;
use hopline_model::{Signal, UnixNanos};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const RECEIVED: UnixNanos = UnixNanos(1_700_000_000_000_000_000);
/// Inputs stay this small, so that a second is a hang.
const INPUT_BYTES_MAX: usize = 64 << 10;
const HANG: Duration = Duration::from_secs(1);
/// Rows of many columns from few bytes: an empty log record is 2 bytes and a row of about 120.
const OUTPUT_RATIO_MAX: usize = 100;
const OUTPUT_FLOOR: usize = 256 << 10;
/// What the process may grow by over all runs, transient allocations included.
const GROWTH_BYTES_MAX: u64 = 256 << 20;

fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/fuzz"))
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    assert!(files.len() >= 20, "the corpus is there");
    files
}

struct Decoders {
    redactor: Redactor,
}

const DECODERS: [&str; 4] = ["protobuf", "json", "json as protobuf", "compression"];

impl Decoders {
    fn new() -> Self {
        let own = Rule { name: "cards".into(), patterns: vec![r"\d{4}".into()], keys: vec!["a*".into()], action: Action::Hash, ..Rule::default() };
        let mut redaction = Redaction::default();
        redaction.rules.push(own);
        Self { redactor: Redactor::new(&redaction).unwrap() }
    }

    /// One input through one decoder, for every signal or format of it. The largest output.
    fn run(&self, decoder: &str, input: &[u8]) -> usize {
        let rules = Rules { redactor: &self.redactor, limits: Limits::default(), names: None };
        let decoded = Signal::ALL.into_iter().map(|signal| match decoder {
            "protobuf" => protobuf(signal, input, RECEIVED, rules).map_or(0, |decoded| check(signal, &decoded)),
            "json" => json(signal, input, RECEIVED, rules).map_or(0, |decoded| check(signal, &decoded)),
            "json as protobuf" => to_protobuf(signal, input).map_or(0, |bytes| {
                assert!(bytes.len() <= input.len() * 9 / 2 + 16, "{} bytes of protobuf for {} of JSON", bytes.len(), input.len());
                // What the tables write, the walk can read, unless it nests too deeply.
                let read = protobuf(signal, &bytes, RECEIVED, rules);
                assert!(read.is_ok(), "{read:?}");
                bytes.len()
            }),
            _ => 0,
        });
        let largest = decoded.max().unwrap_or(0);
        if decoder != "compression" {
            return largest;
        }
        let limit = 1 << 20;
        for compression in Compression::ALL {
            match expand::<()>(Bytes::copy_from_slice(input), compression, limit, |_| Ok(())) {
                Ok(bytes) => assert!(bytes.len() <= limit),
                Err(Failed::TooLarge | Failed::Broken(_)) => {}
                Err(Failed::NoRoom(())) => panic!("there was room"),
            }
        }
        0
    }
}

fn check(signal: Signal, decoded: &hopline_collector::decode::Decoded) -> usize {
    let rows = &decoded.batch.rows;
    assert_eq!(rows.schema(), *hopline_model::schema::schema(signal));
    // Texts are valid UTF-8 and dictionaries point inside: Arrow's own full check.
    for column in rows.columns() {
        column.to_data().validate_full().unwrap();
    }
    rows.get_array_memory_size()
}

/// Runs inputs on a thread of its own; a run that does not end is a failure with its input.
struct Watched {
    inputs: mpsc::Sender<(&'static str, Vec<u8>)>,
    outcomes: mpsc::Receiver<(Result<usize, String>, Duration)>,
}

impl Watched {
    fn new() -> Self {
        let (inputs, receive) = mpsc::channel::<(&'static str, Vec<u8>)>();
        let (send, outcomes) = mpsc::channel();
        std::thread::spawn(move || {
            let decoders = Decoders::new();
            for (decoder, input) in receive {
                let began = Instant::now();
                let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| decoders.run(decoder, &input)));
                let outcome = caught.map_err(|panic| {
                    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
                    text.unwrap_or("a panic without words").to_owned()
                });
                if send.send((outcome, began.elapsed())).is_err() {
                    return;
                }
            }
        });
        Self { inputs, outcomes }
    }

    fn run(&self, decoder: &'static str, input: &[u8]) {
        self.inputs.send((decoder, input.to_vec())).unwrap();
        let fault = match self.outcomes.recv_timeout(HANG * 10) {
            Err(_) => "did not end".to_owned(),
            Ok((Err(panic), _)) => format!("panicked: {panic}"),
            Ok((_, took)) if took > HANG => format!("took {took:?}"),
            Ok((Ok(bytes), _)) if bytes > input.len() * OUTPUT_RATIO_MAX + OUTPUT_FLOOR => format!("made {bytes} bytes"),
            Ok(_) => return,
        };
        let name = format!("found-{}", hopline_model::ids::encode_hex(&xxhash_rust::xxh3::xxh3_64(input).to_be_bytes()));
        std::fs::write(fixtures().join(&name), input).unwrap();
        panic!("{decoder} of {} bytes {fault}; the input is tests/fixtures/fuzz/{name}", input.len());
    }
}

/// The corpus as it stands: what was once found stays mended.
#[test]
fn corpus_is_replayed() {
    let watched = Watched::new();
    for (_, input) in corpus() {
        DECODERS.iter().for_each(|decoder| watched.run(decoder, &input));
    }
}

#[test]
fn mutations() {
    let seconds = std::env::var("HOPLINE_FUZZ_SECONDS").ok().map_or(3.0, |seconds| seconds.parse::<f64>().unwrap());
    let seed = std::env::var("HOPLINE_FUZZ_SEED").ok().map_or_else(rand::random, |seed| seed.parse().unwrap());
    println!("HOPLINE_FUZZ_SEED={seed}");
    let corpus: Vec<Vec<u8>> = corpus().into_iter().map(|(_, input)| input).collect();
    let watched = Watched::new();
    let mut random = StdRng::seed_from_u64(seed);
    let before = peak_bytes();
    for decoder in DECODERS {
        let until = Instant::now() + Duration::from_secs_f64(seconds / if seconds < 60.0 { DECODERS.len() as f64 } else { 1.0 });
        let mut runs = 0_u64;
        while Instant::now() < until {
            let input = mutate(&corpus, &mut random);
            watched.run(decoder, &input);
            runs += 1;
        }
        let grown = peak_bytes().saturating_sub(before);
        println!("{decoder}: {runs} inputs, no panic, no hang; memory grew by at most {} MiB", grown >> 20);
        assert!(runs > 100 && grown < GROWTH_BYTES_MAX, "{grown} bytes");
    }
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Pieces that mean something to some decoder.
const WORDS: [&[u8]; 26] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"null",
    b"true",
    b"-1e308",
    b"1e-400",
    b"18446744073709551616",
    b"\"NaN\"",
    b"\\ud83d\\ude00",
    b"\\u0000",
    b"{\"arrayValue\":{\"values\":[",
    b"{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":",
    b"\"attributes\":[",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x08",
    b"\x0a\x00",
    b"\x12\x00",
    b"\xc3\x3e",
    b"\xc4\x3e",
    b"\x1f\x8b\x08\x00",
    b"\x28\xb5\x2f\xfd",
];

fn mutate(corpus: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut input = corpus[random.random_range(0..corpus.len())].clone();
    for _ in 0..random.random_range(1..12) {
        let at = random.random_range(0..=input.len());
        let end = (at + random.random_range(0..64)).min(input.len());
        match random.random_range(0..9) {
            0 if !input.is_empty() => {
                let at = at.min(input.len() - 1);
                input[at] ^= 1 << random.random_range(0..8);
            }
            1 if !input.is_empty() => {
                let at = at.min(input.len() - 1);
                input[at] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\\', b'{'][random.random_range(0..8)];
            }
            2 => drop(input.drain(at..end)),
            3 => input.truncate(at),
            4 => {
                let word = WORDS[random.random_range(0..WORDS.len())];
                input.splice(at..at, word.repeat(1 << random.random_range(0..8)));
            }
            5 => {
                let piece = input[at..end].repeat(1 << random.random_range(0..8));
                input.splice(at..at, piece);
            }
            6 => {
                let other = &corpus[random.random_range(0..corpus.len())];
                let from = random.random_range(0..=other.len());
                input.splice(at..end, other[from..].iter().copied());
            }
            7 => {
                // Inside a message of a message: an envelope of the right length around what there is.
                let tag = random.random_range(1..16_u8) << 3 | 2;
                let mut outer = vec![tag];
                prost::encode_length_delimiter(input.len(), &mut outer).unwrap();
                outer.append(&mut input);
                input = outer;
            }
            _ => {
                let bytes: Vec<u8> = (0..random.random_range(1..9)).map(|_| random.random()).collect();
                input.splice(at..at, bytes);
            }
        }
        input.truncate(INPUT_BYTES_MAX);
    }
    input
}
