//! `severity` of logs by class or number, and what `status` means there.

use super::ast::{Name, Op, Test, Value};
use super::error::{Place, SyntaxError};
use super::values::{Result, any_of, compare, glob, unknown};
use hopline_model::schema::column;
use hopline_storage::scan::{self, Bound, Field, Predicate};

/// OpenTelemetry's severity classes: each holds four numbers.
pub(crate) use hopline_model::severity::CLASSES as SEVERITIES;

const SEVERITY_EXPECTED: &str = "trace, debug, info, warn, error, fatal or a number from 0 to 24";

/// The numbers a severity's name stands for: `warn` is 13 to 16, `warn2` is 14.
fn severity_numbers(text: &str, place: Place) -> Result<(i32, i32)> {
    if let Ok(number) = text.parse::<i32>() {
        return Ok((number, number));
    }
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_prefix("severity_number_").unwrap_or(&lower);
    if lower == "unspecified" {
        return Ok((0, 0));
    }
    // Other names people use stand for the class they are in.
    let alias = match hopline_model::severity::number(lower) {
        Some(number) => hopline_model::severity::class(number),
        None => lower,
    };
    for (class, first) in SEVERITIES.iter().zip([1, 5, 9, 13, 17, 21]) {
        match alias.strip_prefix(class) {
            Some("") => return Ok((first, first + 3)),
            Some(step @ ("2" | "3" | "4")) => {
                let number = first - 1 + step.parse::<i32>().unwrap_or(1);
                return Ok((number, number));
            }
            _ => {}
        }
    }
    Err(unknown(text, place, &severity_name(), &SEVERITIES, SEVERITY_EXPECTED))
}

fn severity_name() -> Name {
    Name { scope: None, key: "severity".into(), quoted: false, place: Place::default() }
}

fn severity_between(min: Option<i32>, max: Option<i32>) -> Predicate {
    let bound = |value: i32| Bound { value: value.into(), inclusive: true };
    compare(&Field::Column(column::SEVERITY_NUMBER), scan::Test::Range { min: min.map(bound), max: max.map(bound) })
}

/// The predicate of `severity`.
pub(crate) fn predicate(test: &Test) -> Result<Predicate> {
    Ok(match test {
        // 0 is what stands where none was sent.
        Test::Exists => severity_between(Some(1), None),
        Test::Is(value) => match value.plain() {
            Some(text) => {
                let (min, max) = severity_numbers(text, value.place)?;
                severity_between(Some(min), Some(max))
            }
            None => {
                let regex = glob(value)?;
                let classes: Vec<Predicate> = SEVERITIES
                    .iter()
                    .filter(|class| regex.is_match(class))
                    .map(|class| severity_numbers(class, value.place))
                    .collect::<Result<Vec<_>>>()?
                    .into_iter()
                    .map(|(min, max)| severity_between(Some(min), Some(max)))
                    .collect();
                if classes.is_empty() {
                    return Err(SyntaxError::wrong(
                        value.place,
                        SEVERITY_EXPECTED,
                        format!("no severity is like \"{}\": expected {SEVERITY_EXPECTED}", value.text()),
                    ));
                }
                any_of(classes)
            }
        },
        Test::Compare(op, value) => {
            let (min, max) = severity_numbers(&value.text(), value.place)?;
            match op {
                Op::Above => severity_between(Some(max.saturating_add(1)), None),
                Op::AtLeast => severity_between(Some(min), None),
                Op::Below => severity_between(None, Some(min.saturating_sub(1))),
                Op::AtMost | Op::Matches => severity_between(None, Some(max)),
            }
        }
        Test::Range { min, max, place } => {
            let min = min.as_deref().map(|text| severity_numbers(text, *place)).transpose()?.map(|(min, _)| min);
            let max = max.as_deref().map(|text| severity_numbers(text, *place)).transpose()?.map(|(_, max)| max);
            if let (Some(low), Some(high)) = (min, max)
                && low > high
            {
                return Err(SyntaxError::expected(*place, "the smaller end of the range first"));
            }
            severity_between(min, max)
        }
        Test::Matches { place, .. } => {
            return Err(SyntaxError::expected(*place, format!("{SEVERITY_EXPECTED}: a regular expression is for severity_text")));
        }
        Test::List(_) => Predicate::Nothing,
    })
}

/// On logs a status is what the severity says of it.
pub(crate) fn log_status(test: &Test) -> Result<Predicate> {
    const EXPECTED: &str = "error or ok (severity tells more: severity:>=warn)";
    let name = Name { key: "status".into(), ..severity_name() };
    match test {
        Test::Exists => Ok(Predicate::All),
        Test::Is(value) => match value.text().to_ascii_lowercase().as_str() {
            "error" | "2" => Ok(severity_between(Some(17), None)),
            "ok" | "1" => Ok(severity_between(None, Some(16))),
            text => match severity_numbers(text, value.place) {
                Ok(_) => {
                    let message = format!("on logs, status is {EXPECTED}: did you mean severity:{text}?");
                    Err(SyntaxError::wrong(value.place, EXPECTED, message))
                }
                Err(_) => Err(unknown(text, value.place, &name, &["error", "ok"], EXPECTED)),
            },
        },
        Test::Compare(_, Value { place, .. }) | Test::Range { place, .. } | Test::Matches { place, .. } => {
            Err(SyntaxError::expected(*place, EXPECTED))
        }
        Test::List(_) => Ok(Predicate::Nothing),
    }
}
