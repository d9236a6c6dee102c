//! A list of objects as table, JSON, lines or CSV.

use super::table::{Cell, Column, render};
use super::{Paint, Screen, note, out, value};
use crate::cli::Format;
use anyhow::Result;
use serde_json::Value;

/// Prints `{"items":[…],"cursor":…,"total":…,"complete":…,"warnings":[…]}`.
pub(crate) fn items(answer: &Value, format: Format, columns: &[Column], row: impl Fn(&Value) -> Vec<Cell>, empty: &str) -> Result<()> {
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match format {
        Format::Json => out(&format!("{}\n", serde_json::to_string_pretty(answer)?))?,
        Format::Ndjson => out(&lines(items)?)?,
        Format::Csv => out(&csv(items)?)?,
        Format::Table if items.is_empty() => note(empty),
        Format::Table => {
            let rows: Vec<Vec<Cell>> = items.iter().map(row).collect();
            out(&render(columns, &rows, Screen::stdout()))?;
        }
    }
    if format != Format::Json {
        remarks(answer, items.len());
    }
    Ok(())
}

/// What the answer says of itself: never left out in silence.
pub(crate) fn remarks(answer: &Value, shown: usize) {
    if let Some(total) = answer.get("total") {
        let count = total.get("value").and_then(Value::as_u64).unwrap_or(shown as u64);
        let more = if total.get("relation").and_then(Value::as_str) == Some("gte") { "at least " } else { "" };
        if count > shown as u64 {
            let way_on = match answer.get("cursor").and_then(Value::as_str) {
                Some(cursor) => format!("; go on with --cursor {cursor}"),
                None => "; ask for more with --limit".into(),
            };
            note(&format!("{shown} of {more}{count}{way_on}"));
        }
    }
    if answer.get("complete").and_then(Value::as_bool) == Some(false) {
        note("this answer is not complete: the server is still reading what it kept, or a limit was met");
    }
    for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten() {
        note(&format!("warning: {}", value::plain(warning)));
    }
}

pub(crate) fn lines(items: &[Value]) -> Result<String> {
    let mut text = String::new();
    for item in items {
        text.push_str(&serde_json::to_string(item)?);
        text.push('\n');
    }
    Ok(text)
}

/// Columns are the union of the keys, in order of appearance; nested values are JSON.
pub(crate) fn csv(items: &[Value]) -> Result<String> {
    let mut header: Vec<&str> = Vec::new();
    for key in items.iter().filter_map(Value::as_object).flat_map(|object| object.keys()) {
        if !header.contains(&key.as_str()) {
            header.push(key);
        }
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    if !header.is_empty() {
        writer.write_record(&header)?;
    }
    for item in items {
        writer.write_record(header.iter().map(|key| item.get(key).map(value::plain).unwrap_or_default()))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

/// A field as a table's cell.
pub(crate) fn cell(item: &Value, name: &str) -> Cell {
    Cell::new(item.get(name).map(value::plain).unwrap_or_default())
}

pub(crate) fn duration_cell(item: &Value, name: &str) -> Cell {
    Cell::new(item.get(name).and_then(value::integer).map(value::duration).unwrap_or_default())
}

/// A count that stands out when it is not zero.
pub(crate) fn bad_count(item: &Value, name: &str) -> Cell {
    match item.get(name).and_then(value::integer).unwrap_or(0) {
        0 => Cell::painted("0", Paint::Dim),
        count => Cell::painted(count.to_string(), Paint::Bad),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn csv_has_every_key() {
        let items = [json!({"a": 1, "b": "x,y"}), json!({"a": null, "c": {"d": 1}})];
        assert_eq!(csv(&items).unwrap(), "a,b,c\n1,\"x,y\",\n,,\"{\"\"d\"\":1}\"\n");
        assert_eq!(csv(&[]).unwrap(), "");
    }
}
