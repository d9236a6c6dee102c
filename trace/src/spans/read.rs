//! From rows to [`Trace`].

use super::facts::{FactsReader, Source};
use super::{Columns, Detail, End, Kind, Origin, Service, SpanLink, Status, Text, Texts, Trace, ZERO};
use arrow::array::{Array, AsArray, FixedSizeBinaryArray, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{Int32Type, Int64Type, TimestampNanosecondType, UInt64Type};
use hopline_model::attributes::{get, items, plain_text};
use hopline_model::schema::{SERVICE_UNKNOWN, column};
use hopline_model::span::Span;
use hopline_model::{SpanId, TraceId};
use std::collections::HashMap;
use std::sync::Arc;

/// The columns of `spans` that this crate reads. Any may be absent: its field then takes its default
/// (without `attributes`, peers stay unnamed; without `links`, nothing is paired by link).
pub const COLUMNS_READ: &[&str] = &[
    column::SEQ,
    column::TRACE_ID,
    column::SPAN_ID,
    column::PARENT_SPAN_ID,
    column::START_TIME,
    column::DURATION_NANO,
    column::NAME,
    column::KIND,
    column::STATUS_CODE,
    column::STATUS_MESSAGE,
    column::SERVICE_NAME,
    column::SERVICE_NAMESPACE,
    column::SERVICE_VERSION,
    column::SERVICE_INSTANCE_ID,
    column::DEPLOYMENT_ENVIRONMENT_NAME,
    column::ATTRIBUTES,
    column::EVENTS,
    column::LINKS,
    column::TRACE_STATE,
    column::EXTRA,
];

/// The id of a trace read from rows that hold none.
const NO_TRACE: TraceId = TraceId([0; 16]);

impl Trace {
    /// All spans given, taken as one trace: that of the first.
    pub fn from_spans(spans: &[Span]) -> Self {
        let mut reader = Reader::default();
        spans.iter().for_each(|span| reader.push(&row_of(span)));
        reader.one()
    }

    /// All rows given, taken as one trace: that of the first. Columns: [`COLUMNS_READ`], in the schema of spans.
    pub fn from_rows(batches: &[RecordBatch]) -> Self {
        let mut reader = Reader::default();
        batches.iter().for_each(|rows| reader.batch(rows));
        reader.one()
    }

    /// Every trace of the rows, in the order of its first row. Rows of a trace need not lie together; its spans come by seq, so that
    /// whatever is said of them is the same in whichever order they were read.
    pub fn split(batches: &[RecordBatch]) -> Vec<Self> {
        let mut reader = Reader::default();
        batches.iter().for_each(|rows| reader.batch(rows));
        reader.each()
    }
}

/// One row, borrowed.
#[derive(Default)]
struct Row<'a> {
    seq: u64,
    trace_id: Option<TraceId>,
    span_id: Option<SpanId>,
    parent_id: Option<SpanId>,
    start: i64,
    duration: i64,
    name: Cell<'a>,
    kind: Cell<'a>,
    status: Cell<'a>,
    message: Cell<'a>,
    service: Cell<'a>,
    namespace: Cell<'a>,
    version: Cell<'a>,
    instance: Cell<'a>,
    environment: Cell<'a>,
    attributes: &'a str,
    events: &'a str,
    links: &'a str,
    trace_state: &'a str,
    extra: &'a str,
}

/// A text, and its interned form where its dictionary entry was met before.
#[derive(Default, Clone, Copy)]
struct Cell<'a> {
    text: &'a str,
    known: Option<Text>,
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Self { text, known: None }
    }
}

fn row_of(span: &Span) -> Row<'_> {
    Row {
        seq: span.seq.0,
        trace_id: Some(span.trace_id),
        span_id: Some(span.span_id),
        parent_id: span.parent_span_id,
        start: span.start_time.0,
        duration: span.duration_nano,
        name: span.name.as_str().into(),
        kind: span.kind.as_str().into(),
        status: span.status_code.as_str().into(),
        message: span.status_message.as_deref().unwrap_or("").into(),
        service: span.service_name.as_str().into(),
        namespace: span.service_namespace.as_deref().unwrap_or("").into(),
        version: span.service_version.as_deref().unwrap_or("").into(),
        instance: span.service_instance_id.as_deref().unwrap_or("").into(),
        environment: span.deployment_environment_name.as_deref().unwrap_or("").into(),
        attributes: &span.attributes,
        events: span.events.as_deref().unwrap_or(""),
        links: span.links.as_deref().unwrap_or(""),
        trace_state: span.trace_state.as_deref().unwrap_or(""),
        extra: span.extra.as_deref().unwrap_or(""),
    }
}

#[derive(Default)]
struct Reader {
    texts: Texts,
    columns: Columns,
    trace_ids: Vec<TraceId>,
    facts: FactsReader,
}

