//! A real server on loopback, an OTLP client in three encodings, and the API as tests ask it.

pub(crate) mod api;
pub(crate) mod otlp;
pub(crate) mod server;

pub(crate) use api::expect;
pub(crate) use otlp::{Encoding, Message};
pub(crate) use server::{Server, binary};

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

/// Asks until the answer is there; says what was last seen when it never is.
pub(crate) fn eventually<T>(within: Duration, mut ask: impl FnMut() -> Result<T, String>) -> (T, Duration) {
    let began = Instant::now();
    loop {
        match ask() {
            Ok(found) => return (found, began.elapsed()),
            Err(seen) if began.elapsed() > within => panic!("not within {within:?}: {seen}"),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Of a test that draws its own data: `HOPLINE_SEED`, else always the same.
pub(crate) fn seed() -> u64 {
    std::env::var("HOPLINE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7)
}
