//! `hopline run -- CMD`: runs a command with a TRACEPARENT, follows what it causes, ends with its exit code.

use crate::cli::{Follow, Run};
use crate::client::Client;
use crate::follow::report::report;
use crate::follow::root::{INTERNAL, Root};
use crate::follow::watch::Watch;
use crate::print::{Screen, note};
use anyhow::Result;
use std::path::Path;
use std::process::{Child, Command, ExitCode, ExitStatus};

/// As shells have it: the command was found and cannot be run; was not found.
const CANNOT_RUN: u8 = 126;
const NOT_FOUND: u8 = 127;
/// A signal's number is added to it.
const SIGNALLED: i32 = 128;

pub(crate) fn run(arguments: &Run) -> Result<ExitCode> {
    let Some((program, rest)) = arguments.command.split_first() else {
        return Err(super::Usage("no command is given: `hopline run -- make test`".into()).into());
    };
    let name = Path::new(program).file_name().map_or_else(|| program.clone(), |name| name.to_string_lossy().into_owned());
    let mut root = Root::begin(format!("run {name}"), INTERNAL)?;
    root.set("process.command_args", arguments.command.clone());
    let mut command = Command::new(program);
    command.args(rest);
    follow(&mut command, root, &arguments.follow)
}

/// Runs the command as the work of `root` and follows it to the end.
pub(crate) fn follow(command: &mut Command, mut root: Root, arguments: &Follow) -> Result<ExitCode> {
    let client = Client::new(&arguments.ask)?;
    stay_on_interrupt();
    let mut child = match command.env("TRACEPARENT", root.traceparent()).spawn() {
        Ok(child) => child,
        Err(error) => {
            note(&format!("hopline: cannot run {}: {error}", command.get_program().to_string_lossy()));
            let missing = error.kind() == std::io::ErrorKind::NotFound;
            return Ok(ExitCode::from(if missing { NOT_FOUND } else { CANNOT_RUN }));
        }
    };
    let screen = Screen::stderr();
    let shown = (screen.width.is_some() || arguments.live).then_some(screen);
    let trace_id = root.trace_id.clone();
    let mut watch = Watch::new(&client, &trace_id, shown);
    watch.until(|| has_ended(&mut child));
    let status = child.wait()?;
    let code = code(status);
    root.set("process.exit.code", code);
    root.end((code != 0).then(|| format!("ended with {code}")));
    // What the command did counts, whatever becomes of its telemetry.
    let mut own = 1;
    if let Err(error) = root.export(arguments) {
        note(&format!("hopline: {error:#}"));
        own = 0;
    }
    watch.until_quiet(own);
    if let Err(error) = report(&client, arguments, &root) {
        note(&format!("hopline: {error:#}"));
    }
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

fn has_ended(child: &mut Child) -> bool {
    !matches!(child.try_wait(), Ok(None))
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().or_else(|| status.signal().map(|signal| SIGNALLED + signal)).unwrap_or(1)
}

/// Ctrl-C goes to the command as well: it ends by it, and what it did is still reported. A second one ends this at once.
fn stay_on_interrupt() {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    let listening = std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            for _ in 0..2 {
                if tokio::signal::ctrl_c().await.is_err() {
                    return;
                }
            }
            std::process::exit(130);
        });
    });
    if listening.is_err() {
        note("cannot listen for Ctrl-C: it will end the command without a report");
    }
}
