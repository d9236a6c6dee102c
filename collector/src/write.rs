//! decompress → decode → append → wait for durable → answer.

use crate::admit::Permit;
use crate::decode::compression::Compression;
use crate::decode::{self, Decoded, Limits, Rules};
use crate::receive::limits;
use crate::receive::reply::{Encoding, Outcome};
use crate::receive::{Kind, Refusal, Sender, Shared};
use crate::status::slot;
use bytes::Bytes;
use hopline_model::{Signal, TenantId};
use hopline_storage::Append;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Larger requests are decoded on a thread of their own, in turn, so that the others' connections go on being read.
const INLINE_BYTES_MAX: usize = 32 << 10;

type Confirm = Box<dyn FnOnce() + Send>;

/// Everything between the body and the answer. The second part is to be called when the answer has left.
pub(crate) async fn write(
    shared: &Arc<Shared>,
    sender: &Sender,
    signal: Signal,
    encoding: Encoding,
    compression: Compression,
    body: Bytes,
    permit: Permit,
) -> Result<(Outcome, Option<Confirm>), Refusal> {
    let inline = body.len() <= if compression == Compression::Identity { INLINE_BYTES_MAX } else { INLINE_BYTES_MAX / 8 };
    let work = {
        let (shared, tenant) = (shared.clone(), sender.tenant);
        move || read(&shared, tenant, signal, encoding, compression, body, permit)
    };
    let (decoded, request_hash, permit) = if inline {
        work()?
    } else {
        let _turn = shared.turns.wait(sender.key).await;
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|_| Refusal::new(Kind::Internal, "decoding broke off: this is a bug, see the server's log"))??
    };
    let Decoded { batch, rejected, warnings, visits } = decoded;
    let rows = batch.rows.num_rows() as u64;
    let mut message = decode::words(signal, rows, &rejected, &warnings);
    let rejected = rejected.total();
    let mut confirm: Option<Confirm> = None;
    if rows > 0 {
        let append = Append { tenant: sender.tenant, batches: vec![batch], request_hash: Some(request_hash), received: shared.clock.now() };
        let appended = shared.storage.append(append).await.map_err(|error| Refusal::storage(&error))?;
        if appended.duplicate {
            shared.counters.duplicates.fetch_add(1, Ordering::Relaxed);
            let words = "the same request was stored before: nothing was stored again";
            message = if message.is_empty() { words.to_owned() } else { format!("{words}; {message}") };
        }
        let (storage, tenant) = (shared.storage.clone(), sender.tenant);
        confirm = Some(Box::new(move || storage.confirm(tenant, request_hash)));
    }
    drop(permit);
    let counters = &shared.counters;
    counters.requests[slot(signal)][sender.transport].fetch_add(1, Ordering::Relaxed);
    counters.accepted[slot(signal)].fetch_add(rows, Ordering::Relaxed);
    counters.rejected[slot(signal)].fetch_add(rejected, Ordering::Relaxed);
    shared.register.visited(shared.clock.now(), sender, signal, visits, &message, shared.config.exporters_max);
    Ok((Outcome { rejected, message }, confirm))
}

fn read(
    shared: &Shared,
    tenant: TenantId,
    signal: Signal,
    encoding: Encoding,
    compression: Compression,
    body: Bytes,
    mut permit: Permit,
) -> Result<(Decoded, u128, Permit), Refusal> {
    let bytes = limits::decompress(body, compression, shared.config.body_bytes_max, &mut permit)?;
    shared.counters.received_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
    // The same bytes sent as another signal are another request.
    let request_hash = xxhash_rust::xxh3::xxh3_128_with_seed(&bytes, u64::from(signal.code()));
    let names = shared.cardinality.of(tenant);
    let rules = Rules { redactor: &shared.redactor, limits: Limits::from(&shared.config), names: Some(&names) };
    let decoded = match encoding {
        Encoding::Protobuf => decode::protobuf(signal, &bytes, shared.clock.now(), rules),
        Encoding::Json => decode::json(signal, &bytes, shared.clock.now(), rules),
    };
    let decoded = decoded.map_err(|malformed| Refusal::new(Kind::Invalid, malformed.to_string()))?;
    permit.cover(decoded.batch.rows.get_array_memory_size());
    Ok((decoded, request_hash, permit))
}
