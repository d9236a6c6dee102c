//! `attribute(json, 'key')`: one key of a canonical JSON object as plain text, NULL when absent.
//!
//! SQL writes it `attributes['key']`, `resource['key']`, `scope['key']`, or `attributes->>'key'`. Over a table it never runs: the
//! scan gives the key's values (`scan::try_swapping_with_projection`). It runs on JSON that was made on the way.

use super::number::constant_key;
use super::{constant, texts};
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ExpressionPlacement, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use hopline_model::attributes;
use std::sync::{Arc, LazyLock};

pub(crate) const NAME: &str = "attribute";

pub(crate) fn udf() -> Arc<ScalarUDF> {
    static UDF: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(Attribute { signature: Signature::string(2, Volatility::Immutable) })));
    UDF.clone()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Attribute {
    signature: Signature,
}

impl ScalarUDFImpl for Attribute {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    /// As it is typed.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match (args, constant_key(args)) {
            ([of, _], Some(key)) => Ok(format!("{}['{key}']", of.schema_name())),
            _ => Ok(format!("{NAME}({})", args.iter().map(|arg| arg.schema_name().to_string()).collect::<Vec<_>>().join(","))),
        }
    }

    /// Of a column it is as cheap as a column, so the planner may take it down to the scan.
    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        placement(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let key = constant(NAME, "the key", &args.args[1])?;
        each_text(&args.args[0], |texts| Arc::new(read(texts, key)) as ArrayRef)
    }
}

pub(super) fn placement(args: &[ExpressionPlacement]) -> ExpressionPlacement {
    match args {
        [ExpressionPlacement::Column, ExpressionPlacement::Literal] => ExpressionPlacement::MoveTowardsLeafNodes,
        _ => ExpressionPlacement::KeepInPlace,
    }
}

/// Applies `read` to a column or a constant.
pub(super) fn each_text(value: &ColumnarValue, read: impl Fn(&StringArray) -> ArrayRef) -> Result<ColumnarValue> {
    match value {
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(read(&texts(array)?))),
        ColumnarValue::Scalar(scalar) => {
            let found = read(&texts(&scalar.to_array()?)?);
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?))
        }
    }
}

pub(super) fn read(texts: &StringArray, key: Option<&str>) -> StringArray {
    texts.iter().map(|text| attributes::get(text?, key?).map(attributes::plain_text)).collect()
}
