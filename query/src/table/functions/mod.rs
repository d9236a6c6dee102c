//! Functions SQL has here beside DataFusion's.
//!
//! | file | what |
//! |---|---|
//! | `attribute` | `attribute(attributes, 'k')`, what `attributes['k']` means |
//! | `number` | `attribute_integer`, `attribute_number`: what `attributes['k']::bigint` and `::double` mean |
//! | `match_text` | `match(body, 'words')`, the search of logs |
//! | `time_bucket` | `time_bucket('5m', time)` |
//! | `severity` | `severity_name(severity_number)` |
//! | `items` | `json_items(links)`: the items of a JSON array as a list, for `unnest` |
//! | `member` | `json_member(link, 'attributes')`: a key as JSON; `body_field(body, 'user.id')`: a field inside a body |
//! | `known` | every function that may be called |

pub(crate) mod attribute;
pub(crate) mod number;

pub(crate) mod match_text;
pub(crate) mod time_bucket;

pub(crate) mod severity;

pub(crate) mod items;
pub(crate) mod member;

pub(crate) mod known;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::ColumnarValue;

/// Text of any Arrow kind as plain `Utf8`; nothing is copied where it is that already.
fn texts(array: &ArrayRef) -> Result<StringArray> {
    let plain = match array.data_type() {
        DataType::Utf8 => array.clone(),
        _ => arrow::compute::cast(array, &DataType::Utf8)?,
    };
    Ok(plain.as_string::<i32>().clone())
}

/// A text argument that must be a constant.
fn constant<'a>(function: &str, what: &str, value: &'a ColumnarValue) -> Result<Option<&'a str>> {
    let refused = || DataFusionError::Plan(format!("{what} of {function} must be a text constant, as in '…'"));
    match value {
        ColumnarValue::Scalar(ScalarValue::Null) => Ok(None),
        ColumnarValue::Scalar(scalar) => scalar.try_as_str().ok_or_else(refused),
        ColumnarValue::Array(_) => Err(refused()),
    }
}
