//! What is done to values between decode and storage. Not here: what a record must be like (decode/reject).
//!
//! | file | what |
//! |---|---|
//! | `redact` | secrets are replaced, hashed or dropped, by rules |
//! | `derive` | severity and trace of a log record, found in its text when none was sent |

mod redact;

pub(crate) mod derive;

pub(crate) use redact::Verdict;
pub use redact::{REDACTED, Redactor};
