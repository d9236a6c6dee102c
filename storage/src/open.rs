//! Start: lock → formats and checksums of the WAL, nothing changed yet → catalog (new epoch) → doors open → replay behind them.

use crate::catalog::{Catalog, SqliteCatalog};
use crate::config::Config;
use crate::dedupe::Dedupe;
use crate::error::{Error, Result};
use crate::flush::due::Limits;
use crate::flush::run::Flush;
use crate::health::Health;
use crate::objects::lock::Lock;
use crate::objects::reserve::Reserve;
use crate::objects::{FileIo, LocalObjects, ObjectIo, names};
use crate::storage::{Storage, Tasks};
use crate::upkeep::ids::BlockIds;
use crate::upkeep::merge::Merge;
use crate::upkeep::plan::Believed;
use crate::upkeep::retention::{Policy, Retention};
use crate::upkeep::run::Upkeep;
use crate::upkeep::sweep::Sweep;
use crate::version::Versions;
use crate::wal::recover::{HashLimits, check, recover};
use crate::wal::replay::Replay;
use crate::wal::segment::Segments;
use crate::wal::writer::Writer;
use hopline_model::{Clock, Lsn, UnixNanos};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::thread::JoinHandle;

pub(crate) fn open(config: Config, clock: Arc<dyn Clock>, files: Arc<dyn FileIo>) -> Result<Arc<Storage>> {
    std::fs::create_dir_all(&config.data_dir).map_err(Error::io("create", &config.data_dir))?;
    let lock = Lock::take(&config.data_dir)?;
    if config.data_dir.join(names::RESTORING).exists() {
        return Err(Error::Invalid(format!(
            "a restore into {} was cut short: run `hopline restore` again, or remove the directory",
            config.data_dir.display()
        )));
    }
    let catalog = Arc::new(SqliteCatalog::open(&config.data_dir.join(names::CATALOG))?);
    open_with(config, clock, files, catalog, Some(lock))
}

