//! `/api/v1/logs/tail`: matching log records as they arrive, as server-sent events.
//!
//! `event: log` carries a record, `event: lost` how many were left out because more came than `query.tail_lines_per_second_max`.
//! The tail asks for what has become visible since its last look, by seq: late records are sent too, each once.

use super::caller::Caller;
use super::params::{ListParams, Params};
use super::wire;
use crate::Query;
use crate::error::Result;
use crate::language::{self, Target};
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use hopline_model::log::Log;
use hopline_model::schema::column;
use hopline_model::{Signal, UnixNanos};
use hopline_storage::scan::{Bound, Field, Order, Predicate, ScanRequest, Test, fixed_columns};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// How often new records are looked for.
const EVERY: Duration = Duration::from_millis(250);

pub(crate) async fn tail(
    State(query): State<Arc<Query>>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let compiled = language::compile(&params.q, Target::Logs)?;
    let predicate = crate::plan::rows::predicate(compiled);
    let per_look = (f64::from(query.config.tail_lines_per_second_max) * EVERY.as_secs_f64()).ceil() as usize;
    let state = Tail { query, tenant: caller.tenant, predicate, after: None, per_look: per_look.max(1), ready: VecDeque::new() };
    let events = futures::stream::unfold(state, |mut tail| async move {
        loop {
            if let Some(event) = tail.ready.pop_front() {
                return Some((Ok(event), tail));
            }
            tokio::time::sleep(EVERY).await;
            if let Err(error) = tail.look().await {
                tail.ready.push_back(Event::default().event("trouble").data(error.to_string()));
            }
        }
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

struct Tail {
    query: Arc<Query>,
    tenant: String,
    predicate: Predicate,
    /// The largest seq seen; none before the first look, which only finds where the end is.
    after: Option<u64>,
    per_look: usize,
    ready: VecDeque<Event>,
}

impl Tail {
    async fn look(&mut self) -> Result<()> {
        let snapshot = self.query.snapshot(&self.tenant);
        let newest = snapshot.seq_max(Signal::Logs);
        let Some(after) = self.after.replace(newest.unwrap_or(0)) else { return Ok(()) };
        if newest.is_none_or(|newest| newest <= after) {
            return Ok(());
        }
        let fresh = Predicate::Compare {
            field: Field::Column(column::SEQ),
            test: Test::Range { min: Some(Bound { value: after as f64, inclusive: false }), max: None },
        };
        let request = ScanRequest {
            predicate: Predicate::And(vec![self.predicate.clone(), fresh]),
            columns: fixed_columns(Signal::Logs),
            order: Order::OldestFirst,
            // What was written long ago stands in blocks: a record is fresh in memory, or sealed a moment ago.
            range: hopline_model::TimeRange::since(UnixNanos::MIN),
            ..ScanRequest::all(Signal::Logs)
        };
        let fresh = self
            .query
            .runner
            .run(move |cancel| {
                let (batches, _) = snapshot.newer_than(after).collect(&ScanRequest { cancel: cancel.clone(), ..request })?;
                Ok(batches.iter().flat_map(Log::from_rows).filter(|log| log.seq.0 > after).collect::<Vec<_>>())
            })
            .await?;
        let lost = fresh.len().saturating_sub(self.per_look);
        // The newest are the ones a reader waits for.
        self.ready.extend(fresh.iter().skip(lost).map(|log| Event::default().event("log").data(wire::log(log))));
        if lost > 0 {
            self.ready.push_back(Event::default().event("lost").data(format!("{{\"count\":{lost}}}")));
        }
        Ok(())
    }
}
