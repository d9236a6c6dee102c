//! `POST /api/v1/sql` and `GET /api/v1/sql/schema`.

use super::caller::Caller;
use super::format::rows::type_name;
use super::format::{Batches, Nulls, batches_to};
use super::reply::{Format, stats_json, strings};
use crate::Query;
use crate::error::{Error, Result};
use crate::run::{Question, unless_stopped};
use crate::table::{self, Report, SqlError, SqlErrorKind, SqlOptions};
use arrow::datatypes::SchemaRef;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures::stream::{self, StreamExt};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

#[cfg(test)]
mod tests;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    query: String,
    #[serde(default)]
    params: Vec<Value>,
}

pub(crate) async fn sql(State(query): State<Arc<Query>>, caller: Caller, headers: HeaderMap, body: Bytes) -> Result<Response> {
    let asked: Asked = serde_json::from_slice(&body)
        .map_err(|error| Error::Invalid(format!("the body must be {{\"query\":\"select …\",\"params\":[…]}}: {error}")))?;
    let format = Format::of(&headers);
    let question = crate::run::question().ok_or_else(|| Error::Internal("SQL is asked through the router".into()))?;
    let permit = query.runner.permit().await?;
    let options = SqlOptions {
        timeout: query.runner.timeout(),
        memory_bytes: query.config.sql_memory_bytes,
        rows_max: query.config.sql_rows_max,
        now: Some(query.clock.now()),
        cancel: question.cancel.clone(),
        ..SqlOptions::default()
    };
    let planning = Instant::now();
    let answer = unless_stopped(table::sql(Arc::new(query.snapshot(&caller.tenant)), &asked.query, &asked.params, &options)).await??;
    question.cancel.progress().step("plan", planning.elapsed());
    let (schema, report) = (answer.schema, answer.report);
    let rows = answer.stream.map(|batch| batch.map_err(|error| SqlError::from_datafusion(&error, ""))).boxed();
    let mut rows = unless_question_stopped(rows, question.clone());
    // What fails before the first rows are there still gets its status.
    let waiting = Instant::now();
    let first = rows.next().await.transpose()?;
    question.cancel.progress().step("first rows", waiting.elapsed());
    let rows = stream::iter(first.map(Ok)).chain(rows).boxed();
    let pieces = batches_to(format, &schema, rows, Nulls::Kept);
    let pieces = if format == Format::Json { enveloped(&schema, pieces, report.clone(), question) } else { pieces.boxed() };
    // The place among the questions at work is kept until the last byte.
    let pieces = pieces.map(move |piece| {
        let _held = &permit;
        piece.inspect_err(|error| tracing::warn!(%error, "a SQL answer broke off"))
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    Ok(response)
}

/// The rows until somebody stops the question: then an error, and the query behind them is let go.
fn unless_question_stopped(rows: Batches, question: Arc<Question>) -> Batches {
    let stopped = {
        let question = question.clone();
        Box::pin(async move { question.stopped().await })
    };
    stream::unfold(Some((rows, stopped)), |state| async move {
        let (mut rows, mut stopped) = state?;
        tokio::select! {
            biased;
            () = &mut stopped => Some((Err(SqlError::cancelled()), None)),
            next = rows.next() => next.map(|batch| (batch, Some((rows, stopped)))),
        }
    })
    .boxed()
}

/// `{"columns":[…],"rows":[…],"stats":{…},"complete":…,"warnings":[…]}`; what breaks off behind the first rows says so in `warnings`.
fn enveloped(
    schema: &SchemaRef,
    rows: stream::BoxStream<'static, std::result::Result<Bytes, SqlError>>,
    report: Arc<Report>,
    question: Arc<Question>,
) -> stream::BoxStream<'static, std::result::Result<Bytes, SqlError>> {
    let columns: Vec<Value> = schema.fields().iter().map(|field| json!({"name": field.name(), "type": type_name(field)})).collect();
    let head = format!("{{\"columns\":{},\"rows\":", Value::Array(columns));
    let noted = report.clone();
    let mut started = false;
    let rows = rows.map(move |piece| match piece {
        Ok(piece) => {
            started = true;
            Ok(piece)
        }
        Err(error) => {
            noted.broke_off(&error);
            // The array is closed here, for it will not be written on.
            Ok(Bytes::from_static(if started { b"]" } else { b"[]" }))
        }
    });
    let tail = stream::once(async move {
        let mut tail = format!(",\"stats\":{}", stats_json(&report.stats(), &question));
        tail.push_str(&format!(",\"complete\":{},\"warnings\":{}}}", report.complete(), strings(&report.warnings())));
        Ok(Bytes::from(tail))
    });
    stream::once(async move { Ok(Bytes::from(head)) }).chain(rows).chain(tail).boxed()
}

pub(crate) async fn schema(_: Caller) -> Result<Response> {
    let tables: Vec<Value> = table::tables()
        .await?
        .into_iter()
        .map(|table| {
            let columns: Vec<Value> =
                table.columns.iter().map(|(field, about)| json!({"name": field.name(), "type": type_name(field), "about": about})).collect();
            json!({"name": table.name, "about": table.about, "columns": columns})
        })
        .collect();
    Ok(super::reply::json(json!({"tables": tables}).to_string()))
}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        match (error.kind, error.position) {
            (SqlErrorKind::Invalid, Some(position)) => {
                Self::Syntax { position, length: 0, expected: "SQL, see /api/v1/sql/schema".into(), message: error.message }
            }
            (SqlErrorKind::Invalid, None) => Self::Invalid(error.message),
            (SqlErrorKind::Limit, _) => Self::Limit(error.message),
            (SqlErrorKind::Cancelled, _) => Self::Cancelled,
            (SqlErrorKind::Internal, _) => Self::Internal(error.message),
        }
    }
}
