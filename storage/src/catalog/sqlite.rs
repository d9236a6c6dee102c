//! The catalog of one machine: SQLite, WAL mode, `synchronous=FULL`.

use super::{Catalog, Commit, Loaded, Sealed, fenced};
use crate::block::{BlockId, BlockMeta};
use crate::error::{Error, Result};
use crate::wal::Stream;
use hopline_model::{Lsn, Signal, TenantId, UnixNanos};
use parking_lot::Mutex;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, params};
use std::path::Path;

/// `PRAGMA user_version`; a newer one is refused untouched.
const FORMAT: u32 = 1;

const TABLES: &str = "
    CREATE TABLE state (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO state VALUES ('epoch', 0), ('lsn_next', 1), ('block_next', 1), ('changed', 0);
    CREATE TABLE tenants (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    -- removed: in the first phase of a delete
    CREATE TABLE blocks (id INTEGER PRIMARY KEY, removed INTEGER NOT NULL DEFAULT 0, meta TEXT NOT NULL);
    CREATE TABLE sealed (tenant INTEGER, signal INTEGER, epoch INTEGER, lsn INTEGER NOT NULL, PRIMARY KEY (tenant, signal, epoch)) WITHOUT ROWID;
    CREATE TABLE hashes (tenant INTEGER, hash BLOB, received INTEGER NOT NULL, PRIMARY KEY (tenant, hash)) WITHOUT ROWID;
    CREATE INDEX hashes_received ON hashes (received);
";

#[derive(Debug)]
pub struct SqliteCatalog {
    connection: Mutex<Connection>,
}

impl SqliteCatalog {
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        let found = format(&connection, path)?;
        connection.query_row("PRAGMA journal_mode=WAL", [], |row| row.get::<_, String>(0))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        // What a removed block's meta says of its rows leaves the file with it.
        connection.query_row("PRAGMA secure_delete=ON", [], |_| Ok(()))?;
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        let mut catalog = connection;
        if found == 0 {
            let transaction = catalog.transaction()?;
            transaction.execute_batch(TABLES)?;
            transaction.pragma_update(None, "user_version", FORMAT)?;
            transaction.commit()?;
        }
        Ok(Self { connection: Mutex::new(catalog) })
    }

    /// One fenced transaction.
    fn change<T>(&self, epoch: u32, change: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let current = state(&transaction, "epoch")? as u32;
        if current != epoch {
            return Err(fenced(epoch, current));
        }
        let result = change(&transaction)?;
        transaction.commit()?;
        Ok(result)
    }
}

/// The format of a catalog; a newer one is refused.
fn format(connection: &Connection, path: &Path) -> Result<u32> {
    let damaged = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            Error::corrupt(path.display().to_string(), format!("{error}; nothing was changed: restore it from a copy of the directory"))
        }
        _ => error.into(),
    };
    let found: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(damaged)?;
    if found > FORMAT {
        return Err(Error::Newer { what: path.display().to_string(), found, known: FORMAT });
    }
    Ok(found)
}

/// Opens the catalog of a store that another process may be using; changes nothing.
fn visit(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    format(&connection, path)?;
    Ok(connection)
}

/// The epoch of a store that another process may be using: a start of it begins another one.
pub(crate) fn catalog_epoch(path: &Path) -> Result<u32> {
    let mut connection = visit(path)?;
    let transaction = connection.transaction()?;
    Ok(state(&transaction, "epoch")? as u32)
}

