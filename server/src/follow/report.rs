//! What is said when a followed request has come to its end: hops, linked traces, verdict.

use super::root::{Root, SERVICE};
use crate::cli::{Follow, Format};
use crate::client::{Client, Parameters};
use crate::print::{Paint, Screen, ledger, list, note, out, value, verdict};
use anyhow::Result;
use serde_json::{Value, json};
use std::io::Write;

/// Requests of one command that are judged one by one.
const JUDGED_MAX: usize = 20;

/// For people it goes to standard error, as standard output is the command's; as JSON it is the last thing on standard output.
pub(crate) fn report(client: &Client, arguments: &Follow, root: &Root) -> Result<()> {
    let path = format!("/api/v1/traces/{}", root.trace_id);
    let none = Parameters::default;
    let answer = client.find(&format!("{path}/hops"), &none())?.unwrap_or(Value::Null);
    let hops = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let verdicts = judge(client, root, hops)?;
    let story = client.find(&format!("{path}/story"), &none())?.unwrap_or(Value::Null);
    let linked: Vec<&Value> =
        story.get("items").and_then(Value::as_array).into_iter().flatten().filter(|item| item.get("linked_by").is_some()).collect();
    let whole = json!({"trace_id": root.trace_id, "verdicts": verdicts, "hops": hops, "linked": linked});
    match arguments.ask.format {
        Format::Json => return out(&format!("{}\n", serde_json::to_string_pretty(&whole)?)),
        Format::Ndjson => return out(&format!("{}\n", serde_json::to_string(&whole)?)),
        Format::Csv => return out(&list::csv(hops)?),
        Format::Table => {}
    }
    let screen = Screen::stderr();
    let mut text = String::from("\n");
    if hops.is_empty() {
        text.push_str(&format!(
            "{}\n",
            Paint::Warn.on(
                "no hop of this request has arrived: is what it calls instrumented, does it take the traceparent, does it send to this server?",
                screen
            )
        ));
    } else {
        text.push_str(&ledger::table(hops, screen));
    }
    for item in &linked {
        let name = |key: &str| crate::print::clean(&item.get(key).map(value::plain).unwrap_or_default());
        text.push_str(&format!("linked by {}: trace {} {} {}\n", name("linked_by"), name("trace_id"), name("root_service"), name("root_name")));
    }
    for judged in &verdicts {
        text.push('\n');
        text.push_str(&verdict::draw(judged, screen));
    }
    text.push_str(&Paint::Dim.on(&format!("\ntrace {}  {}/traces/{}\n", root.trace_id, client.endpoint(), root.trace_id), screen));
    // Nobody is left to be told when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
    for defect in answer.get("defects").and_then(Value::as_array).into_iter().flatten() {
        note(&format!("warning: {}", value::plain(defect)));
    }
    Ok(())
}

/// Each request that the command sent, against others of its kind; the command itself is of no kind.
fn judge(client: &Client, root: &Root, hops: &[Value]) -> Result<Vec<Value>> {
    let path = format!("/api/v1/traces/{}/why", root.trace_id);
    let sent = hops.iter().filter(|hop| {
        let from_here = hop.pointer("/caller/service").and_then(Value::as_str) == Some(SERVICE);
        from_here && hop.get("parent_hop").is_none() && hop.get("server_nano").is_some()
    });
    let spans: Vec<&str> = sent.filter_map(|hop| hop.pointer("/callee/span_id").and_then(Value::as_str)).collect();
    if spans.len() > JUDGED_MAX {
        note(&format!("the first {JUDGED_MAX} of {} requests are judged: the others with `hopline why {} --span SPAN`", spans.len(), root.trace_id));
    }
    if spans.is_empty() {
        return Ok(client.find(&path, &Parameters::default())?.into_iter().collect());
    }
    let mut verdicts = Vec::new();
    for span in spans.into_iter().take(JUDGED_MAX) {
        verdicts.extend(client.find(&path, &Parameters::default().set("span", Some(span)))?);
    }
    Ok(verdicts)
}
