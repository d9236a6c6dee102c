//! The hop ledger as a table, and one hop as one line.

use super::list::duration_cell;
use super::table::{Cell, Column, render};
use super::{Paint, Screen, value};
use serde_json::Value;

const COLUMNS: &[Column] = &[
    Column::number("HOP"),
    Column::text("CALL"),
    Column::text("OPERATION"),
    Column::fixed("KIND"),
    Column::fixed("PROTOCOL"),
    Column::number("CLIENT"),
    Column::number("NETWORK"),
    Column::number("QUEUE"),
    Column::number("SERVER"),
    Column::number("SELF"),
    Column::number("ATTEMPT"),
    Column::number("LOGS"),
    Column::fixed("STATUS"),
];
/// Deeper hops stay at this indent.
const INDENT_DEPTH_MAX: usize = 12;

pub(crate) fn table(hops: &[Value], screen: Screen) -> String {
    let mut rows: Vec<Vec<Cell>> = hops.iter().map(row).collect();
    // A column that says nothing takes its place from those that do.
    let said: Vec<bool> = (0..COLUMNS.len()).map(|at| rows.iter().any(|row| !row[at].text.is_empty())).collect();
    let columns: Vec<Column> = COLUMNS.iter().zip(&said).filter(|(_, said)| **said).map(|(column, _)| column.clone()).collect();
    for row in &mut rows {
        let mut said = said.iter();
        row.retain(|_| said.next() == Some(&true));
    }
    render(&columns, &rows, screen)
}

fn row(hop: &Value) -> Vec<Cell> {
    let text = |name: &str| hop.get(name).map(value::plain).unwrap_or_default();
    let number = |name: &str| hop.get(name).and_then(value::integer).unwrap_or(0);
    let depth = usize::try_from(number("depth")).unwrap_or(1).clamp(1, INDENT_DEPTH_MAX) - 1;
    let (status, paint) = status(hop);
    let unless = |name: &str, usual: i64| if number(name) == usual { Cell::new("") } else { Cell::painted(number(name).to_string(), Paint::Warn) };
    vec![
        Cell::painted(text("hop"), Paint::Dim),
        Cell::painted(format!("{}{}", "  ".repeat(depth), call(hop)), if paint == Paint::Bad { Paint::Bad } else { Paint::Plain }),
        Cell::new(hop.pointer("/callee/operation").map(value::plain).unwrap_or_default()),
        Cell::painted(text("kind"), Paint::Dim),
        Cell::new(text("protocol")),
        duration_cell(hop, "client_nano"),
        duration_cell(hop, "network_nano"),
        duration_cell(hop, "queue_nano"),
        duration_cell(hop, "server_nano"),
        duration_cell(hop, "self_nano"),
        unless("attempt", 1),
        if number("log_count") == 0 { Cell::new("") } else { Cell::new(number("log_count").to_string()) },
        Cell::painted(status, paint),
    ]
}

fn service<'a>(hop: &'a Value, side: &str) -> &'a str {
    hop.get(side).and_then(|party| party.get("service")).and_then(Value::as_str).unwrap_or("?")
}

/// `checkout → payment`, with proxies between.
pub(crate) fn call(hop: &Value) -> String {
    let via: Vec<String> = hop.get("via").and_then(Value::as_array).into_iter().flatten().map(value::plain).collect();
    let between = if via.is_empty() { String::new() } else { format!("[{}] → ", via.join(" → ")) };
    format!("{} → {between}{}", service(hop, "caller"), service(hop, "callee"))
}

fn status(hop: &Value) -> (&'static str, Paint) {
    let first = hop.get("is_first_cause").and_then(Value::as_bool).unwrap_or(false);
    match (hop.get("status").and_then(Value::as_str), first) {
        (_, true) => ("✗ first cause", Paint::Bad),
        (Some("error"), _) => ("✗ error", Paint::Bad),
        (Some("ok"), _) => ("ok", Paint::Good),
        _ => ("", Paint::Plain),
    }
}

/// A hop that was just seen.
pub(crate) fn line(hop: &Value, screen: Screen) -> String {
    let depth = hop.get("depth").and_then(value::integer).and_then(|depth| usize::try_from(depth).ok()).unwrap_or(1);
    let nano = ["client_nano", "server_nano"].iter().find_map(|name| hop.get(name)).and_then(value::integer);
    let callee = service(hop, "callee");
    let (status, paint) = status(hop);
    let operation = hop.pointer("/callee/operation").map(value::plain).unwrap_or_default();
    let mut text = format!(
        "{}→ {} {}  {}",
        "  ".repeat(depth.clamp(1, INDENT_DEPTH_MAX)),
        Paint::service(callee).on(&super::clean(&call(hop)), screen),
        super::clean(&operation),
        nano.map(value::duration).unwrap_or_default(),
    );
    if !status.is_empty() {
        text.push_str(&format!("  {}", paint.on(status, screen)));
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn calls_indented_by_depth() {
        let hops = [
            json!({"hop": 1, "depth": 1, "kind": "rpc", "protocol": "http", "caller": {"service": "web"}, "callee": {"service": "checkout", "operation": "POST /orders"},
                "client_nano": 120_000_000, "network_nano": 2_000_000, "server_nano": 118_000_000, "self_nano": 3_000_000, "attempt": 1, "status": "error", "via": ["envoy"]}),
            json!({"hop": 2, "depth": 2, "kind": "db", "caller": {"service": "checkout"}, "callee": {"service": "postgresql/shop", "operation": "SELECT"},
                "client_nano": 5_000_000, "self_nano": 5_000_000, "attempt": 2, "status": "error", "is_first_cause": true, "log_count": 1, "via": []}),
        ];
        let text = table(&hops, Screen { width: None, colour: false });
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].contains("web → [envoy] → checkout") && lines[1].contains("2.00 ms") && lines[1].ends_with("✗ error"), "{text}");
        assert!(lines[2].contains("  checkout → postgresql/shop") && lines[2].ends_with("2     1  ✗ first cause"), "{text}");
        assert_eq!(line(&hops[1], Screen { width: None, colour: false }), "    → checkout → postgresql/shop SELECT  5.00 ms  ✗ first cause\n");
    }
}
