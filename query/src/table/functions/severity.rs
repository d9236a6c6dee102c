//! `severity_name(severity_number)`: the name of a log's severity.

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::{Arc, LazyLock};

pub(crate) const NAME: &str = "severity_name";

/// Names with the numbers they stand for, inclusive (OpenTelemetry log data model).
pub(crate) const NAMES: [(&str, i32, i32); 6] =
    [("trace", 1, 4), ("debug", 5, 8), ("info", 9, 12), ("warn", 13, 16), ("error", 17, 20), ("fatal", 21, 24)];

pub(crate) fn udf() -> Arc<ScalarUDF> {
    static UDF: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(SeverityName { signature: Signature::exact(vec![DataType::Int32], Volatility::Immutable) })));
    UDF.clone()
}

fn name(number: i32) -> &'static str {
    NAMES.iter().find(|(_, low, high)| (*low..=*high).contains(&number)).map_or("unspecified", |(name, ..)| name)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SeverityName {
    signature: Signature,
}

impl ScalarUDFImpl for SeverityName {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(match &args.args[0] {
            ColumnarValue::Scalar(ScalarValue::Int32(number)) => {
                ColumnarValue::Scalar(ScalarValue::Utf8(number.map(|number| name(number).to_owned())))
            }
            ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::Utf8(None)),
            ColumnarValue::Array(array) => {
                let names: StringArray = array.as_primitive::<Int32Type>().iter().map(|number| number.map(name)).collect();
                ColumnarValue::Array(Arc::new(names) as ArrayRef)
            }
        })
    }
}
