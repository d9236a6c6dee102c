//! Rows → the files of a block.
//!
//! Rows are gathered in their order a few thousand at a time, split into columns, and handed to the writers of all files;
//! nothing else of the block is held besides one row group in encoded form, the trace hashes and the text index.

use super::checked::FileWriter;
use super::dense::{DenseKey, Splitter, choose};
use super::derived::links::LinksWriter;
use super::derived::traces::TracesWriter;
use super::logs::write::IndexWriter;
use super::meta::FORMAT;
use super::order::order;
use super::parquet::{file_schema, footer, properties, split_schema};
use super::tix::TixWriter;
use super::tok::TokWriter;
use super::{BlockFile, BlockId, BlockMeta, CountCell, FileKind, ServiceRows, WindowRows};
use crate::error::{Error, Result};
use crate::objects::{ObjectIo, names};
use crate::snapshot::Chunk;
use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::interleave;
use arrow::datatypes::{Int32Type, SchemaRef, TimestampNanosecondType, UInt64Type};
use hopline_model::schema::{column, schema, time_column};
use hopline_model::time::NANOS_PER_SECOND;
use hopline_model::{Signal, TenantId, UnixNanos};
use parquet::arrow::ArrowWriter;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Rows gathered at a time: whole pages.
pub(crate) const BATCH_ROWS: usize = 8192;
/// Seconds of a count cell.
pub(crate) const CELL_SECONDS: i64 = 10;
/// With more cells than this the meta would outgrow its use: times are too wild to count.
const CELLS_MAX: usize = 32_768;
/// Logs from this severity on are errors.
const SEVERITY_ERROR: i32 = 17;

/// What a block is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) objects: &'a Arc<dyn ObjectIo>,
    pub(crate) id: BlockId,
    pub(crate) tenant: TenantId,
    pub(crate) signal: Signal,
    pub(crate) level: u8,
    pub(crate) created: UnixNanos,
}

/// Writes all files of a block but its edges (`derived/make.rs`), durable when it returns; nothing refers to them until the catalog does.
pub fn write_block(
    objects: &Arc<dyn ObjectIo>,
    id: BlockId,
    tenant: TenantId,
    signal: Signal,
    level: u8,
    chunks: &[Chunk],
    created: UnixNanos,
) -> Result<BlockMeta> {
    let order = order(signal, chunks)?;
    let attributes = chunks.iter().filter_map(|chunk| chunk.rows.column_by_name(column::ATTRIBUTES)?.as_string_opt::<i32>());
    let keys = choose(attributes);
    let target = Target { objects, id, tenant, signal, level, created };
    let mut writer = BlockWriter::new(target, keys, order.by_time, signal == Signal::Logs)?;
    let table = schema(signal);
    for places in order.rows.chunks(BATCH_ROWS) {
        let columns = (0..table.fields().len()).map(|i| {
            let arrays: Vec<&dyn Array> = chunks.iter().map(|chunk| chunk.rows.column(i).as_ref()).collect();
            interleave(&arrays, places)
        });
        writer.add(&RecordBatch::try_new(table.clone(), columns.collect::<std::result::Result<_, _>>()?)?)?;
    }
    writer.finish(order.windows, None)
}

/// The writers of all files of one block, fed with rows in their final order.
pub(crate) struct BlockWriter<'a> {
    target: Target<'a>,
    splitter: Splitter,
    file_schema: SchemaRef,
    split_schema: SchemaRef,
    rows_file: ArrowWriter<FileWriter>,
    tix: Option<TixWriter>,
    tok: Option<TokWriter>,
    index: Option<IndexWriter>,
    links: Option<LinksWriter>,
    traces: Option<TracesWriter>,
    totals: Totals,
}

impl<'a> BlockWriter<'a> {
    /// `index`: bodies are to be indexed as rows come.
    pub(crate) fn new(target: Target<'a>, keys: Vec<DenseKey>, by_time: bool, index: bool) -> Result<Self> {
        let signal = target.signal;
        let file_schema = file_schema(signal, &keys);
        let file = FileWriter::create(target.objects.as_ref(), &target.name(FileKind::Parquet))?;
        Ok(Self {
            rows_file: ArrowWriter::try_new(file, file_schema.clone(), Some(properties(signal, &keys, by_time)?))?,
            split_schema: split_schema(signal, &keys),
            file_schema,
            splitter: Splitter::new(keys),
            tix: (signal != Signal::Metrics).then(TixWriter::default),
            tok: (signal != Signal::Metrics && target.level > 0).then(|| TokWriter::new(signal == Signal::Spans)),
            index: if index { Some(IndexWriter::new()?) } else { None },
            links: (signal == Signal::Spans).then(LinksWriter::default),
            traces: match signal {
                Signal::Spans => Some(TracesWriter::create(target.objects.as_ref(), &target.name(FileKind::Trc))?),
                Signal::Logs | Signal::Metrics => None,
            },
            totals: Totals::default(),
            target,
        })
    }

