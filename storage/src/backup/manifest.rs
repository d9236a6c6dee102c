//! `MANIFEST`: two lines of JSON, so that a cut or flipped one is known before a file is touched.
//!
//! ```text
//! {"format":1,"number":3,"taken":…,"version":"0.1.0","blocks":7,"rows":…,"files":[{"name":"blocks/0/spans/….parquet","bytes":…,"crc32c":…},…]}
//! {"crc32c":…}                                                                of the first line, without its end
//! ```

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

pub(super) const NAME: &str = "MANIFEST";
const FORMAT: u32 = 1;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    /// Counts the backups into this directory; names the folder of what they do not share.
    pub(super) number: u64,
    /// When it began, ns.
    pub(super) taken: i64,
    /// Version of hopline that wrote it.
    pub(super) version: String,
    pub(super) blocks: u64,
    /// In blocks; the log holds more.
    pub(super) rows: u64,
    pub(super) files: Vec<ManifestFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManifestFile {
    /// Below the backup's directory, with `/`.
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) crc32c: u32,
}

#[derive(Debug, Serialize, Deserialize)]
struct Seal {
    crc32c: u32,
}

impl Manifest {
    pub(super) fn new(number: u64, taken: i64) -> Self {
        Self { format: FORMAT, number, taken, version: env!("CARGO_PKG_VERSION").into(), ..Self::default() }
    }

    pub(super) fn encode(&self) -> Result<String> {
        let json = |error: serde_json::Error| Error::Internal(format!("manifest as JSON: {error}"));
        let body = serde_json::to_string(self).map_err(json)?;
        let seal = serde_json::to_string(&Seal { crc32c: crc32c::crc32c(body.as_bytes()) }).map_err(json)?;
        Ok(format!("{body}\n{seal}\n"))
    }

    pub(super) fn decode(text: &str, path: &Path) -> Result<Self> {
        let damaged = |detail: &str| Error::corrupt(path.display().to_string(), format!("{detail}; take another backup"));
        let (body, seal) = text.split_once('\n').ok_or_else(|| damaged("it is cut"))?;
        let seal = seal.strip_suffix('\n').ok_or_else(|| damaged("it is cut"))?;
        let seal: Seal = serde_json::from_str(seal).map_err(|_| damaged("its last line is not a checksum"))?;
        if seal.crc32c != crc32c::crc32c(body.as_bytes()) {
            return Err(damaged("its checksum does not hold"));
        }
        // The format first: a newer one may have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let Format { format } = serde_json::from_str(body).map_err(|error| damaged(&error.to_string()))?;
        if format > FORMAT {
            return Err(Error::Newer { what: path.display().to_string(), found: format, known: FORMAT });
        }
        let manifest: Self = serde_json::from_str(body).map_err(|error| damaged(&error.to_string()))?;
        if let Some(file) = manifest.files.iter().find(|file| !is_below(&file.name)) {
            return Err(damaged(&format!("it names {} outside of the backup", file.name)));
        }
        Ok(manifest)
    }

    /// `None`: there is no backup in the directory.
    pub(super) fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(NAME);
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::decode(&text, &path).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// The folder of what this backup does not share with others.
    pub(super) fn folder(&self) -> String {
        self.number.to_string()
    }
}

/// A manifest comes from outside: its names must not lead elsewhere.
fn is_below(name: &str) -> bool {
    !name.is_empty() && name.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
}
