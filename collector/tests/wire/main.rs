//! OTLP at the wire, named by row of the conformance list (O1 to O41), against a collector with a real store in a temporary directory.
//!
//! | module | rows |
//! |---|---|
//! | `harness` | the collector, and a client that sends bytes as they are over gRPC and HTTP |
//! | `size` | O1 to O3: compressions and limits |
//! | `answers` | O4 to O15: success, partial success, refusals |
//! | `json` | O16 to O18: OTLP/JSON |
//! | `doors` | O19 to O22, O38, O41: paths, connections, drain |
//! | `data` | O23 to O31, O39: values, spans, logs |
//! | `points` | O32 to O37: metrics |
//! | `overload` | O13, O15, O40 again: admission, slow bodies, floods; durable before answered |
//! | `status` | who sent what, and what was taken out of it |
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod answers;
mod data;
mod doors;
mod harness;
mod json;
mod overload;
mod points;
mod size;
mod status;

/// Every row of the list has a test of its name.
#[test]
fn every_row_has_its_test() {
    let sources = [
        include_str!("answers.rs"),
        include_str!("data.rs"),
        include_str!("doors.rs"),
        include_str!("json.rs"),
        include_str!("overload.rs"),
        include_str!("points.rs"),
        include_str!("size.rs"),
    ];
    let mut names: Vec<&str> = Vec::new();
    for source in sources {
        names.extend(source.lines().filter_map(|line| line.strip_prefix("async fn o").or(line.strip_prefix("fn o"))));
    }
    for row in 1..=41 {
        let row = format!("{row:02}_");
        // `async fn o01_o05_…` shows both rows.
        let shown = names.iter().any(|name| name.starts_with(&row) || name.contains(&format!("o{row}")));
        assert!(shown, "no test shows O{}", row.trim_end_matches('_'));
    }
}
