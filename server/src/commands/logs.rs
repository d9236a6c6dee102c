//! `hopline logs QUERY`: matching records, newest last as in a log file; with `--follow` those that arrive from now on.

use crate::cli::{Format, Logs};
use crate::client::{Client, Parameters};
use crate::print::{Paint, Screen, list, note, out, value, waterfall};
use anyhow::{Context, Result};
use serde_json::Value;

pub(crate) fn run(arguments: &Logs) -> Result<()> {
    let client = Client::new(&arguments.ask)?;
    if arguments.follow {
        return follow(&client, arguments);
    }
    if arguments.all {
        return export(&client, arguments);
    }
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

/// Every record, line by line.
fn export(client: &Client, arguments: &Logs) -> Result<()> {
    if arguments.ask.format == Format::Csv {
        return Err(super::Usage("all records have no common columns: take them with --format ndjson".into()).into());
    }
    let screen = Screen::stdout();
    let parameters = Parameters::default().set("q", Some(&arguments.query).filter(|q| !q.is_empty())).range(&arguments.range);
    client.lines("/api/v1/logs/export", &parameters, |line| {
        let record: Value = serde_json::from_str(line).context("a line of the export is not JSON")?;
        if record.get("complete").is_some() {
            list::remarks(&record, 0);
            return Ok(());
        }
        match arguments.ask.format {
            Format::Table => out(&lines(std::slice::from_ref(&record), screen)),
            _ => out(&format!("{line}\n")),
        }
    })
}

/// Until Ctrl-C, or until the server goes away.
fn follow(client: &Client, arguments: &Logs) -> Result<()> {
    if arguments.ask.format == Format::Csv {
        return Err(super::Usage("records that still come have no common columns: follow them with --format ndjson".into()).into());
    }
    let mut terms = vec![arguments.query.trim().to_owned()];
    if let Some(id) = &arguments.trace {
        terms = vec![format!("trace:{}", super::trace_id(id)?), format!("({})", arguments.query.trim())];
        terms.retain(|term| term != "()");
    }
    let screen = Screen::stdout();
    let parameters = Parameters::default().set("q", Some(terms.join(" ")).filter(|q| !q.is_empty()));
    client.events("/api/v1/logs/tail", &parameters, |event, data| {
        let value: Value = serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned()));
        match (event, arguments.ask.format) {
            ("log", Format::Table) => out(&lines(std::slice::from_ref(&value), screen))?,
            ("log", _) => out(&format!("{}\n", serde_json::to_string(&value).context("a record")?))?,
            ("lost", _) => {
                let count = value.get("count").map(crate::print::value::plain).unwrap_or_default();
                note(&format!("{count} records were left out, as more came than one tail is sent: narrow the query"));
            }
            _ => note(&crate::print::clean(&crate::print::value::plain(&value))),
        }
        Ok(true)
    })
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
        // A stack is one record of many lines, and shown as such.
        let body = log.get("body").map(value::plain).unwrap_or_default();
        let mut body = body.trim_end().lines();
        out.push_str(&format!(
            "{} {} {} {}{trace}\n",
            Paint::Dim.on(&value::time(&text(log, "time")), screen),
            waterfall::severity(log, screen),
            Paint::service(&service).on(&service, screen),
            crate::print::clean(body.next().unwrap_or_default()),
        ));
        for line in body {
            out.push_str(&format!("    {}\n", crate::print::clean(&line.replace('\t', "    ")).trim_end()));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// The oldest first; a body of many lines keeps them; nothing of it reaches the terminal as a control character.
    #[test]
    fn stacks_are_whole() {
        let items = [
            json!({"time": "2026-01-01T00:00:02.000000000Z", "severity": "info", "service_name": "web", "body": "second"}),
            json!({"time": "2026-01-01T00:00:01.000000000Z", "severity": "error", "service_name": "web", "body": "it broke\u{1b}[2J\n\tat a.B\n\tat a.C\n"}),
        ];
        let shown = lines(&items, Screen { width: None, colour: false });
        let shown: Vec<&str> = shown.lines().collect();
        assert_eq!(shown.len(), 4, "{shown:?}");
        assert!(shown[0].ends_with("web it broke [2J") && shown[3].ends_with("web second"), "{shown:?}");
        assert_eq!(shown[1..3], ["        at a.B", "        at a.C"]);
    }
}
