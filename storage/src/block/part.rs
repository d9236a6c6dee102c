//! A row group as the scan reads it: a column when it is asked for, and of it the pages of the rows in question; of a few rows
//! their values alone.

use super::candidates::Candidates;
use super::dense::{DenseKey, dense_texts, join};
use super::parquet::{OBSERVED_DELAY, PAGE_ROWS, PageBounds, RowFile};
use crate::error::{Error, Result};
use crate::scan::part::{Dense, FEW_ROWS, Loaded, Part, attribute_texts, batch, output_schema};
use crate::scan::request::Column;
use crate::text::{TextMatcher, TextQuery};
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringBuilder, TimestampNanosecondArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Int64Type, TimestampNanosecondType};
use hopline_model::schema::{column, time_column};
use hopline_model::{Signal, attributes};
use parquet::arrow::arrow_reader::RowSelection;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows that hold the words of a query, over the whole block.
pub(crate) type Texts = Rc<Vec<(TextQuery, Candidates)>>;

#[derive(Debug)]
pub(crate) struct GroupPart {
    pub(crate) file: Arc<RowFile>,
    pub(crate) signal: Signal,
    pub(crate) group: usize,
    /// `None`: all rows.
    pub(crate) candidates: Option<BooleanBuffer>,
    pub(crate) texts: Texts,
    pub(crate) bytes_read: Arc<AtomicU64>,
    /// Columns read so far, each with the rows it was read for.
    read: RefCell<HashMap<String, (Reading, Loaded)>>,
}

/// Rows of a row group that are read.
#[derive(Debug, Clone)]
enum Reading {
    All,
    /// Those of some pages.
    Pages(Vec<bool>),
    Few(BooleanBuffer),
}

impl Reading {
    /// Whether all rows of a mask are among them.
    fn holds(&self, mask: &BooleanBuffer) -> bool {
        match self {
            Self::All => true,
            Self::Pages(pages) => {
                let mut left_out = pages.iter().enumerate().filter(|(_, held)| !**held).map(|(page, _)| page * PAGE_ROWS);
                left_out.all(|from| !mask.slice(from, PAGE_ROWS.min(mask.len() - from)).has_true())
            }
            Self::Few(rows) => !(mask & &!rows).has_true(),
        }
    }
}

impl GroupPart {
    pub(crate) fn new(file: Arc<RowFile>, signal: Signal, group: usize, candidates: Option<BooleanBuffer>, texts: Texts) -> Self {
        Self { file, signal, group, candidates, texts, bytes_read: Arc::default(), read: RefCell::default() }
    }

    fn unknown(&self, name: &str) -> Error {
        Error::Invalid(format!("{} have no column {name}", self.signal))
    }

    /// Some columns of the file, by name, for some rows.
    fn load(&self, names: &[&str], rows: Option<RowSelection>) -> Result<RecordBatch> {
        let places = names.iter().map(|name| self.file.column_at(name).ok_or_else(|| self.unknown(name)));
        let places: BTreeSet<usize> = places.collect::<Result<_>>()?;
        self.file.read(self.group, &places.into_iter().collect::<Vec<_>>(), rows, &self.bytes_read)
    }

    /// What is read for the rows of a mask.
    fn reading(&self, mask: &BooleanBuffer) -> Reading {
        let (rows, count) = (self.rows(), mask.count_set_bits());
        if count == rows {
            return Reading::All;
        }
        if count <= FEW_ROWS {
            return Reading::Few(mask.clone());
        }
        let held = |from: usize| mask.slice(from, PAGE_ROWS.min(rows - from)).has_true();
        let pages: Vec<bool> = (0..rows).step_by(PAGE_ROWS).map(held).collect();
        if pages.iter().all(|held| *held) { Reading::All } else { Reading::Pages(pages) }
    }

    /// Columns, with the rows their values belong to.
    fn load_rows(&self, names: &[&str], reading: &Reading) -> Result<(RecordBatch, Option<Arc<Vec<u32>>>)> {
        let rows = self.rows();
        let ranges: Vec<Range<usize>> = match reading {
            Reading::All => return Ok((self.load(names, None)?, None)),
            Reading::Pages(pages) => {
                let held = pages.iter().enumerate().filter(|(_, held)| **held);
                held.map(|(page, _)| page * PAGE_ROWS..((page + 1) * PAGE_ROWS).min(rows)).collect()
            }
            Reading::Few(mask) => mask.set_slices().map(|(start, end)| start..end).collect(),
        };
        let mut places = Vec::with_capacity(ranges.iter().map(ExactSizeIterator::len).sum());
        ranges.iter().for_each(|range| places.extend(range.start as u32..range.end as u32));
        let selection = RowSelection::from_consecutive_ranges(ranges.into_iter(), rows);
        Ok((self.load(names, Some(selection))?, Some(Arc::new(places))))
    }

