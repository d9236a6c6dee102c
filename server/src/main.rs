//! The binary `hopline`: puts the parts together, nothing else.
//!
//! | file | what |
//! |---|---|
//! | `allocator` | how soon memory goes back to the system |
//! | `cli` | arguments of every command |
//! | `config` | settings: defaults < file < environment < flags |
//! | `start` | storage → query → collector, and back |
//! | `doors` | sockets: bind with words, TLS, the page's HTTP server |
//! | `assets` | the embedded page |
//! | `login` | the page's session cookie |
//! | `test_trace` | a small trace that the server sends itself through its own door |
//! | `commands` | one file per command |
//! | `client` | the API as the commands ask it |
//! | `progress` | how far a long question is, on a terminal |
//! | `follow` | a request followed while it happens |
//! | `print` | answers as table, JSON, lines, CSV and waterfall |
//!
//! Environment, arguments, signals and the configuration file are read here alone.

mod allocator;
mod assets;
mod cli;
mod client;
mod commands;
mod config;
mod doors;
mod follow;
mod login;
mod print;
mod progress;
mod start;
mod test_trace;

use clap::Parser;
use std::process::ExitCode;

/// Decoding allocates in small pieces on many threads, where mimalloc measured a third faster than glibc's malloc.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // clap ends with 2 on a usage error, 0 on --help and --version.
    let cli = cli::Cli::parse();
    if matches!(cli.command, cli::Command::Serve(_)) {
        allocator::give_back_soon();
    }
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) if print::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let code = if error.downcast_ref::<commands::Usage>().is_some() { 2 } else { 1 };
            print::error(&error);
            ExitCode::from(code)
        }
    }
}
