//! Starts the binary on free ports with a directory of its own; stops it gently or with kill -9.

use super::api::Api;
use super::otlp::Exporter;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// `$HOPLINE_BIN`, else the `hopline` beside this test's own build.
pub(crate) fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("HOPLINE_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a test has a path");
    let built = own.parent().and_then(Path::parent).expect("target/debug/deps").join("hopline");
    assert!(built.exists(), "{} is missing: build it with `cargo build --workspace`", built.display());
    built
}

/// A directory with data, and perhaps a server running on it.
pub(crate) struct Server {
    dir: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// A command that runs the server, as `strace …` does.
    wrapper: Vec<String>,
    /// Where the data lies, when not in a directory of its own.
    data_dir: Option<PathBuf>,
    running: Option<Running>,
}

struct Running {
    child: Child,
    ready: Value,
    ready_after: Duration,
    log: Arc<Mutex<String>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[], &[])
    }

    pub(crate) fn with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut server = Self::prepare(arguments, environment);
        server.start_again();
        server
    }

    /// Not started yet.
    pub(crate) fn prepare(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            arguments: arguments.iter().map(ToString::to_string).collect(),
            environment: environment.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            wrapper: vec![],
            data_dir: None,
            running: None,
        }
    }

    /// For the next start.
    pub(crate) fn set_environment(&mut self, name: &str, value: Option<&str>) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.extend(value.map(|value| (name.to_string(), value.to_string())));
    }

    /// For the next start.
    pub(crate) fn set_wrapper(&mut self, command: &[&str]) {
        self.wrapper = command.iter().map(ToString::to_string).collect();
    }

    /// For the next start.
    pub(crate) fn set_data_dir(&mut self, path: &Path) {
        self.data_dir = Some(path.to_path_buf());
    }

    /// Starts on the same data; ports are new ones.
    pub(crate) fn start_again(&mut self) {
        assert!(self.running.is_none(), "it is running");
        let began = Instant::now();
        let mut child = self.spawn();
        let log = collect(child.stderr.take().expect("piped"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("standard output");
        let ready_after = began.elapsed();
        let Ok(ready) = serde_json::from_str::<Value>(&line) else {
            let status = child.wait().expect("it ends");
            // The log is read by a thread of its own: let it come to the end.
            std::thread::sleep(Duration::from_millis(100));
            panic!("no ready line but {line:?}, ended with {status}; its log:\n{}", log.lock().unwrap());
        };
        assert_eq!(ready["ready"], true);
        self.running = Some(Running { child, ready, ready_after, log });
    }

    fn spawn(&self) -> Child {
        let mut command = match self.wrapper.split_first() {
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(binary());
                command
            }
            None => Command::new(binary()),
        };
        command.args(["serve", "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir"]);
        command.arg(self.data_dir()).args(&self.arguments);
        // What a test run is told by its environment is nothing for the server.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HOPLINE_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(key, value)| (key, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
    }

    /// Starts and dies by kill -9 so long after, ready or not.
    pub(crate) fn start_and_kill(&mut self, after: Duration) {
        assert!(self.running.is_none(), "it is running");
        let mut child = self.spawn();
        let _log = collect(child.stderr.take().expect("piped"));
        std::thread::sleep(after);
        child.kill().expect("kill");
        child.wait().expect("wait");
    }

    /// The process ends by itself; [`Server::kill`] is still to be called.
    pub(crate) fn died_within(&mut self, patience: Duration) -> bool {
        let running = self.running.as_mut().expect("it is running");
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if running.child.try_wait().expect("wait").is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// What it has said on standard error.
    pub(crate) fn log(&self) -> String {
        self.running().log.lock().unwrap().clone()
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it is running")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(|| self.dir.path().join("data"))
    }

    fn address(&self, door: &str) -> &str {
        self.running().ready[door].as_str().expect("an address")
    }

    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.address("http"))
    }

    pub(crate) fn otlp_http(&self) -> String {
        format!("http://{}", self.address("otlp_http"))
    }

    pub(crate) fn otlp_grpc(&self) -> String {
        format!("http://{}", self.address("otlp_grpc"))
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(&self.http())
    }

    pub(crate) fn exporter(&self) -> Exporter {
        Exporter::new(&self.otlp_http(), &self.otlp_grpc())
    }

    pub(crate) fn ready_after(&self) -> Duration {
        self.running().ready_after
    }

    /// The server's own, also below a wrapper.
    pub(crate) fn pid(&self) -> u32 {
        let pid = self.running().child.id();
        if self.wrapper.is_empty() {
            return pid;
        }
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("procfs");
        children.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("a wrapper has a child")
    }

    /// Memory in use, bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most that was ever in use, bytes.
    pub(crate) fn resident_bytes_peak(&self) -> u64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("procfs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("a line of memory");
        line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("kB") * 1024
    }

    /// SIGTERM; it must end by itself, with 0.
    pub(crate) fn stop(&mut self) -> Duration {
        let began = Instant::now();
        let mut running = self.running.take().expect("it is running");
        signal(&running.child, rustix::process::Signal::TERM);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(status) = running.child.try_wait().expect("wait") {
                assert!(status.success(), "ended with {status}; its log:\n{}", running.log.lock().unwrap());
                return began.elapsed();
            }
            if Instant::now() > deadline {
                running.child.kill().expect("kill");
                panic!("did not stop within 60 s; its log:\n{}", running.log.lock().unwrap());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        if !self.wrapper.is_empty() {
            // A wrapper lets go of its child when it is killed.
            let pid = rustix::process::Pid::from_raw(self.pid() as i32).expect("a process id");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("signal");
            // Only the wrapper is our child: wait until the process has let go of its files.
            let gone = Instant::now() + Duration::from_secs(10);
            while std::path::Path::new(&format!("/proc/{}/fd", pid.as_raw_nonzero())).exists() && Instant::now() < gone {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        let mut running = self.running.take().expect("it is running");
        running.child.kill().expect("kill");
        running.child.wait().expect("wait");
    }

    /// A command of the same binary, asking this server.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // Tests that run in the background of a script inherit an ignored Ctrl-C; a command in a terminal does not.
        let mut command = Command::new("env");
        command
            .arg("--default-signal=INT")
            .arg(binary())
            .args(arguments)
            .env("HOPLINE_ENDPOINT", self.http())
            .env_remove("HOPLINE_TOKEN")
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            // Gone already is fine.
            let _ = running.child.kill();
            let _ = running.child.wait();
            if std::thread::panicking() {
                let log = running.log.lock().unwrap();
                let tail: Vec<&str> = log.lines().rev().take(40).collect();
                println!("the server's log, newest first:\n{}", tail.join("\n"));
            }
        }
    }
}

pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(child.id() as i32).expect("a process id");
    rustix::process::kill_process(pid, signal).expect("signal");
}

fn collect(mut stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let log = Arc::new(Mutex::new(String::new()));
    let into = log.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = stream.read(&mut buffer) {
            if length == 0 {
                return;
            }
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    });
    log
}
