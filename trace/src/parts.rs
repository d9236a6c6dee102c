//! What rows of one trace that lie together come to: [`Summary`] without its ids, made while rows go by in the order of a block.
//!
//! A block keeps one for each of its traces. With the ids, which stand on the rows, a part is a summary, and adds up to that of the whole trace.

use crate::spans::{Status, Text, TextColumn, Texts, sound};
use crate::summary::{Counts, Root, Summary};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampNanosecondType, UInt64Type};
use hopline_model::schema::{SERVICE_UNKNOWN, column};
use hopline_model::{SpanId, TraceId, UnixNanos};
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// The columns of `spans` that a summary, or a part, is made of.
pub const SUMMARY_COLUMNS: [&str; 9] = [
    column::SEQ,
    column::TRACE_ID,
    column::SPAN_ID,
    column::PARENT_SPAN_ID,
    column::START_TIME,
    column::DURATION_NANO,
    column::NAME,
    column::SERVICE_NAME,
    column::STATUS_CODE,
];

/// Rows of one trace that lie together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// At least one; each is a span.
    pub rows: u32,
    /// The first start and the last end.
    pub start: UnixNanos,
    pub end: UnixNanos,
    pub error_count: u64,
    /// The earliest span that names no parent, if it is among these rows.
    pub root: Option<PartRoot>,
    /// By name, in the order of their first rows.
    pub services: Vec<(Arc<str>, Counts)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartRoot {
    /// Its place among the rows.
    pub at: u32,
    pub start: UnixNanos,
    pub service: Arc<str>,
    pub name: Arc<str>,
    pub status: Status,
}

impl Part {
    /// `root`: span id and seq of the root's row.
    pub fn summary(&self, trace_id: TraceId, root: (SpanId, u64)) -> Summary {
        Summary {
            trace_id,
            root: self.root.as_ref().map(|of| Root {
                service: of.service.to_string(),
                name: of.name.to_string(),
                span_id: root.0,
                status: of.status,
                start: of.start,
                seq: root.1,
            }),
            start: self.start,
            end: self.end,
            span_count: self.rows.into(),
            error_count: self.error_count,
            services: self.services.iter().map(|(name, counts)| (name.to_string(), *counts)).collect(),
        }
    }
}

/// Makes parts of rows that come in order.
#[derive(Debug, Default)]
pub struct Parts {
    id: Vec<u8>,
    open: Option<Part>,
    root_seq: u64,
    texts: Texts,
    /// Where each service, by its text, stands in the open part: (number of the part, place).
    places: Vec<(u64, u32)>,
    number: u64,
}

impl Parts {
    /// Rows with [`SUMMARY_COLUMNS`], behind those added before. `each`: every part that ends with them.
    pub fn add<E>(&mut self, rows: &RecordBatch, each: &mut dyn FnMut(Part) -> Result<(), E>) -> Result<(), E> {
        let ids = |name: &str| rows.column_by_name(name).and_then(|array| array.as_fixed_size_binary_opt());
        let (trace_ids, parents) = (ids(column::TRACE_ID), ids(column::PARENT_SPAN_ID));
        let starts = rows.column_by_name(column::START_TIME).and_then(|array| array.as_primitive_opt::<TimestampNanosecondType>());
        let durations = rows.column_by_name(column::DURATION_NANO).and_then(|array| array.as_primitive_opt::<Int64Type>());
        let seqs = rows.column_by_name(column::SEQ).and_then(|array| array.as_primitive_opt::<UInt64Type>());
        let [mut services, mut names, mut statuses] =
            [column::SERVICE_NAME, column::NAME, column::STATUS_CODE].map(|name| TextColumn::new(rows, name));
        for at in 0..rows.num_rows() {
            let id = trace_ids.filter(|ids| ids.is_valid(at)).map_or(&[][..], |ids| ids.value(at));
            if self.id != id {
                self.open.take().map_or(Ok(()), &mut *each)?;
                self.id.clear();
                self.id.extend_from_slice(id);
            }
            let (start, duration) = sound(starts.map_or(0, |starts| starts.value(at)), durations.map_or(0, |durations| durations.value(at)));
            let status = Status::from_name(statuses.text(at));
            let service = services.interned(&mut self.texts, at);
            let service = if service.is_none() { self.texts.intern(SERVICE_UNKNOWN) } else { service };
            let place = self.place(service);
            let seq = seqs.map_or(0, |seqs| seqs.value(at));
            let is_root = parents.filter(|ids| ids.is_valid(at)).is_none_or(|ids| ids.value(at).iter().all(|byte| *byte == 0));
            let part = self.open.get_or_insert_with(|| Part {
                rows: 0,
                start: UnixNanos::MAX,
                end: UnixNanos::MIN,
                error_count: 0,
                root: None,
                services: Vec::new(),
            });
            if is_root && part.root.as_ref().is_none_or(|root| (start, seq) < (root.start.0, self.root_seq)) {
                self.root_seq = seq;
                part.root = Some(PartRoot {
                    at: part.rows,
                    start: UnixNanos(start),
                    service: self.texts.shared(service),
                    name: names.text(at).into(),
                    status,
                });
            }
            if place as usize == part.services.len() {
                part.services.push((self.texts.shared(service), Counts::default()));
            }
            let failed = u64::from(status == Status::Error);
            let counts = &mut part.services[place as usize].1;
            counts.spans += 1;
            counts.errors += failed;
            part.rows += 1;
            part.start = part.start.min(UnixNanos(start));
            part.end = part.end.max(UnixNanos(start + duration));
            part.error_count += failed;
        }
        Ok(())
    }

    /// The last part.
    pub fn finish(mut self) -> Option<Part> {
        self.open.take()
    }

    /// Where a service stands in the open part, or is to stand next.
    fn place(&mut self, service: Text) -> u32 {
        if self.open.is_none() {
            self.number += 1;
        }
        let at = service.number();
        if at >= self.places.len() {
            self.places.resize(at + 1, (0, 0));
        }
        let place = &mut self.places[at];
        if place.0 != self.number {
            *place = (self.number, self.open.as_ref().map_or(0, |part| part.services.len() as u32));
        }
        place.1
    }
}
