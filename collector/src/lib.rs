//! From the wire to `Storage::append`.
//!
//! OTLP, protobuf and gRPC are known here alone; what is asked of the data is not known here at all.
//! In the order of the data:
//!
//! | module | what |
//! |---|---|
//! | [`config`] | settings with their defaults |
//! | [`serve`] | the doors: accept, TLS, HTTP/1.1 and HTTP/2, drain |
//! | `passing` | bytes that nobody wants are passed over in the kernel |
//! | `receive` | one request: who, how large, which encoding; the answer |
//! | [`decode`] | protobuf or JSON bytes → Arrow rows; what is refused, and the words for it |
//! | [`process`] | what is done to values at the door: redaction |
//! | `admit` | bytes in flight: take, wait, or refuse |
//! | [`cardinality`] | how many services and series one tenant may send |
//! | `turns` | whose request is decoded next |
//! | `write` | decode → append → wait for durable → answer |
//! | `status` | what arrived from whom, and what went wrong |

pub mod config;
pub mod serve;

mod admit;
pub mod cardinality;
pub mod decode;
mod passing;
pub mod process;
mod receive;
mod status;
mod turns;
mod write;

pub use config::Config;
pub use serve::{Collector, Reporter};