    pub(crate) fn signal(&self) -> Signal {
        self.target.signal
    }

    pub(crate) fn keys(&self) -> &[DenseKey] {
        &self.splitter.keys
    }

    /// Notes the keys of an input: what is no column there may stand in its rest.
    pub(crate) fn not_whole(&mut self, keys: &[DenseKey]) {
        for own in &mut self.splitter.keys {
            own.whole &= keys.iter().any(|key| key.same_column(own) && key.whole);
        }
    }

    /// Rows in the signal's schema.
    pub(crate) fn add(&mut self, rows: &RecordBatch) -> Result<()> {
        let at = rows.schema_ref().index_of(column::ATTRIBUTES)?;
        let (rest, dense) = self.splitter.split(rows.column(at).as_string::<i32>());
        let mut columns = rows.columns().to_vec();
        columns[at] = rest;
        columns.extend(dense);
        self.add_split(&RecordBatch::try_new(self.split_schema.clone(), columns)?)
    }

    /// Rows that are split by this writer's keys already.
    pub(crate) fn add_split(&mut self, rows: &RecordBatch) -> Result<()> {
        self.totals.add(self.target.signal, rows)?;
        let first = self.totals.rows - rows.num_rows() as u64;
        let row_max = u64::from(u32::MAX);
        if self.totals.rows > row_max {
            return Err(Error::Internal(format!("a block of more than {row_max} rows")));
        }
        if let (Some(tix), Some(ids)) = (&mut self.tix, rows.column_by_name(column::TRACE_ID)) {
            let ids = ids.as_fixed_size_binary();
            (0..ids.len()).filter(|row| ids.is_valid(*row)).for_each(|row| tix.add(first as u32 + row as u32, ids.value(row)));
        }
        if let Some(tok) = &mut self.tok {
            let fixed = schema(self.target.signal).fields().len();
            let keys = self.splitter.keys.iter().map(|key| key.key.as_str());
            let dense: Vec<(&str, ArrayRef)> = keys.zip(rows.columns()[fixed..].iter().cloned()).collect();
            tok.add(rows, &dense);
        }
        if let Some(links) = &mut self.links {
            links.add(rows)?;
        }
        if let Some(traces) = &mut self.traces {
            traces.add(rows)?;
        }
        if let (Some(index), Some(bodies)) = (&mut self.index, rows.column_by_name(column::BODY)) {
            index.add(bodies.as_string::<i32>())?;
        }
        let mut columns = rows.columns().to_vec();
        if let Some((at, _)) = rows.schema_ref().column_with_name(column::OBSERVED_TIME) {
            columns[at] = delays(&columns[at], rows)?;
        }
        self.rows_file.write(&RecordBatch::try_new(self.file_schema.clone(), columns)?)?;
        Ok(())
    }

    /// All files durable. `index`: the text index, when it was made otherwise.
    pub(crate) fn finish(mut self, windows: Vec<WindowRows>, index: Option<BlockFile>) -> Result<BlockMeta> {
        let objects = self.target.objects.as_ref();
        self.rows_file.flush()?;
        self.rows_file.sync().map_err(Error::io("write", "parquet"))?;
        for pair in footer(self.rows_file.inner(), &self.splitter.keys)? {
            self.rows_file.append_key_value_metadata(pair);
        }
        let mut files = vec![self.rows_file.into_inner()?.finish(FileKind::Parquet)?];
        if let Some(tix) = self.tix {
            files.push(tix.finish(objects, &self.target.name(FileKind::Tix))?);
        }
        if let Some(tok) = self.tok {
            files.push(tok.finish(objects, &self.target.name(FileKind::Tok))?);
        }
        if let Some(links) = self.links {
            files.extend(links.finish(objects, &self.target.name(FileKind::Lnk))?);
        }
        if let Some(traces) = self.traces {
            files.push(traces.finish()?);
        }
        match (self.index, index) {
            (_, Some(file)) => files.push(file),
            (Some(index), None) => files.push(index.finish(objects, &self.target.name(FileKind::Idx))?),
            (None, None) => {}
        }
        let Target { id, tenant, signal, level, created, .. } = self.target;
        let (services, counts) = self.totals.named();
        Ok(BlockMeta {
            id,
            tenant,
            signal,
            level,
            format: FORMAT,
            rows: self.totals.rows,
            time_min: self.totals.time.map_or(0, |time| time.0),
            time_max: self.totals.time.map_or(0, |time| time.1),
            seq_min: self.totals.seq.map_or(0, |seq| seq.0),
            seq_max: self.totals.seq.map_or(0, |seq| seq.1),
            files,
            windows,
            services,
            dense: self.splitter.keys.iter().map(|key| key.key.clone()).collect(),
            counts,
            created: created.0,
        })
    }
}

impl Target<'_> {
    pub(crate) fn name(&self, kind: FileKind) -> String {
        names::block_file(self.tenant, self.signal, self.id, kind)
    }
}

