//! `hopline sql "select …"`: one question in SQL.

use super::Usage;
use crate::cli::{Format, Sql};
use crate::client::Client;
use crate::print::table::{Cell, Column, render};
use crate::print::{Screen, list, note, out, value};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::io::Read;

pub(crate) fn run(arguments: &Sql) -> Result<()> {
    let mut query = arguments.query.clone();
    if query == "-" {
        query.clear();
        std::io::stdin().read_to_string(&mut query).context("cannot read the query from standard input")?;
    }
    if query.trim().is_empty() {
        return Err(Usage("the query is empty: try `hopline sql 'select * from spans limit 5'`".into()).into());
    }
    // `7` and `true` are themselves, everything else is text.
    let params: Vec<Value> = arguments.params.iter().map(|text| serde_json::from_str(text).unwrap_or_else(|_| json!(text))).collect();
    let answer = Client::new(&arguments.ask)?.post("/api/v1/sql", &json!({"query": query, "params": params}))?;
    let rows = answer.get("rows").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match arguments.ask.format {
        Format::Json => return out(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        Format::Ndjson => out(&list::lines(rows)?)?,
        Format::Csv => out(&csv(&answer, rows)?)?,
        Format::Table => {
            out(&table(&answer, rows, Screen::stdout()))?;
            note(&if rows.len() == 1 { "1 row".into() } else { format!("{} rows", rows.len()) });
        }
    }
    list::remarks(&answer, rows.len());
    Ok(())
}

struct Header {
    name: String,
    number: bool,
}

fn headers(answer: &Value) -> Vec<Header> {
    let columns = answer.get("columns").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |column: &Value, name: &str| column.get(name).and_then(Value::as_str).unwrap_or_default().to_string();
    columns.iter().map(|column| Header { name: text(column, "name"), number: is_number(&text(column, "type")) }).collect()
}

/// Arrow's or SQL's name of a numeric type.
fn is_number(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    ["int", "uint", "float", "double", "decimal", "bigint", "smallint", "tinyint", "real"].iter().any(|number| kind.starts_with(number))
        && kind != "interval"
}

/// The columns stand even when there is no row.
fn csv(answer: &Value, rows: &[Value]) -> Result<String> {
    let headers = headers(answer);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(headers.iter().map(|header| &header.name))?;
    for row in rows {
        writer.write_record(headers.iter().map(|header| row.get(&header.name).map(value::plain).unwrap_or_default()))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn table(answer: &Value, rows: &[Value], screen: Screen) -> String {
    let headers = headers(answer);
    // The titles are data here: a row of their own above the rows.
    let columns: Vec<Column> = headers.iter().map(|header| Column { title: "", align_right: header.number, cut: !header.number }).collect();
    let titles = headers.iter().map(|header| Cell::painted(&header.name, crate::print::Paint::Dim)).collect();
    let body = rows.iter().map(|row| headers.iter().map(|header| list::cell(row, &header.name)).collect());
    let all: Vec<Vec<Cell>> = std::iter::once(titles).chain(body).collect();
    render(&columns, &all, screen).split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn rows_under_their_names() {
        let answer = json!({"columns": [{"name": "service_name", "type": "Utf8"}, {"name": "n", "type": "Int64"}], "rows": [{"service_name": "web", "n": 12}, {"service_name": "cart", "n": 3}]});
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!(table(&answer, rows, Screen { width: None, colour: false }), "service_name   n\nweb           12\ncart           3\n");
        assert_eq!(csv(&answer, &[]).unwrap(), "service_name,n\n");
    }
}
