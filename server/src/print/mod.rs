//! Answers on the terminal, or for the next program in the pipe.
//!
//! | file | what |
//! |---|---|
//! | `list` | a list of objects as table, JSON, lines or CSV |
//! | `table` | columns that fit the width |
//! | `value` | durations, counts and times for people |
//! | `waterfall` | one trace drawn |
//! | `ledger` | its hops as a table |
//! | `verdict` | why it was slow or failed |
//!
//! Colours and cut texts only on a terminal: what goes into a pipe is whole.

pub(crate) mod ledger;
pub(crate) mod list;
pub(crate) mod table;
pub(crate) mod value;
pub(crate) mod verdict;
pub(crate) mod waterfall;

use std::io::{IsTerminal, Write};

/// How standard output is written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// Columns; `None` when nobody looks, so nothing is cut.
    pub(crate) width: Option<usize>,
    pub(crate) colour: bool,
}

impl Screen {
    pub(crate) fn stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    /// Of what is said beside the answer.
    pub(crate) fn stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    fn of(terminal: bool) -> Self {
        // https://no-color.org: present and not empty.
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal.then(|| terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0)).max(40));
        Self { width, colour: terminal && !refused }
    }
}

/// The few colours in use, by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Bold,
    Dim,
    Bad,
    Warn,
    Good,
    /// One of six, chosen by a service's name.
    Service(u8),
}

impl Paint {
    pub(crate) fn service(name: &str) -> Self {
        let sum = name.bytes().fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        Self::Service((sum % 6) as u8)
    }

    pub(crate) fn on(self, text: &str, screen: Screen) -> String {
        if !screen.colour || text.is_empty() {
            return text.to_string();
        }
        let code = match self {
            Self::Plain => return text.to_string(),
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Good => "32",
            Self::Service(index) => ["36", "34", "35", "32", "33", "96"][usize::from(index % 6)],
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Writes to standard output; a closed pipe is an error that `main` takes as a wish to stop.
pub(crate) fn out(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()?;
    Ok(())
}

/// A remark beside the answer: to standard error, so that pipes stay clean.
pub(crate) fn note(text: &str) {
    // Nobody is left to be told when standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

pub(crate) fn error(error: &anyhow::Error) {
    note(&format!("hopline: {error:#}"));
}

pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe))
}

/// Control characters out of telemetry must not reach the terminal: a log line could move the cursor or set its title.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
