//! `ExportLogsServiceRequest` → rows of logs.

use super::Decoded;
use super::attributes::{Context, Trouble, Value, value, write_value};
use super::columns::{Dictionary, Ids, Text, batch, id, indexes, numbers, optional_times, times};
use super::origin::{Origin, Own};
use super::pairs::{Pairs, write_pairs};
use super::reject::{Reject, Rejected, Warning};
use super::spans::settle;
use super::wire::{Fields, Malformed, merge};
use crate::process::{Verdict, derive};
use arrow::datatypes::{Int32Type, UInt32Type};
use hopline_model::attributes::write_bytes;
use hopline_model::{Signal, SpanId, TraceId, UnixNanos};

#[derive(Default)]
struct Columns {
    time: Vec<i64>,
    observed_time: Vec<Option<i64>>,
    trace_id: Ids<16>,
    span_id: Ids<8>,
    severity_number: Vec<i32>,
    severity_text: Dictionary,
    body: Text,
    event_name: Dictionary,
    attributes: Text,
    flags: Vec<u32>,
    dropped_attributes_count: Vec<u32>,
    extra: Text,
    /// Records whose id has a wrong length.
    invalid_ids: u64,
}

pub(crate) fn decode(bytes: &[u8], context: Context<'_>) -> Result<Decoded, Malformed> {
    let mut columns = Columns::default();
    let mut origin = Origin::default();
    let mut rejected = Rejected::default();
    let mut scratch = Pairs::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, field)) = fields.next()? {
        if number != 1 {
            continue;
        }
        let message = field.bytes()?;
        // The schema URL stands behind the records: the envelope is read first.
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
                scope_logs(field.bytes()?, reject, &mut columns, &mut origin, &mut rejected, &context, &mut scratch)?;
            }
        }
    }
    let mut warnings = Rejected::default();
    context.warn(&mut warnings);
    warnings.add(Warning::LogId, columns.invalid_ids);
    let visits = origin.visits();
    Ok(Decoded { batch: columns.finish(origin)?, rejected, warnings, visits })
}

fn scope_logs<'a>(
    message: &'a [u8],
    resource_reject: Option<Reject>,
    columns: &mut Columns,
    origin: &mut Origin,
    rejected: &mut Rejected<Reject>,
    context: &Context<'_>,
    scratch: &mut Pairs<'a>,
) -> Result<(), Malformed> {
    let (mut scope, mut schema_url, mut records) = (None, "", 0);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => merge(&mut scope, field.bytes()?),
            2 => {
                field.bytes()?;
                records += 1;
            }
            3 => schema_url = field.text()?,
            _ => {}
        }
    }
    let group_reject = settle(origin.scope(&scope.unwrap_or_default(), schema_url, context))?.or(resource_reject);
    if group_reject.is_none() {
        // Records too small to say anything are not made room for.
        columns.reserve(records.min(message.len() / 32).min(context.limits.records_max), message.len());
    }
    let (before, rejected_before) = (columns.time.len(), rejected.total());
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        if number != 2 {
            continue;
        }
        let reject = match group_reject {
            Some(reject) => Some(reject),
            None => settle(columns.record(field.bytes()?, context, scratch))?,
        };
        if let Some(reject) = reject {
            columns.forget();
            rejected.add(reject, 1);
        }
    }
    origin.fill(columns.time.len() - before, rejected.total() - rejected_before);
    Ok(())
}

/// Zeros are how some exporters say that there is no id.
fn none(id: &[u8]) -> bool {
    id.iter().all(|byte| *byte == 0)
}

impl Columns {
    /// So many more records follow, of so many bytes.
    fn reserve(&mut self, rows: usize, bytes: usize) {
        self.time.reserve(rows);
        self.observed_time.reserve(rows);
        self.trace_id.reserve(rows);
        self.span_id.reserve(rows);
        self.severity_number.reserve(rows);
        for texts in [&mut self.severity_text, &mut self.event_name] {
            texts.reserve(rows);
        }
        for numbers in [&mut self.flags, &mut self.dropped_attributes_count] {
            numbers.reserve(rows);
        }
        self.attributes.reserve(rows, bytes / 4);
        self.body.reserve(rows, bytes / 8);
        self.extra.reserve(rows, 0);
    }

