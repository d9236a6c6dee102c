//! The disk fails under the real binary: system calls that return errors (injected by strace), and a volume that is full.

use super::load::{Done, Load, check, now_nano};
use crate::harness::{Server, eventually};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// One way a disk fails.
struct Case {
    what: &'static str,
    /// strace's `-e inject=`; `when` counts calls of each thread by itself.
    inject: &'static str,
    /// The disk cannot be trusted any more: refusing everything is right, until a restart.
    read_only: bool,
}

const CASES: &[Case] = &[
    Case { what: "one failed fdatasync", inject: "fdatasync:error=EIO:when=9", read_only: false },
    Case { what: "failed fdatasyncs from some time on", inject: "fdatasync:error=EIO:when=9+", read_only: true },
    Case { what: "writes that find no space for a while", inject: "pwrite64:error=ENOSPC:when=12..24", read_only: false },
    Case { what: "a write that fails", inject: "pwrite64:error=EIO:when=15", read_only: false },
    Case { what: "a rename that fails", inject: "rename:error=EIO:when=1", read_only: false },
    Case { what: "no room to reserve for a segment", inject: "fallocate:error=ENOSPC:when=1..3", read_only: false },
];

/// Seals and new segments within a second of load.
const SETTINGS: [(&str, &str); 4] = [
    // A quick machine sends more series than a tenant may have by default.
    ("HOPLINE_COLLECTOR__SERIES_PER_TENANT_MAX", "100000000"),
    ("HOPLINE_STORAGE__SEAL_TABLE_BYTES_MAX", "300000"),
    ("HOPLINE_STORAGE__WAL_SEGMENT_BYTES", "262144"),
    ("HOPLINE_STORAGE__FREE_BYTES_MIN", "1000000"),
];

fn works(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// System calls fail; what was acknowledged is found, queries go on, and it heals by itself where it may.
#[test]
fn failing_system_calls() {
    if !works(Command::new("strace").args(["-qq", "-e", "inject=fdatasync:error=EIO", "true"])) {
        println!("left out: strace is not installed or may not trace here");
        return;
    }
    for case in CASES {
        let next = Arc::new(AtomicU64::new(1));
        let first = now_nano();
        let mut server = Server::prepare(&[], &SETTINGS);
        // The directory is made without faults: they are to hit a server at work.
        server.start_again();
        server.stop();
        let syscall = case.inject.split(':').next().expect("a name");
        server.set_wrapper(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={syscall}"), "-e", &format!("inject={}", case.inject)]);
        server.start_again();
        let load = Load::start(&server, &next);
        std::thread::sleep(Duration::from_millis(2500));
        let status = server.api().get("/api/v1/status");
        assert_eq!(status["storage"]["read_only"], case.read_only, "{}: {status}", case.what);
        let before = load.acknowledged();
        if !case.read_only {
            eventually(Duration::from_secs(5), || match load.acknowledged() > before {
                true => Ok(()),
                false => Err(format!("{}: it does not heal by itself: {:?}; {}", case.what, load.errors(), server.log())),
            });
        }
        let done = load.stop();
        check(&server.api(), &done.sent, first, case.what);
        server.kill();
        server.set_wrapper(&[]);
        server.start_again();
        server.api().wait_replayed();
        check(&server.api(), &done.sent, first, &format!("{}, after a restart", case.what));
        super::ledger(&format!("strace, {} ({}): {} requests, 0 lost, 0 twice", case.what, case.inject, done.sent.len()));
    }
}

/// A small volume, mounted for one test.
struct Volume(tempfile::TempDir);

impl Volume {
    fn mount(mib: u64) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        works(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"]).arg(dir.path())).then_some(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}

/// Another program fills the volume: ingest is refused and told to come back, queries answer, what is in memory is sealed
/// with the reserved room, and everything goes on by itself once there is space.
#[test]
fn full_volume() {
    let Some(volume) = Volume::mount(64) else {
        println!("left out: mounting a small volume needs root");
        return;
    };
    let mut settings = SETTINGS.to_vec();
    settings.push(("HOPLINE_STORAGE__RESERVE_BYTES", "8000000"));
    let next = Arc::new(AtomicU64::new(1));
    let first = now_nano();
    let mut server = Server::prepare(&[], &settings);
    server.set_data_dir(&volume.path().join("data"));
    server.start_again();
    let api = server.api();
    let load = Load::start(&server, &next);
    std::thread::sleep(Duration::from_millis(700));
    assert!(load.acknowledged() > 10 && load.errors().is_empty());

    let filler = volume.path().join("filler");
    // Until not a byte is left; that the command fails is the point.
    let filled = Command::new("dd").args(["if=/dev/zero", "bs=64k"]).arg(format!("of={}", filler.display())).output().expect("dd");
    assert!(!filled.status.success());
    eventually(Duration::from_secs(30), || {
        let errors = load.errors();
        match errors.iter().any(|error| error.contains("the disk is full")) {
            true => Ok(()),
            false => Err(format!("{errors:?}")),
        }
    });
    let refused = load.acknowledged();
    std::thread::sleep(Duration::from_millis(if super::torture() { 120_000 } else { 1500 }));
    let errors = load.errors();
    assert!(
        !errors.is_empty() && errors.iter().all(|error| ["503", "429", "unavailable"].iter().any(|word| error.to_lowercase().contains(word))),
        "retryable: {errors:?}"
    );
    let status = api.get("/api/v1/status");
    assert_eq!(status["storage"]["read_only"], false, "{status}");
    // Answers go on.
    assert!(api.get("/api/v1/logs?limit=1")["items"].as_array().is_some_and(|items| !items.is_empty()));

    std::fs::remove_file(&filler).expect("it is there");
    let (_, resumed) = eventually(Duration::from_secs(30), || match load.acknowledged() > refused {
        true => Ok(()),
        false => Err(format!("{:?}", load.errors())),
    });
    std::thread::sleep(Duration::from_millis(300));
    let mut all = Done::default();
    all.sent.extend(load.stop().sent);
    check(&api, &all.sent, first, "after a full disk");
    server.kill();
    server.start_again();
    server.api().wait_replayed();
    check(&server.api(), &all.sent, first, "after a full disk and kill -9");
    server.stop();
    server.start_again();
    check(&server.api(), &all.sent, first, "after a full disk and a clean stop");
    super::ledger(&format!("full volume: {} requests, 0 lost, 0 twice; resumed {} ms after there was space", all.sent.len(), resumed.as_millis()));
}
