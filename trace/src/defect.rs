//! What is wrong with a trace, in words. One defect a kind: a trace of 100,000 broken spans has as few as one of ten.

use hopline_model::SpanId;
use std::fmt;

/// A named flaw of a trace's data. [`fmt::Display`] says it as a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Defect {
    /// Spans without a valid id cannot be anybody's parent.
    ZeroSpanId {
        spans: usize,
    },
    /// Spans that name themselves as their parent stand as roots.
    SelfParent {
        spans: usize,
        example: SpanId,
    },
    /// Parents in a circle: each was cut at its earliest span, which stands as a root.
    Cycle {
        cycles: usize,
        spans: usize,
        cut_at: SpanId,
    },
    /// Several spans with one id: children hang under the earliest of the same service.
    DuplicateSpanId {
        ids: usize,
        spans: usize,
        example: SpanId,
    },
    /// Client and server wrote one id, as Zipkin does: the server hangs under the client.
    SharedSpanId {
        ids: usize,
        example: SpanId,
    },
    /// Spans whose parent never came hang under a named placeholder.
    MissingParent {
        parents: usize,
        children: usize,
        example: SpanId,
    },
    SeveralRoots {
        roots: usize,
    },
    /// Roots so far apart that the trace id was used for more than one request.
    ReusedTraceId {
        requests: usize,
        gap_nano: i64,
    },
    EndBeforeStart {
        spans: usize,
        example: SpanId,
    },
    /// Spans sent before they ended.
    Unfinished {
        spans: usize,
        example: SpanId,
    },
    /// Children that ended after their parent had: the rest does not count for the parent.
    OutlivesParent {
        spans: usize,
        example: SpanId,
        most_nano: i64,
    },
    /// Children that started before their parent, by their clocks.
    StartsBeforeParent {
        spans: usize,
        example: SpanId,
        most_nano: i64,
    },
    /// A clock that cannot be right; `nano` is what is to be added to its times.
    ClockSkew {
        service: String,
        instance: String,
        nano: i64,
        pairs: usize,
    },
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroSpanId { spans } => write!(f, "{} without a valid span id", count(*spans, "span")),
            Self::SelfParent { spans, example } => {
                write!(f, "{} named as its own parent (such as {example}): shown as roots", count(*spans, "span"))
            }
            Self::Cycle { cycles, spans, cut_at } => {
                write!(f, "{} of parents over {}, cut at {cut_at}", count(*cycles, "cycle"), count(*spans, "span"))
            }
            Self::DuplicateSpanId { ids, spans, example } => {
                write!(f, "{} used by {} (such as {example})", count(*ids, "span id"), count(*spans, "span"))
            }
            Self::SharedSpanId { ids, example } => {
                write!(f, "{} shared by client and server (such as {example}): the server is shown under the client", count(*ids, "span id"))
            }
            Self::MissingParent { parents, children, example } => {
                write!(f, "{} never came (such as {example}): {} under placeholders", count(*parents, "parent"), count(*children, "span"))
            }
            Self::SeveralRoots { roots } => write!(f, "{roots} roots instead of one"),
            Self::ReusedTraceId { requests, gap_nano } => {
                write!(f, "the trace id stands for {requests} requests, {} apart", Nano(*gap_nano))
            }
            Self::EndBeforeStart { spans, example } => {
                write!(f, "{} ended before the start (such as {example}): duration taken as 0", count(*spans, "span"))
            }
            Self::Unfinished { spans, example } => write!(f, "{} had not ended when sent (such as {example})", count(*spans, "span")),
            Self::OutlivesParent { spans, example, most_nano } => {
                write!(f, "{} ended after the parent, by up to {} (such as {example})", count(*spans, "span"), Nano(*most_nano))
            }
            Self::StartsBeforeParent { spans, example, most_nano } => {
                write!(f, "{} started before the parent, by up to {} (such as {example})", count(*spans, "span"), Nano(*most_nano))
            }
            Self::ClockSkew { service, instance, nano, pairs } => {
                let at = if instance.is_empty() { String::new() } else { format!(" ({instance})") };
                let direction = if *nano < 0 { "ahead" } else { "behind" };
                write!(f, "the clock of {service}{at} is about {} {direction}, by {}", Nano(nano.saturating_abs()), count(*pairs, "call"))
            }
        }
    }
}

fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// Nanoseconds as people say them: `8.2 s`, `310 ms`, `45 µs`.
pub struct Nano(pub i64);

impl fmt::Display for Nano {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nano = self.0 as f64;
        let size = nano.abs();
        let (value, unit) = if size >= 7.2e12 {
            (nano / 3.6e12, "h")
        } else if size >= 1.2e11 {
            (nano / 6e10, "min")
        } else if size >= 9.995e8 {
            (nano / 1e9, "s")
        } else if size >= 9.995e5 {
            (nano / 1e6, "ms")
        } else if size >= 9.995e2 {
            (nano / 1e3, "µs")
        } else {
            return write!(f, "{} ns", self.0);
        };
        // Two digits that count, more only where they stand before the point.
        let digits = usize::from(value.abs() < 9.95);
        write!(f, "{value:.digits$} {unit}")
    }
}

/// Counts spans with one flaw and keeps the first and the worst.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) spans: usize,
    pub(crate) example: Option<SpanId>,
    pub(crate) most: i64,
}

impl Tally {
    pub(crate) fn add(&mut self, example: SpanId, size: i64) {
        if self.spans == 0 || size > self.most {
            self.example = Some(example);
            self.most = size;
        }
        self.spans += 1;
    }

    pub(crate) fn example(&self) -> SpanId {
        self.example.unwrap_or(crate::spans::ZERO)
    }
}
