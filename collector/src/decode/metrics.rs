//! `ExportMetricsServiceRequest` → rows of metrics, one per data point.

use super::Decoded;
use super::attributes::{Context, Trouble, hash_all};
use super::columns::{Dictionary, Text, batch, booleans, indexes, numbers, optional, optional_times, times};
use super::origin::{Origin, Own};
use super::pairs::{Pairs, write_pairs};
use super::reject::{Reject, Rejected, Warning};
use super::spans::{push_enum, settle};
use super::wire::{Fields, Malformed, merge};
use arrow::array::{ArrayRef, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt32Type, UInt64Type};
use hopline_model::schema::{METRIC_TYPES, TEMPORALITIES};
use hopline_model::{Signal, UnixNanos};
use std::borrow::Cow;
use std::sync::Arc;

mod nested;

use nested::{exemplars, exponential, quantiles};

/// Data point flag: nothing was recorded, the other fields do not count.
const NO_RECORDED_VALUE: u32 = 1;
/// Buckets of a histogram and quantiles of a summary: a byte sent for one becomes many kept.
const BUCKETS_MAX: usize = 65_536;

#[derive(Default)]
struct Columns {
    time: Vec<i64>,
    start_time: Vec<Option<i64>>,
    name: Dictionary,
    kind: Dictionary,
    unit: Dictionary,
    description: Dictionary,
    temporality: Dictionary,
    is_monotonic: Vec<Option<bool>>,
    value: Vec<Option<f64>>,
    value_int: Vec<Option<i64>>,
    count: Vec<Option<u64>>,
    sum: Vec<Option<f64>>,
    min: Vec<Option<f64>>,
    max: Vec<Option<f64>>,
    bucket_counts: List<u64>,
    explicit_bounds: List<f64>,
    exponential: Text,
    quantiles: Text,
    exemplars: Text,
    attributes: Text,
    flags: Vec<u32>,
    metadata: Text,
    extra: Text,
    warnings: Rejected<Warning>,
}

/// Lists of numbers, null where the metric has none.
#[derive(Default)]
struct List<T> {
    items: Vec<T>,
    ends: Vec<i32>,
    valid: Vec<bool>,
}

impl<T: Copy> List<T> {
    fn push(&mut self, items: Option<&[T]>) {
        self.items.extend_from_slice(items.unwrap_or_default());
        self.ends.push(self.items.len() as i32);
        self.valid.push(items.is_some());
    }

    fn finish(self, items: impl FnOnce(Vec<T>) -> ArrayRef, kind: DataType) -> Result<ArrayRef, Malformed> {
        let mut offsets = vec![0];
        offsets.extend_from_slice(&self.ends);
        let field = Arc::new(arrow::datatypes::Field::new("item", kind, false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let lists = ListArray::try_new(field, offsets, items(self.items), Some(NullBuffer::from(self.valid)));
        Ok(Arc::new(lists.map_err(|error| Malformed(format!("the request does not fit one batch: {error}").into()))?))
    }
}

/// What the points of one metric share.
struct Metric<'a> {
    name: &'a str,
    description: &'a str,
    unit: &'a str,
    metadata: String,
    kind: Kind,
    temporality: Option<i32>,
    is_monotonic: Option<bool>,
    /// For the series of its points: resource, scope, name, unit and kind.
    hash: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Gauge,
    Sum,
    Histogram,
    Exponential,
    Summary,
}

/// One data point of any kind: the field numbers differ, the meanings do not.
#[derive(Default)]
struct Point<'a> {
    pairs: Pairs<'a>,
    exemplars: Vec<&'a [u8]>,
    start: u64,
    time: u64,
    flags: u32,
    double: Option<f64>,
    int: Option<i64>,
    count: Option<u64>,
    sum: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    counts: Vec<u64>,
    bounds: Vec<f64>,
    scale: i32,
    zero_count: u64,
    zero_threshold: f64,
    positive: Option<Cow<'a, [u8]>>,
    negative: Option<Cow<'a, [u8]>>,
    quantiles: Vec<(f64, f64)>,
}

