//! Arguments of every command, as clap reads them.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Follow one request across every hop: traces, logs and metrics over OTLP, in one binary.
#[derive(Debug, Parser)]
#[command(name = "hopline", version, propagate_version = true, arg_required_else_help = true)]
#[command(
    after_long_help = "Exit codes: 0 answered, 1 failed, 2 used wrongly, 130 stopped with Ctrl-C (the server then stops working on the question); `run` and `curl` end with the code of \
their command. Colours, cut columns and progress only on a terminal; NO_COLOR=1 switches colours off. Shell completion: `hopline completion bash`.",
    after_help = "Start here: `hopline serve`, then set OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 for your services and open http://127.0.0.1:4300"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Take OTLP, keep it, answer questions about it
    Serve(Serve),
    /// Find traces: `hopline search 'service:checkout status:error duration:>500ms'`
    Search(Search),
    /// Draw one trace as a waterfall
    Trace(Trace),
    /// Say why a request was slow or failed, against others like it
    Why(Why),
    /// Find log records: `hopline logs 'severity:>=error "card declined"'`
    Logs(Logs),
    /// Ask in SQL: `hopline sql 'select service_name, count(*) from spans group by 1'`
    Sql(Sql),
    /// List services with their rate, errors and durations
    Services(Services),
    /// Say who depends on a service, directly or through others
    Impact(Impact),
    /// Run a command with a TRACEPARENT and follow what it causes: `hopline run -- make test`
    Run(Run),
    /// Send a request with curl and follow it: `hopline curl http://localhost:8080/cart -s`
    Curl(Curl),
    /// Run an online shop of eight services that sends traces, logs and metrics, with faults in their behaviour
    Demo(hopline_demo::Options),
    /// Say what state the server is in, and what to do about it
    Doctor(Doctor),
    /// Copy the data directory, of a running server or a stopped one; a second time only what is new
    Backup(Backup),
    /// Make a data directory of a backup, after verifying all of it
    Restore(Restore),
    /// Delete what a query matches, from every file: `hopline delete 'service:checkout card.number:*' --signal logs --yes`
    Delete(Delete),
    /// Show what retention removes, how much and when
    Retention(Retention),
    /// Print the version, and the server's when one answers
    Version(Version),
    /// Print the completion script of a shell
    Completion {
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Every flag has a key of the same name in the configuration file, and `HOPLINE_<KEY>` in the environment.
#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    /// Where data is kept [default: $XDG_DATA_HOME/hopline]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// TOML file with settings; see deploy/config/hopline.toml
    #[arg(long, value_name = "FILE", env = "HOPLINE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// OTLP over gRPC [default: 127.0.0.1:4317]
    #[arg(long, value_name = "ADDR")]
    pub(crate) otlp_grpc: Option<String>,
    /// OTLP over HTTP, protobuf and JSON [default: 127.0.0.1:4318]
    #[arg(long, value_name = "ADDR")]
    pub(crate) otlp_http: Option<String>,
    /// Page and API [default: 127.0.0.1:4300]
    #[arg(long, value_name = "ADDR")]
    pub(crate) http: Option<String>,
    /// Token that clients must send; better in HOPLINE_TOKEN, where `ps` does not show it
    #[arg(long, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Listen beyond loopback without any token
    #[arg(long)]
    pub(crate) insecure_no_auth: bool,
    /// Certificate chain (PEM) for all three doors
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// What is logged to stderr: error, warn, info, debug or a filter like `info,hopline_storage=debug` [default: info]
    #[arg(long, value_name = "FILTER")]
    pub(crate) log: Option<String>,
    /// Print the settings as they would be used, and end
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// Where the API is and how the answer is shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct Ask {
    /// The server's page and API
    #[arg(long, env = "HOPLINE_ENDPOINT", default_value = "http://127.0.0.1:4300", value_name = "URL")]
    pub(crate) endpoint: String,
    #[arg(long, env = "HOPLINE_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub(crate) token: Option<String>,
    /// Tenant to ask, sent as X-Scope-OrgID
    #[arg(long, env = "HOPLINE_TENANT", value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Seconds to wait for an answer
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) timeout: u64,
    /// Say beside the answer what was read and left out for it, and where the time went
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// The API's answer as it is
    Json,
    /// One JSON object a line
    Ndjson,
    Csv,
}

