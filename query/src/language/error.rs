//! What is wrong with a query, and where.

use std::fmt;

/// A stretch of the query's text, in bytes.
///
/// Two places are always equal, so that trees compare by what they ask and not by where it stood.
#[derive(Clone, Copy, Default)]
pub struct Place {
    pub position: usize,
    pub length: usize,
}

impl Place {
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { position: start, length: end.saturating_sub(start) }
    }
}

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.position, self.length)
    }
}

/// A mistake in a query. Shown, it reads `at 8: expected a value after "service:"`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {position}: {message}")]
pub struct SyntaxError {
    /// In bytes from the start of the text.
    pub position: usize,
    /// How many bytes are meant; zero where something is missing.
    pub length: usize,
    /// What could have stood there.
    pub expected: String,
    /// The whole sentence, without the position.
    pub message: String,
}

impl SyntaxError {
    /// Something else should stand here.
    pub(crate) fn expected(place: Place, expected: impl Into<String>) -> Self {
        let expected = expected.into();
        let message = format!("expected {expected}");
        Self { position: place.position, length: place.length, expected, message }
    }

    /// What stands here is not possible; `expected` is what would be.
    pub(crate) fn wrong(place: Place, expected: impl Into<String>, message: impl Into<String>) -> Self {
        Self { position: place.position, length: place.length, expected: expected.into(), message: message.into() }
    }
}
