//! `time_bucket('5m', time)`: the start of the stretch of time a moment lies in, counted from 1970.

use super::constant;
use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, IntervalUnit, TimeUnit, TimestampNanosecondType};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use hopline_model::schema::timestamp;
use hopline_model::time::{NANOS_PER_DAY, NANOS_PER_HOUR, NANOS_PER_MICRO, NANOS_PER_MILLI, NANOS_PER_MINUTE, NANOS_PER_SECOND};
use std::sync::{Arc, LazyLock};

pub(crate) const NAME: &str = "time_bucket";

pub(crate) fn udf() -> Arc<ScalarUDF> {
    static UDF: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(ScalarUDF::from(TimeBucket { signature: Signature::user_defined(Volatility::Immutable) })));
    UDF.clone()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeBucket {
    signature: Signature,
}

const USAGE: &str = "time_bucket takes a width and a time: time_bucket('5m', start_time) or time_bucket(interval '5 minutes', start_time)";

impl ScalarUDFImpl for TimeBucket {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [width, time] = types else { return Err(DataFusionError::Plan(USAGE.into())) };
        let width = match width {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => DataType::Utf8,
            DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
            _ => return Err(DataFusionError::Plan(USAGE.into())),
        };
        match time {
            DataType::Timestamp(_, _) | DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Date32 | DataType::Null => {
                Ok(vec![width, timestamp()])
            }
            _ => Err(DataFusionError::Plan(USAGE.into())),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(timestamp())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let width = match &args.args[0] {
            ColumnarValue::Scalar(ScalarValue::IntervalMonthDayNano(Some(interval))) => {
                if interval.months != 0 {
                    return Err(DataFusionError::Plan("months and years are not all of one length: use date_trunc('month', time)".into()));
                }
                Some(i64::from(interval.days).saturating_mul(NANOS_PER_DAY).saturating_add(interval.nanoseconds))
            }
            ColumnarValue::Scalar(ScalarValue::IntervalMonthDayNano(None)) => None,
            other => match constant(NAME, "the width", other)? {
                None => None,
                Some(text) => Some(
                    width_nano(text)
                        .ok_or_else(|| DataFusionError::Plan(format!("{text:?} is no width of time: write '30s', '5m', '1h' or '1 day'")))?,
                ),
            },
        };
        if let Some(width) = width
            && width <= 0
        {
            return Err(DataFusionError::Plan("a time_bucket must be longer than nothing".into()));
        }
        let start = |time: i64| width.and_then(|width| time.div_euclid(width).checked_mul(width));
        Ok(match &args.args[1] {
            ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(time, zone)) => {
                ColumnarValue::Scalar(ScalarValue::TimestampNanosecond(time.and_then(start), zone.clone()))
            }
            ColumnarValue::Scalar(_) => ColumnarValue::Scalar(ScalarValue::try_from(&DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())))?),
            ColumnarValue::Array(array) => {
                let times = array.as_primitive::<TimestampNanosecondType>();
                let starts = times.unary_opt::<_, TimestampNanosecondType>(start).with_timezone("UTC");
                ColumnarValue::Array(Arc::new(starts) as ArrayRef)
            }
        })
    }
}

/// `500ms`, `30s`, `5m`, `1 hour`, `1d`, `2 weeks`.
fn width_nano(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count: i64 = if digits == 0 { 1 } else { text[..digits].parse().ok()? };
    let unit = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "ns" | "nanosecond" | "nanoseconds" => 1,
        "us" | "µs" | "microsecond" | "microseconds" => NANOS_PER_MICRO,
        "ms" | "millisecond" | "milliseconds" => NANOS_PER_MILLI,
        "s" | "sec" | "second" | "seconds" => NANOS_PER_SECOND,
        "m" | "min" | "minute" | "minutes" => NANOS_PER_MINUTE,
        "h" | "hour" | "hours" => NANOS_PER_HOUR,
        "d" | "day" | "days" => NANOS_PER_DAY,
        "w" | "week" | "weeks" => 7 * NANOS_PER_DAY,
        _ => return None,
    };
    count.checked_mul(unit)
}
