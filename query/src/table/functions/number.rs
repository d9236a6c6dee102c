//! `attribute_integer(json, 'key')` and `attribute_number(json, 'key')`: a key's value as a number, NULL when it reads as none.
//!
//! SQL writes them `attributes['key']::bigint` and `attributes['key']::double`: one odd value among millions must not end a query
//! with an error, as a plain cast of text would. What reads as a number is what the scan says (`Test::Range`).

use super::attribute::{each_text, placement, read as read_key};
use super::{attribute, constant};
use arrow::array::{ArrayRef, AsArray, Float64Array, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{ColumnarValue, Expr, ExpressionPlacement, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use std::sync::{Arc, LazyLock};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum NumberKind {
    Integer,
    Double,
}

pub(crate) const INTEGER: &str = "attribute_integer";
pub(crate) const DOUBLE: &str = "attribute_number";

impl NumberKind {
    pub(crate) fn data_type(self) -> DataType {
        match self {
            Self::Integer => DataType::Int64,
            Self::Double => DataType::Float64,
        }
    }

    pub(crate) fn of_function(name: &str) -> Option<Self> {
        match name {
            INTEGER => Some(Self::Integer),
            DOUBLE => Some(Self::Double),
            _ => None,
        }
    }
}

pub(crate) fn udf(kind: NumberKind) -> Arc<ScalarUDF> {
    static UDFS: LazyLock<[Arc<ScalarUDF>; 2]> = LazyLock::new(|| {
        [NumberKind::Integer, NumberKind::Double]
            .map(|kind| Arc::new(ScalarUDF::from(AttributeNumber { signature: Signature::string(2, Volatility::Immutable), kind })))
    });
    match kind {
        NumberKind::Integer => UDFS[0].clone(),
        NumberKind::Double => UDFS[1].clone(),
    }
}

/// Texts as numbers.
pub(crate) fn read(texts: &ArrayRef, kind: NumberKind) -> ArrayRef {
    let texts = texts.as_string::<i32>();
    match kind {
        NumberKind::Integer => Arc::new(texts.iter().map(|text| integer(text?)).collect::<Int64Array>()),
        NumberKind::Double => Arc::new(texts.iter().map(|text| double(text?)).collect::<Float64Array>()),
    }
}

fn integer(text: &str) -> Option<i64> {
    if !may_be_number(text) {
        return None;
    }
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let value: f64 = text.parse().ok()?;
    (value.fract() == 0.0 && value.abs() < 9.2e18).then_some(value as i64)
}

fn double(text: &str) -> Option<f64> {
    if may_be_number(text) { text.parse().ok() } else { None }
}

/// Digits, signs, a point, an exponent: words such as `nan` and `inf` are no numbers.
pub(crate) fn may_be_number(text: &str) -> bool {
    text.len() <= 400
        && text.bytes().next().is_some_and(|first| first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.'))
        && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E'))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AttributeNumber {
    signature: Signature,
    kind: NumberKind,
}

impl ScalarUDFImpl for AttributeNumber {
    fn name(&self) -> &str {
        match self.kind {
            NumberKind::Integer => INTEGER,
            NumberKind::Double => DOUBLE,
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.kind.data_type())
    }

    fn placement(&self, args: &[ExpressionPlacement]) -> ExpressionPlacement {
        placement(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let key = constant(self.name(), "the key", &args.args[1])?;
        each_text(&args.args[0], |texts| read(&(Arc::new(read_key(texts, key)) as ArrayRef), self.kind))
    }
}

/// Turns a cast of `attributes['k']` to a number into the functions of this file.
#[derive(Debug)]
pub(crate) struct CastRewrite;

impl FunctionRewrite for CastRewrite {
    fn name(&self) -> &str {
        "cast_of_attribute"
    }

    fn rewrite(&self, expr: Expr, _: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        let (inner, to) = match &expr {
            Expr::Cast(cast) => (&cast.expr, cast.field.data_type()),
            Expr::TryCast(cast) => (&cast.expr, cast.field.data_type()),
            _ => return Ok(Transformed::no(expr)),
        };
        let Expr::ScalarFunction(ScalarFunction { func, args }) = inner.as_ref() else { return Ok(Transformed::no(expr)) };
        if func.name() != attribute::NAME || !matches!(args.get(1), Some(Expr::Literal(key, _)) if key.try_as_str().flatten().is_some()) {
            return Ok(Transformed::no(expr));
        }
        let kind = match to {
            DataType::Int64 => NumberKind::Integer,
            DataType::Float64 => NumberKind::Double,
            _ => return Ok(Transformed::no(expr)),
        };
        Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func: udf(kind), args: args.clone() })))
    }
}

/// A constant key of an attribute function, with the function's name.
pub(crate) fn constant_key(args: &[Expr]) -> Option<&str> {
    match args.get(1)? {
        Expr::Literal(ScalarValue::Utf8(Some(key)) | ScalarValue::Utf8View(Some(key)) | ScalarValue::LargeUtf8(Some(key)), _) => Some(key),
        _ => None,
    }
}