    /// Reads one `LogRecord` and pushes its row; on trouble nothing is pushed.
    fn record<'a>(&mut self, message: &'a [u8], context: &Context<'_>, pairs: &mut Pairs<'a>) -> Result<(), Trouble> {
        context.record()?;
        pairs.clear();
        let (mut time, mut observed, mut severity, mut dropped, mut flags) = (0, 0, 0, 0, 0);
        let (mut severity_text, mut event_name) = ("", "");
        let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
        let mut body = None;
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => time = field.fixed64()?,
                2 => severity = field.varint()? as i32,
                3 => severity_text = field.text()?,
                5 => merge(&mut body, field.bytes()?),
                6 => pairs.read(field.bytes()?, context)?,
                7 => dropped = field.varint()? as u32,
                8 => flags = field.fixed32()?,
                9 => trace_id = field.bytes()?,
                10 => span_id = field.bytes()?,
                11 => observed = field.fixed64()?,
                12 => event_name = field.text()?,
                _ => {}
            }
        }
        write_pairs(&mut self.attributes.text, pairs, context)?;
        let body_at = self.body.text.len();
        let (has_body, is_json) = self.write_body(body.as_deref(), context)?;
        let (mut known_trace, mut known_span) = (id::<16>(trace_id), id::<8>(span_id));
        let (lost_trace, lost_span) = (known_trace.is_none() && !trace_id.is_empty(), known_span.is_none() && !span_id.is_empty());
        let observed_time = (observed != 0).then(|| UnixNanos::from_otlp(observed).0);
        let shown = if time == 0 { observed_time.unwrap_or(context.received.0) } else { UnixNanos::from_otlp(time).0 };
        let observed_saturated = i64::try_from(observed).is_err();
        let mut derived = String::new();
        if context.limits.derive && (severity == 0 || known_trace.is_none()) {
            let text = &self.body.text[body_at..];
            if severity == 0
                && let Some(number) = derive::severity(severity_text, text)
            {
                severity = number;
                derived.push_str("\"severity_number\"");
            }
            if none(trace_id)
                && let Some((TraceId(trace), span)) = derive::trace(text)
            {
                known_trace = Some(trace);
                derived.push_str(if derived.is_empty() { "\"trace_id\"" } else { ",\"trace_id\"" });
                if none(span_id)
                    && let Some(SpanId(span)) = span
                {
                    known_span = Some(span);
                    derived.push_str(",\"span_id\"");
                }
            }
        }
        if is_json || !derived.is_empty() || lost_trace || lost_span || shown as u64 != time || observed_saturated {
            let mut own = Own::default();
            if is_json {
                own.raw("body", "\"json\"");
            }
            if !derived.is_empty() {
                own.raw("derived", &format!("[{derived}]"));
            }
            if observed_saturated {
                own.raw("observed_time_unix_nano", &format!("\"{observed}\""));
            }
            if lost_span {
                own.key("span_id");
                write_bytes(&mut own.0, span_id);
            }
            if shown as u64 != time {
                own.raw("time_unix_nano", &format!("\"{time}\""));
            }
            if lost_trace {
                own.key("trace_id");
                write_bytes(&mut own.0, trace_id);
            }
            self.extra.text.push('{');
            self.extra.text.push_str(&own.0);
            self.extra.text.push('}');
            self.invalid_ids += u64::from((lost_trace && !none(trace_id)) || (lost_span && !none(span_id)));
        }
        self.time.push(shown);
        self.observed_time.push(observed_time);
        self.trace_id.push(known_trace);
        self.span_id.push(known_span);
        self.severity_number.push(severity);
        self.severity_text.push_some(severity_text);
        if has_body {
            self.body.push();
        } else {
            self.body.push_null();
        }
        self.event_name.push_some(&context.text(event_name));
        self.attributes.push();
        self.flags.push(flags);
        self.dropped_attributes_count.push(dropped);
        self.extra.push_written();
        Ok(())
    }

    /// Whether there is a body, and whether its column holds JSON.
    fn write_body(&mut self, body: Option<&[u8]>, context: &Context<'_>) -> Result<(bool, bool), Trouble> {
        let Some(body) = body else { return Ok((false, false)) };
        let out = &mut self.body.text;
        let Value::Text(text) = value(body, context)? else {
            let kept = write_value(out, body, context, 0)?;
            return Ok((kept, kept));
        };
        match context.redactor.by_text(text) {
            Verdict::Keep => out.push_str(text),
            Verdict::Text(text) => out.push_str(&text),
            Verdict::Drop => return Ok((false, false)),
        }
        Ok((true, false))
    }

    fn forget(&mut self) {
        for text in [&mut self.attributes, &mut self.body, &mut self.extra] {
            text.forget();
        }
    }

    fn finish(self, origin: Origin) -> Result<hopline_model::Batch, Malformed> {
        let mut columns = vec![
            indexes(self.time.len()),
            times(self.time),
            optional_times(self.observed_time),
            self.trace_id.finish()?,
            self.span_id.finish()?,
            numbers::<Int32Type>(self.severity_number),
            self.severity_text.finish()?,
            self.body.finish()?,
            self.event_name.finish()?,
        ];
        origin.finish(&mut columns)?;
        columns.extend([
            self.attributes.finish()?,
            numbers::<UInt32Type>(self.flags),
            numbers::<UInt32Type>(self.dropped_attributes_count),
            self.extra.finish()?,
        ]);
        batch(Signal::Logs, columns)
    }
}
