//! In which order rows stand in a block that is written from memory.
//!
//! Rows lie by window. Inside a window logs and metrics stand by time, and spans by (first start of their trace in this
//! block and window, hash of the trace id, start, seq): a trace lies together, and time still prunes.

use crate::error::{Error, Result};
use crate::snapshot::Chunk;
use crate::upkeep::plan::WINDOW_NANO;
use arrow::array::AsArray;
use arrow::datatypes::{TimestampNanosecondType, UInt64Type};
use hopline_model::schema::{column, time_column};
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_MINUTE};
use hopline_model::{Signal, UnixNanos};
use std::collections::HashMap;

use super::WindowRows;

/// (chunk, row) of every row in the order of the file.
pub(crate) struct Order {
    pub(crate) rows: Vec<(usize, usize)>,
    pub(crate) windows: Vec<WindowRows>,
    /// No row is older than the one before it.
    pub(crate) by_time: bool,
}

/// The time a row's window goes by: its own when it is plausible, else when it was received.
pub(crate) fn partition_time(time: i64, received: UnixNanos) -> i64 {
    let plausible = received.saturating_sub(NANOS_PER_DAY).0 <= time && time <= received.saturating_add(10 * NANOS_PER_MINUTE).0;
    if plausible { time } else { received.0 }
}

#[derive(Clone, Copy)]
struct Row {
    /// Window, then time (spans: of the trace's first row), then the trace's number, then start: compared in this order.
    window: i64,
    first: i64,
    trace: u32,
    time: i64,
    seq: u64,
    chunk: u32,
    row: u32,
}

pub(crate) fn order(signal: Signal, chunks: &[Chunk]) -> Result<Order> {
    let total = chunks.iter().map(|chunk| chunk.rows.num_rows()).sum();
    let mut rows: Vec<Row> = Vec::with_capacity(total);
    let mut traces: HashMap<(i64, u64), u32> = HashMap::new();
    let mut firsts: Vec<(i64, i64, u64)> = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let missing = |name: &str| Error::Internal(format!("rows of {signal} without {name}"));
        let column = |name: &str| chunk.rows.column_by_name(name).ok_or_else(|| missing(name));
        let times = column(time_column(signal))?.as_primitive::<TimestampNanosecondType>().values().clone();
        let seqs = column(column::SEQ)?.as_primitive::<UInt64Type>().values().clone();
        let ids = if signal == Signal::Spans { Some(column(column::TRACE_ID)?.as_fixed_size_binary()) } else { None };
        for row in 0..chunk.rows.num_rows() {
            let time = times[row];
            let window = partition_time(time, chunk.received).div_euclid(WINDOW_NANO) * WINDOW_NANO;
            let trace = match ids {
                None => 0,
                Some(ids) => {
                    let id = super::tix::hash(ids.value(row));
                    let next = firsts.len() as u32;
                    let trace = *traces.entry((window, id)).or_insert(next);
                    match firsts.get_mut(trace as usize) {
                        Some(first) => first.1 = first.1.min(time),
                        None => firsts.push((window, time, id)),
                    }
                    trace
                }
            };
            rows.push(Row { window, first: time, trace, time, seq: seqs[row], chunk: number as u32, row: row as u32 });
        }
    }
    drop(traces);
    if signal == Signal::Spans {
        // Traces are numbered in their order, so that each row compares one small number.
        let mut ranked: Vec<u32> = (0..firsts.len() as u32).collect();
        ranked.sort_unstable_by_key(|trace| firsts[*trace as usize]);
        let mut rank = vec![0; ranked.len()];
        ranked.iter().enumerate().for_each(|(at, trace)| rank[*trace as usize] = at as u32);
        for row in &mut rows {
            row.first = firsts[row.trace as usize].1;
            row.trace = rank[row.trace as usize];
        }
    }
    rows.sort_unstable_by_key(|row| (row.window, row.first, row.trace, row.time, row.seq));
    let mut windows: Vec<WindowRows> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        match windows.last_mut() {
            Some(last) if last.window == row.window => last.rows += 1,
            _ => windows.push(WindowRows { window: row.window, row: at as u64, rows: 1 }),
        }
    }
    let by_time = rows.is_sorted_by_key(|row| row.time);
    Ok(Order { rows: rows.iter().map(|row| (row.chunk as usize, row.row as usize)).collect(), windows, by_time })
}
