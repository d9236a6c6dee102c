//! Rows of metrics back to `MetricsData`: points with the same resource, scope and metric are put together.

use super::{Extra, Groups, hex, key_values, nano};
use crate::plan::columns::{Texts, times};
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampNanosecondType, UInt32Type, UInt64Type};
use hopline_model::attributes::{self, Value};
use hopline_model::schema::{TEMPORALITIES, column, enum_number};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint, Metric, MetricsData, NumberDataPoint,
    ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar, metric, number_data_point,
};
use prost::Message;

/// `MetricsData` of data points.
pub(crate) fn metrics(batches: &[RecordBatch]) -> Vec<u8> {
    let rows: Vec<(usize, usize)> = batches.iter().enumerate().flat_map(|(at, batch)| (0..batch.num_rows()).map(move |row| (at, row))).collect();
    let texts: Vec<Row<'_>> = batches.iter().map(Row::new).collect();
    let groups = Groups::of(rows.iter().map(|(at, row)| {
        let cells = &texts[*at];
        (cells.resource.get(*row).unwrap_or("{}"), cells.scope.get(*row).unwrap_or("{}"))
    }));
    let resource_metrics = groups.build(
        |resource, schema_url, scope_metrics| ResourceMetrics { resource: Some(resource), scope_metrics, schema_url },
        |scope, schema_url, inside| {
            let mut metrics: Vec<(String, Metric)> = Vec::new();
            for place in inside {
                let (at, row) = rows[*place];
                add(&mut metrics, &texts[at], row);
            }
            ScopeMetrics { scope: Some(scope), metrics: metrics.into_iter().map(|(_, metric)| metric).collect(), schema_url }
        },
    );
    MetricsData { resource_metrics }.encode_to_vec()
}

struct Row<'a> {
    batch: &'a RecordBatch,
    resource: Texts<'a>,
    scope: Texts<'a>,
    name: Texts<'a>,
    kind: Texts<'a>,
    unit: Texts<'a>,
    description: Texts<'a>,
    temporality: Texts<'a>,
    attributes: Texts<'a>,
    exponential: Texts<'a>,
    quantiles: Texts<'a>,
    exemplars: Texts<'a>,
    metadata: Texts<'a>,
    extra: Texts<'a>,
}

impl<'a> Row<'a> {
    fn new(batch: &'a RecordBatch) -> Self {
        let texts = |name| Texts::of(batch, name);
        Self {
            batch,
            resource: texts(column::RESOURCE),
            scope: texts(column::SCOPE),
            name: texts(column::NAME),
            kind: texts(column::TYPE),
            unit: texts(column::UNIT),
            description: texts(column::DESCRIPTION),
            temporality: texts(column::TEMPORALITY),
            attributes: texts(column::ATTRIBUTES),
            exponential: texts(column::EXPONENTIAL),
            quantiles: texts(column::QUANTILES),
            exemplars: texts(column::EXEMPLARS),
            metadata: texts(column::METADATA),
            extra: texts(column::EXTRA),
        }
    }

    fn f64(&self, name: &str, row: usize) -> Option<f64> {
        let array = self.batch.column_by_name(name)?.as_primitive_opt::<Float64Type>()?;
        (!array.is_null(row)).then(|| array.value(row))
    }

    fn u64(&self, name: &str, row: usize) -> Option<u64> {
        let array = self.batch.column_by_name(name)?.as_primitive_opt::<UInt64Type>()?;
        (!array.is_null(row)).then(|| array.value(row))
    }

    fn i64(&self, name: &str, row: usize) -> Option<i64> {
        let array = self.batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()?;
        (!array.is_null(row)).then(|| array.value(row))
    }

    fn flags(&self, row: usize) -> u32 {
        self.batch.column_by_name(column::FLAGS).and_then(|array| array.as_primitive_opt::<UInt32Type>()).map_or(0, |array| array.value(row))
    }

    fn monotonic(&self, row: usize) -> Option<bool> {
        let array = self.batch.column_by_name(column::IS_MONOTONIC)?.as_boolean_opt()?;
        (!array.is_null(row)).then(|| array.value(row))
    }

    /// (start, time), as sent.
    fn times(&self, row: usize) -> (u64, u64) {
        let extra = Extra::new(self.extra.get(row));
        let start = self.batch.column_by_name(column::START_TIME).and_then(|array| array.as_primitive_opt::<TimestampNanosecondType>());
        let start = start.filter(|array| !array.is_null(row)).map_or(0, |array| array.value(row) as u64);
        let time = times(self.batch, column::TIME).get(row).map_or(0, |time| *time as u64);
        (extra.nano("start_time_unix_nano").unwrap_or(start), extra.nano("time_unix_nano").unwrap_or(time))
    }

    fn exemplars(&self, row: usize) -> Vec<Exemplar> {
        self.exemplars.get(row).map(|text| attributes::items(text).map(exemplar_of).collect()).unwrap_or_default()
    }
}

