//! `hopline services`: who sends, how much, how slow, how often wrong.

use crate::cli::Services;
use crate::client::{Client, Parameters};
use crate::print::list::{bad_count, cell, duration_cell, items};
use crate::print::table::{Cell, Column};
use crate::print::{Paint, value};
use anyhow::Result;
use serde_json::Value;

const COLUMNS: &[Column] = &[
    Column::text("SERVICE"),
    Column::number("SPANS"),
    Column::number("ERRORS"),
    Column::number("P50"),
    Column::number("P95"),
    Column::number("P99"),
    Column::number("LOGS"),
    Column::text("VERSIONS"),
    Column::fixed("LAST SEEN (UTC)"),
];

pub(crate) fn run(arguments: &Services) -> Result<()> {
    let answer = Client::new(&arguments.ask)?.get("/api/v1/services", &Parameters::default().range(&arguments.range))?;
    items(
        &answer,
        arguments.ask.format,
        COLUMNS,
        row,
        "no service has sent anything in the last hour: point OTEL_EXPORTER_OTLP_ENDPOINT at the server, or look further back with --from now-24h",
    )
}

fn row(item: &Value) -> Vec<Cell> {
    let text = |name: &str| item.get(name).map(value::plain).unwrap_or_default();
    let versions = item.get("versions").and_then(Value::as_array).into_iter().flatten().map(value::plain).collect::<Vec<_>>().join(", ");
    vec![
        Cell::painted(text("name"), Paint::service(&text("name"))),
        cell(item, "span_count"),
        bad_count(item, "error_count"),
        duration_cell(item, "p50_nano"),
        duration_cell(item, "p95_nano"),
        duration_cell(item, "p99_nano"),
        cell(item, "log_count"),
        Cell::new(versions),
        Cell::painted(value::time(&text("last_seen")), Paint::Dim),
    ]
}
