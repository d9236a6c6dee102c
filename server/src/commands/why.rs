//! `hopline why ID`: why a request was slow or failed, in one sentence and what it was counted from.

use crate::cli::{Format, Why};
use crate::client::{Client, Parameters};
use crate::print::{Screen, list, out, verdict};
use anyhow::Result;
use serde_json::Value;

pub(crate) fn run(arguments: &Why) -> Result<()> {
    let id = super::trace_id(&arguments.id)?;
    let parameters = Parameters::default().set("span", arguments.span.as_ref());
    let answer = Client::new(&arguments.ask)?.get(&format!("/api/v1/traces/{id}/why"), &parameters)?;
    match arguments.ask.format {
        Format::Json => return out(&format!("{}\n", serde_json::to_string_pretty(&answer)?)),
        Format::Ndjson => out(&format!("{}\n", serde_json::to_string(&answer)?))?,
        Format::Csv => out(&list::csv(answer.get("excess").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default())?)?,
        Format::Table => out(&verdict::draw(&answer, Screen::stdout()))?,
    }
    list::remarks(&answer, 0);
    Ok(())
}
