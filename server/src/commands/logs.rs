//! `hopline logs QUERY`: matching records, newest last as in a log file.

use crate::cli::{Format, Logs};
use crate::client::{Client, Parameters};
use crate::print::{Paint, Screen, list, note, out, value, waterfall};
use anyhow::Result;
use serde_json::Value;

pub(crate) fn run(arguments: &Logs) -> Result<()> {
    let client = Client::new(&arguments.ask)?;
    let mut parameters = Parameters::default().range(&arguments.range);
    let query = Some(&arguments.query).filter(|q| !q.is_empty());
    let answer = match &arguments.trace {
        Some(id) => {
            let id = super::trace_id(id)?;
            parameters = parameters.set("q", query);
            client.get(&format!("/api/v1/traces/{id}/logs"), &parameters)?
        }
        None => client.get("/api/v1/logs", &parameters.set("q", query))?,
    };
    let items = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match arguments.ask.format {
        Format::Json => return out(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        Format::Ndjson => out(&list::lines(items)?)?,
        Format::Csv => out(&list::csv(items)?)?,
        Format::Table if items.is_empty() => note("no log record matches: look further back with --from now-24h"),
        Format::Table => out(&lines(items, Screen::stdout()))?,
    }
    list::remarks(&answer, items.len());
    Ok(())
}

/// The oldest first: the newest stands where the eye is, above the prompt.
fn lines(items: &[Value], screen: Screen) -> String {
    let text = |log: &Value, name: &str| crate::print::clean(&log.get(name).map(value::plain).unwrap_or_default());
    let mut sorted: Vec<&Value> = items.iter().collect();
    sorted.sort_by_key(|log| log.get("time").and_then(Value::as_str).and_then(value::time_nanos));
    let mut out = String::new();
    for log in sorted {
        let service = text(log, "service_name");
        let trace = text(log, "trace_id");
        let trace = if trace.is_empty() { String::new() } else { format!("  {}", Paint::Dim.on(&format!("trace {trace}"), screen)) };
        out.push_str(&format!(
            "{} {} {} {}{trace}\n",
            Paint::Dim.on(&value::time(&text(log, "time")), screen),
            waterfall::severity(log, screen),
            Paint::service(&service).on(&service, screen),
            text(log, "body"),
        ));
    }
    out
}