/// Copies the catalog of a store that another process may be using, as of one instant. Gives its epoch and its blocks.
pub(crate) fn copy_catalog(path: &Path, to: &Path) -> Result<(u32, Vec<BlockMeta>)> {
    match std::fs::remove_file(to) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(Error::io("remove", to)(error)),
        _ => {}
    }
    visit(path)?.execute("VACUUM INTO ?", [to.display().to_string()])?;
    let mut copy = Connection::open(to)?;
    copy.query_row("PRAGMA journal_mode=DELETE", [], |row| row.get::<_, String>(0))?;
    let transaction = copy.transaction()?;
    // Their files are on their way out and are not copied.
    transaction.execute("DELETE FROM blocks WHERE removed = 1", [])?;
    let (epoch, blocks) = (state(&transaction, "epoch")? as u32, metas(&transaction, false)?);
    transaction.commit()?;
    copy.close().map_err(|(_, error)| error)?;
    Ok((epoch, blocks))
}

fn state(transaction: &Transaction<'_>, name: &str) -> Result<i64> {
    Ok(transaction.query_row("SELECT value FROM state WHERE name = ?", [name], |row| row.get(0))?)
}

fn set_state(transaction: &Transaction<'_>, name: &str, value: i64) -> Result<()> {
    transaction.execute("UPDATE state SET value = max(value, ?) WHERE name = ?", params![value, name])?;
    Ok(())
}

