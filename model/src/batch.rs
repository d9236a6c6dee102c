//! A signal and its rows, on the way from the wire to storage.

use arrow::record_batch::RecordBatch;
use std::fmt;
use std::str::FromStr;

/// What kind of telemetry a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Signal {
    Spans,
    Logs,
    Metrics,
}

impl Signal {
    pub const ALL: [Self; 3] = [Self::Spans, Self::Logs, Self::Metrics];

    /// The dataset's and SQL table's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }

    /// As it stands in the WAL and in the catalog.
    pub fn code(self) -> u8 {
        match self {
            Self::Spans => 1,
            Self::Logs => 2,
            Self::Metrics => 3,
        }
    }

    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.code() == code)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Signal {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|signal| signal.name() == name).ok_or(())
    }
}

/// Rows of one signal in the order they arrived, in the schema of [`crate::schema::schema`].
///
/// The `seq` column holds each row's index until storage numbers the entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub signal: Signal,
    pub rows: RecordBatch,
}
