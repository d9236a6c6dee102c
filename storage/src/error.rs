//! What can go wrong in storage, and what kind of trouble it is: the kind decides the answer's status code.

use std::sync::Arc;

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Passing: the same request may succeed later.
    Retry,
    /// Out of disk or of a quota: retry later, and say so to the operator.
    Full,
    /// The request cannot succeed as it is.
    Invalid,
    /// Stored bytes are damaged.
    Corrupt,
    /// Storage is shutting down or has gone read-only.
    Closed,
    /// A limit of time, memory or rows, or the caller's cancel.
    Limit,
    /// A bug or an environment fault.
    Internal,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} {path}: {source}")]
    Io { action: &'static str, path: String, source: std::io::Error },
    #[error("{what} is damaged: {detail}")]
    Corrupt { what: String, detail: String },
    #[error("{what} has format {found}, this version reads up to {known}: use a newer hopline")]
    Newer { what: String, found: u32, known: u32 },
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Retry(String),
    #[error("{0}")]
    Full(String),
    #[error("{0}")]
    Closed(String),
    #[error("{0}")]
    Limit(String),
    #[error("the query was cancelled")]
    Cancelled,
    #[error("catalog: {0}")]
    Catalog(#[from] rusqlite::Error),
    #[error("arrow: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    #[error("parquet: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    #[error("text index: {0}")]
    Index(#[from] tantivy::TantivyError),
    #[error("{0}")]
    Internal(String),
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn kind(&self) -> Kind {
        match self {
            Self::Io { source, .. } => match source.kind() {
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Kind::Full,
                std::io::ErrorKind::Interrupted => Kind::Retry,
                _ => Kind::Internal,
            },
            Self::Catalog(_) | Self::Arrow(_) | Self::Parquet(_) | Self::Index(_) if self.is_disk_full() => Kind::Full,
            Self::Corrupt { .. } | Self::Newer { .. } | Self::Parquet(_) | Self::Index(_) => Kind::Corrupt,
            Self::Invalid(_) => Kind::Invalid,
            Self::Retry(_) => Kind::Retry,
            Self::Full(_) => Kind::Full,
            Self::Closed(_) => Kind::Closed,
            Self::Limit(_) | Self::Cancelled => Kind::Limit,
            Self::Catalog(_) | Self::Arrow(_) | Self::Internal(_) => Kind::Internal,
        }
    }

    /// Somewhere below it the disk was full.
    fn is_disk_full(&self) -> bool {
        if let Self::Catalog(rusqlite::Error::SqliteFailure(failure, _)) = self {
            return failure.code == rusqlite::ErrorCode::DiskFull;
        }
        let full = |error: &std::io::Error| matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let here = error.downcast_ref::<std::io::Error>().or_else(|| error.downcast_ref::<Arc<std::io::Error>>().map(AsRef::as_ref));
            if here.is_some_and(full) {
                return true;
            }
            cause = error.source();
        }
        false
    }

    /// For `map_err`: `file.sync().map_err(Error::io("sync", &path))`.
    pub fn io(action: &'static str, path: impl AsRef<std::path::Path>) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().display().to_string(), source }
    }

    pub fn corrupt(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), detail: detail.into() }
    }
}
