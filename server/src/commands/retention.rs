//! `hopline retention`: what goes, how much and when; with --run at once.

use super::backup::count;
use crate::cli::{Format, Retention};
use crate::client::{Client, Parameters};
use crate::print::table::{Cell, Column};
use crate::print::{Paint, Screen, note, out, value};
use anyhow::Result;
use serde_json::{Value, json};

const COLUMNS: &[Column] = &[
    Column::text("TENANT"),
    Column::text("DATASET"),
    Column::number("HOURS"),
    Column::number("KEPT"),
    Column::number("CALLS"),
    Column::number("BLOCKS"),
    Column::number("STORED"),
    Column::number("GOES NOW"),
    Column::number("REDUCED NOW"),
    Column::number("GOES IN 24 H"),
    Column::fixed("NEXT (UTC)"),
];

pub(crate) fn run(arguments: &Retention) -> Result<()> {
    let client = Client::new(&arguments.ask)?;
    if arguments.run {
        client.post("/api/v1/retention", &json!({"run": true}))?;
    }
    let answer = client.get("/api/v1/retention", &Parameters::default())?;
    let datasets = answer.get("datasets").and_then(Value::as_array).cloned().unwrap_or_default();
    match arguments.ask.format {
        Format::Json => return out(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        Format::Ndjson => return out(&crate::print::list::lines(&datasets)?),
        Format::Csv => return out(&crate::print::list::csv(&datasets)?),
        Format::Table => {}
    }
    crate::print::list::items(&json!({"items": datasets}), Format::Table, COLUMNS, row, "nothing is stored in blocks yet")?;
    note(&format!(
        "blocks take {} of a disk budget of {}; the oldest go above it",
        value::bytes(count(&answer, "/blocks_bytes")),
        value::bytes(count(&answer, "/blocks_bytes_max")),
    ));
    let screen = Screen::stderr();
    if answer.get("clock_believed") == Some(&Value::Bool(false)) {
        note(&Paint::Warn.on("the clock is far ahead of the last change: nothing goes by age for an hour; is it right?", screen));
    }
    if let Some(until) = answer.get("held_until").and_then(Value::as_str) {
        note(
            &Paint::Warn.on(&format!("more than its share would go by age: it waits until {until}; `hopline retention --run` does not wait"), screen),
        );
    }
    Ok(())
}

fn row(item: &Value) -> Vec<Cell> {
    let text = |name: &str| item.get(name).map(value::plain).unwrap_or_default();
    let bytes = |name: &str| value::bytes(count(item, &format!("/{name}/bytes")));
    let next = item.get("next").and_then(Value::as_str).map(value::time).unwrap_or_default();
    vec![
        Cell::new(text("tenant")),
        Cell::new(text("dataset")),
        Cell::new(text("hours")),
        Cell::new(text("keep_hours")),
        Cell::new(text("edges_hours")),
        Cell::new(count(item, "/stored/blocks").to_string()),
        Cell::new(bytes("stored")),
        Cell::painted(bytes("going"), if count(item, "/going/bytes") > 0 { Paint::Warn } else { Paint::Plain }),
        Cell::new(bytes("reducing")),
        Cell::new(bytes("next_day")),
        Cell::painted(next, Paint::Dim),
    ]
}
