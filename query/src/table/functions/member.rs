//! `json_member(json, 'key')`: one key of a JSON object as JSON, where `attribute` gives it as text; and `body_field(body, 'path')`: a field inside
//! a log's body as text, as `body.path` asks for it in the query language. NULL when absent.

use super::attribute::each_text;
use super::constant;
use crate::table::columns::json_field;
use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use hopline_model::{attributes, body};
use std::sync::Arc;

pub(crate) const BODY_FIELD: &str = "body_field";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    JsonMember,
    BodyField,
}

pub(crate) fn udf(kind: Kind) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Member { kind, signature: Signature::string(2, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Member {
    kind: Kind,
    signature: Signature,
}

impl ScalarUDFImpl for Member {
    fn name(&self) -> &str {
        match self.kind {
            Kind::JsonMember => "json_member",
            Kind::BodyField => BODY_FIELD,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, _: ReturnFieldArgs) -> Result<FieldRef> {
        let text = Field::new(self.name(), DataType::Utf8, true);
        Ok(Arc::new(match self.kind {
            Kind::JsonMember => json_field(text),
            Kind::BodyField => text,
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let key = constant(self.name(), "the key", &args.args[1])?;
        each_text(&args.args[0], |texts| {
            let found: StringArray = match self.kind {
                Kind::JsonMember => texts.iter().map(|text| attributes::get(text?, key?)).collect(),
                Kind::BodyField => texts.iter().map(|text| body::get(text?, key?)).collect(),
            };
            Arc::new(found) as ArrayRef
        })
    }
}