impl Reader {
    fn batch(&mut self, rows: &RecordBatch) {
        let ids = |name: &str| rows.column_by_name(name).and_then(|array| array.as_fixed_size_binary_opt()).cloned();
        let (trace_ids, span_ids, parent_ids) = (ids(column::TRACE_ID), ids(column::SPAN_ID), ids(column::PARENT_SPAN_ID));
        let starts = rows.column_by_name(column::START_TIME).and_then(|array| array.as_primitive_opt::<TimestampNanosecondType>());
        let durations = rows.column_by_name(column::DURATION_NANO).and_then(|array| array.as_primitive_opt::<Int64Type>());
        let seqs = rows.column_by_name(column::SEQ).and_then(|array| array.as_primitive_opt::<UInt64Type>());
        let mut texts = [
            column::NAME,
            column::KIND,
            column::STATUS_CODE,
            column::STATUS_MESSAGE,
            column::SERVICE_NAME,
            column::SERVICE_NAMESPACE,
            column::SERVICE_VERSION,
            column::SERVICE_INSTANCE_ID,
            column::DEPLOYMENT_ENVIRONMENT_NAME,
        ]
        .map(|name| TextColumn::new(rows, name));
        let mut plain =
            [column::ATTRIBUTES, column::EVENTS, column::LINKS, column::TRACE_STATE, column::EXTRA].map(|name| TextColumn::new(rows, name));
        for at in 0..rows.num_rows() {
            let bytes = |array: &Option<FixedSizeBinaryArray>| -> Option<[u8; 8]> {
                array.as_ref().filter(|array| !array.is_null(at)).and_then(|array| array.value(at).try_into().ok())
            };
            let trace_id = trace_ids.as_ref().filter(|array| !array.is_null(at)).and_then(|array| TraceId::from_bytes(array.value(at)));
            let [name, kind, status, message, service, namespace, version, instance, environment] =
                texts.each_mut().map(|column| column.cell(&mut self.texts, at));
            let [attributes, events, links, trace_state, extra] = plain.each_mut().map(|column| column.text(at));
            let row = Row {
                seq: seqs.map_or(0, |array| array.value(at)),
                trace_id,
                span_id: bytes(&span_ids).map(SpanId),
                parent_id: bytes(&parent_ids).map(SpanId),
                start: starts.map_or(0, |array| array.value(at)),
                duration: durations.map_or(0, |array| array.value(at)),
                name,
                kind,
                status,
                message,
                service,
                namespace,
                version,
                instance,
                environment,
                attributes,
                events,
                links,
                trace_state,
                extra,
            };
            self.push(&row);
        }
    }

    fn push(&mut self, row: &Row<'_>) {
        let texts = &mut self.texts;
        let mut intern = |cell: Cell<'_>| cell.known.unwrap_or_else(|| texts.intern(cell.text));
        let service_name = if row.service.text.is_empty() { SERVICE_UNKNOWN.into() } else { row.service };
        let origin = Origin {
            service: Service { name: intern(service_name), namespace: intern(row.namespace), environment: intern(row.environment) },
            version: intern(row.version),
            instance: intern(row.instance),
        };
        let (name, message) = (intern(row.name), intern(row.message));
        let (kind, status) = (Kind::from_name(row.kind.text), Status::from_name(row.status.text));
        let source = Source { kind, status, attributes: row.attributes, events: row.events };
        let facts = self.facts.read(&mut self.texts, &source);
        let detail = Detail { name, message, origin, kind, status, end: end(row), weight: weight(row.trace_state), facts };

        let span = u32::try_from(self.trace_ids.len()).expect("fewer than 2^32 spans fit in memory");
        self.trace_ids.push(row.trace_id.unwrap_or(NO_TRACE));
        let columns = &mut self.columns;
        columns.seq.push(row.seq);
        columns.span_id.push(row.span_id.unwrap_or(ZERO));
        columns.parent_id.push(row.parent_id.filter(|id| *id != ZERO));
        let (start, duration) = sound(row.start, row.duration);
        columns.start.push(start);
        columns.duration.push(duration);
        columns.detail.push(detail);
        if !row.links.is_empty() {
            columns.links.extend(items(row.links).filter_map(|link| {
                let trace_id = plain_text(get(link, "trace_id")?).parse().ok()?;
                let span_id = plain_text(get(link, "span_id")?).parse().ok()?;
                Some(SpanLink { span, trace_id, span_id })
            }));
        }
    }

    fn one(self) -> Trace {
        Trace { trace_id: self.trace_ids.first().copied().unwrap_or(NO_TRACE), texts: Arc::new(self.texts), columns: self.columns }
    }

    fn each(self) -> Vec<Trace> {
        let texts = Arc::new(self.texts);
        let mut group_of: HashMap<TraceId, usize> = HashMap::new();
        let mut groups: Vec<(TraceId, Vec<u32>)> = Vec::new();
        let mut last = None;
        for (row, id) in self.trace_ids.iter().enumerate() {
            let group = match last {
                Some((last_id, group)) if last_id == *id => group,
                _ => *group_of.entry(*id).or_insert_with(|| {
                    groups.push((*id, Vec::new()));
                    groups.len() - 1
                }),
            };
            last = Some((*id, group));
            groups[group].1.push(row as u32);
        }
        groups
            .into_iter()
            .map(|(trace_id, mut rows)| {
                rows.sort_by_key(|row| self.columns.seq[*row as usize]);
                Trace { texts: texts.clone(), trace_id, columns: self.columns.take(&rows) }
            })
            .collect()
    }
}

