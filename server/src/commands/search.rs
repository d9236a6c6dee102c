//! `hopline search QUERY`: matching traces, newest first.

use crate::cli::Search;
use crate::client::{Client, Parameters};
use crate::print::list::{bad_count, cell, duration_cell, items};
use crate::print::table::{Cell, Column};
use crate::print::{Paint, value};
use anyhow::Result;
use serde_json::Value;

const COLUMNS: &[Column] = &[
    Column::fixed("START (UTC)"),
    Column::fixed("TRACE"),
    Column::text("ROOT"),
    Column::number("DURATION"),
    Column::number("SPANS"),
    Column::number("ERRORS"),
    Column::text("SERVICES"),
];

pub(crate) fn run(arguments: &Search) -> Result<()> {
    let client = Client::new(&arguments.ask)?;
    let parameters = Parameters::default().set("q", Some(&arguments.query).filter(|q| !q.is_empty())).range(&arguments.range);
    let answer = client.get("/api/v1/traces", &parameters)?;
    let empty = match arguments.range.from {
        None => "no trace of the last hour matches: look further back with --from now-24h",
        Some(_) => "no trace matches",
    };
    items(&answer, arguments.ask.format, COLUMNS, row, empty)
}

fn row(item: &Value) -> Vec<Cell> {
    let text = |name: &str| item.get(name).map(value::plain).unwrap_or_default();
    let root = [text("root_service"), text("root_name")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    vec![
        Cell::painted(value::time(&text("start_time")), Paint::Dim),
        cell(item, "trace_id"),
        if root.is_empty() { Cell::painted("(root not arrived)", Paint::Dim) } else { Cell::new(root) },
        duration_cell(item, "duration_nano"),
        cell(item, "span_count"),
        bad_count(item, "error_count"),
        Cell::new(services(item)),
    ]
}

/// `[{"name":…,"spans":…}]` or `["…"]`, as one line.
fn services(item: &Value) -> String {
    let list = item.get("services").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|service| service.get("name").map_or_else(|| value::plain(service), value::plain)).collect::<Vec<_>>().join(", ")
}