fn add(metrics: &mut Vec<(String, Metric)>, cells: &Row<'_>, row: usize) {
    let text = |texts: &Texts<'_>| texts.get(row).unwrap_or_default().to_owned();
    let (kind, temporality, monotonic) = (text(&cells.kind), text(&cells.temporality), cells.monotonic(row));
    let (name, unit, description, metadata) = (text(&cells.name), text(&cells.unit), text(&cells.description), text(&cells.metadata));
    let identity = [&*name, &kind, &unit, &description, &temporality, &metadata, &format!("{monotonic:?}")].join("\u{0}");
    let place = match metrics.iter().position(|(known, _)| *known == identity) {
        Some(place) => place,
        None => {
            let aggregation_temporality = enum_number(&TEMPORALITIES, &temporality);
            let data = match kind.as_str() {
                "sum" => metric::Data::Sum(Sum { data_points: Vec::new(), aggregation_temporality, is_monotonic: monotonic.unwrap_or(false) }),
                "histogram" => metric::Data::Histogram(Histogram { data_points: Vec::new(), aggregation_temporality }),
                "exponential_histogram" => {
                    metric::Data::ExponentialHistogram(ExponentialHistogram { data_points: Vec::new(), aggregation_temporality })
                }
                "summary" => metric::Data::Summary(Summary { data_points: Vec::new() }),
                _ => metric::Data::Gauge(Gauge { data_points: Vec::new() }),
            };
            let metadata = if metadata.is_empty() { Vec::new() } else { key_values(&metadata) };
            metrics.push((identity, Metric { name, description, unit, metadata, data: Some(data) }));
            metrics.len() - 1
        }
    };
    let Some(data) = &mut metrics[place].1.data else { return };
    match data {
        metric::Data::Gauge(gauge) => gauge.data_points.push(number(cells, row)),
        metric::Data::Sum(sum) => sum.data_points.push(number(cells, row)),
        metric::Data::Histogram(histogram) => histogram.data_points.push(histogram_point(cells, row)),
        metric::Data::ExponentialHistogram(histogram) => histogram.data_points.push(exponential_point(cells, row)),
        metric::Data::Summary(summary) => summary.data_points.push(summary_point(cells, row)),
    }
}

fn number(cells: &Row<'_>, row: usize) -> NumberDataPoint {
    let (start_time_unix_nano, time_unix_nano) = cells.times(row);
    let value = match cells.i64(column::VALUE_INT, row) {
        Some(int) => Some(number_data_point::Value::AsInt(int)),
        None => cells.f64(column::VALUE, row).map(number_data_point::Value::AsDouble),
    };
    NumberDataPoint {
        attributes: key_values(cells.attributes.get(row).unwrap_or("{}")),
        start_time_unix_nano,
        time_unix_nano,
        exemplars: cells.exemplars(row),
        flags: cells.flags(row),
        value,
    }
}

fn histogram_point(cells: &Row<'_>, row: usize) -> HistogramDataPoint {
    let (start_time_unix_nano, time_unix_nano) = cells.times(row);
    let list = |name: &str| {
        cells
            .batch
            .column_by_name(name)
            .and_then(|array| array.as_list_opt::<i32>())
            .filter(|array| !array.is_null(row))
            .map(|array| array.value(row))
    };
    HistogramDataPoint {
        attributes: key_values(cells.attributes.get(row).unwrap_or("{}")),
        start_time_unix_nano,
        time_unix_nano,
        count: cells.u64(column::COUNT, row).unwrap_or(0),
        sum: cells.f64(column::SUM, row),
        bucket_counts: list(column::BUCKET_COUNTS).map(|array| array.as_primitive::<UInt64Type>().values().to_vec()).unwrap_or_default(),
        explicit_bounds: list(column::EXPLICIT_BOUNDS).map(|array| array.as_primitive::<Float64Type>().values().to_vec()).unwrap_or_default(),
        exemplars: cells.exemplars(row),
        flags: cells.flags(row),
        min: cells.f64(column::MIN, row),
        max: cells.f64(column::MAX, row),
    }
}

fn exponential_point(cells: &Row<'_>, row: usize) -> ExponentialHistogramDataPoint {
    let (start_time_unix_nano, time_unix_nano) = cells.times(row);
    let text = cells.exponential.get(row).unwrap_or("{}");
    let raw = |name: &str| attributes::get(text, name);
    let side = |name: &str| {
        raw(name).map(|side| Buckets {
            offset: attributes::get(side, "offset").and_then(|raw| raw.parse().ok()).unwrap_or(0),
            bucket_counts: attributes::get(side, "counts")
                .map(|raw| attributes::items(raw).filter_map(|item| item.parse().ok()).collect())
                .unwrap_or_default(),
        })
    };
    ExponentialHistogramDataPoint {
        attributes: key_values(cells.attributes.get(row).unwrap_or("{}")),
        start_time_unix_nano,
        time_unix_nano,
        count: cells.u64(column::COUNT, row).unwrap_or(0),
        sum: cells.f64(column::SUM, row),
        scale: raw("scale").and_then(|raw| raw.parse().ok()).unwrap_or(0),
        zero_count: raw("zero_count").and_then(|raw| raw.parse().ok()).unwrap_or(0),
        positive: side("positive"),
        negative: side("negative"),
        flags: cells.flags(row),
        exemplars: cells.exemplars(row),
        min: cells.f64(column::MIN, row),
        max: cells.f64(column::MAX, row),
        zero_threshold: raw("zero_threshold").map_or(0.0, double),
    }
}

