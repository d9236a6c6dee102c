//! Operators with a meaning of ours: `attributes['k']`, `attributes->>'k'`, and ids in any spelling.

use super::functions::attribute;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ExprSchema, ScalarValue};
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::sqlparser::ast::BinaryOperator;
use datafusion::logical_expr::{Expr, GetFieldAccess, lit};
use hopline_model::schema::column;
use hopline_model::{SpanId, TraceId};

#[derive(Debug)]
pub(crate) struct Syntax;

impl ExprPlanner for Syntax {
    fn plan_field_access(&self, access: RawFieldAccessExpr, schema: &DFSchema) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let GetFieldAccess::NamedStructField { name } = &access.field_access else { return Ok(PlannerResult::Original(access)) };
        let Some(key) = name.try_as_str().flatten().map(str::to_owned) else { return Ok(PlannerResult::Original(access)) };
        if !is_text(&access.expr, schema) {
            return Ok(PlannerResult::Original(access));
        }
        Ok(PlannerResult::Planned(attribute_of(access.expr, key)))
    }

    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        match &expr.op {
            BinaryOperator::LongArrow | BinaryOperator::Arrow if is_text(&expr.left, schema) => {
                let Expr::Literal(key, _) = &expr.right else { return Ok(PlannerResult::Original(expr)) };
                let Some(key) = key.try_as_str().flatten().map(str::to_owned) else { return Ok(PlannerResult::Original(expr)) };
                Ok(PlannerResult::Planned(attribute_of(expr.left, key)))
            }
            BinaryOperator::Eq | BinaryOperator::NotEq => {
                let (left, right) = (canonical_id(&expr.left, &expr.right), canonical_id(&expr.right, &expr.left));
                Ok(PlannerResult::Original(RawBinaryExpr { op: expr.op, right: left.unwrap_or(expr.right), left: right.unwrap_or(expr.left) }))
            }
            _ => Ok(PlannerResult::Original(expr)),
        }
    }
}

fn attribute_of(json: Expr, key: String) -> Expr {
    Expr::ScalarFunction(ScalarFunction { func: attribute::udf(), args: vec![json, lit(key)] })
}

/// Only a column: `attribute` of anything else is written out.
fn is_text(expr: &Expr, schema: &DFSchema) -> bool {
    let Expr::Column(column) = expr else { return false };
    schema.data_type(column).is_ok_and(|kind| matches!(kind, DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8))
}

/// An id as it stands in the tables, whatever the spelling it is compared in: upper case, or a trace id of 16 digits.
fn canonical_id(subject: &Expr, value: &Expr) -> Option<Expr> {
    let Expr::Column(found) = subject else { return None };
    let Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)), _) = value else { return None };
    match found.name.as_str() {
        column::TRACE_ID => text.parse::<TraceId>().ok().map(|id| lit(id.to_string())),
        column::SPAN_ID | column::PARENT_SPAN_ID => text.parse::<SpanId>().ok().map(|id| lit(id.to_string())),
        _ => None,
    }
}
