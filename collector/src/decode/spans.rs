//! `ExportTraceServiceRequest` → rows of spans.

use super::attributes::{Context, Trouble};
use super::columns::{Dictionary, Ids, Text, batch, id, indexes, numbers, times};
use super::origin::{Origin, Own};
use super::pairs::{Pairs, write_pairs};
use super::reject::{Reject, Rejected};
use super::wire::{Fields, Malformed, merge};
use super::{Decoded, Limits};
use arrow::datatypes::{Int64Type, UInt32Type};
use hopline_model::attributes::{write_bytes, write_int, write_string};
use hopline_model::schema::{KINDS, STATUS_CODES};
use hopline_model::{Signal, UnixNanos};

#[derive(Default)]
struct Columns {
    trace_id: Ids<16>,
    span_id: Ids<8>,
    parent_span_id: Ids<8>,
    start_time: Vec<i64>,
    duration_nano: Vec<i64>,
    name: Dictionary,
    kind: Dictionary,
    status_code: Dictionary,
    status_message: Dictionary,
    attributes: Text,
    events: Text,
    links: Text,
    trace_state: Dictionary,
    flags: Vec<u32>,
    dropped_attributes_count: Vec<u32>,
    dropped_events_count: Vec<u32>,
    dropped_links_count: Vec<u32>,
    extra: Text,
}

pub(crate) fn decode(bytes: &[u8], context: Context<'_>) -> Result<Decoded, Malformed> {
    let mut columns = Columns::default();
    let mut origin = Origin::default();
    let mut rejected = Rejected::default();
    let mut scratch = Scratch::default();
    let mut fields = Fields::new(bytes);
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            resource_spans(field.bytes()?, &mut columns, &mut origin, &mut rejected, &context, &mut scratch)?;
        }
    }
    let mut warnings = Rejected::default();
    context.warn(&mut warnings);
    let visits = origin.visits();
    Ok(Decoded { batch: columns.finish(origin)?, rejected, warnings, visits })
}

/// Vectors that are used again for each span.
#[derive(Default)]
struct Scratch<'a> {
    attributes: Pairs<'a>,
    inner: Pairs<'a>,
    events: Vec<&'a [u8]>,
    links: Vec<&'a [u8]>,
}

fn resource_spans<'a>(
    message: &'a [u8],
    columns: &mut Columns,
    origin: &mut Origin,
    rejected: &mut Rejected<Reject>,
    context: &Context<'_>,
    scratch: &mut Scratch<'a>,
) -> Result<(), Malformed> {
    // The schema URL stands behind the spans: the envelope is read first.
    let (mut resource, mut schema_url) = (None, "");
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => merge(&mut resource, field.bytes()?),
            2 => drop(field.bytes()?),
            3 => schema_url = field.text()?,
            _ => {}
        }
    }
    let taken = settle(origin.resource(&resource.unwrap_or_default(), schema_url, context))?;
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        if number == 2 {
            scope_spans(field.bytes()?, taken, columns, origin, rejected, context, scratch)?;
        }
    }
    Ok(())
}

/// A record's trouble: `Some` rejects it, malformed bytes end the request.
pub(crate) fn settle(result: Result<(), Trouble>) -> Result<Option<Reject>, Malformed> {
    match result {
        Ok(()) => Ok(None),
        Err(Trouble::Reject(reject)) => Ok(Some(reject)),
        Err(Trouble::Malformed(malformed)) => Err(malformed),
    }
}

fn scope_spans<'a>(
    message: &'a [u8],
    resource_reject: Option<Reject>,
    columns: &mut Columns,
    origin: &mut Origin,
    rejected: &mut Rejected<Reject>,
    context: &Context<'_>,
    scratch: &mut Scratch<'a>,
) -> Result<(), Malformed> {
    let (mut scope, mut schema_url, mut spans) = (None, "", 0);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => merge(&mut scope, field.bytes()?),
            2 => {
                field.bytes()?;
                spans += 1;
            }
            3 => schema_url = field.text()?,
            _ => {}
        }
    }
    let group_reject = settle(origin.scope(&scope.unwrap_or_default(), schema_url, context))?.or(resource_reject);
    if group_reject.is_none() {
        // Spans too small to be any are not made room for.
        columns.reserve(spans.min(message.len() / 64).min(context.limits.records_max), message.len());
    }
    let (before, rejected_before) = (columns.span_id.len(), rejected.total());
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        if number != 2 {
            continue;
        }
        let reject = match group_reject {
            Some(reject) => Some(reject),
            None => settle(columns.span(field.bytes()?, context, scratch))?,
        };
        if let Some(reject) = reject {
            columns.forget();
            rejected.add(reject, 1);
        }
    }
    origin.fill(columns.span_id.len() - before, rejected.total() - rejected_before);
    Ok(())
}