fn metas(transaction: &Transaction<'_>, removed: bool) -> Result<Vec<BlockMeta>> {
    let mut query = transaction.prepare("SELECT id, meta FROM blocks WHERE removed = ? ORDER BY id")?;
    let rows = query.query_map([removed], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?;
    rows.map(|row| {
        let (id, meta) = row?;
        let meta: BlockMeta = serde_json::from_str(&meta).map_err(|error| Error::corrupt(format!("block {id} in the catalog"), error.to_string()))?;
        if meta.format > crate::block::meta::FORMAT {
            return Err(Error::Newer { what: format!("block {id}"), found: meta.format, known: crate::block::meta::FORMAT });
        }
        Ok(meta)
    })
    .collect()
}

fn text(meta: &BlockMeta) -> Result<String> {
    serde_json::to_string(meta).map_err(|error| Error::Internal(format!("block meta as JSON: {error}")))
}

fn not_there(id: BlockId) -> Error {
    Error::Internal(format!("block {} is not in the catalog", id.0))
}

fn hash_of(bytes: Vec<u8>) -> u128 {
    bytes.try_into().map(u128::from_le_bytes).unwrap_or_default()
}

impl Catalog for SqliteCatalog {
    fn begin(&self) -> Result<Loaded> {
        let mut connection = self.connection.lock();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let epoch = state(&transaction, "epoch")? + 1;
        set_state(&transaction, "epoch", epoch)?;
        let loaded = Loaded {
            epoch: epoch as u32,
            tenants: transaction
                .prepare("SELECT name, id FROM tenants ORDER BY id")?
                .query_map([], |row| Ok((row.get(0)?, TenantId(row.get(1)?))))?
                .collect::<Result<_, _>>()?,
            blocks: metas(&transaction, false)?,
            removed: metas(&transaction, true)?,
            sealed: transaction
                .prepare("SELECT tenant, signal, epoch, lsn FROM sealed ORDER BY tenant, signal, epoch")?
                .query_map([], |row| Ok((row.get::<_, u32>(0)?, row.get::<_, u8>(1)?, row.get::<_, u32>(2)?, row.get::<_, i64>(3)?)))?
                .filter_map(|row| match row {
                    Ok((tenant, signal, epoch, lsn)) => {
                        let signal = Signal::from_code(signal)?;
                        Some(Ok(Sealed { stream: Stream { tenant: TenantId(tenant), signal, epoch }, lsn: Lsn(lsn as u64) }))
                    }
                    Err(error) => Some(Err(error)),
                })
                .collect::<Result<_, _>>()?,
            hashes: transaction
                .prepare("SELECT tenant, hash, received FROM hashes ORDER BY received, tenant, hash")?
                .query_map([], |row| Ok((TenantId(row.get(0)?), hash_of(row.get(1)?), UnixNanos(row.get(2)?))))?
                .collect::<Result<_, _>>()?,
            lsn_next: Lsn(state(&transaction, "lsn_next")? as u64),
            block_next: BlockId(state(&transaction, "block_next")? as u64),
            changed: UnixNanos(state(&transaction, "changed")?),
        };
        transaction.commit()?;
        Ok(loaded)
    }

    fn tenant(&self, epoch: u32, name: &str) -> Result<TenantId> {
        self.change(epoch, |transaction| {
            let known = transaction.query_row("SELECT id FROM tenants WHERE name = ?", [name], |row| row.get(0)).optional()?;
            if let Some(id) = known {
                return Ok(TenantId(id));
            }
            let id = transaction.query_row("SELECT coalesce(max(id) + 1, 0) FROM tenants", [], |row| row.get(0))?;
            transaction.execute("INSERT INTO tenants (id, name) VALUES (?, ?)", params![id, name])?;
            Ok(TenantId(id))
        })
    }

    fn reserve_blocks(&self, epoch: u32, count: u64) -> Result<BlockId> {
        self.change(epoch, |transaction| {
            let first = state(transaction, "block_next")?;
            set_state(transaction, "block_next", first + count as i64)?;
            Ok(BlockId(first as u64))
        })
    }

    fn commit(&self, epoch: u32, commit: &Commit) -> Result<()> {
        self.change(epoch, |transaction| {
            for meta in &commit.add {
                transaction.prepare_cached("INSERT INTO blocks (id, meta) VALUES (?, ?)")?.execute(params![meta.id.0 as i64, text(meta)?])?;
            }
            for id in &commit.remove {
                let changed = transaction.prepare_cached("UPDATE blocks SET removed = 1 WHERE id = ? AND removed = 0")?.execute([id.0 as i64])?;
                if changed == 0 {
                    return Err(not_there(*id));
                }
            }
            for meta in &commit.amend {
                let changed = transaction
                    .prepare_cached("UPDATE blocks SET meta = ? WHERE id = ? AND removed = 0")?
                    .execute(params![text(meta)?, meta.id.0 as i64])?;
                if changed == 0 {
                    return Err(not_there(meta.id));
                }
            }
            for Sealed { stream, lsn } in &commit.sealed {
                transaction
                    .prepare_cached(
                        "INSERT INTO sealed (tenant, signal, epoch, lsn) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET lsn = max(lsn, excluded.lsn)",
                    )?
                    .execute(params![stream.tenant.0, stream.signal.code(), stream.epoch, lsn.0 as i64])?;
                set_state(transaction, "lsn_next", lsn.0 as i64 + 1)?;
            }
            for (tenant, hash, received) in &commit.hashes {
                transaction.prepare_cached("INSERT OR REPLACE INTO hashes (tenant, hash, received) VALUES (?, ?, ?)")?.execute(params![
                    tenant.0,
                    hash.to_le_bytes(),
                    received.0
                ])?;
            }
            transaction.prepare_cached("DELETE FROM hashes WHERE received < ?")?.execute([commit.hashes_since.0])?;
            // The time of the last change, also when the clock went back.
            transaction.prepare_cached("UPDATE state SET value = ? WHERE name = 'changed'")?.execute([commit.now.0])?;
            Ok(())
        })
    }

    fn forget(&self, epoch: u32, blocks: &[BlockId]) -> Result<()> {
        self.change(epoch, |transaction| {
            for id in blocks {
                transaction.execute("DELETE FROM blocks WHERE id = ? AND removed = 1", [id.0 as i64])?;
            }
            Ok(())
        })?;
        // Nor does SQLite's own log keep what was removed. A reader in the way: the next one does it.
        self.connection.lock().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        Ok(())
    }

    fn forget_sealed(&self, epoch: u32, lsn_next: Lsn) -> Result<()> {
        self.change(epoch, |transaction| {
            transaction.execute("DELETE FROM sealed WHERE epoch < ?", [epoch])?;
            set_state(transaction, "lsn_next", lsn_next.0 as i64)
        })
    }
}
