//! A verdict: the sentence, then what it was counted from.

use super::table::{Cell, Column, render};
use super::{Paint, Screen, clean, value};
use serde_json::Value;

const EXCESS: &[Column] = &[
    Column::number("HOP"),
    Column::text("CALL"),
    Column::text("OPERATION"),
    Column::number("OVER USUAL"),
    Column::number("SHARE"),
    Column::number("CALLS"),
];

pub(crate) fn draw(verdict: &Value, screen: Screen) -> String {
    let text = |value: &Value, name: &str| clean(&value.get(name).map(value::plain).unwrap_or_default());
    let paint = match verdict.get("verdict").and_then(Value::as_str) {
        Some("ordinary") => Paint::Good,
        Some("too_few" | "degraded") => Paint::Warn,
        _ => Paint::Bad,
    };
    let mut out = format!("{}\n", paint.on(&text(verdict, "headline"), screen));
    let rows: Vec<Vec<Cell>> = list(verdict, "excess").map(excess).collect();
    if !rows.is_empty() {
        out.push('\n');
        out.push_str(&render(EXCESS, &rows, screen));
    }
    if let Some(cause) = verdict.get("first_cause") {
        let kind = text(cause, "exception_type");
        let said = [kind, text(cause, "message")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
        let hop = cause.get("hop").map(|hop| format!(" (hop {})", value::plain(hop))).unwrap_or_default();
        out.push_str(&format!("\nfirst cause  {} {}{hop}  span {}\n", text(cause, "service_name"), text(cause, "name"), text(cause, "span_id")));
        if !said.is_empty() {
            out.push_str(&format!("             {}\n", Paint::Bad.on(&said, screen)));
        }
    }
    if let Some(seen) = verdict.get("first_seen") {
        out.push_str(&format!("first seen   {} {} at {}\n", text(seen, "service"), text(seen, "version"), value::time(&text(seen, "time"))));
    }
    for missing in list(verdict, "missing_hops") {
        let share = missing.get("usual_share").and_then(Value::as_f64).unwrap_or(0.0) * 100.0;
        out.push_str(&format!(
            "missing      {} → {}, made in {share:.1} % of requests like this\n",
            text(missing, "caller"),
            text(missing, "callee")
        ));
    }
    out
}

fn list<'a>(verdict: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    verdict.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn excess(item: &Value) -> Vec<Cell> {
    let text = |name: &str| item.get(name).map(value::plain).unwrap_or_default();
    let hop = text("hop");
    let call = if hop == "0" { format!("{} itself", text("callee")) } else { format!("{} → {}", text("caller"), text("callee")) };
    let calls = item.get("calls").and_then(value::integer).unwrap_or(1);
    let usually = item.get("usual_calls").and_then(Value::as_f64).unwrap_or(1.0);
    let calls = if calls as f64 > usually.max(1.0) { format!("{calls}, usually {usually:.0}") } else { calls.to_string() };
    vec![
        Cell::painted(hop, Paint::Dim),
        Cell::new(call),
        Cell::new(text("name")),
        Cell::new(value::duration(item.get("excess_nano").and_then(value::integer).unwrap_or(0))),
        Cell::new(format!("{:.0} %", item.get("share").and_then(Value::as_f64).unwrap_or(0.0) * 100.0)),
        Cell::new(calls),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_sentence_and_its_reasons() {
        let verdict = json!({"verdict": "slow_and_failed", "headline": "8.2 s, usually 300 ms", "excess": [
            {"hop": 5, "caller": "payment", "callee": "bank", "name": "POST", "excess_nano": 7_900_000_000_u64, "share": 0.97, "calls": 3, "usual_calls": 1.0}],
            "first_cause": {"span_id": "00f067aa0ba902b7", "service_name": "payment", "name": "POST /charge", "message": "declined", "exception_type": "CardError", "hop": 4},
            "missing_hops": [{"caller": "checkout", "callee": "worker", "usual_share": 0.995}]});
        let text = draw(&verdict, Screen { width: None, colour: false });
        assert!(text.starts_with("8.2 s, usually 300 ms\n\nHOP  CALL"), "{text}");
        for part in [
            "  5  payment → bank",
            "7.90 s   97 %  3, usually 1",
            "payment POST /charge (hop 4)  span 00f067aa0ba902b7",
            "CardError: declined",
            "checkout → worker, made in 99.5 %",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
