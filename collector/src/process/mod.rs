//! What is done to values between decode and storage. Not here: what a record must be like (decode/reject).
//!
//! | file | what |
//! |---|---|
//! | `redact` | secrets are replaced, hashed or dropped, by rules |

mod redact;

pub(crate) use redact::Verdict;
pub use redact::{REDACTED, Redactor};