pub(crate) fn decode(bytes: &[u8], context: Context<'_>) -> Result<Decoded, Malformed> {
    let mut columns = Columns::default();
    let mut origin = Origin::default();
    let mut rejected = Rejected::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, field)) = fields.next()? {
        if number != 1 {
            continue;
        }
        let message = field.bytes()?;
        let (mut resource, mut schema_url) = (None, "");
        let mut inner = Fields::new(message);
        while let Some((number, field)) = inner.next()? {
            match number {
                1 => merge(&mut resource, field.bytes()?),
                2 => drop(field.bytes()?),
                3 => schema_url = field.text()?,
                _ => {}
            }
        }
        let reject = settle(origin.resource(&resource.unwrap_or_default(), schema_url, &context))?;
        let mut inner = Fields::new(message);
        while let Some((number, field)) = inner.next()? {
            if number == 2 {
                scope_metrics(field.bytes()?, reject, &mut columns, &mut origin, &mut rejected, &context)?;
            }
        }
    }
    let mut warnings = std::mem::take(&mut columns.warnings);
    context.warn(&mut warnings);
    let visits = origin.visits();
    Ok(Decoded { batch: columns.finish(origin)?, rejected, warnings, visits })
}

fn scope_metrics(
    message: &[u8],
    resource_reject: Option<Reject>,
    columns: &mut Columns,
    origin: &mut Origin,
    rejected: &mut Rejected<Reject>,
    context: &Context<'_>,
) -> Result<(), Malformed> {
    let (mut scope, mut schema_url) = (None, "");
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => merge(&mut scope, field.bytes()?),
            2 => drop(field.bytes()?),
            3 => schema_url = field.text()?,
            _ => {}
        }
    }
    let reject = settle(origin.scope(&scope.unwrap_or_default(), schema_url, context))?.or(resource_reject);
    let (before, rejected_before) = (columns.time.len(), rejected.total());
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        if number == 2 {
            metric(field.bytes()?, reject, columns, origin, rejected, context)?;
        }
    }
    origin.fill(columns.time.len() - before, rejected.total() - rejected_before);
    Ok(())
}

fn metric(
    message: &[u8],
    reject: Option<Reject>,
    columns: &mut Columns,
    origin: &Origin,
    rejected: &mut Rejected<Reject>,
    context: &Context<'_>,
) -> Result<(), Malformed> {
    let (mut name, mut description, mut unit) = ("", "", "");
    let mut metadata = Pairs::default();
    // The last alternative wins; the same one twice is merged.
    let mut data: Option<(Kind, Option<Cow<'_, [u8]>>)> = None;
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        let kind = match number {
            1 => {
                name = field.text()?;
                continue;
            }
            2 => {
                description = field.text()?;
                continue;
            }
            3 => {
                unit = field.text()?;
                continue;
            }
            12 => {
                metadata.read(field.bytes()?, context)?;
                continue;
            }
            5 => Kind::Gauge,
            7 => Kind::Sum,
            9 => Kind::Histogram,
            10 => Kind::Exponential,
            11 => Kind::Summary,
            _ => continue,
        };
        let mut before = match data.take() {
            Some((known, bytes)) if known == kind => bytes,
            _ => None,
        };
        merge(&mut before, field.bytes()?);
        data = Some((kind, before));
    }
    let Some((kind, data)) = data else {
        columns.warnings.add(Warning::NoData, 1);
        return Ok(());
    };
    let data = data.unwrap_or_default();
    let has_temporality = matches!(kind, Kind::Sum | Kind::Histogram | Kind::Exponential);
    let (mut temporality, mut is_monotonic) = (has_temporality.then_some(0), (kind == Kind::Sum).then_some(false));
    let mut fields = Fields::new(&data);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => drop(field.bytes()?),
            2 if has_temporality => temporality = Some(field.varint()? as i32),
            3 if kind == Kind::Sum => is_monotonic = Some(field.varint()? != 0),
            _ => {}
        }
    }
    let mut text = String::new();
    let mut reject = reject;
    if !metadata.is_empty() {
        reject = settle(write_pairs(&mut text, &mut metadata, context))?.or(reject);
    }
    // A group that was refused may have no resource to count by.
    let of = if reject.is_none() { origin.hash() } else { 0 };
    let hash = hash_all(&[name, unit, METRIC_TYPES[kind as usize]]) ^ of;
    let metric = Metric { name, description, unit, metadata: text, kind, temporality, is_monotonic, hash };
    let mut fields = Fields::new(&data);
    while let Some((number, field)) = fields.next()? {
        if number != 1 {
            continue;
        }
        let reject = match reject {
            Some(reject) => Some(reject),
            None => settle(columns.point(field.bytes()?, &metric, context))?,
        };
        match reject {
            Some(reject) => {
                columns.forget();
                rejected.add(reject, 1);
            }
            None if temporality == Some(0) => columns.warnings.add(Warning::Temporality, 1),
            None => {}
        }
    }
    Ok(())
}

