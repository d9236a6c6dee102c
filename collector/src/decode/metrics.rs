//! Not written yet: answered as rejected.
use super::attributes::Context;
use super::wire::Malformed;
use super::Decoded;
use super::columns::batch;
use hopline_model::Signal;

pub(crate) fn decode(_bytes: &[u8], _context: Context<'_>) -> Result<Decoded, Malformed> {
    let schema = hopline_model::schema::schema(Signal::Metrics);
    let columns = schema.fields().iter().map(|field| arrow::array::new_empty_array(field.data_type())).collect();
    Ok(Decoded { batch: batch(Signal::Metrics, columns)?, rejected: Default::default(), warnings: Default::default(), visits: Vec::new() })
}
