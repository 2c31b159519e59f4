//! The configuration of `sealgate serve`: one YAML file.
//!
//! `provider/sealgate.yaml` lists every field with its default; a test keeps it true.
//! Unknown fields are errors, and all problems are reported at once, each with its file,
//! line and field. Relative paths are relative to the configuration file.

mod check;
mod limits;
mod listener;
pub(crate) mod memory;
mod print;
mod registry;
mod token_review;
mod trust;
mod units;
pub(crate) mod yaml;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sealgate_core::policy::NoMatch;
use serde::{Deserialize, Serialize};

pub use limits::{Cache, Limits, Timeouts};
pub use listener::{ClientAuth, Listener, Tls, TlsVersion};
pub use registry::{Auth, Credentials, Registry};
pub use token_review::{TokenCache, TokenReview};
pub use trust::{Origin, TrustRoot, Tuf};
pub(crate) use trust::{TufWire, built_in};

/// The configuration of `serve`, with the defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Config {
    /// Where requests are answered, over TLS.
    pub listeners: Vec<Listener>,
    /// Where health and metrics are, over plain HTTP.
    pub admin: Admin,
    /// Policies: files, or directories of `*.yaml`, `*.yml` and `*.json`.
    pub policies: Vec<PathBuf>,
    /// What holds for an image that no policy covers.
    pub no_match_policy: NoMatchPolicy,
    /// Lets a directory of `policies` hold none. Otherwise that is an error, and while the service
    /// runs, the last good policies stay in force: the directory's mount may be gone.
    pub danger_allow_empty_policies: bool,
    /// Sigstore trust roots beside, or in place of, the built-in `public-good`, `github` and
    /// `staging`.
    pub trust_roots: Vec<TrustRoot>,
    /// The directory where trust roots from TUF outlive a restart.
    pub trust_cache: Option<PathBuf>,
    /// Notation's layout: `x509/{ca,signingAuthority,tsa}/NAME/*.{crt,cer,pem}`.
    pub trust_stores: Option<PathBuf>,
    /// Registries that differ from the usual: plain HTTP, own CA, credentials.
    pub registries: Vec<Registry>,
    /// Where credentials come from, for registries without their own.
    pub credentials: Credentials,
    /// How revocation services are asked.
    pub revocation: Revocation,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How long answers are kept, and how many bytes of them.
    pub cache: Cache,
    /// How much is too much.
    pub limits: Limits,
    /// How often certificates, policies and trust material are looked at for changes.
    #[serde(with = "units::duration")]
    pub reload_every: Duration,
    /// What is logged, to standard error.
    pub log: Log,
    /// Where decisions are recorded.
    pub audit: Audit,
}

/// The plain HTTP listener for `/healthz`, `/readyz` and `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Admin {
    /// Where it listens.
    pub address: SocketAddr,
}

/// What holds for an image that no policy covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NoMatchPolicy {
    /// It is refused.
    #[default]
    Deny,
    /// It is let in **unverified**; the verdict's outcome is `not_covered`.
    DangerAllowUnverified,
}

impl From<NoMatchPolicy> for NoMatch {
    fn from(policy: NoMatchPolicy) -> Self {
        match policy {
            NoMatchPolicy::Deny => Self::Deny,
            NoMatchPolicy::DangerAllowUnverified => Self::DangerAllowUnverified,
        }
    }
}