    /// A column that was read for at least the rows of the mask.
    fn known(&self, name: &str, mask: &BooleanBuffer) -> Option<Loaded> {
        let read = self.read.borrow();
        let (covered, loaded) = read.get(name)?;
        covered.holds(mask).then(|| loaded.clone())
    }

    /// The places of the dense columns of some keys, which are sorted.
    fn dense_of(&self, keys: &[&str]) -> impl Iterator<Item = usize> {
        (0..self.file.dense.len()).filter(|at| keys.binary_search(&self.file.dense[*at].key.as_str()).is_ok())
    }

    fn dense_key(&self, key: &str) -> Option<&DenseKey> {
        self.file.dense.iter().find(|dense| dense.key == key)
    }
}

/// `observed − time` → `observed_time`.
pub(crate) fn observed(delays: &ArrayRef, times: &ArrayRef) -> ArrayRef {
    let delays = delays.as_primitive::<Int64Type>();
    let times = times.as_primitive::<TimestampNanosecondType>().values();
    let observed: Vec<i64> = delays.values().iter().zip(times).map(|(delay, time)| time.wrapping_add(*delay)).collect();
    Arc::new(TimestampNanosecondArray::new(observed.into(), delays.nulls().cloned()).with_timezone("UTC"))
}

fn named<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| Error::Internal(format!("column {name} was not read")))
}

impl Part for GroupPart {
    fn rows(&self) -> usize {
        self.file.groups[self.group].rows
    }

    fn time(&self) -> (i64, i64) {
        self.file.groups[self.group].time
    }

    fn page_times(&self) -> Option<Vec<(Range<usize>, (i64, i64))>> {
        let pages = self.file.page_bounds(self.group, self.file.column_at(time_column(self.signal))?)?;
        let time = |bounds| if let PageBounds::Int(min, max) = bounds { (min, max) } else { (i64::MIN, i64::MAX) };
        Some(pages.into_iter().map(|(rows, bounds)| (rows, time(bounds))).collect())
    }

    fn candidates(&self) -> BooleanBuffer {
        self.candidates.clone().unwrap_or_else(|| BooleanBuffer::new_set(self.rows()))
    }

    fn column(&self, name: &str, mask: &BooleanBuffer) -> Result<Loaded> {
        if let Some(loaded) = self.known(name, mask) {
            return Ok(loaded);
        }
        let reading = match self.read.borrow().get(name) {
            // Of several conditions each asks for a few rows: they are read once together from then on.
            Some((Reading::Few(before), _)) => self.reading(&(before | mask)),
            _ => self.reading(mask),
        };
        let loaded = if name == column::OBSERVED_TIME && self.signal == Signal::Logs {
            let (batch, rows) = self.load_rows(&[column::TIME, OBSERVED_DELAY], &reading)?;
            Loaded { array: observed(named(&batch, OBSERVED_DELAY)?, named(&batch, column::TIME)?), rows }
        } else {
            let (batch, rows) = self.load_rows(&[name], &reading)?;
            Loaded { array: named(&batch, name)?.clone(), rows }
        };
        self.read.borrow_mut().insert(name.to_owned(), (reading, loaded.clone()));
        Ok(loaded)
    }

    fn ahead(&self, names: &[&str], mask: &BooleanBuffer) {
        let unknown: Vec<&str> = names.iter().copied().filter(|name| self.known(name, mask).is_none()).collect();
        if unknown.len() < 2 {
            return;
        }
        let reading = self.reading(mask);
        // Whoever asks for a column that cannot be read is told so.
        let Ok((batch, rows)) = self.load_rows(&unknown, &reading) else { return };
        for (name, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
            let loaded = Loaded { array: array.clone(), rows: rows.clone() };
            self.read.borrow_mut().insert(name.name().clone(), (reading.clone(), loaded));
        }
    }

    fn dense(&self, key: &str) -> Option<Dense> {
        self.dense_key(key).map(|dense| Dense { column: dense.column(), whole: dense.whole })
    }

    fn dense_keys(&self) -> Vec<String> {
        self.file.dense.iter().map(|dense| dense.key.clone()).collect()
    }

    fn text_rows(&self, text: &TextMatcher) -> Result<Option<BooleanBuffer>> {
        let known = self.texts.iter().find(|(query, _)| *query == text.query);
        Ok(known.map(|(_, rows)| rows.of_group(self.group, self.rows())))
    }

