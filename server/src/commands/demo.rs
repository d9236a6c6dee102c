//! `hopline demo`: the shop, until its length has passed or Ctrl-C; its ground truth on standard output, its words on standard error.

use anyhow::{Context, Result};
use hopline_demo::{Fault, Options};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tracing_subscriber::EnvFilter;

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()).init();
    let out: Box<dyn Write + Send> = match options.truth.as_str() {
        "-" => Box::new(std::io::LineWriter::new(std::io::stdout())),
        path => Box::new(std::io::BufWriter::new(std::fs::File::create(path).with_context(|| format!("cannot write the ground truth to {path}"))?)),
    };
    let stop = Arc::new(AtomicBool::new(false));
    stop_on_signal(stop.clone())?;
    let mut words = std::io::stderr();
    if words.is_terminal() {
        let what = match options.backfill {
            Some(span) => format!("writing {} h of history", span.as_secs_f64() / 3600.0),
            None => format!(
                "{} requests/s until {}",
                options.rate,
                if options.length.is_zero() { "Ctrl-C".into() } else { format!("{:?} have passed", options.length) }
            ),
        };
        writeln!(
            words,
            "shop of eight services → {}: {what}; seed {}; faults: {}",
            options.otlp_endpoint,
            options.seed,
            Fault::ALL.map(Fault::name).join(", ")
        )?;
    }
    let report = hopline_demo::run(options, out, stop)?;
    writeln!(words, "{}", serde_json::to_string(&report)?)?;
    // What could not be sent was said; a demo nobody received has failed.
    Ok(if report.trouble.is_some() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// The first signal ends the run in order, the second at once.
fn stop_on_signal(stop: Arc<AtomicBool>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot listen for signals")?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            runtime.block_on(async {
                let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else { return };
                for _ in 0..2 {
                    tokio::select! {
                        _ = terminate.recv() => {}
                        _ = tokio::signal::ctrl_c() => {}
                    }
                    if stop.swap(true, Ordering::Relaxed) {
                        std::process::exit(130);
                    }
                }
            });
        })
        .context("cannot start the signal thread")?;
    Ok(())
}
