//! How soon the allocator gives memory back to the system.
//!
//! mimalloc keeps what was freed for a second. A server under load frees as much as it holds several times a second, so its peak was
//! 50 to 90 MB higher than with a tenth of that, for 5 % less CPU. mimalloc reads the setting from the environment before `main`, so the
//! server starts itself again with it: the same process, a millisecond later.

use std::os::unix::process::CommandExt;
use std::process::Command;

const PURGE_DELAY_MS: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "100");

/// Does nothing where the environment has the setting already. Goes on as it is when the binary is not there to be started any more.
pub(crate) fn give_back_soon() {
    if std::env::var_os(PURGE_DELAY_MS.0).is_some() {
        return;
    }
    let mut arguments = std::env::args_os();
    let (Ok(binary), Some(name)) = (std::env::current_exe(), arguments.next()) else { return };
    // It comes back only when it failed, and then only memory is lost.
    let _ = Command::new(binary).arg0(name).args(arguments).env(PURGE_DELAY_MS.0, PURGE_DELAY_MS.1).exec();
}
