//! `hopline version`: this binary's, and the server's when one answers.

use crate::cli::{Format, Version};
use crate::client::{Client, Parameters};
use crate::print::out;
use anyhow::Result;
use serde_json::{Value, json};

pub(crate) fn run(arguments: &Version) -> Result<()> {
    let here = env!("CARGO_PKG_VERSION");
    let client = Client::new(&arguments.ask)?;
    // No server is no failure here: the question was about this binary.
    let status = client.get("/api/v1/status", &Parameters::default()).ok();
    let server = status.as_ref().and_then(|status| status.get("version")).and_then(Value::as_str);
    match arguments.ask.format {
        Format::Table => {
            let mut text = format!("hopline {here}\n");
            if let Some(server) = server {
                text.push_str(&format!("server {server} at {}\n", client.endpoint()));
            }
            out(&text)
        }
        Format::Csv => out(&format!("version,server\n{here},{}\n", server.unwrap_or_default())),
        Format::Json | Format::Ndjson => out(&format!("{}\n", json!({"version": here, "server": server}))),
    }
}
