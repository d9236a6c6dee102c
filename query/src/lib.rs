//! From a question to an answer.
//!
//! | module | what |
//! |---|---|
//! | `language` | the query text → what storage scans for |

pub mod language;