impl Columns {
    /// So many more spans follow, of so many bytes.
    fn reserve(&mut self, rows: usize, bytes: usize) {
        self.trace_id.reserve(rows);
        self.span_id.reserve(rows);
        self.parent_span_id.reserve(rows);
        for numbers in [&mut self.start_time, &mut self.duration_nano] {
            numbers.reserve(rows);
        }
        for texts in [&mut self.name, &mut self.kind, &mut self.status_code, &mut self.status_message, &mut self.trace_state] {
            texts.reserve(rows);
        }
        for numbers in [&mut self.flags, &mut self.dropped_attributes_count, &mut self.dropped_events_count, &mut self.dropped_links_count] {
            numbers.reserve(rows);
        }
        self.attributes.reserve(rows, bytes / 2);
        for texts in [&mut self.events, &mut self.links, &mut self.extra] {
            texts.reserve(rows, 0);
        }
    }

    /// Reads one `Span` and pushes its row; on trouble nothing is pushed.
    fn span<'a>(&mut self, message: &'a [u8], context: &Context<'_>, scratch: &mut Scratch<'a>) -> Result<(), Trouble> {
        let Limits { events_max, .. } = context.limits;
        context.record()?;
        scratch.attributes.clear();
        scratch.events.clear();
        scratch.links.clear();
        let (mut trace_id, mut span_id, mut parent): (&[u8], &[u8], &[u8]) = (&[], &[], &[]);
        let (mut trace_state, mut name) = ("", "");
        let (mut kind, mut start, mut end, mut flags) = (0, 0, 0, 0);
        let (mut dropped_attributes, mut dropped_events, mut dropped_links) = (0, 0, 0);
        let mut status = None;
        let mut fields = Fields::new(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => trace_id = field.bytes()?,
                2 => span_id = field.bytes()?,
                3 => trace_state = field.text()?,
                4 => parent = field.bytes()?,
                5 => name = field.text()?,
                6 => kind = field.varint()? as i32,
                7 => start = field.fixed64()?,
                8 => end = field.fixed64()?,
                9 => scratch.attributes.read(field.bytes()?, context)?,
                10 => dropped_attributes = field.varint()? as u32,
                11 if scratch.events.len() <= events_max => scratch.events.push(field.bytes()?),
                11 => drop(field.bytes()?),
                12 => dropped_events = field.varint()? as u32,
                13 if scratch.links.len() <= events_max => scratch.links.push(field.bytes()?),
                13 => drop(field.bytes()?),
                14 => dropped_links = field.varint()? as u32,
                15 => merge(&mut status, field.bytes()?),
                16 => flags = field.fixed32()?,
                _ => {}
            }
        }
        let (mut status_code, mut status_message) = (0, "");
        let status = status.unwrap_or_default();
        let mut fields = Fields::new(&status);
        while let Some((number, field)) = fields.next()? {
            match number {
                2 => status_message = field.text()?,
                3 => status_code = field.varint()? as i32,
                _ => {}
            }
        }
        if scratch.events.len() > events_max || scratch.links.len() > events_max {
            return Err(Reject::Events.into());
        }
        write_pairs(&mut self.attributes.text, &mut scratch.attributes, context)?;
        list(&mut self.events.text, &scratch.events, |out, message| event(out, message, context, &mut scratch.inner))?;
        list(&mut self.links.text, &scratch.links, |out, message| link(out, message, context, &mut scratch.inner))?;
        let trace_id = id::<16>(trace_id).ok_or(Reject::TraceId)?;
        let span_id = id::<8>(span_id).ok_or(Reject::SpanId)?;

        let start_time = UnixNanos::from_otlp(start).0;
        let duration = i64::try_from(end.saturating_sub(start)).unwrap_or(i64::MAX).min(i64::MAX - start_time);
        let parent_id = id::<8>(parent);
        if start_time as u64 != start || start.wrapping_add(duration as u64) != end || parent_id.is_some() == parent.is_empty() {
            let mut own = Own::default();
            if start.wrapping_add(duration as u64) != end || start_time as u64 != start {
                own.raw("end_time_unix_nano", &format!("\"{end}\""));
            }
            if parent_id.is_none() && !parent.is_empty() {
                own.key("parent_span_id");
                write_bytes(&mut own.0, parent);
            }
            if start_time as u64 != start {
                own.raw("start_time_unix_nano", &format!("\"{start}\""));
            }
            self.extra.text.push('{');
            self.extra.text.push_str(&own.0);
            self.extra.text.push('}');
        }
        // Nothing below can fail: the row is pushed whole.
        self.trace_id.push(Some(trace_id));
        self.span_id.push(Some(span_id));
        self.parent_span_id.push(parent_id);
        self.start_time.push(start_time);
        self.duration_nano.push(duration);
        self.name.push(&context.text(name));
        push_enum(&mut self.kind, &KINDS, kind);
        push_enum(&mut self.status_code, &STATUS_CODES, status_code);
        self.status_message.push_some(&context.text(status_message));
        self.attributes.push();
        self.events.push_written();
        self.links.push_written();
        self.trace_state.push_some(trace_state);
        self.flags.push(flags);
        self.dropped_attributes_count.push(dropped_attributes);
        self.dropped_events_count.push(dropped_events);
        self.dropped_links_count.push(dropped_links);
        self.extra.push_written();
        Ok(())
    }

    fn forget(&mut self) {
        for text in [&mut self.attributes, &mut self.events, &mut self.links, &mut self.extra] {
            text.forget();
        }
    }

    fn finish(self, origin: Origin) -> Result<hopline_model::Batch, Malformed> {
        let rows = self.span_id.len();
        let mut columns = vec![
            indexes(rows),
            self.trace_id.finish()?,
            self.span_id.finish()?,
            self.parent_span_id.finish()?,
            times(self.start_time),
            numbers::<Int64Type>(self.duration_nano),
            self.name.finish()?,
            self.kind.finish()?,
            self.status_code.finish()?,
            self.status_message.finish()?,
        ];
        origin.finish(&mut columns)?;
        columns.extend([
            self.attributes.finish()?,
            self.events.finish()?,
            self.links.finish()?,
            self.trace_state.finish()?,
            numbers::<UInt32Type>(self.flags),
            numbers::<UInt32Type>(self.dropped_attributes_count),
            numbers::<UInt32Type>(self.dropped_events_count),
            numbers::<UInt32Type>(self.dropped_links_count),
            self.extra.finish()?,
        ]);
        batch(Signal::Spans, columns)
    }
}

