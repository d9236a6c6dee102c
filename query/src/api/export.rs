//! `/api/v1/logs/export`, `/api/v1/spans/export`: every matching row, newest first, as lines of JSON while they are read.
//!
//! One snapshot is read page by page, so memory does not grow with the answer, however long it is; each page waits for its turn among the questions
//! at work and has its deadline. When rows are missing at the end, a last line says so: `{"complete":false,"warnings":[…]}`.

use super::caller::Caller;
use super::json::Object;
use super::params::{ListParams, Params};
use super::reply::{Format, body, not_acceptable, strings};
use super::spans::items;
use crate::Query;
use crate::error::{Error, Result};
use crate::language::{self, Target};
use crate::plan::rows::next_rows;
use crate::run::{Question, within};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use futures::stream::{self, StreamExt};
use hopline_model::{Seq, Signal, UnixNanos};
use hopline_storage::Snapshot;
use hopline_storage::scan::{Order, ScanRequest};
use std::sync::Arc;

/// Rows read at a time.
const PAGE_ROWS: usize = 4096;

pub(crate) async fn logs(
    State(query): State<Arc<Query>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    export(query, &caller, &headers, &params, Signal::Logs, Target::Logs).await
}

pub(crate) async fn spans(
    State(query): State<Arc<Query>>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<ListParams>,
) -> Result<Response> {
    export(query, &caller, &headers, &params, Signal::Spans, Target::Spans).await
}

async fn export(query: Arc<Query>, caller: &Caller, headers: &HeaderMap, params: &ListParams, signal: Signal, target: Target) -> Result<Response> {
    let format = Format::of(headers);
    if !matches!(format, Format::Json | Format::Ndjson) {
        return Ok(not_acceptable(format));
    }
    let question = crate::run::question().ok_or_else(|| Error::Internal("exports are asked through the router".into()))?;
    let predicate = crate::plan::rows::predicate(language::compile(&params.q, target)?);
    let request = ScanRequest { range: params.range(query.clock.now())?, predicate, order: Order::NewestFirst, ..ScanRequest::all(signal) };
    let snapshot = Arc::new(query.snapshot(&caller.tenant));
    let complete = snapshot.complete;
    let mut warnings = Vec::new();
    if !complete {
        warnings.push("rows stored before the last restart are still being read back and may be missing: ask again soon".to_owned());
    }
    let mut export = Export { query, snapshot, request, question, left: params.limit.unwrap_or(usize::MAX), after: None, warnings, ended: false };
    // What is wrong with the question still gets its status.
    let first = export.next().await?;
    let rest = stream::unfold(Some(export), |export| async move {
        let mut export = export?;
        match export.next().await {
            Ok(Some(lines)) => Some((Ok(lines), Some(export))),
            Ok(None) => None,
            Err(error) => {
                tracing::warn!(%error, "an export broke off");
                Some((Err(error), None))
            }
        }
    });
    Ok(body(Format::Ndjson, complete, Body::from_stream(stream::iter(first.map(Ok)).chain(rest))))
}

struct Export {
    query: Arc<Query>,
    snapshot: Arc<Snapshot>,
    request: ScanRequest,
    /// Stays at work until the last byte.
    question: Arc<Question>,
    left: usize,
    after: Option<(UnixNanos, Seq)>,
    warnings: Vec<String>,
    ended: bool,
}

impl Export {
    /// The next lines; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        let wanted = self.left.min(PAGE_ROWS);
        let (snapshot, request) = (self.snapshot.clone(), ScanRequest { limit: Some(wanted), after: self.after, ..self.request.clone() });
        let read = self.query.runner.run(move |cancel| {
            let page = cancel.step("read rows", || next_rows(&snapshot, ScanRequest { cancel: cancel.clone(), ..request }))?;
            Ok((items(page.signal, &page.batches), page))
        });
        let (items, page) = within(self.question.clone(), read).await?;
        for words in page.stats.damaged {
            if !self.warnings.contains(&words) {
                self.warnings.push(words);
            }
        }
        self.left -= items.len().min(self.left);
        self.after = page.last.or(self.after);
        self.ended = items.len() < wanted || self.left == 0;
        let mut lines = String::with_capacity(items.iter().map(|item| item.len() + 1).sum());
        for item in &items {
            lines.push_str(item);
            lines.push('\n');
        }
        if self.ended && !self.warnings.is_empty() {
            let mut object = Object::new(&mut lines);
            object.bool("complete", false);
            object.raw("warnings", &strings(&self.warnings));
            object.end();
            lines.push('\n');
        }
        Ok(Some(Bytes::from(lines)))
    }
}
