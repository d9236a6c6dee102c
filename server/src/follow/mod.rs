//! A request followed while it happens: what `hopline run` and `hopline curl` share.
//!
//! | file | what |
//! |---|---|
//! | `root` | the request's own root span: ids, traceparent, export |
//! | `watch` | asks for the trace until it is quiet, shows hops and logs as they come |
//! | `report` | what is said at the end: hops, linked traces, verdict |

pub(crate) mod root;

pub(crate) mod watch;

pub(crate) mod report;
