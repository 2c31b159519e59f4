//! What `verify`, `evidence` and `replay` have in common: policies, trust and registries.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::{Policies, TrustMaterial, UnixTime};
use serde_json::{Value, json};

use super::registries::Registries;
use super::usage::{self, UsageError};
use crate::config::{Config, TrustRoot};
use crate::files::Pipes;
use crate::rules::policies::{self, Reading};
use crate::rules::trust;
use crate::rules::tuf::TufRoots;

/// By what to judge, and how to reach registries.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Inputs {
    /// A policy file, or a directory of them
    #[arg(long, value_name = "PATH", help_heading = "Policies")]
    policy: Vec<PathBuf>,
    /// Without a policy: a public key that must have signed
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Policies",
        conflicts_with = "policy"
    )]
    key: Vec<PathBuf>,
    /// Without a policy: the identity that must have signed (a certificate's SAN)
    #[arg(long, value_name = "SUBJECT", help_heading = "Policies", conflicts_with_all = ["policy", "key"])]
    certificate_identity: Option<String>,
    /// The same as an anchored regular expression
    #[arg(long, value_name = "REGEXP", help_heading = "Policies", conflicts_with_all = ["policy", "key", "certificate_identity"])]
    certificate_identity_regexp: Option<String>,
    /// Without a policy: the OIDC issuer that must have vouched
    #[arg(long, value_name = "URL", help_heading = "Policies")]
    certificate_oidc_issuer: Option<String>,
    /// The same as an anchored regular expression
    #[arg(
        long,
        value_name = "REGEXP",
        help_heading = "Policies",
        conflicts_with = "certificate_oidc_issuer"
    )]
    certificate_oidc_issuer_regexp: Option<String>,
    #[command(flatten)]
    given: TrustInputs,
    /// Judge as of this time instead of now
    #[arg(long, value_name = "RFC3339", help_heading = "Trust")]
    now: Option<UnixTime>,
    #[command(flatten)]
    pub(super) registries: Registries,
    /// A configuration file of `serve`, for its policies, trust and registries
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The trust material of a command line.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct TrustInputs {
    /// A Sigstore trust root (a trusted_root.json); with an identity, the first one is used
    #[arg(long, value_name = "NAME=FILE", help_heading = "Trust")]
    trust_root: Vec<String>,
    /// Trust stores in Notation's layout (x509/ca/NAME/*.crt)
    #[arg(long, value_name = "DIR", help_heading = "Trust")]
    trust_store: Option<PathBuf>,
}

/// By what to judge.
pub(super) struct Rules {
    pub(super) policies: Policies,
    pub(super) trust: TrustMaterial,
    pub(super) now: UnixTime,
}

impl Inputs {
    /// Policies, trust material and the time to judge by.
    pub(super) fn rules(&self, config: Option<&Config>) -> Result<Rules, UsageError> {
        let policies = self.policies(config)?;
        let mut trust = self.trust(config)?;
        policies.complete(&mut trust);
        Ok(Rules {
            policies,
            trust,
            now: self.now()?,
        })
    }

    /// The trust roots and trust stores that are given, without the built-in ones.
    pub(super) fn trust(&self, config: Option<&Config>) -> Result<TrustMaterial, UsageError> {
        self.given.trust(config)
    }

    /// The time to judge by.
    pub(super) fn now(&self) -> Result<UnixTime, UsageError> {
        self.now.map_or_else(wall_clock, Ok)
    }

    /// The configuration file, if one is given.
    pub(super) fn config(&self) -> Result<Option<Config>, UsageError> {
        configuration(self.config.as_deref())
    }

    fn policies(&self, config: Option<&Config>) -> Result<Policies, UsageError> {
        let no_match = config.map_or(NoMatch::Deny, |c| c.no_match_policy.into());
        if !self.policy.is_empty() {
            let loaded = policies::load(&self.policy, Reading::for_command(no_match));
            let loaded = loaded.map_err(UsageError::all)?;
            return Ok(loaded.policies);
        }
        if let Some(policy) = self.quick_policy()? {
            return load_text("command line", &policy.to_string());
        }
        match config {
            Some(config) if !config.policies.is_empty() => {
                let loaded = policies::load(&config.policies, Reading::for_service(config));
                Ok(loaded.map_err(UsageError::all)?.policies)
            }
            _ => Err(UsageError::new(
                "whom to trust? Give --policy PATH, or --key FILE, or --certificate-identity \
                 SUBJECT with --certificate-oidc-issuer URL",
            )),
        }
    }

