//! `hopline completion bash > /etc/bash_completion.d/hopline`

use crate::cli::Cli;
use crate::print::out;
use anyhow::Result;
use clap::CommandFactory;

pub(crate) fn run(shell: clap_complete::Shell) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "hopline", &mut script);
    out(&String::from_utf8(script)?)
}
