//! `hopline backup DIR`, `hopline restore DIR`: on the files themselves, so that they work whether a server runs or not.

use super::Usage;
use crate::cli::{Backup, Format, Restore, Serve};
use crate::config::Config;
use crate::print::{Screen, note, out, value};
use anyhow::{Context, Result};
use hopline_model::SystemClock;
use hopline_storage::backup::{BackupOptions, Progress, RestoreOptions};
use serde::Serialize;
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) fn backup(arguments: &Backup) -> Result<()> {
    let data_dir = data_dir(arguments.data_dir.as_ref(), arguments.config.as_ref())?;
    let options = BackupOptions { data_dir, into: arguments.dir.clone(), copy: arguments.copy, now: SystemClock::new().now() };
    let mut bar = Bar::new();
    let began = Instant::now();
    let done = hopline_storage::backup::backup(&options, &mut |progress| bar.show(progress));
    bar.end();
    let done = done.with_context(|| format!("cannot back up {}", options.data_dir.display()))?;
    let words = format!(
        "backup {} of {} in {}: {} rows in {} blocks and {} of log; {} in all, {} copied ({} files), {} files linked, {} there already; {:.1} s\n",
        done.number,
        options.data_dir.display(),
        options.into.display(),
        done.block_rows,
        done.blocks,
        value::bytes(done.wal_bytes),
        value::bytes(done.bytes),
        value::bytes(done.bytes_copied),
        done.files_copied,
        done.files_linked,
        done.files_kept,
        began.elapsed().as_secs_f64(),
    );
    answer(arguments.format, &done, &words)
}

pub(crate) fn restore(arguments: &Restore) -> Result<()> {
    if arguments.dir == arguments.data_dir {
        return Err(Usage("the backup and --data-dir are the same directory: name another one to restore into".into()).into());
    }
    let options = RestoreOptions { from: arguments.dir.clone(), data_dir: arguments.data_dir.clone(), link: arguments.link };
    let mut bar = Bar::new();
    let done = hopline_storage::backup::restore(&options, &mut |progress| bar.show(progress));
    bar.end();
    let done = done.with_context(|| format!("cannot restore {}", options.from.display()))?;
    let words = format!(
        "restored the backup of {} into {}: {} rows in {} blocks besides what the log holds, {}\nstart it with `hopline serve --data-dir {}`; what is past storage.retention_hours goes within hours of the start\n",
        done.taken,
        options.data_dir.display(),
        done.block_rows,
        done.blocks,
        value::bytes(done.bytes),
        options.data_dir.display(),
    );
    answer(arguments.format, &done, &words)
}

/// As `serve` would find it.
fn data_dir(named: Option<&PathBuf>, config: Option<&PathBuf>) -> Result<PathBuf> {
    match named {
        Some(data_dir) => Ok(data_dir.clone()),
        // Doors are not opened, so what they need is not asked for.
        None => Ok(Config::load(&Serve { config: config.cloned(), insecure_no_auth: true, ..Serve::default() })?.data_dir),
    }
}

fn answer(format: Format, done: &impl Serialize, words: &str) -> Result<()> {
    let object = serde_json::to_value(done)?;
    match format {
        Format::Table => out(words),
        Format::Json => out(&format!("{}\n", serde_json::to_string_pretty(&object)?)),
        Format::Ndjson => out(&crate::print::list::lines(&[object])?),
        Format::Csv => out(&crate::print::list::csv(&[object])?),
    }
}

/// One line that is written over, on a terminal alone.
struct Bar {
    shown: Option<Instant>,
    terminal: bool,
    step: &'static str,
}

impl Bar {
    fn new() -> Self {
        Self { shown: None, terminal: Screen::stderr().width.is_some(), step: "" }
    }

    fn show(&mut self, progress: Progress) {
        let soon = self.shown.is_some_and(|shown| shown.elapsed() < Duration::from_millis(100));
        if !self.terminal || (soon && self.step == progress.step) {
            return;
        }
        (self.shown, self.step) = (Some(Instant::now()), progress.step);
        let share = (progress.files_done * 100).checked_div(progress.files).map(|share| format!(" {share} %")).unwrap_or_default();
        // Nobody is left to be told when standard error is closed.
        let _ = write!(std::io::stderr(), "\r\x1b[K{}:{share} {}", progress.step, value::bytes(progress.bytes_done));
    }

    fn end(&self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// What stands in the answers of `delete` and `retention`: a count under a name, 0 when it is not there.
pub(super) fn count(value: &Value, path: &str) -> u64 {
    value.pointer(path).and_then(value::integer).and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

/// Something was not done because nobody agreed to it.
pub(super) fn not_done(what: &str) {
    note(&format!("nothing was {what}; add --yes to do it"));
}