    /// Cosign's own words as a policy for every image.
    fn quick_policy(&self) -> Result<Option<Value>, UsageError> {
        let authority = if !self.key.is_empty() {
            let keys: Vec<_> = self
                .key
                .iter()
                .map(|path| {
                    let text = usage::read_text(path)?;
                    Ok(json!({"data": text, "name": path.display().to_string()}))
                })
                .collect::<Result<_, UsageError>>()?;
            json!({"name": "key", "keys": keys})
        } else if let Some(identity) = self.identity()? {
            let mut keyless = json!({"identities": [identity]});
            if let (Some(root), Some(object)) =
                (self.given.trust_roots()?.first(), keyless.as_object_mut())
            {
                object.insert("trustRoot".to_owned(), json!(root.name));
            }
            json!({"name": "identity", "keyless": keyless})
        } else {
            return Ok(None);
        };
        Ok(Some(json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "command-line"},
            "spec": {"images": [{"glob": "**"}], "authorities": [authority]},
        })))
    }

    fn identity(&self) -> Result<Option<Value>, UsageError> {
        let subject = match (
            &self.certificate_identity,
            &self.certificate_identity_regexp,
        ) {
            (Some(exact), _) => Some(("subject", exact)),
            (None, Some(pattern)) => Some(("subjectRegExp", pattern)),
            (None, None) => None,
        };
        let issuer = match (
            &self.certificate_oidc_issuer,
            &self.certificate_oidc_issuer_regexp,
        ) {
            (Some(exact), _) => Some(("issuer", exact)),
            (None, Some(pattern)) => Some(("issuerRegExp", pattern)),
            (None, None) => None,
        };
        match (subject, issuer) {
            (None, None) => Ok(None),
            (Some((subject_key, subject)), Some((issuer_key, issuer))) => {
                Ok(Some(json!({subject_key: subject, issuer_key: issuer})))
            }
            _ => Err(UsageError::new(
                "an identity needs both: --certificate-identity (or -regexp) and \
                 --certificate-oidc-issuer (or -regexp)",
            )),
        }
    }
}

/// The configuration file, if one is given.
pub(super) fn configuration(file: Option<&Path>) -> Result<Option<Config>, UsageError> {
    let config = file.map(Config::load).transpose();
    config.map_err(|error| UsageError::new(error.to_string()))
}

impl TrustInputs {
    /// Whether it names a trust root.
    pub(super) fn has_roots(&self) -> bool {
        !self.trust_root.is_empty()
    }

    /// Whether it names trust stores.
    pub(super) fn has_stores(&self) -> bool {
        self.trust_store.is_some()
    }

    /// The trust roots and trust stores that are given, without the built-in ones.
    ///
    /// Trust roots from TUF are as they were last kept: nothing is asked here.
    pub(super) fn trust(&self, config: Option<&Config>) -> Result<TrustMaterial, UsageError> {
        let mut roots = config.map_or_else(Vec::new, |c| c.trust_roots.clone());
        let given = self.trust_roots()?;
        roots.retain(|root| given.iter().all(|other| other.name != root.name));
        roots.extend(given);
        let stores = self.trust_store.clone();
        let stores = stores.or_else(|| config.and_then(|c| c.trust_stores.clone()));
        let mut trust = trust::load(&roots, stores.as_deref(), Pipes::Awaited)
            .map_err(UsageError::all)?
            .trust;
        let cache = config.and_then(|c| c.trust_cache.as_deref());
        TufRoots::open(&roots, cache)
            .map_err(UsageError::all)?
            .insert_into(&mut trust);
        Ok(trust)
    }

    fn trust_roots(&self) -> Result<Vec<TrustRoot>, UsageError> {
        let split = |text: &String| match text.split_once('=') {
            Some((name, file)) if !name.is_empty() && !file.is_empty() => {
                Ok(TrustRoot::file(name, file))
            }
            _ => Err(UsageError::new(format!(
                "--trust-root: expected NAME=FILE such as corp=trusted_root.json, found {text:?}"
            ))),
        };
        self.trust_root.iter().map(split).collect()
    }
}

fn load_text(name: &str, text: &str) -> Result<Policies, UsageError> {
    let file = PolicyFile {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    file::load(&[file], NoMatch::Deny, &file::only_inline_keys).map_err(UsageError::all)
}

pub(super) fn wall_clock() -> Result<UnixTime, UsageError> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since
        .ok()
        .and_then(|since| i64::try_from(since.as_secs()).ok())
        .map(UnixTime::from_seconds)
        .ok_or_else(|| UsageError::new("the clock of this machine is before 1970; use --now"))
}