/// How revocation services (OCSP responders and revocation lists) are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Revocation {
    /// Hosts in certificates' URLs that may be at private addresses.
    pub private_hosts: Vec<String>,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Log {
    /// For people or for programs.
    pub format: LogFormat,
    /// The filter, as in `RUST_LOG`, which overrides it: `info`, `sealgate=debug,warn`.
    pub filter: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where decisions are recorded, one JSON object a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Audit {
    /// `stdout`, `off`, or a file.
    pub output: AuditOutput,
}

/// Where decisions are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "PathBuf", into = "PathBuf")]
pub enum AuditOutput {
    /// On standard output.
    #[default]
    Stdout,
    /// Appended to a file, which is created readable for its owner only.
    File(PathBuf),
    /// Nowhere.
    Off,
}

impl From<PathBuf> for AuditOutput {
    fn from(text: PathBuf) -> Self {
        match text.to_str() {
            Some("stdout") => Self::Stdout,
            Some("off") => Self::Off,
            _ => Self::File(text),
        }
    }
}

impl From<AuditOutput> for PathBuf {
    fn from(output: AuditOutput) -> Self {
        match output {
            AuditOutput::Stdout => "stdout".into(),
            AuditOutput::Off => "off".into(),
            AuditOutput::File(path) => path,
        }
    }
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// Not checked: whether the files it names exist. They are read when they are needed,
    /// and again when they change.
    ///
    /// # Errors
    /// With every problem found.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError {
            problems: vec![Problem {
                file: file.to_owned(),
                line: None,
                field: String::new(),
                message: format!("cannot be read: {error}"),
            }],
        })?;
        let mut config = Self::parse(&text, file)?;
        config.resolve_paths(file.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// Reads and checks the text of a configuration file; `file` is only its name.
    ///
    /// # Errors
    /// With every problem found.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        let problem = |finding: yaml::Finding| Problem {
            file: file.to_owned(),
            line: finding.line,
            field: finding.field,
            message: finding.message,
        };
        let document = yaml::Document::parse(text);
        let read = document.and_then(|document| Ok((document.read()?, document)));
        let (config, document): (Self, _) = read.map_err(|findings| ConfigError {
            problems: findings.into_iter().map(problem).collect(),
        })?;
        let problems: Vec<_> = check::check(&config)
            .into_iter()
            .map(|wrong| Problem {
                file: file.to_owned(),
                line: document.line(&wrong.at),
                field: yaml::field(&wrong.at),
                message: wrong.message,
            })
            .collect();
        if problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError { problems })
        }
    }

    /// The configuration as YAML, defaults included.
    pub fn to_yaml(&self) -> String {
        print::to_yaml(self)
    }

    fn resolve_paths(&mut self, base: &Path) {
        let listeners = self.listeners.iter_mut().flat_map(Listener::paths_mut);
        let registries = self.registries.iter_mut().flat_map(Registry::paths_mut);
        let audit = match &mut self.audit.output {
            AuditOutput::File(path) => Some(path),
            AuditOutput::Stdout | AuditOutput::Off => None,
        };
        listeners
            .chain(registries)
            .chain(&mut self.policies)
            .chain(self.trust_roots.iter_mut().flat_map(TrustRoot::paths_mut))
            .chain(&mut self.trust_cache)
            .chain(&mut self.trust_stores)
            .chain(&mut self.credentials.docker_config)
            .chain(audit)
            .for_each(|path| *path = base.join(&path));
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listeners: vec![Listener::default()],
            admin: Admin::default(),
            policies: Vec::new(),
            no_match_policy: NoMatchPolicy::default(),
            danger_allow_empty_policies: false,
            trust_roots: Vec::new(),
            trust_cache: None,
            trust_stores: None,
            registries: Vec::new(),
            credentials: Credentials::default(),
            revocation: Revocation::default(),
            timeouts: Timeouts::default(),
            cache: Cache::default(),
            limits: Limits::default(),
            reload_every: Duration::from_secs(5),
            log: Log::default(),
            audit: Audit::default(),
        }
    }
}

