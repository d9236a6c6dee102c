//! The words everybody speaks: identifiers, time, attribute values, the Arrow schemas of the three signals.
//!
//! No I/O and no async live here. In reading order:
//!
//! | file | what |
//! |---|---|
//! | `ids` | trace, span, tenant and row identity |
//! | `time` | nanoseconds since the epoch, half-open ranges, the clock seam |
//! | `attributes` | canonical typed JSON: how any OTLP value is kept as text |
//! | `schema` | every column name and the Arrow schema of each signal, once |
//! | `batch` | a signal and its rows |
//! | `auth` | tokens, tenants and scopes |
//! | `span` | one span as a plain struct, from and to rows |
//! | `log` | one log record as a plain struct, from and to rows |
//! | `body` | fields inside a log's body: JSON and logfmt |
//! | `severity` | what severities are called |

pub mod attributes;
pub mod auth;
pub mod batch;
pub mod body;
pub mod ids;
pub mod log;
pub mod schema;
pub mod severity;
pub mod span;
pub mod time;

pub use attributes::Value;
pub use batch::{Batch, Signal};
pub use ids::{Lsn, Seq, SpanId, TenantId, TraceId};
pub use time::{Clock, SystemClock, TimeRange, UnixNanos};