fn summary_point(cells: &Row<'_>, row: usize) -> SummaryDataPoint {
    let (start_time_unix_nano, time_unix_nano) = cells.times(row);
    let quantile = |raw: &str| {
        let mut pair = attributes::items(raw).map(double);
        ValueAtQuantile { quantile: pair.next().unwrap_or(0.0), value: pair.next().unwrap_or(0.0) }
    };
    SummaryDataPoint {
        attributes: key_values(cells.attributes.get(row).unwrap_or("{}")),
        start_time_unix_nano,
        time_unix_nano,
        count: cells.u64(column::COUNT, row).unwrap_or(0),
        sum: cells.f64(column::SUM, row).unwrap_or(0.0),
        quantile_values: cells.quantiles.get(row).map(|text| attributes::items(text).map(quantile).collect()).unwrap_or_default(),
        flags: cells.flags(row),
    }
}

/// A canonical number, NaN and infinities included.
fn double(raw: &str) -> f64 {
    match Value::parse(raw) {
        Ok(Value::Double(value)) => value,
        Ok(Value::Int(value)) => value as f64,
        _ => 0.0,
    }
}

fn exemplar_of(raw: &str) -> Exemplar {
    let value = match attributes::get(raw, "value").map(Value::parse) {
        Some(Ok(Value::Int(int))) => Some(exemplar::Value::AsInt(int)),
        Some(Ok(Value::Double(double))) => Some(exemplar::Value::AsDouble(double)),
        _ => None,
    };
    Exemplar {
        filtered_attributes: attributes::get(raw, "attributes").map(key_values).unwrap_or_default(),
        time_unix_nano: nano(raw, "time_unix_nano"),
        span_id: hex(raw, "span_id"),
        trace_id: hex(raw, "trace_id"),
        value,
    }
}

/// One data point as clients see it.
pub(crate) fn json(batch: &RecordBatch, row: usize) -> String {
    use crate::api::json::{Object, plain};
    let cells = Row::new(batch);
    let mut out = String::with_capacity(512);
    let mut object = Object::new(&mut out);
    let text = |texts: &Texts<'_>| texts.get(row).map(str::to_owned);
    object.text("name", cells.name.get(row).unwrap_or_default());
    object.text("type", cells.kind.get(row).unwrap_or_default());
    object.optional("unit", text(&cells.unit).as_deref());
    object.optional("description", text(&cells.description).as_deref());
    object.optional("temporality", text(&cells.temporality).as_deref());
    if let Some(monotonic) = cells.monotonic(row) {
        object.bool("is_monotonic", monotonic);
    }
    object.time("time", hopline_model::UnixNanos(times(batch, column::TIME).get(row).copied().unwrap_or(0)));
    if let Some(start) = batch
        .column_by_name(column::START_TIME)
        .and_then(|array| array.as_primitive_opt::<TimestampNanosecondType>())
        .filter(|array| !array.is_null(row))
    {
        object.time("start_time", hopline_model::UnixNanos(start.value(row)));
    }
    match (cells.i64(column::VALUE_INT, row), cells.f64(column::VALUE, row)) {
        (Some(int), _) => object.int("value", int),
        (None, Some(value)) => plain(object.value("value"), &Value::Double(value).to_text()),
        (None, None) => {}
    }
    if let Some(count) = cells.u64(column::COUNT, row) {
        object.uint("count", count);
    }
    for (name, value) in [("sum", cells.f64(column::SUM, row)), ("min", cells.f64(column::MIN, row)), ("max", cells.f64(column::MAX, row))] {
        if let Some(value) = value {
            plain(object.value(name), &Value::Double(value).to_text());
        }
    }
    let point = histogram_point(&cells, row);
    if !point.bucket_counts.is_empty() {
        object.raw("bucket_counts", &format!("{:?}", point.bucket_counts));
        let bounds: Vec<Value> = point.explicit_bounds.iter().map(|bound| Value::Double(*bound)).collect();
        plain(object.value("explicit_bounds"), &Value::Array(bounds).to_text());
    }
    for (name, texts) in [("exponential", &cells.exponential), ("quantiles", &cells.quantiles), ("exemplars", &cells.exemplars)] {
        if let Some(text) = texts.get(row) {
            object.plain(name, text);
        }
    }
    for name in [
        column::SERVICE_NAME,
        column::SERVICE_NAMESPACE,
        column::SERVICE_VERSION,
        column::SERVICE_INSTANCE_ID,
        column::DEPLOYMENT_ENVIRONMENT_NAME,
        column::SCOPE_NAME,
    ] {
        object.optional(name, Texts::of(batch, name).get(row));
    }
    object.plain("attributes", cells.attributes.get(row).unwrap_or("{}"));
    object.plain("resource", cells.resource.get(row).unwrap_or("{}"));
    object.plain("scope", cells.scope.get(row).unwrap_or("{}"));
    object.uint("flags", cells.flags(row).into());
    object.end();
    out
}