impl Default for Admin {
    fn default() -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 9090)),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::default(),
            filter: "info".to_owned(),
        }
    }
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Every problem found.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One problem in a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// The line, counted from 1, where there is one.
    pub line: Option<usize>,
    /// The field, as `listeners[0].tls.key`; empty for the file itself.
    pub field: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {}", self.message)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        Config::parse(text, Path::new("sealgate.yaml"))
    }

    #[test]
    fn the_reference_file_lists_every_field_with_its_default() {
        let reference = include_str!("../../sealgate.yaml");
        assert_eq!(parse(reference).unwrap(), Config::default());
        let value = |text: &str| -> serde_json::Value {
            yaml::Document::parse(text).unwrap().read().unwrap()
        };
        assert_eq!(value(&Config::default().to_yaml()), value(reference));
    }

    #[test]
    fn the_configurations_of_the_shipped_manifests_are_good_l26() {
        let gatekeepers =
            parse(include_str!("../../../manifests/gatekeeper/sealgate.yaml")).unwrap();
        assert_eq!(gatekeepers.listeners[0].client_auth, ClientAuth::Required);
        let kyvernos = parse(include_str!("../../../manifests/kyverno/sealgate.yaml")).unwrap();
        assert!(kyvernos.listeners[0].token_review.is_some());
        for config in [gatekeepers, kyvernos] {
            let names: Vec<_> = config.trust_roots.iter().map(|root| &root.name).collect();
            assert_eq!(names, ["public-good"]);
            assert!(config.trust_cache.is_some());
        }
    }

    #[test]
    fn what_is_printed_reads_back() {
        let config = parse(
            "listeners:\n- {address: '127.0.0.1:1', clientAuth: none, tls: {minVersion: '1.2'}}\n\
             registries:\n- {host: 'localhost:5000', plainHttp: true}\n- {host: r.example.com, auth: {username: u, passwordFile: p}}\naudit: {output: audit.log}\n",
        )
        .unwrap();
        assert_eq!(parse(&config.to_yaml()).unwrap(), config);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let error = parse(
            "listeners:\n- address: here\n  clientAuth: maybe\ntimeouts:\n  request: 5\n  reqest: 2s\ncache: {allow: 1h, verdictBytes: 1MB}\n",
        )
        .unwrap_err();
        let places: Vec<_> = error
            .problems
            .iter()
            .map(|p| (p.line.unwrap(), p.field.as_str()))
            .collect();
        for expected in [
            (2, "listeners[0].address"),
            (3, "listeners[0].clientAuth"),
            (5, "timeouts.request"),
            (6, "timeouts.reqest"),
            (7, "cache.verdictBytes"),
        ] {
            assert!(places.contains(&expected), "{expected:?} in {error}");
        }
        assert!(error.to_string().starts_with("sealgate.yaml:"), "{error}");
    }

    #[test]
    fn client_authentication_without_a_ca_is_refused() {
        let error = parse("listeners:\n- address: 0.0.0.0:8443\n  clientCa: null\n").unwrap_err();
        assert_eq!(error.problems[0].field, "listeners[0].clientCa");
        assert!(error.problems[0].message.contains("clientAuth"), "{error}");
    }

    #[test]
    fn tokens_need_an_audience_and_a_user_and_no_certificates() {
        let error = parse(
            "listeners:\n- clientAuth: required\n  tokenReview:\n    users: ['']\n    apiServer: http://10.0.0.1\n",
        )
        .unwrap_err();
        let wrong: Vec<_> = error.problems.iter().map(|p| p.field.as_str()).collect();
        for field in ["", ".audiences", ".users", ".apiServer"] {
            let field = format!("listeners[0].tokenReview{field}");
            assert!(wrong.contains(&field.as_str()), "{field} in {error}");
        }
        parse(
            "listeners:\n- clientAuth: none\n  tokenReview: {audiences: [sealgate], users: [u], apiServer: 'https://[::1]:6443'}\n",
        )
        .unwrap();
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sealgate.yaml");
        std::fs::write(
            &file,
            "policies: [policies, /etc/more]\ntrustStores: stores\n",
        )
        .unwrap();
        let config = Config::load(&file).unwrap();
        assert_eq!(
            config.policies,
            [dir.path().join("policies"), PathBuf::from("/etc/more")]
        );
        assert_eq!(config.trust_stores, Some(dir.path().join("stores")));
        assert_eq!(config.listeners[0].tls.key, dir.path().join("tls.key"));
    }
}