impl Columns {
    fn take(&self, rows: &[u32]) -> Self {
        let mut links = Vec::new();
        if !self.links.is_empty() {
            for (span, row) in rows.iter().enumerate() {
                let from = self.links.partition_point(|link| link.span < *row);
                links.extend(self.links[from..].iter().take_while(|link| link.span == *row).map(|link| SpanLink { span: span as u32, ..*link }));
            }
        }
        fn pick<T: Copy>(from: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|row| from[*row as usize]).collect()
        }
        Self {
            seq: pick(&self.seq, rows),
            span_id: pick(&self.span_id, rows),
            parent_id: pick(&self.parent_id, rows),
            start: pick(&self.start, rows),
            duration: pick(&self.duration, rows),
            detail: pick(&self.detail, rows),
            links,
        }
    }
}

/// Start and duration of which no difference and no sum overflows: before 1970 is nonsense, as is less than nothing.
pub(crate) fn sound(start: i64, duration: i64) -> (i64, i64) {
    let start = start.max(0);
    (start, duration.clamp(0, i64::MAX - start))
}

/// The column says 0 for an end that was not after the start; what was sent stands in `extra`.
fn end(row: &Row<'_>) -> End {
    if row.duration < 0 {
        return End::BeforeStart;
    }
    if row.duration > 0 || row.extra.is_empty() {
        return End::Sound;
    }
    match get(row.extra, "end_time_unix_nano").map(plain_text) {
        Some(sent) if sent == "0" => End::Open,
        Some(sent) if sent.parse::<u64>().is_ok_and(|sent| sent < row.start.max(0) as u64) => End::BeforeStart,
        _ => End::Sound,
    }
}

/// OpenTelemetry's consistent sampling: `ot=th:` and up to 14 hex digits, trailing zeros left out, are the share of 2^56 that was rejected.
///
/// Rounded to 1/65536 so that sums of weights are exact in a double, whatever the order.
fn weight(trace_state: &str) -> f64 {
    let threshold = trace_state
        .split(',')
        .find_map(|member| member.trim().strip_prefix("ot="))
        .and_then(|value| value.split(';').find_map(|part| part.strip_prefix("th:")))
        .filter(|digits| !digits.is_empty() && digits.len() <= 14)
        .and_then(|digits| Some(u64::from_str_radix(digits, 16).ok()? << (4 * (14 - digits.len()))));
    match threshold {
        Some(rejected) => {
            let whole = 1u64 << 56;
            (whole as f64 / (whole - rejected) as f64 * 65_536.0).round() / 65_536.0
        }
        None => 1.0,
    }
}

/// A text column, plain or dictionary, with the interned form of each dictionary entry once it was needed.
pub(crate) struct TextColumn<'a> {
    keys: Option<&'a Int32Array>,
    values: Option<&'a StringArray>,
    known: Vec<Option<Text>>,
}

impl<'a> TextColumn<'a> {
    pub(crate) fn new(rows: &'a RecordBatch, name: &str) -> Self {
        let none = Self { keys: None, values: None, known: Vec::new() };
        let Some(array) = rows.column_by_name(name) else {
            return none;
        };
        if let Some(values) = array.as_string_opt::<i32>() {
            return Self { keys: None, values: Some(values), known: Vec::new() };
        }
        let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() else {
            return none;
        };
        let Some(values) = dictionary.values().as_string_opt::<i32>() else {
            return none;
        };
        Self { keys: Some(dictionary.keys()), values: Some(values), known: vec![None; values.len()] }
    }

    pub(crate) fn text(&mut self, row: usize) -> &'a str {
        let Some(values) = self.values else {
            return "";
        };
        let at = match self.keys {
            Some(keys) if keys.is_null(row) => return "",
            Some(keys) => keys.value(row) as usize,
            None => row,
        };
        if values.is_null(at) { "" } else { values.value(at) }
    }

    pub(crate) fn interned(&mut self, texts: &mut Texts, row: usize) -> Text {
        let cell = self.cell(texts, row);
        cell.known.unwrap_or_else(|| texts.intern(cell.text))
    }

    fn cell(&mut self, texts: &mut Texts, row: usize) -> Cell<'a> {
        let text = self.text(row);
        match self.keys {
            Some(keys) if !keys.is_null(row) => {
                let known = &mut self.known[keys.value(row) as usize];
                let known = *known.get_or_insert_with(|| texts.intern(text));
                Cell { text, known: Some(known) }
            }
            _ => Cell { text, known: None },
        }
    }
}
