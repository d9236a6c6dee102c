//! Flags of the demo, and what they mean.

use crate::plan::Fault;
use std::time::Duration;

/// How telemetry is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// OTLP/HTTP with protobuf bodies
    Http,
    /// OTLP/gRPC
    Grpc,
}

/// An online shop of real services that sends traces, logs and metrics.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Where to send telemetry: an OTLP/HTTP base address, or an OTLP/gRPC address with --protocol grpc
    #[arg(long, env = "HOPLINE_OTLP_ENDPOINT", default_value = "http://127.0.0.1:4318")]
    pub otlp_endpoint: String,
    /// Bearer token of the endpoint
    #[arg(long, env = "HOPLINE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    #[arg(long, value_enum, default_value = "http")]
    pub protocol: Protocol,
    /// Requests of customers per second
    #[arg(long, default_value_t = 4.0, value_parser = rate)]
    pub rate: f64,
    /// How long to run, such as 90s, 5m or 1h; 0 runs until Ctrl-C
    #[arg(long, default_value = "0", value_parser = duration)]
    pub length: Duration,
    /// `plan`: one fault after the other with calm between; `none`; or names, comma-separated, active all the time
    #[arg(long, default_value = "plan", value_parser = faults)]
    pub faults: Faults,
    /// Fixes the fault plan and the mix of requests
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write this much history instead of running now, such as 24h: the same services on a virtual clock (traces and logs; metrics have no past)
    #[arg(long, value_parser = duration)]
    pub backfill: Option<Duration>,
    /// Where the ground truth goes, one JSON object per request; `-` is standard output
    #[arg(long, default_value = "-")]
    pub truth: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            otlp_endpoint: "http://127.0.0.1:4318".into(),
            token: None,
            protocol: Protocol::Http,
            rate: 4.0,
            length: Duration::ZERO,
            faults: Faults::Plan,
            seed: 1,
            backfill: None,
            truth: "-".into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Faults {
    Plan,
    Always(Vec<Fault>),
}

fn rate(text: &str) -> Result<f64, String> {
    match text.trim_end_matches("/s").parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= 1000.0 => Ok(rate),
        _ => Err("expected requests per second between 0 and 1000, such as 4 or 0.5".into()),
    }
}

/// `90s`, `5m`, `24h`, `2d`, `250ms`, or seconds without unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit_seconds = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(format!("{unit:?} is no unit of time: use ms, s, m, h or d")),
    };
    match number.parse::<f64>() {
        Ok(number) if number >= 0.0 && number * unit_seconds <= 366.0 * 86400.0 => Ok(Duration::from_secs_f64(number * unit_seconds)),
        _ => Err(format!("{text:?} is no length of time up to a year: write 90s, 5m or 24h")),
    }
}

fn faults(text: &str) -> Result<Faults, String> {
    match text {
        "plan" => Ok(Faults::Plan),
        "none" | "" => Ok(Faults::Always(Vec::new())),
        "all" => Ok(Faults::Always(Fault::ALL.to_vec())),
        names => names
            .split(',')
            .map(|name| {
                Fault::ALL
                    .into_iter()
                    .find(|fault| fault.name() == name.trim())
                    .ok_or_else(|| format!("no fault is named {name:?}: choose from plan, none, all, {}", Fault::ALL.map(Fault::name).join(", ")))
            })
            .collect::<Result<_, _>>()
            .map(Faults::Always),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [("0", 0), ("250ms", 250), ("90s", 90_000), ("1.5m", 90_000), ("24h", 86_400_000), ("2d", 172_800_000)] {
            assert_eq!(duration(text).map(|d| d.as_millis()), Ok(millis), "{text}");
        }
        for text in ["", "x", "5y", "-1s", "1e9d", "NaN"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_faults() {
        assert_eq!(faults("lock,bad-version"), Ok(Faults::Always(vec![Fault::Lock, Fault::BadVersion])));
        assert!(faults("lok").is_err_and(|message| message.contains("slow-database")));
    }
}
