//! Tests of the built binary from outside, and of the layout of the repository. One test binary, so that it is linked once.
//!
//! | module | what |
//! |---|---|
//! | `harness` | a real server on free ports, an OTLP client in three encodings, the API |
//! | `scenarios` | send → ask → expect, as data files, asked of live rows, after a kill and after a clean stop |
//! | `sdk` | real OpenTelemetry SDKs in their own processes, compared with what they say they did |
//! | `captures` | requests as real SDKs sent them, posted as they are |
//! | `roundtrip` | random messages with every field and value type, read back as OTLP |
//! | `overload` | ten times the load in 1 GiB; a quiet token beside a noisy one |
//! | `crash` | kill -9, failing disks, clocks: acknowledged = found, once |
//! | `queries` | questions seen, stopped and explained; counts that are the truth while rows move |
//! | `follow` | one request followed by API and commands |
//! | `verdicts` | what `why` says of the demo shop against what really happened there |
//! | `upkeep` | backup, restore, deletion, retention and sizes by command and API |
//! | `duckdb` | DuckDB reads every Parquet file of a store and counts what SQL counts |
//! | `serve` | the command: ready line, ports, tokens, start time, idle memory |
//! | `readme` | the examples of README.md, as they stand there |
//! | `deploy` | the files under `deploy/` have the right shape |
//! | `tidy` | what ARCHITECTURE.md says of the layout is true |
//!
//! The binary is `$HOPLINE_BIN`, else the one built beside these tests (`cargo build --workspace`).

// A panic is how a test reports.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod captures;
mod crash;
mod deploy;
mod duckdb;
mod follow;
mod harness;
mod overload;
mod queries;
mod readme;
mod roundtrip;
mod scenarios;
mod sdk;
mod serve;
mod tidy;
mod upkeep;
mod verdicts;
