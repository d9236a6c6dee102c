//! SQL over a few rows: answers, push-down, escapes, limits.
//!
//! | file | what |
//! |---|---|
//! | `rows` | a snapshot with known rows, and questions to it |
//! | `answers` | queries and their answers, as data (`answers.txt`) |
//! | `push_down` | the same rows with and without filters in the scan (property test) |
//! | `plans` | what is handed down to the scan |
//! | `escapes` | 60 attempts to leave the tables (`escapes.txt`) |
//! | `limits` | deadline, memory, rows, depth |
//! | `document` | the examples of `docs/sql.md` run |
#![allow(clippy::unwrap_used)]

mod answers;
mod document;
mod escapes;
mod limits;
mod plans;
mod push_down;
pub(crate) mod rows;
