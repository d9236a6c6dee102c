//! What was acknowledged is found again, once, whatever happens to the process, the disk or the clock.
//!
//! | file | what |
//! |---|---|
//! | `load` | clients that send all three signals and know what they were told; what must be found afterwards |
//! | `kill` | kill -9 at random instants, during recovery and between the steps of a seal |
//! | `upkeep` | kill -9 during merges, retention, deletion and backup; a backup taken under load |
//! | `disk` | failing system calls, a volume that is full |
//! | `clock` | a wall clock ten years off |
//! | `images` | directories of each released format; one of their files damaged |
//! | `wal` | a log of crafted segments: start over a large one, over damaged files |
//!
//! The short form runs with every test; `make torture` runs the long one (`HOPLINE_TORTURE`, `HOPLINE_TORTURE_ROUNDS`) and
//! appends what it did to `LEDGER.md` beside this file (`HOPLINE_LEDGER`).

mod clock;
mod disk;
mod images;
mod kill;
mod load;
mod upkeep;
mod wal;

/// The long form is wanted.
fn torture() -> bool {
    std::env::var_os("HOPLINE_TORTURE").is_some()
}

/// What a test did, for a person; in the long form appended to the ledger.
pub(crate) fn ledger(line: &str) {
    use std::io::Write;
    println!("{line}");
    if let Some(path) = std::env::var_os("HOPLINE_LEDGER") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("the ledger");
        writeln!(file, "- {line}").expect("the ledger");
    }
}
