//! `hopline serve`: settings, the log on stderr, the runtime; then `start`.

use crate::cli::Serve;
use crate::config::Config;
use crate::{print, start};
use anyhow::{Context, Result};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

pub(crate) fn run(arguments: &Serve) -> Result<()> {
    let config = Config::load(arguments)?;
    if arguments.print_config {
        return print::out(&config.to_toml()?);
    }
    let filter =
        EnvFilter::try_new(&config.log).with_context(|| format!("`{}` is no log filter: try `info` or `info,hopline_storage=debug`", config.log))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let result = runtime.block_on(start::serve(config));
    // Blocking reads that outlive their question must not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}