impl<'a> Point<'a> {
    fn read(message: &'a [u8], kind: Kind, context: &Context<'_>) -> Result<Self, Malformed> {
        use Kind::{Exponential, Gauge, Histogram, Sum, Summary};
        let mut point = Self::default();
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match (kind, number) {
                (Gauge | Sum | Summary, 7) | (Histogram, 9) | (Exponential, 1) => point.pairs.read(field.bytes()?, context)?,
                (Gauge | Sum, 5) | (Histogram, 8) | (Exponential, 11) => {
                    let message = field.bytes()?;
                    if point.exemplars.len() <= context.limits.events_max {
                        point.exemplars.push(message);
                    }
                }
                (_, 2) => point.start = field.fixed64()?,
                (_, 3) => point.time = field.fixed64()?,
                (Gauge | Sum | Summary, 8) | (Histogram | Exponential, 10) => point.flags = field.varint()? as u32,
                (Gauge | Sum, 4) => (point.double, point.int) = (Some(field.double()?), None),
                (Gauge | Sum, 6) => (point.double, point.int) = (None, Some(field.fixed64()? as i64)),
                (Histogram | Exponential | Summary, 4) => point.count = Some(field.fixed64()?),
                (Histogram | Exponential | Summary, 5) => point.sum = Some(field.double()?),
                (Histogram, 6) => field.repeated_fixed64(|count| point.counts.push(count))?,
                (Histogram, 7) => field.repeated_fixed64(|bits| point.bounds.push(f64::from_bits(bits)))?,
                (Histogram, 11) | (Exponential, 12) => point.min = Some(field.double()?),
                (Histogram, 12) | (Exponential, 13) => point.max = Some(field.double()?),
                (Exponential, 6) => point.scale = field.sint32()?,
                (Exponential, 7) => point.zero_count = field.fixed64()?,
                (Exponential, 8) => merge(&mut point.positive, field.bytes()?),
                (Exponential, 9) => merge(&mut point.negative, field.bytes()?),
                (Exponential, 14) => point.zero_threshold = field.double()?,
                (Summary, 6) => {
                    let (mut quantile, mut value) = (0.0, 0.0);
                    let mut fields = Fields::new(field.bytes()?);
                    while let Some((number, field)) = fields.next()? {
                        match number {
                            1 => quantile = field.double()?,
                            2 => value = field.double()?,
                            _ => {}
                        }
                    }
                    if point.quantiles.len() <= BUCKETS_MAX {
                        point.quantiles.push((quantile, value));
                    }
                }
                _ => {}
            }
        }
        if matches!(kind, Histogram | Exponential | Summary) {
            // These fields have no presence on the wire, except the histograms' sum.
            point.count = point.count.or(Some(0));
            if kind == Summary {
                point.sum = point.sum.or(Some(0.0));
            }
        }
        Ok(point)
    }

    /// What the data model demands of a point that recorded something.
    fn check(&self, kind: Kind) -> Result<(), Reject> {
        if self.time == 0 {
            return Err(Reject::Time);
        }
        if self.flags & NO_RECORDED_VALUE != 0 {
            return Ok(());
        }
        if self.counts.len().max(self.bounds.len()).max(self.quantiles.len()) > BUCKETS_MAX {
            return Err(Reject::Buckets);
        }
        match kind {
            Kind::Gauge | Kind::Sum if self.double.is_none() && self.int.is_none() => Err(Reject::NoValue),
            Kind::Histogram => {
                if self.counts.len() != self.bounds.len() + 1 && !(self.counts.is_empty() && self.bounds.is_empty()) {
                    return Err(Reject::BucketLength);
                }
                if !self.bounds.is_sorted_by(|a, b| a < b) || self.bounds.iter().any(|bound| bound.is_nan()) {
                    return Err(Reject::Bounds);
                }
                let sum = self.counts.iter().map(|count| u128::from(*count)).sum::<u128>();
                if !self.counts.is_empty() && sum != u128::from(self.count.unwrap_or(0)) {
                    return Err(Reject::BucketSum);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Columns {
    /// Reads one data point and pushes its row; on trouble nothing is pushed.
    fn point(&mut self, message: &[u8], metric: &Metric<'_>, context: &Context<'_>) -> Result<(), Trouble> {
        let kind = metric.kind;
        context.record()?;
        let mut point = Point::read(message, kind, context)?;
        if point.exemplars.len() > context.limits.events_max {
            return Err(Reject::Events.into());
        }
        point.check(kind)?;
        let before = self.attributes.text.len();
        write_pairs(&mut self.attributes.text, &mut point.pairs, context)?;
        context.series(metric.hash, &self.attributes.text[before..])?;
        let without_value = exemplars(&mut self.exemplars.text, &point.exemplars, context)?;
        if kind == Kind::Exponential {
            exponential(&mut self.exponential.text, &point)?;
        }
        if kind == Kind::Summary {
            quantiles(&mut self.quantiles.text, &point.quantiles);
        }
        let time = UnixNanos::from_otlp(point.time).0;
        let start = (point.start != 0).then(|| UnixNanos::from_otlp(point.start).0);
        let mut own = Own::default();
        if start.is_some_and(|start| start as u64 != point.start) {
            own.raw("start_time_unix_nano", &format!("\"{}\"", point.start));
        }
        if time as u64 != point.time {
            own.raw("time_unix_nano", &format!("\"{}\"", point.time));
        }
        if !own.0.is_empty() {
            self.extra.text.push('{');
            self.extra.text.push_str(&own.0);
            self.extra.text.push('}');
        }
        self.warnings.add(Warning::Exemplar, without_value);
        self.time.push(time);
        self.start_time.push(start);
        self.name.push(metric.name);
        self.kind.push(METRIC_TYPES[kind as usize]);
        self.unit.push_some(metric.unit);
        self.description.push_some(metric.description);
        match metric.temporality {
            Some(number) => push_enum(&mut self.temporality, &TEMPORALITIES, number),
            None => self.temporality.push_null(),
        }
        self.is_monotonic.push(metric.is_monotonic);
        self.value.push(point.double.or(point.int.map(|int| int as f64)));
        self.value_int.push(point.int);
        self.count.push(point.count);
        self.sum.push(point.sum);
        self.min.push(point.min);
        self.max.push(point.max);
        let histogram = kind == Kind::Histogram;
        self.bucket_counts.push(histogram.then_some(&point.counts));
        self.explicit_bounds.push(histogram.then_some(&point.bounds));
        self.exponential.push_written();
        self.quantiles.push_written();
        self.exemplars.push_written();
        self.attributes.push();
        self.flags.push(point.flags);
        self.metadata.text.push_str(&metric.metadata);
        self.metadata.push_written();
        self.extra.push_written();
        Ok(())
    }

    fn forget(&mut self) {
        for text in [&mut self.exponential, &mut self.quantiles, &mut self.exemplars, &mut self.attributes, &mut self.extra] {
            text.forget();
        }
    }

    fn finish(self, origin: Origin) -> Result<hopline_model::Batch, Malformed> {
        let mut columns = vec![
            indexes(self.time.len()),
            times(self.time),
            optional_times(self.start_time),
            self.name.finish()?,
            self.kind.finish()?,
            self.unit.finish()?,
            self.description.finish()?,
            self.temporality.finish()?,
            booleans(self.is_monotonic),
            optional::<Float64Type>(self.value),
            optional::<Int64Type>(self.value_int),
            optional::<UInt64Type>(self.count),
            optional::<Float64Type>(self.sum),
            optional::<Float64Type>(self.min),
            optional::<Float64Type>(self.max),
            self.bucket_counts.finish(numbers::<UInt64Type>, DataType::UInt64)?,
            self.explicit_bounds.finish(numbers::<Float64Type>, DataType::Float64)?,
            self.exponential.finish()?,
            self.quantiles.finish()?,
            self.exemplars.finish()?,
        ];
        origin.finish(&mut columns)?;
        columns.extend([self.attributes.finish()?, numbers::<UInt32Type>(self.flags), self.metadata.finish()?, self.extra.finish()?]);
        batch(Signal::Metrics, columns)
    }
}
