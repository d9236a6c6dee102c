//! One file per command. `serve` runs the server, `backup` and `restore` work on its files; the others ask its API.
//!
//! Exit codes: 0 answered, 1 failed, 2 the command was used wrongly, 130 by Ctrl-C; `run` and `curl` end with that of their command.
//! Ctrl-C ends the process, its connection closes, and the server stops working on the question.

mod backup;
mod completion;
mod curl;
mod delete;
mod demo;
mod doctor;
mod impact;
mod logs;
mod retention;
mod run;
mod search;
mod serve;
mod services;
mod sql;
mod trace;
mod version;
mod why;

use crate::cli::{Cli, Command};
use anyhow::Result;
use std::process::ExitCode;

/// A mistake of whoever typed the command: ends with 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub String);

pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Serve(arguments) => serve::run(&arguments)?,
        Command::Search(arguments) => search::run(&arguments)?,
        Command::Trace(arguments) => trace::run(&arguments)?,
        Command::Logs(arguments) => logs::run(&arguments)?,
        Command::Sql(arguments) => sql::run(&arguments)?,
        Command::Services(arguments) => services::run(&arguments)?,
        Command::Why(arguments) => why::run(&arguments)?,
        Command::Impact(arguments) => impact::run(&arguments)?,
        Command::Run(arguments) => return run::run(&arguments),
        Command::Curl(arguments) => return curl::run(&arguments),
        Command::Demo(options) => return demo::run(&options),
        Command::Backup(arguments) => backup::backup(&arguments)?,
        Command::Restore(arguments) => backup::restore(&arguments)?,
        Command::Delete(arguments) => return delete::run(&arguments),
        Command::Retention(arguments) => retention::run(&arguments)?,
        Command::Doctor(arguments) => return doctor::run(&arguments),
        Command::Version(arguments) => version::run(&arguments)?,
        Command::Completion { shell } => completion::run(shell)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A trace id as people paste it: dashes, capitals and 16 digits are fine.
fn trace_id(text: &str) -> Result<String> {
    let id: String = text.trim().chars().filter(|c| *c != '-').collect::<String>().to_ascii_lowercase();
    if id.is_empty() || id.len() > 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(Usage(format!("`{text}` is no trace id: expected 32 hex digits, such as 4bf92f3577b34da6a3ce929d0e0e4736")).into());
    }
    Ok(format!("{id:0>32}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trace_ids() {
        let cases = [
            ("4bf92f3577b34da6a3ce929d0e0e4736", Some("4bf92f3577b34da6a3ce929d0e0e4736")),
            (" 4BF92F35-77b34da6a3ce929d0e0e4736", Some("4bf92f3577b34da6a3ce929d0e0e4736")),
            ("a3ce929d0e0e4736", Some("0000000000000000a3ce929d0e0e4736")),
            ("checkout", None),
            ("", None),
            ("4bf92f3577b34da6a3ce929d0e0e47360", None),
        ];
        for (text, expect) in cases {
            assert_eq!(trace_id(text).ok().as_deref(), expect, "{text}");
        }
    }
}
