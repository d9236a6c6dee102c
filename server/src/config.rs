//! Settings in one tree: defaults < TOML file < `HOPLINE_*` environment (nested with `__`) < flags.

use crate::cli;
use anyhow::{Context, Result, anyhow, bail};
use figment::providers::{Env, Format, Serialized, Toml};
use figment::{Figment, Profile};
use hopline_model::auth::{Auth, Scope, Token};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[cfg(test)]
mod tests;

/// `HOPLINE_*` variables of the commands, of the demo and of the tests: they may stand in the environment of `serve` too.
const NOT_SETTINGS: &[&str] = &["endpoint", "otlp_endpoint", "config", "tenant", "bin", "seed", "torture_rounds", "failpoint"];

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    pub(crate) otlp_grpc: String,
    pub(crate) otlp_http: String,
    pub(crate) http: String,
    /// One token for everything, of tenant `*`; never shown.
    #[serde(skip_serializing)]
    pub(crate) token: Option<String>,
    pub(crate) insecure_no_auth: bool,
    /// Filter of what is logged to stderr.
    pub(crate) log: String,
    pub(crate) auth: AuthConfig,
    pub(crate) tls: Tls,
    pub(crate) collector: hopline_collector::Config,
    pub(crate) storage: hopline_storage::Config,
    pub(crate) query: hopline_query::Config,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AuthConfig {
    #[serde(skip_serializing)]
    pub(crate) tokens: Vec<Token>,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) cert: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: default_data_dir(|name| std::env::var_os(name)),
            otlp_grpc: "127.0.0.1:4317".into(),
            otlp_http: "127.0.0.1:4318".into(),
            http: "127.0.0.1:4300".into(),
            token: None,
            insecure_no_auth: false,
            log: "info".into(),
            auth: AuthConfig::default(),
            tls: Tls::default(),
            collector: Default::default(),
            storage: Default::default(),
            query: Default::default(),
        }
    }
}

impl Config {
    /// All layers, checked.
    pub(crate) fn load(flags: &cli::Serve) -> Result<Self> {
        let mut figment = Figment::from(Serialized::defaults(Self::default()));
        if let Some(path) = &flags.config {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read the settings in {}", path.display()))?;
            figment = figment.merge(Toml::string(&text));
        }
        // Tokens are text whatever they look like; figment would read `123` as a number.
        figment = figment.merge(Env::prefixed("HOPLINE_").ignore(&["token"]).ignore(NOT_SETTINGS).split("__"));
        let environment_token = std::env::var("HOPLINE_TOKEN").ok().filter(|token| !token.is_empty());
        if let Some(token) = flags.token.clone().or(environment_token) {
            figment = figment.merge(("token", token));
        }
        figment = figment.merge(Flags::from(flags).layer());
        let mut config: Self = figment.extract().map_err(explain)?;
        config.storage.data_dir = config.data_dir.clone();
        config.check()?;
        Ok(config)
    }

    /// What must hold before anything is opened.
    fn check(&self) -> Result<()> {
        self.collector.check().map_err(crate::commands::Usage)?;
        match (&self.tls.cert, &self.tls.key) {
            (Some(_), None) => bail!("tls.cert is set and tls.key is not: set both"),
            (None, Some(_)) => bail!("tls.key is set and tls.cert is not: set both"),
            _ => {}
        }
        if self.token.as_deref().is_some_and(|token| token.trim().is_empty()) || self.auth.tokens.iter().any(|token| token.token.trim().is_empty()) {
            bail!("an empty token protects nothing: make one with `openssl rand -hex 24`");
        }
        if self.auth().is_open() && !self.insecure_no_auth {
            for (key, address) in [("otlp_grpc", &self.otlp_grpc), ("otlp_http", &self.otlp_http), ("http", &self.http)] {
                if !is_loopback(address) {
                    bail!(
                        "{key} = {address} is reachable from other machines and no token is set: set HOPLINE_TOKEN (for example to `openssl rand -hex 24`), or pass --insecure-no-auth"
                    );
                }
            }
        }
        Ok(())
    }

    pub(crate) fn auth(&self) -> Auth {
        let mut tokens = self.auth.tokens.clone();
        if let Some(token) = &self.token {
            tokens.push(Token { token: token.clone(), tenant: "*".into(), scopes: vec![Scope::Admin] });
        }
        Auth::new(tokens)
    }

    /// The settings as TOML, without secrets.
    pub(crate) fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("cannot write the settings")
    }
}

/// A flag that was not given leaves the layer below as it is.
#[derive(Serialize)]
struct Flags<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    data_dir: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp_grpc: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    otlp_http: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    insecure_no_auth: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
}

impl<'a> Flags<'a> {
    fn from(flags: &'a cli::Serve) -> Self {
        Self {
            data_dir: flags.data_dir.as_deref(),
            otlp_grpc: flags.otlp_grpc.as_deref(),
            otlp_http: flags.otlp_http.as_deref(),
            http: flags.http.as_deref(),
            log: flags.log.as_deref(),
            insecure_no_auth: flags.insecure_no_auth.then_some(true),
            tls: flags.tls_cert.is_some().then(|| Tls { cert: flags.tls_cert.clone(), key: flags.tls_key.clone() }),
        }
    }

    fn layer(self) -> Serialized<Self> {
        Serialized::from(self, Profile::Default)
    }
}

/// The XDG base directory specification: an absolute `$XDG_DATA_HOME`, else `~/.local/share`.
fn default_data_dir(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> PathBuf {
    let home = || variable("HOME").filter(|home| !home.is_empty()).map(|home| Path::new(&home).join(".local/share"));
    let xdg = variable("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    xdg.or_else(home).map_or_else(|| PathBuf::from(".hopline"), |base| base.join("hopline"))
}

fn is_loopback(address: &str) -> bool {
    match address.parse::<std::net::SocketAddr>() {
        Ok(address) => address.ip().is_loopback(),
        Err(_) => address.rsplit_once(':').is_some_and(|(host, _)| host == "localhost"),
    }
}

/// figment's error in words that say what to do.
fn explain(error: figment::Error) -> anyhow::Error {
    let mut lines = Vec::new();
    for error in error {
        let from = error.metadata.as_ref().map(|metadata| metadata.name.to_string()).unwrap_or_default();
        let place = match from.as_str() {
            "" => String::new(),
            name if name.contains("environment") => " (from the environment, HOPLINE_*)".into(),
            name if name.contains("TOML") => " (from the settings file)".into(),
            _ => String::new(),
        };
        let path = error.path.join(".");
        lines.push(match &error.kind {
            figment::error::Kind::UnknownField(name, known) => {
                let near =
                    known.iter().map(|k| (strsim::jaro_winkler(name, k), k)).filter(|(score, _)| *score > 0.75).max_by(|a, b| a.0.total_cmp(&b.0));
                let section = error.path.iter().filter(|part| *part != name).cloned().collect::<Vec<_>>().join(".");
                let full = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
                match near {
                    Some((_, near)) => format!("unknown setting `{full}`{place}: did you mean `{near}`?"),
                    None => format!("unknown setting `{full}`{place}: known here are {}", known.join(", ")),
                }
            }
            kind if path.is_empty() => format!("{kind}{place}"),
            kind => format!("setting `{path}`{place}: {kind}"),
        });
    }
    anyhow!(crate::commands::Usage(lines.join("\n")))
}
