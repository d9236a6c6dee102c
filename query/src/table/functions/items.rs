//! `json_items(links)`: the items of a canonical JSON array as a list of JSON texts, so that `unnest` makes rows of them.

use super::attribute::each_text;
use crate::table::columns::json_field;
use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use hopline_model::attributes;
use std::sync::{Arc, LazyLock};

pub(crate) const NAME: &str = "json_items";

pub(crate) fn udf() -> Arc<ScalarUDF> {
    static UDF: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(Items { signature: Signature::string(1, Volatility::Immutable) })));
    UDF.clone()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Items {
    signature: Signature,
}

fn item() -> Arc<Field> {
    Arc::new(json_field(Field::new("item", DataType::Utf8, true)))
}

impl ScalarUDFImpl for Items {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(item()))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        each_text(&args.args[0], |texts| {
            let mut out = ListBuilder::new(StringBuilder::new()).with_field(item());
            for text in texts {
                let Some(text) = text else {
                    out.append_null();
                    continue;
                };
                attributes::items(text).for_each(|item| out.values().append_value(item));
                out.append(true);
            }
            Arc::new(out.finish()) as ArrayRef
        })
    }
}
