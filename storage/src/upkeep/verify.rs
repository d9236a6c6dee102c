//! Checksums of every file of every block.

use crate::block::{BlockFile, BlockId, BlockMeta, FileKind};
use crate::error::{Error, Result};
use crate::objects::{ObjectIo, names};
use crate::version::Versions;
use hopline_model::TenantId;
use serde::Serialize;

/// What `hopline doctor` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub blocks: u64,
    pub files: u64,
    pub bytes: u64,
    pub damaged: Vec<Damaged>,
}

/// A file that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damaged {
    pub file: String,
    #[serde(skip)]
    pub tenant: TenantId,
    #[serde(skip)]
    pub block: BlockId,
    #[serde(skip)]
    pub kind: FileKind,
    /// Signal and time range whose rows it holds or finds.
    pub holds: String,
    pub detail: String,
}

pub(crate) fn verify(versions: &Versions) -> Verified {
    let mut verified = Verified::default();
    for (_, blocks) in versions.blocks() {
        for block in blocks.iter() {
            verified.blocks += 1;
            for file in &block.meta.files {
                verified.files += 1;
                verified.bytes += file.bytes;
                let name = names::block_file(block.meta.tenant, block.meta.signal, block.meta.id, file.kind);
                if let Err(error) = check(block.objects.as_ref(), &name, file) {
                    let BlockMeta { tenant, id, .. } = block.meta;
                    verified.damaged.push(Damaged {
                        file: name,
                        tenant,
                        block: id,
                        kind: file.kind,
                        holds: holds(&block.meta),
                        detail: error.to_string(),
                    });
                }
            }
        }
    }
    verified
}

pub(crate) fn holds(meta: &BlockMeta) -> String {
    use hopline_model::UnixNanos;
    if meta.rows == 0 {
        return format!("calls of spans that have gone, from {} to {}", UnixNanos(meta.time_min), UnixNanos(meta.time_max));
    }
    format!("{} rows of {} from {} to {}", meta.rows, meta.signal, UnixNanos(meta.time_min), UnixNanos(meta.time_max))
}

fn check(objects: &dyn ObjectIo, name: &str, file: &BlockFile) -> Result<()> {
    const READ_BYTES: u64 = 1 << 20;
    let size = objects.size(name)?;
    if size != file.bytes {
        return Err(Error::corrupt(name, format!("{size} bytes instead of {}", file.bytes)));
    }
    let mut crc = 0;
    let mut offset = 0;
    while offset < size {
        let take = READ_BYTES.min(size - offset);
        crc = crc32c::crc32c_append(crc, &objects.read(name, offset, take as usize)?);
        offset += take;
    }
    if crc != file.crc32c {
        return Err(Error::corrupt(name, format!("checksum {crc:08x} instead of {:08x}", file.crc32c)));
    }
    Ok(())
}
