//! `hopline delete QUERY`: shows how much would go, and deletes it with --yes.

use super::Usage;
use super::backup::{count, not_done};
use crate::cli::{Delete, Format};
use crate::client::Client;
use crate::print::out;
use anyhow::Result;
use serde_json::json;
use std::process::ExitCode;

/// Every block with a matching row is written anew.
const LONG_TIMEOUT_SECONDS: u64 = 3600;

pub(crate) fn run(arguments: &Delete) -> Result<ExitCode> {
    if arguments.query.trim().is_empty() && !arguments.all {
        return Err(Usage("an empty query matches everything: say --all if that is what you want".into()).into());
    }
    let mut ask = arguments.ask.clone();
    ask.timeout = ask.timeout.max(LONG_TIMEOUT_SECONDS);
    let body = |dry_run: bool| {
        json!({
            "signal": arguments.signal.name(), "q": arguments.query, "from": arguments.from, "to": arguments.to, "dry_run": dry_run, "all": arguments.all,
        })
    };
    let client = Client::new(&ask)?;
    let dry_run = arguments.dry_run || !arguments.yes;
    let answer = client.post("/api/v1/delete", &body(dry_run))?;
    let rows = count(&answer, "/rows");
    match arguments.ask.format {
        Format::Table if dry_run => out(&format!("{rows} {} match and would be deleted\n", arguments.signal.name()))?,
        Format::Table => out(&format!(
            "{rows} {} deleted: {} blocks written anew, {} removed whole; the old files go within a minute; backups keep what they hold\n",
            arguments.signal.name(),
            count(&answer, "/blocks_rewritten"),
            count(&answer, "/blocks_removed"),
        ))?,
        Format::Json => out(&format!("{}\n", serde_json::to_string_pretty(&answer)?))?,
        Format::Ndjson => out(&crate::print::list::lines(&[answer])?)?,
        Format::Csv => out(&crate::print::list::csv(&[answer])?)?,
    }
    if dry_run && !arguments.dry_run {
        not_done("deleted");
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}
