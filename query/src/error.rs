//! What can go wrong with a question. `api/reply.rs` turns it into a status code and problem JSON.

use crate::language::SyntaxError;
use hopline_storage::Kind;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The question itself: says what was expected.
    #[error("{0}")]
    Invalid(String),
    /// The query text, with the place.
    #[error("{message}")]
    Syntax { position: usize, length: usize, expected: String, message: String },
    #[error("{0}")]
    NotFound(String),
    /// A limit of time, memory or rows: says which setting and how to ask for less.
    #[error("{0}")]
    Limit(String),
    #[error("too many questions at once: try again in a moment, or raise query.concurrency")]
    Busy,
    #[error("the question was cancelled")]
    Cancelled,
    #[error(transparent)]
    Storage(#[from] hopline_storage::Error),
    #[error("{0}")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) | Self::Syntax { .. } => 400,
            Self::NotFound(_) => 404,
            Self::Limit(_) => 422,
            Self::Busy => 503,
            Self::Cancelled => 499,
            Self::Internal(_) => 500,
            Self::Storage(error) => match error.kind() {
                Kind::Invalid => 400,
                Kind::Limit if matches!(error, hopline_storage::Error::Cancelled) => 499,
                Kind::Limit => 422,
                Kind::Retry | Kind::Full | Kind::Closed => 503,
                Kind::Corrupt | Kind::Internal => 500,
            },
        }
    }

    pub(crate) fn title(&self) -> &'static str {
        match self.status() {
            400 => "the question cannot be understood",
            404 => "not found",
            422 => "a limit was met",
            499 => "cancelled",
            503 => "try again",
            _ => "the server failed",
        }
    }
}

impl From<arrow::error::ArrowError> for Error {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::Internal(format!("arrow: {error}"))
    }
}

impl From<SyntaxError> for Error {
    fn from(error: SyntaxError) -> Self {
        Self::Syntax { position: error.position, length: error.length, message: error.message, expected: error.expected }
    }
}
