//! What a point has beside numbers, as the JSON of its column: exemplars, buckets that grow exponentially, quantiles.

use super::{BUCKETS_MAX, Point};
use crate::decode::attributes::{Context, Trouble};
use crate::decode::pairs::{Pairs, write_pairs};
use crate::decode::reject::Reject;
use crate::decode::spans::{list, write_hex, write_u64};
use crate::decode::wire::Fields;
use hopline_model::attributes::{write_double, write_int};

/// Those with a value; how many had none.
pub(super) fn exemplars(out: &mut String, messages: &[&[u8]], context: &Context<'_>) -> Result<u64, Trouble> {
    let mut without_value = 0;
    let mut valued = Vec::with_capacity(messages.len());
    for message in messages {
        let mut has_value = false;
        let mut fields = Fields::new(message);
        while let Some((number, _)) = fields.next()? {
            has_value |= number == 3 || number == 6;
        }
        if has_value {
            valued.push(*message);
        } else {
            without_value += 1;
        }
    }
    list(out, &valued, |out, message| exemplar(out, message, context))?;
    Ok(without_value)
}

/// `"attributes":{…},"span_id":"hex","time_unix_nano":"n","trace_id":"hex","value":n|d`
fn exemplar(out: &mut String, message: &[u8], context: &Context<'_>) -> Result<(), Trouble> {
    let mut pairs = Pairs::default();
    let (mut span_id, mut trace_id): (&[u8], &[u8]) = (&[], &[]);
    let (mut time, mut double, mut int) = (0, 0.0, None);
    let mut fields = Fields::new(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            2 => time = field.fixed64()?,
            3 => (double, int) = (field.double()?, None),
            4 => span_id = field.bytes()?,
            5 => trace_id = field.bytes()?,
            6 => int = Some(field.fixed64()? as i64),
            7 => pairs.read(field.bytes()?, context)?,
            _ => {}
        }
    }
    if !pairs.is_empty() {
        out.push_str("\"attributes\":");
        write_pairs(out, &mut pairs, context)?;
        out.push(',');
    }
    if !span_id.is_empty() {
        out.push_str("\"span_id\":\"");
        write_hex(out, span_id);
        out.push_str("\",");
    }
    out.push_str("\"time_unix_nano\":\"");
    write_u64(out, time);
    out.push_str("\",");
    if !trace_id.is_empty() {
        out.push_str("\"trace_id\":\"");
        write_hex(out, trace_id);
        out.push_str("\",");
    }
    out.push_str("\"value\":");
    match int {
        Some(int) => write_int(out, int),
        None => write_double(out, double),
    }
    Ok(())
}

/// `{"negative":{"counts":[…],"offset":n},"positive":{…},"scale":n,"zero_count":n,"zero_threshold":d}`
pub(super) fn exponential(out: &mut String, point: &Point<'_>) -> Result<(), Trouble> {
    out.push('{');
    for (key, side) in [("\"negative\":", &point.negative), ("\"positive\":", &point.positive)] {
        let Some(side) = side else { continue };
        let (mut offset, mut counts) = (0, Vec::new());
        let mut fields = Fields::new(side);
        while let Some((number, field)) = fields.next()? {
            match number {
                1 => offset = field.sint32()?,
                2 => field.repeated_varint(|count| {
                    if counts.len() <= BUCKETS_MAX {
                        counts.push(count);
                    }
                })?,
                _ => {}
            }
        }
        if counts.len() > BUCKETS_MAX {
            return Err(Reject::Buckets.into());
        }
        if i32::try_from(i64::from(offset) + counts.len() as i64).is_err() {
            return Err(Reject::BucketIndex.into());
        }
        out.push_str(key);
        out.push_str("{\"counts\":[");
        for (at, count) in counts.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            write_u64(out, *count);
        }
        out.push_str("],\"offset\":");
        write_int(out, i64::from(offset));
        out.push_str("},");
    }
    out.push_str("\"scale\":");
    write_int(out, i64::from(point.scale));
    out.push_str(",\"zero_count\":");
    write_u64(out, point.zero_count);
    out.push_str(",\"zero_threshold\":");
    write_double(out, point.zero_threshold);
    out.push('}');
    Ok(())
}

/// `[[quantile,value],…]`
pub(super) fn quantiles(out: &mut String, quantiles: &[(f64, f64)]) {
    out.push('[');
    for (at, (quantile, value)) in quantiles.iter().enumerate() {
        out.push_str(if at > 0 { ",[" } else { "[" });
        write_double(out, *quantile);
        out.push(',');
        write_double(out, *value);
        out.push(']');
    }
    out.push(']');
}
