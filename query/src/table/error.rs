//! What can go wrong with a SQL query, in words for the one who wrote it.

use datafusion::error::DataFusionError;

/// What the caller can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlErrorKind {
    /// The query must be changed.
    Invalid,
    /// The query ran into a limit: ask for less, or raise it.
    Limit,
    /// Somebody stopped it.
    Cancelled,
    /// Not the query's fault.
    Internal,
}

#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct SqlError {
    pub kind: SqlErrorKind,
    pub message: String,
    /// Byte offset in the query, where it is known.
    pub position: Option<usize>,
}

impl SqlError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self { kind: SqlErrorKind::Invalid, message: message.into(), position: None }
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self { kind: SqlErrorKind::Limit, message: message.into(), position: None }
    }

    pub(crate) fn cancelled() -> Self {
        Self { kind: SqlErrorKind::Cancelled, message: "the question was cancelled".into(), position: None }
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self { kind: SqlErrorKind::Internal, message: message.into(), position: None }
    }

    /// Sorts DataFusion's errors by what the caller can do, and finds the place in the query.
    pub fn from_datafusion(error: &DataFusionError, query: &str) -> Self {
        let root = error.find_root();
        match root {
            DataFusionError::ResourcesExhausted(_) => Self::limit(format!(
                "the query needs more memory than it may use: narrow the time range, select fewer columns, aggregate, or raise query.sql_memory_bytes ({})",
                first_line(&root.strip_backtrace())
            )),
            DataFusionError::External(inner) => {
                if let Some(own) = inner.downcast_ref::<Self>() {
                    return own.clone();
                }
                match inner.downcast_ref::<hopline_storage::Error>() {
                    Some(storage) => {
                        use hopline_storage::Kind;
                        match storage {
                            hopline_storage::Error::Limit(message) => Self::limit(message.clone()),
                            hopline_storage::Error::Cancelled => Self::cancelled(),
                            _ if storage.kind() == Kind::Invalid => Self::invalid(storage.to_string()),
                            _ => Self::internal(storage.to_string()),
                        }
                    }
                    None => Self::internal(inner.to_string()),
                }
            }
            DataFusionError::Internal(_) | DataFusionError::IoError(_) | DataFusionError::ExecutionJoin(_) => {
                Self::internal(first_line(&root.strip_backtrace()))
            }
            _ => {
                let full = root.strip_backtrace();
                Self { kind: SqlErrorKind::Invalid, position: position(&full, query), message: words(&full) }
            }
        }
    }
}

/// Without the crate's own prefixes.
fn words(message: &str) -> String {
    let mut message = message.trim();
    for prefix in [
        "SQL error: ",
        "Error during planning: ",
        "Schema error: ",
        "Execution error: ",
        "This feature is not implemented: ",
        "Invalid or Unsupported Configuration: ",
        "Arrow error: ",
    ] {
        message = message.strip_prefix(prefix).unwrap_or(message);
    }
    if let Some(inner) = message.strip_prefix("ParserError(\"").and_then(|rest| rest.strip_suffix("\")")) {
        return inner.replace("\\\"", "\"").replace("\\'", "'");
    }
    message.to_owned()
}

fn first_line(message: &str) -> String {
    words(message.lines().next().unwrap_or(message))
}

/// The parser says `at Line: 1, Column: 8`; columns count characters from 1.
fn position(message: &str, query: &str) -> Option<usize> {
    let (_, place) = message.rsplit_once("at Line: ")?;
    let (line, rest) = place.split_once(", Column: ")?;
    let line: usize = line.parse().ok()?;
    let column: usize = rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok()?;
    let start: usize = query.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let text = query.get(start..)?;
    Some(start + text.char_indices().nth(column.checked_sub(1)?).map_or(text.len(), |(at, _)| at))
}