/// The enum's name; an unknown number is shown as it is.
pub(crate) fn push_enum(column: &mut Dictionary, names: &[&str], number: i32) {
    match usize::try_from(number).ok().and_then(|number| names.get(number)) {
        Some(name) => column.push(name),
        None => column.push(&number.to_string()),
    }
}

/// `[{…},…]`, or nothing when there are none.
pub(crate) fn list<'a>(
    out: &mut String,
    messages: &[&'a [u8]],
    mut write: impl FnMut(&mut String, &'a [u8]) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    for (at, message) in messages.iter().enumerate() {
        out.push_str(if at == 0 { "[{" } else { ",{" });
        write(out, message)?;
        out.push('}');
    }
    if !messages.is_empty() {
        out.push(']');
    }
    Ok(())
}

fn event<'a>(out: &mut String, message: &'a [u8], context: &Context<'_>, pairs: &mut Pairs<'a>) -> Result<(), Trouble> {
    pairs.clear();
    let (mut time, mut name, mut dropped) = (0, "", 0);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => time = field.fixed64()?,
            2 => name = field.text()?,
            3 => pairs.read(field.bytes()?, context)?,
            4 => dropped = field.varint()? as u32,
            _ => {}
        }
    }
    attributes_and_dropped(out, pairs, dropped, context)?;
    out.push_str("\"name\":");
    write_string(out, &context.text(name));
    out.push_str(",\"time_unix_nano\":\"");
    write_u64(out, time);
    out.push('"');
    Ok(())
}

fn link<'a>(out: &mut String, message: &'a [u8], context: &Context<'_>, pairs: &mut Pairs<'a>) -> Result<(), Trouble> {
    pairs.clear();
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    let (mut trace_state, mut dropped, mut flags) = ("", 0, 0);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => trace_id = field.bytes()?,
            2 => span_id = field.bytes()?,
            3 => trace_state = field.text()?,
            4 => pairs.read(field.bytes()?, context)?,
            5 => dropped = field.varint()? as u32,
            6 => flags = field.fixed32()?,
            _ => {}
        }
    }
    attributes_and_dropped(out, pairs, dropped, context)?;
    if flags != 0 {
        out.push_str("\"flags\":");
        write_int(out, i64::from(flags));
        out.push(',');
    }
    out.push_str("\"span_id\":\"");
    write_hex(out, span_id);
    out.push_str("\",\"trace_id\":\"");
    write_hex(out, trace_id);
    out.push('"');
    if !trace_state.is_empty() {
        out.push_str(",\"trace_state\":");
        write_string(out, trace_state);
    }
    Ok(())
}

fn attributes_and_dropped(out: &mut String, pairs: &mut Pairs<'_>, dropped: u32, context: &Context<'_>) -> Result<(), Trouble> {
    if !pairs.is_empty() {
        out.push_str("\"attributes\":");
        write_pairs(out, pairs, context)?;
        out.push(',');
    }
    if dropped != 0 {
        out.push_str("\"dropped_attributes_count\":");
        write_int(out, i64::from(dropped));
        out.push(',');
    }
    Ok(())
}

pub(crate) fn write_hex(out: &mut String, bytes: &[u8]) {
    out.push_str(&hopline_model::ids::encode_hex(bytes));
}

pub(crate) fn write_u64(out: &mut String, number: u64) {
    match i64::try_from(number) {
        Ok(number) => write_int(out, number),
        Err(_) => out.push_str(&number.to_string()),
    }
}
