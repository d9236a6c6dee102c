//! `json_member(json, 'key')`: one key of a JSON object as JSON, where `attribute` gives it as text.

use super::attribute::each_text;
use super::constant;
use crate::table::columns::json_field;
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use hopline_model::attributes;
use std::sync::{Arc, LazyLock};

pub(crate) const NAME: &str = "json_member";

pub(crate) fn udf() -> Arc<ScalarUDF> {
    static UDF: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(Member { signature: Signature::string(2, Volatility::Immutable) })));
    UDF.clone()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Member {
    signature: Signature,
}

impl ScalarUDFImpl for Member {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(json_field(Field::new(NAME, DataType::Utf8, true))))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let key = constant(NAME, "the key", &args.args[1])?;
        each_text(&args.args[0], |texts| Arc::new(texts.iter().map(|text| attributes::get(text?, key?)).collect::<StringArray>()) as ArrayRef)
    }
}
