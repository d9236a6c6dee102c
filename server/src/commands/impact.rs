//! `hopline impact SERVICE`: who depends on it, directly or through others, and how much.

use crate::cli::{Format, Impact};
use crate::client::{Client, Parameters};
use crate::print::list::{bad_count, cell};
use crate::print::table::{Cell, Column, render};
use crate::print::{Paint, Screen, list, note, out, value};
use anyhow::Result;
use serde_json::Value;

const COLUMNS: &[Column] = &[
    Column::text("DEPENDS ON IT"),
    Column::number("HOPS"),
    Column::number("REQUESTS"),
    Column::number("PER SECOND"),
    Column::number("REACH IT"),
    Column::number("SHARE"),
    Column::number("FAILED"),
];

pub(crate) fn run(arguments: &Impact) -> Result<()> {
    let client = Client::new(&arguments.ask)?;
    let parameters = Parameters::default().range(&arguments.range);
    let answer = client.get(&format!("/api/v1/services/{}/impact", encode(&arguments.service)), &parameters)?;
    let part = |name: &str| answer.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let (items, entries) = (part("items"), part("entries"));
    match arguments.ask.format {
        Format::Json => return out(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        Format::Ndjson => out(&list::lines(items)?)?,
        Format::Csv => out(&list::csv(items)?)?,
        Format::Table => {
            let requests = answer.get("requests").and_then(value::integer).unwrap_or(0);
            let errors = answer.get("error_count").and_then(value::integer).unwrap_or(0);
            let name = crate::print::clean(&arguments.service);
            if requests == 0 {
                note(&format!("no request of {name} in this range: look further back with --from now-24h, or see `hopline services`"));
            } else {
                let rate = answer.get("rate_per_second").map(value::plain).unwrap_or_default();
                out(&format!("{name}: {requests} requests, {rate} a second, {errors} failed\n"))?;
                if items.is_empty() {
                    note("nobody calls it but from outside");
                } else {
                    let mut rows: Vec<Vec<Cell>> = items.iter().map(row).collect();
                    rows.extend(entries.iter().map(row));
                    out(&format!("\n{}", render(COLUMNS, &rows, Screen::stdout())))?;
                }
            }
        }
    }
    list::remarks(&answer, items.len());
    Ok(())
}

/// A service, or with its name an operation that requests come in by.
fn row(item: &Value) -> Vec<Cell> {
    let text = |name: &str| item.get(name).map(value::plain).unwrap_or_default();
    let (service, operation) = (text("service_name"), text("name"));
    let who = if operation.is_empty() { Cell::painted(&service, Paint::service(&service)) } else { Cell::new(format!("↳ {service} {operation}")) };
    vec![
        who,
        cell(item, "hops"),
        cell(item, "requests"),
        cell(item, "rate_per_second"),
        cell(item, "reaching"),
        Cell::new(format!("{:.1} %", item.get("share").and_then(Value::as_f64).unwrap_or(0.0) * 100.0)),
        bad_count(item, "error_count"),
    ]
}

/// A name as one part of a path: databases have names with a slash.
fn encode(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_parts_of_a_path() {
        for (name, expect) in [("checkout", "checkout"), ("postgresql/shop", "postgresql%2Fshop"), ("größe ?", "gr%C3%B6%C3%9Fe%20%3F")] {
            assert_eq!(encode(name), expect);
        }
    }
}
