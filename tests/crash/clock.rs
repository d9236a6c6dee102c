//! A wall clock ten years off, before and behind: nothing is refused, nothing is removed.

use super::load::{Done, Load, check, now_nano};
use crate::harness::Server;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// Where Debian's libfaketime puts the library that fakes a process's clock.
const FAKETIME: &[&str] = &["/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1", "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1"];

#[test]
fn ten_years_off() {
    let Some(library) = FAKETIME.iter().find(|path| Path::new(path).exists()) else {
        println!("left out: libfaketime is not installed");
        return;
    };
    let next = Arc::new(AtomicU64::new(1));
    let first = now_nano();
    let mut server = Server::start();
    let mut all = Done::default();
    for offset in ["", "+10y", "-10y", ""] {
        server.kill();
        let fake = (!offset.is_empty()).then_some(*library);
        server.set_environment("LD_PRELOAD", fake);
        server.set_environment("FAKETIME", fake.map(|_| offset));
        // Time that passes is not faked: only what the wall clock says.
        server.set_environment("FAKETIME_DONT_FAKE_MONOTONIC", fake.map(|_| "1"));
        server.set_environment("DONT_FAKE_MONOTONIC", fake.map(|_| "1"));
        server.start_again();
        server.api().wait_replayed();
        let load = Load::start(&server, &next);
        // Longer than upkeep takes to look at free space, sweep and retention.
        std::thread::sleep(Duration::from_millis(1500));
        let (acknowledged, errors) = (load.acknowledged(), load.errors());
        assert!(acknowledged > 5 && errors.is_empty(), "clock {offset:?}: {acknowledged} acknowledged, refused: {errors:?}");
        let done = load.stop();
        all.sent.extend(done.sent);
        check(&server.api(), &all.sent, first, &format!("clock {offset:?}"));
        // Rows become blocks under each clock.
        server.stop();
        server.start_again();
        check(&server.api(), &all.sent, first, &format!("clock {offset:?}, in blocks"));
    }
    super::ledger(&format!("wall clock +10 and -10 years under load: {} requests, nothing refused, lost or removed", all.sent.len()));
}