/// A window of time and a page of it.
#[derive(Debug, Clone, Args)]
pub(crate) struct Range {
    /// RFC 3339, unix time, or `now-15m` [default: an hour ago]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// At most 1000
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// Where the answer before ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Terms: words, "phrases", field:value, duration:>500ms, -env:staging, (a OR b)
    #[arg(default_value = "", allow_hyphen_values = true)]
    pub(crate) query: String,
    #[command(flatten)]
    pub(crate) range: Range,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Trace {
    /// 32 hex digits
    pub(crate) id: String,
    /// Show the log records below the waterfall
    #[arg(long)]
    pub(crate) logs: bool,
    /// Show the hop ledger instead: every call between services, with its time split up
    #[arg(long, conflicts_with_all = ["logs", "attributes"])]
    pub(crate) hops: bool,
    /// Show every attribute of every span
    #[arg(long)]
    pub(crate) attributes: bool,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// 32 hex digits
    pub(crate) id: String,
    /// Judge this span and what is below it as a request of its own
    #[arg(long, value_name = "ID")]
    pub(crate) span: Option<String>,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Impact {
    /// A service, or a database, queue or host as `hopline services` and the map name it
    pub(crate) service: String,
    #[command(flatten)]
    pub(crate) range: Range,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

/// How a request is followed.
#[derive(Debug, Args)]
pub(crate) struct Follow {
    /// Where the root span is sent: the server's OTLP/HTTP door
    #[arg(long, env = "HOPLINE_OTLP_ENDPOINT", default_value = "http://127.0.0.1:4318", value_name = "URL")]
    pub(crate) otlp_endpoint: String,
    /// Show hops and log records as they come, even when no terminal looks
    #[arg(long)]
    pub(crate) live: bool,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) follow: Follow,
    /// The command and its arguments, after `--`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Curl {
    #[command(flatten)]
    pub(crate) follow: Follow,
    pub(crate) url: String,
    /// Passed on to curl
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "CURL ARGUMENTS")]
    pub(crate) arguments: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    #[arg(default_value = "", allow_hyphen_values = true)]
    pub(crate) query: String,
    /// Show records as they arrive, until Ctrl-C
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only the records of this trace
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<String>,
    /// Every record that matches, newest first, as the server reads them; --limit is then of all
    #[arg(long, conflicts_with_all = ["follow", "trace", "cursor"])]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) range: Range,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Sql {
    /// One SELECT over spans, logs, metrics, services; `-` reads it from stdin
    pub(crate) query: String,
    /// Values for $1, $2, …: JSON, else text
    #[arg(long = "param", value_name = "VALUE")]
    pub(crate) params: Vec<String>,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Services {
    #[command(flatten)]
    pub(crate) range: Range,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// First flush what is live and merge every window that has ended
    #[arg(long)]
    pub(crate) settle: bool,
    /// Compare every stored file with its checksum; reads the whole store
    #[arg(long)]
    pub(crate) verify: bool,
    /// Verify, and rebuild damaged index files from the rows
    #[arg(long)]
    pub(crate) repair: bool,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// Where the backup is kept: empty, or with an earlier backup
    pub(crate) dir: PathBuf,
    /// The data to back up [default: as `serve` finds it]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// TOML file with settings, for its data_dir
    #[arg(long, value_name = "FILE", env = "HOPLINE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Copy every file, also where a hard link would do
    #[arg(long)]
    pub(crate) copy: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) dir: PathBuf,
    /// The data directory to make: empty or not there yet
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: PathBuf,
    /// Link block files into the backup instead of copying them, where the file system can
    #[arg(long)]
    pub(crate) link: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

/// Whose rows are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Signal {
    Spans,
    Logs,
    Metrics,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// As in search: words, "phrases", field:value
    #[arg(allow_hyphen_values = true)]
    pub(crate) query: String,
    #[arg(long, value_enum)]
    pub(crate) signal: Signal,
    /// RFC 3339, unix time, or `now-15m`: no older rows [default: from the first]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// No rows from here on [default: to the last]
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Say how much would go and end with 0
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Delete it; cannot be undone
    #[arg(long)]
    pub(crate) yes: bool,
    /// An empty query is meant
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Retention {
    /// Remove what is past its age at once, however much it is
    #[arg(long)]
    pub(crate) run: bool,
    /// Show what would go and change nothing: what is done without --run
    #[arg(long, conflicts_with = "run")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) ask: Ask,
}

#[derive(Debug, Args)]
pub(crate) struct Version {
    #[command(flatten)]
    pub(crate) ask: Ask,
}
