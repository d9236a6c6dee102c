//! One tokenizer for the index, the live scan and highlighting, and the words a query asks for.

/// Words of a text query. All must be present; a phrase must also stand as it is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextQuery {
    /// As typed, for messages.
    pub text: String,
    /// `true` for `"quoted text"`: words in this order, verified on the text.
    pub phrase: bool,
    /// The last word is a prefix (`word*`).
    pub prefix: bool,
}