    fn attributes(&self, mask: &BooleanBuffer) -> Result<Loaded> {
        let columns: Vec<String> = self.file.dense.iter().map(DenseKey::column).collect();
        let mut names: Vec<&str> = columns.iter().map(String::as_str).collect();
        names.push(column::ATTRIBUTES);
        let (batch, rows) = self.load_rows(&names, &self.reading(mask))?;
        let dense = self.file.dense.iter().zip(&columns).map(|(dense, column)| Ok((dense.key.as_str(), named(&batch, column)?.clone())));
        let dense: Vec<(&str, ArrayRef)> = dense.collect::<Result<_>>()?;
        Ok(Loaded { array: join(named(&batch, column::ATTRIBUTES)?.as_string::<i32>(), &dense), rows })
    }

    fn take(&self, columns: &[Column], rows: &[u32]) -> Result<RecordBatch> {
        let dense_columns: Vec<String> = self.file.dense.iter().map(DenseKey::column).collect();
        let mut names: BTreeSet<&str> = BTreeSet::new();
        for column in columns {
            match column {
                Column::Fixed(column::OBSERVED_TIME) if self.signal == Signal::Logs => names.extend([column::TIME, OBSERVED_DELAY]),
                Column::Fixed(column::ATTRIBUTES) => {
                    names.insert(column::ATTRIBUTES);
                    names.extend(dense_columns.iter().map(String::as_str));
                }
                Column::Fixed(name) => _ = names.insert(name),
                Column::AttributesOf(keys) => {
                    names.insert(column::ATTRIBUTES);
                    names.extend(self.dense_of(keys).map(|at| dense_columns[at].as_str()));
                }
                Column::Attribute(key) => {
                    let dense = self.file.dense.iter().position(|dense| dense.key == *key);
                    if let Some(at) = dense {
                        names.insert(&dense_columns[at]);
                    }
                    if dense.is_none_or(|at| !self.file.dense[at].whole) {
                        names.insert(column::ATTRIBUTES);
                    }
                }
            }
        }
        let schema = output_schema(self.signal, columns)?;
        if names.is_empty() {
            return batch(schema, Vec::new(), rows.len());
        }
        let ranges = rows.chunk_by(|a, b| a + 1 == *b).map(|run| run[0] as usize..run[run.len() - 1] as usize + 1);
        let selection = RowSelection::from_consecutive_ranges(ranges, self.rows());
        let read = self.load(&names.into_iter().collect::<Vec<_>>(), Some(selection))?;
        let arrays = columns.iter().map(|column| -> Result<ArrayRef> {
            Ok(match column {
                Column::Fixed(column::OBSERVED_TIME) if self.signal == Signal::Logs => {
                    observed(named(&read, OBSERVED_DELAY)?, named(&read, column::TIME)?)
                }
                Column::Fixed(column::ATTRIBUTES) => {
                    let dense =
                        self.file.dense.iter().zip(&dense_columns).map(|(dense, column)| Ok((dense.key.as_str(), named(&read, column)?.clone())));
                    join(named(&read, column::ATTRIBUTES)?.as_string::<i32>(), &dense.collect::<Result<Vec<_>>>()?)
                }
                Column::Fixed(name) => named(&read, name)?.clone(),
                Column::AttributesOf(keys) => {
                    let dense = self.dense_of(keys).map(|at| Ok((self.file.dense[at].key.as_str(), named(&read, &dense_columns[at])?.clone())));
                    join(named(&read, column::ATTRIBUTES)?.as_string::<i32>(), &dense.collect::<Result<Vec<_>>>()?)
                }
                Column::Attribute(key) => match self.dense_key(key) {
                    None => attribute_texts(named(&read, column::ATTRIBUTES)?, key),
                    Some(dense) => {
                        let own = dense_texts(named(&read, &dense.column())?);
                        if dense.whole { own } else { else_rest(&own, named(&read, column::ATTRIBUTES)?, key) }
                    }
                },
            })
        });
        batch(schema, arrays.collect::<Result<Vec<_>>>()?, rows.len())
    }

    fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    fn forget(&self) {
        self.read.borrow_mut().clear();
    }
}

/// A value of another type than its column's stands in the rest.
fn else_rest(own: &ArrayRef, rest: &ArrayRef, key: &str) -> ArrayRef {
    let (own, rest) = (own.as_string::<i32>(), rest.as_string::<i32>());
    let mut out = StringBuilder::new();
    for row in 0..own.len() {
        if own.is_valid(row) {
            out.append_value(own.value(row));
        } else {
            out.append_option(attributes::get(rest.value(row), key).map(attributes::plain_text));
        }
    }
    Arc::new(out.finish())
}
