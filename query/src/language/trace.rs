//! Conditions on a whole trace: what a search knows of it once its spans have been summed up.

use super::ast::{Name, Op, Test, Value};
use super::error::{Place, SyntaxError};
use super::units;
use super::values::{Result, compiled, duration, glob, interval, plain_number};
use hopline_model::UnixNanos;

/// What conditions on a trace are asked of.
#[derive(Debug, Clone, Copy)]
pub struct TraceFacts<'a> {
    /// From the first start to the last end.
    pub duration_nano: i64,
    pub span_count: u64,
    pub error_count: u64,
    pub service_count: u64,
    /// `None` while the root has not come.
    pub root_service: Option<&'a str>,
    pub root_name: Option<&'a str>,
    pub start: UnixNanos,
}

/// A tree over one trace.
#[derive(Debug, Clone)]
pub enum TraceCondition {
    And(Vec<TraceCondition>),
    Or(Vec<TraceCondition>),
    Not(Box<TraceCondition>),
    Number {
        fact: NumberFact,
        /// Both inclusive; empty when the first is the larger.
        min: i128,
        max: i128,
    },
    Text {
        fact: TextFact,
        test: TextTest,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFact {
    Duration,
    Spans,
    Errors,
    Services,
    Start,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFact {
    RootService,
    RootName,
}

#[derive(Debug, Clone)]
pub enum TextTest {
    Exists,
    Equals(String),
    Matches(regex::Regex),
}

impl TraceCondition {
    /// Whether a trace satisfies it. What is absent satisfies nothing but a negation.
    pub fn holds(&self, facts: &TraceFacts<'_>) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(facts)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(facts)),
            Self::Not(part) => !part.holds(facts),
            Self::Number { fact, min, max } => {
                let value = match fact {
                    NumberFact::Duration => i128::from(facts.duration_nano),
                    NumberFact::Spans => facts.span_count.into(),
                    NumberFact::Errors => facts.error_count.into(),
                    NumberFact::Services => facts.service_count.into(),
                    NumberFact::Start => facts.start.0.into(),
                };
                *min <= value && value <= *max
            }
            Self::Text { fact, test } => {
                let value = match fact {
                    TextFact::RootService => facts.root_service,
                    TextFact::RootName => facts.root_name,
                };
                value.is_some_and(|value| match test {
                    TextTest::Exists => true,
                    TextTest::Equals(text) => text == value,
                    TextTest::Matches(regex) => regex.is_match(value),
                })
            }
        }
    }
}

/// A condition on a number of the trace.
pub(crate) fn number(fact: NumberFact, name: &Name, test: &Test) -> Result<TraceCondition> {
    if let Test::List(tests) = test {
        return Ok(TraceCondition::Or(tests.iter().map(|test| number(fact, name, test)).collect::<Result<_>>()?));
    }
    if *test == Test::Exists {
        return Ok(TraceCondition::And(Vec::new()));
    }
    let interval = interval(test, &mut |text, place| match fact {
        NumberFact::Duration => duration(text, place, name),
        NumberFact::Spans | NumberFact::Errors | NumberFact::Services => plain_number(text, place, name),
        NumberFact::Start => Ok(point(text, place, name)? as f64),
    })?;
    // Times are beyond what a double holds exactly.
    if fact == NumberFact::Start {
        return start(test, name);
    }
    let min = interval.min.map_or(i128::MIN, |min| {
        let whole = min.value.ceil();
        (whole as i128).saturating_add(i128::from(!min.inclusive && whole == min.value))
    });
    let max = interval.max.map_or(i128::MAX, |max| {
        let whole = max.value.floor();
        (whole as i128).saturating_sub(i128::from(!max.inclusive && whole == max.value))
    });
    Ok(TraceCondition::Number { fact, min, max })
}

fn point(text: &str, place: Place, name: &Name) -> Result<i128> {
    units::time(text).ok_or_else(|| {
        let message = format!("expected a time such as 2026-11-24T10:00:00Z for {name}, not \"{text}\"");
        SyntaxError::wrong(place, "a time such as 2026-11-24T10:00:00Z", message)
    })
}

fn start(test: &Test, name: &Name) -> Result<TraceCondition> {
    let (min, max) = match test {
        Test::Is(value) => {
            let time = point(&value.text(), value.place, name)?;
            (time, time)
        }
        Test::Compare(op, value) => {
            let time = point(&value.text(), value.place, name)?;
            match op {
                Op::Above => (time + 1, i128::MAX),
                Op::AtLeast => (time, i128::MAX),
                Op::Below => (i128::MIN, time - 1),
                Op::AtMost | Op::Matches => (i128::MIN, time),
            }
        }
        Test::Range { min, max, place } => {
            let end = |text: &Option<String>| text.as_deref().map(|text| point(text, *place, name)).transpose();
            (end(min)?.unwrap_or(i128::MIN), end(max)?.unwrap_or(i128::MAX))
        }
        Test::Exists | Test::Matches { .. } | Test::List(_) => (i128::MIN, i128::MAX),
    };
    Ok(TraceCondition::Number { fact: NumberFact::Start, min, max })
}

/// A condition on a text of the trace.
pub(crate) fn text(fact: TextFact, name: &Name, test: &Test) -> Result<TraceCondition> {
    let test = match test {
        Test::List(tests) => {
            return Ok(TraceCondition::Or(tests.iter().map(|test| text(fact, name, test)).collect::<Result<_>>()?));
        }
        Test::Exists => TextTest::Exists,
        Test::Is(value) => match value.plain() {
            Some(text) => TextTest::Equals(text.to_owned()),
            None => TextTest::Matches(glob(value)?),
        },
        Test::Matches { regex, place } => TextTest::Matches(compiled(regex, *place)?),
        Test::Range { min: Some(min), max: Some(max), .. } => TextTest::Equals(format!("{min}..{max}")),
        Test::Range { place, .. } | Test::Compare(_, Value { place, .. }) => {
            return Err(SyntaxError::expected(*place, format!("a text: {name} is not larger or smaller")));
        }
    };
    Ok(TraceCondition::Text { fact, test })
}
