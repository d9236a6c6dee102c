//! Tests of the whole store.
//!
//! | file | what |
//! |---|---|
//! | `store` | a store in a temporary directory, rows with known ids, what it holds |
//! | `life` | append, restart, seal, duplicates, close |
//! | `derived` | edges and links in every state |
//! | `faults` | each operation fails, power cuts, full disk, clocks |
//! | `failpoints` | the process dies between two steps |
//! | `soak` | long runs: truth, memory, a large WAL |
//! | `torn` | a damaged WAL, byte by byte |
//! | `quarantine` | a store that starts over a damaged WAL or damaged blocks |
//! | `newer` | a directory of a newer version |
//! | `removal` | deletion by query, what retention keeps, the trace index of a day, sizes |
//! | `months` | a month of data is asked as quickly as an hour of it |
//! | `many_blocks` | planning over 100,000 blocks |
#![allow(clippy::unwrap_used, clippy::print_stdout)]

/// What a long run did, for a person: appended to `$HOPLINE_LEDGER` (the torture target sets it).
fn ledger(line: &str) {
    println!("{line}");
    if let Some(path) = std::env::var_os("HOPLINE_LEDGER") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        std::io::Write::write_all(&mut file, format!("- {line}\n").as_bytes()).unwrap();
    }
}

mod derived;
mod failpoints;
mod faults;
mod life;
mod many_blocks;
mod months;
mod newer;
mod quarantine;
mod removal;
mod soak;
pub(crate) mod store;
mod torn;
