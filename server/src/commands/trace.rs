//! `hopline trace ID`: one trace as a waterfall, or with `--hops` as its ledger.

use crate::cli::{Format, Trace};
use crate::client::{Client, Parameters};
use crate::print::waterfall::{Options, draw};
use crate::print::{Screen, ledger, list, note, out, value};
use anyhow::Result;
use serde_json::Value;

/// As many records as one question may ask for.
const LOGS_MAX: u32 = 1000;

pub(crate) fn run(arguments: &Trace) -> Result<()> {
    let id = super::trace_id(&arguments.id)?;
    let client = Client::new(&arguments.ask)?;
    if arguments.hops {
        return hops(&client, &id, arguments.ask.format);
    }
    let answer = client.get(&format!("/api/v1/traces/{id}"), &Parameters::default())?;
    let spans = answer.get("spans").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match arguments.ask.format {
        Format::Json => return out(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        Format::Ndjson => out(&list::lines(spans)?)?,
        Format::Csv => out(&list::csv(spans)?)?,
        Format::Table => {
            let found = client.get(&format!("/api/v1/traces/{id}/logs"), &Parameters::default().set("limit", Some(LOGS_MAX)))?;
            let logs = found.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let options = Options { attributes: arguments.attributes, logs: arguments.logs };
            out(&draw(&answer, logs, options, Screen::stdout()))?;
            let total = found.pointer("/total/value").and_then(value::integer).unwrap_or(0);
            if total > logs.len() as i64 {
                note(&format!("{} of {total} log records: see all with `hopline logs --trace {id}`", logs.len()));
            }
        }
    }
    list::remarks(&answer, spans.len());
    Ok(())
}

fn hops(client: &Client, id: &str, format: Format) -> Result<()> {
    let answer = client.get(&format!("/api/v1/traces/{id}/hops"), &Parameters::default())?;
    let hops = answer.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    match format {
        Format::Json => return out(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        Format::Ndjson => out(&list::lines(hops)?)?,
        Format::Csv => out(&list::csv(hops)?)?,
        Format::Table if hops.is_empty() => note("no call between services in this trace: see its spans with `hopline trace` alone"),
        Format::Table => out(&ledger::table(hops, Screen::stdout()))?,
    }
    for defect in answer.get("defects").and_then(Value::as_array).into_iter().flatten() {
        note(&format!("warning: {}", value::plain(defect)));
    }
    list::remarks(&answer, hops.len());
    Ok(())
}