/// `observed_time` → `observed − time`, wrapping.
fn delays(observed: &ArrayRef, rows: &RecordBatch) -> Result<ArrayRef> {
    let times = rows.column_by_name(column::TIME).ok_or_else(|| Error::Internal("logs without time".into()))?;
    let times = times.as_primitive::<TimestampNanosecondType>().values();
    let observed = observed.as_primitive::<TimestampNanosecondType>();
    let delays: Vec<i64> = observed.values().iter().zip(times).map(|(observed, time)| observed.wrapping_sub(*time)).collect();
    Ok(Arc::new(Int64Array::new(delays.into(), observed.nulls().cloned())))
}

/// What the meta says of the rows.
#[derive(Debug, Default)]
struct Totals {
    rows: u64,
    time: Option<(i64, i64)>,
    seq: Option<(u64, u64)>,
    /// (rows, errors) by name, in the order of appearance.
    services: Vec<(String, u64, u64)>,
    places: HashMap<String, u32>,
    /// `None` once there were too many.
    cells: Option<HashMap<(i64, u32, i32), u32>>,
}

impl Totals {
    fn add(&mut self, signal: Signal, rows: &RecordBatch) -> Result<()> {
        let column = |name: &str| rows.column_by_name(name).ok_or_else(|| Error::Internal(format!("{signal} without {name}")));
        let times = column(time_column(signal))?.as_primitive::<TimestampNanosecondType>().values();
        let seqs = column(column::SEQ)?.as_primitive::<UInt64Type>().values();
        if let (Some(min), Some(max)) = (times.iter().min(), times.iter().max()) {
            self.time = Some(self.time.map_or((*min, *max), |time| (time.0.min(*min), time.1.max(*max))));
        }
        if let (Some(min), Some(max)) = (seqs.iter().min(), seqs.iter().max()) {
            self.seq = Some(self.seq.map_or((*min, *max), |seq| (seq.0.min(*min), seq.1.max(*max))));
        }
        let services = column(column::SERVICE_NAME)?.as_dictionary::<Int32Type>();
        let names = services.values().as_string::<i32>();
        let mut of_code: Vec<Option<u32>> = vec![None; names.len()];
        let statuses = if signal == Signal::Spans { Some(column(column::STATUS_CODE)?.as_dictionary::<Int32Type>()) } else { None };
        let error_codes: Vec<bool> =
            statuses.map(|statuses| statuses.values().as_string::<i32>().iter().map(|text| text == Some("error")).collect()).unwrap_or_default();
        let severities = if signal == Signal::Logs { Some(column(column::SEVERITY_NUMBER)?.as_primitive::<Int32Type>().values()) } else { None };
        if self.rows == 0 && signal == Signal::Logs {
            self.cells = Some(HashMap::new());
        }
        for row in 0..rows.num_rows() {
            let code = services.keys().value(row) as usize;
            let place = match of_code[code] {
                Some(place) => place,
                None => {
                    let place = self.place(names.value(code));
                    of_code[code] = Some(place);
                    place
                }
            };
            let severity = severities.map_or(0, |severities| severities[row]);
            let error = severity >= SEVERITY_ERROR || statuses.is_some_and(|statuses| error_codes[statuses.keys().value(row) as usize]);
            let service = &mut self.services[place as usize];
            service.1 += 1;
            service.2 += u64::from(error);
            if let Some(cells) = &mut self.cells {
                let second = times[row].div_euclid(CELL_SECONDS * NANOS_PER_SECOND) * CELL_SECONDS;
                *cells.entry((second, place, severity)).or_default() += 1;
            }
        }
        if self.cells.as_ref().is_some_and(|cells| cells.len() > CELLS_MAX) {
            self.cells = None;
        }
        self.rows += rows.num_rows() as u64;
        Ok(())
    }

    fn place(&mut self, name: &str) -> u32 {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.services.len() as u32;
        self.services.push((name.to_owned(), 0, 0));
        self.places.insert(name.to_owned(), place);
        place
    }

    /// Sorted by name; cells name services by their place in that order.
    fn named(&mut self) -> (Vec<ServiceRows>, Vec<CountCell>) {
        let sorted: BTreeMap<&str, usize> = self.services.iter().enumerate().map(|(at, service)| (service.0.as_str(), at)).collect();
        let mut renamed = vec![0u32; self.services.len()];
        sorted.values().enumerate().for_each(|(new, old)| renamed[*old] = new as u32);
        let services = sorted
            .values()
            .map(|at| {
                let (name, rows, errors) = &self.services[*at];
                ServiceRows { service_name: name.clone(), rows: *rows, errors: *errors }
            })
            .collect();
        let mut counts: Vec<CountCell> = self
            .cells
            .iter()
            .flatten()
            .map(|((second, service, severity), rows)| CountCell {
                second: *second,
                service: renamed[*service as usize],
                severity_number: *severity,
                rows: *rows,
            })
            .collect();
        counts.sort_unstable_by_key(|cell| (cell.second, cell.service, cell.severity_number));
        (services, counts)
    }
}