/// With every part given from outside: what tests and simulations call.
pub(crate) fn open_with(
    config: Config,
    clock: Arc<dyn Clock>,
    files: Arc<dyn FileIo>,
    catalog: Arc<dyn Catalog>,
    lock: Option<Lock>,
) -> Result<Arc<Storage>> {
    let wal_dir = config.data_dir.join(names::WAL_DIR);
    files.create_dir_all(&wal_dir).map_err(Error::io("create", &wal_dir))?;
    files.sync_dir(&config.data_dir).map_err(Error::io("sync", &config.data_dir))?;
    let segments = Arc::new(Segments::new(files.clone(), wal_dir));
    let hash_limits = HashLimits {
        since: match config.duplicate_window_ms {
            0 => UnixNanos::MAX,
            window => UnixNanos(clock.now().0.saturating_sub_unsigned(window.saturating_mul(1_000_000))),
        },
        count_max: config.duplicate_hashes_max,
    };
    let checked = check(&files, &segments, hash_limits)?;
    let loaded = catalog.begin()?;
    // From here on the directory is known to be of a format that this version reads: now it may be changed.
    let objects: Arc<dyn ObjectIo> = Arc::new(LocalObjects::open(&config.data_dir, files.clone())?);
    let epoch = loaded.epoch;
    let health = Arc::new(Health::default());
    let known = loaded.blocks.iter().chain(&loaded.removed).map(|meta| meta.id).collect();
    let versions = Arc::new(Versions::new(clock.clone(), objects.clone(), epoch, &config, loaded.blocks, &loaded.sealed));
    versions.keep_removed(loaded.removed);

    let sealed = versions.sealed_all();
    let mut recovered = recover(checked, &segments, sealed.clone(), hash_limits);
    health.quarantined(recovered.quarantined_bytes);
    std::mem::take(&mut recovered.notes).into_iter().for_each(|note| health.note(note));
    if let Err(error) = segments.trim(|stream| sealed.get(stream).copied()) {
        health.note(format!("a WAL segment that is no longer needed stays for now: {error}"));
    }
    let next = recovered.next.max(loaded.lsn_next).max(Lsn(1));
    // Only once no removed segment can come back after a power cut: its entries would be replayed beside their blocks.
    if segments.size().0 == 0 && files.sync_dir(segments.dir()).is_ok() {
        catalog.forget_sealed(epoch, next)?;
    }
    let dedupe = Dedupe::new(clock.clone(), config.duplicate_window_ms, config.duplicate_hashes_max);
    dedupe.restore(loaded.hashes);
    dedupe.restore(std::mem::take(&mut recovered.hashes));

    let believed = Believed { wall_at_start: clock.now(), monotonic_at_start: clock.monotonic_nano(), changed: loaded.changed };
    let tenants = Arc::new(RwLock::new(loaded.tenants.into_iter().collect()));
    let ids = Arc::new(BlockIds::default());
    let retention = Arc::new(Retention::new(
        clock.clone(),
        versions.clone(),
        catalog.clone(),
        objects.clone(),
        ids.clone(),
        health.clone(),
        tenants.clone(),
        epoch,
        believed,
        Policy::new(&config),
    ));
    let (requests, request_queue) = crossbeam_channel::unbounded();
    let (wake_flush, flush_wakes) = crossbeam_channel::bounded(1);
    let (flush, flush_commands) = crossbeam_channel::unbounded();
    let (merge, merge_commands) = crossbeam_channel::unbounded();
    let (upkeep, upkeep_stop) = crossbeam_channel::bounded(0);
    let writer = Writer {
        files: files.clone(),
        segments: segments.clone(),
        versions: versions.clone(),
        health: health.clone(),
        epoch,
        segment_bytes: config.wal_segment_bytes,
        next,
        last_kept: Lsn(next.0 - 1),
        wake_flush: wake_flush.clone(),
    };
    let merger = Merge {
        clock: clock.clone(),
        believed,
        versions: versions.clone(),
        catalog: catalog.clone(),
        objects: objects.clone(),
        health: health.clone(),
        ids: ids.clone(),
        epoch,
        delay_nano: i64::try_from(config.merge_delay_ms).unwrap_or(i64::MAX).saturating_mul(1_000_000),
        input_bytes_max: config.merge_input_bytes_max,
        memory_bytes_max: config.merge_memory_bytes_max,
        retention: retention.clone(),
        files: files.clone(),
        data_dir: config.data_dir.clone(),
        days: Mutex::default(),
        uncountable: Mutex::default(),
    };
    let reserve = Arc::new(Reserve::new(files.clone(), &config.data_dir, config.reserve_bytes));
    let flusher = Flush {
        clock,
        believed,
        versions: versions.clone(),
        segments: segments.clone(),
        catalog: catalog.clone(),
        objects,
        health: health.clone(),
        reserve: reserve.clone(),
        ids,
        epoch,
        limits: Limits {
            table_bytes_max: config.seal_table_bytes_max,
            live_bytes_max: config.live_bytes_max,
            age_nano_max: config.seal_age_ms_max.saturating_mul(1_000_000),
            edges_rows_max: config.seal_edges_rows_max,
        },
        wal_bytes_max: config.wal_bytes_max,
        duplicate_window_nano: dedupe.window_nano(),
    };
    let replay = Replay {
        files: files.clone(),
        segments: segments.clone(),
        versions: versions.clone(),
        health: health.clone(),
        wake_flush,
        live_bytes_max: config.live_bytes_max + config.live_bytes_max / 2,
    };
    let sweep = Sweep { files: files.clone(), data_dir: config.data_dir.clone(), known, versions: versions.clone(), before: loaded.block_next };
    let file_io = files.clone();
    let keeper = Upkeep {
        files,
        health: health.clone(),
        data_dir: config.data_dir.clone(),
        free_bytes_min: config.free_bytes_min,
        reserve: reserve.clone(),
        retention: retention.clone(),
        sweep: Some(sweep),
        merge: merge.clone(),
    };
    keeper.look_at_space();
    if recovered.pending.is_empty() {
        versions.set_replayed();
    }
    let tasks = Tasks {
        requests,
        flush,
        merge,
        upkeep,
        replay_thread: spawn("hopline-replay", move || replay.run(&recovered))?,
        writer_thread: spawn("hopline-wal", move || writer.run(&request_queue))?,
        flush_thread: spawn("hopline-seal", move || flusher.run(&flush_wakes, &flush_commands))?,
        merge_thread: spawn("hopline-merge", move || merger.run(&merge_commands))?,
        upkeep_thread: spawn("hopline-upkeep", move || keeper.run(&upkeep_stop))?,
        lock,
    };
    Ok(Arc::new(Storage {
        config,
        health,
        versions,
        segments,
        catalog,
        dedupe,
        reserve,
        epoch,
        tenants,
        retention,
        files: file_io,
        sizes: Mutex::default(),
        tasks: Mutex::new(Some(tasks)),
    }))
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(run).map_err(|error| Error::Internal(format!("cannot start thread {name}: {error}")))
}
