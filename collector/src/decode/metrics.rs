//! Metrics are refused until they are read.
use super::Decoded;
use super::attributes::Context;
use super::wire::Malformed;

pub(crate) fn decode(_bytes: &[u8], _context: Context<'_>) -> Result<Decoded, Malformed> {
    Err(Malformed::new("metrics are not read yet: send traces and logs"))
}
