//! `sealgate policy check FILE…`

use std::path::PathBuf;

use sealgate_core::policy::{
    Authority, AuthorityKind, Lacking, Mode, NoMatch, OutOfReach, Policy, Require, StaticAction,
};

use super::exit::Exit;
use super::inputs::{self, TrustInputs};
use super::policy_import::PolicyImport;
use super::policy_test::PolicyTest;
use super::usage::{self, UsageError};
use crate::config::Config;
use crate::rules::policies::{self, LoadedPolicies, Reading};

/// Work with policies
#[derive(Clone, Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Read policies and report every problem, or say what they mean
    Check(PolicyCheck),
    /// Judge evidence packs or images as the cases of tests say, and compare
    Test(PolicyTest),
    /// Print policies of other tools as TrustPolicy, with what was lost
    Import(PolicyImport),
}

/// `sealgate policy check`
#[derive(Clone, Debug, clap::Args)]
pub struct PolicyCheck {
    /// Policy files, or directories of them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take what is suspicious for wrong: exit with 64 if there are warnings
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    trust: TrustInputs,
    /// A configuration file of `serve`, for its trust roots and trust stores
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl PolicyCommand {
    /// Runs the command.
    pub async fn run(&self) -> Exit {
        usage::exit(match self {
            Self::Check(check) => check.run(),
            Self::Test(test) => test.run().await,
            Self::Import(import) => import.run(),
        })
    }
}

impl PolicyCheck {
    fn run(&self) -> Result<Exit, UsageError> {
        let loaded = policies::load(&self.files, Reading::for_command(NoMatch::Deny));
        let loaded = loaded.map_err(UsageError::all)?;
        if loaded.policies.policies.is_empty() {
            return Err(UsageError::new(
                "found no policy: every image would be refused",
            ));
        }
        let config = inputs::configuration(self.config.as_deref())?;
        let (wrong, unknown) = out_of_reach(&loaded, &self.trust, config.as_ref())?;
        if !wrong.is_empty() {
            return Err(UsageError::all(wrong));
        }
        let warnings = loaded.warnings.iter().map(ToString::to_string);
        let warnings: Vec<_> = warnings.chain(unknown).collect();
        if self.strict && !warnings.is_empty() {
            return Err(UsageError::all(warnings));
        }
        for policy in &loaded.policies.policies {
            usage::print(&describe(policy));
        }
        usage::warn(&warnings);
        Ok(Exit::Verified)
    }
}

/// What can never pass, and what nobody can tell of: names that may be configured elsewhere.
fn out_of_reach(
    loaded: &LoadedPolicies,
    inputs: &TrustInputs,
    config: Option<&Config>,
) -> Result<(Vec<OutOfReach>, Vec<String>), UsageError> {
    let mut trust = inputs.trust(config)?;
    loaded.policies.complete(&mut trust);
    let awaited = config.map_or(&[][..], |config| &config.trust_roots);
    let is_awaited = |name: &str| awaited.iter().any(|root| root.name == name);
    let (mut wrong, mut unknown) = (Vec::new(), Vec::new());
    for found in loaded.policies.out_of_reach(&trust, is_awaited) {
        match found.why {
            Lacking::Root(_) if config.is_none() && !inputs.has_roots() => {
                unknown.push(found.to_string());
            }
            // Stores are not built in: whoever gives none asks nothing about them.
            Lacking::Store(_) if config.is_none() && !inputs.has_stores() => {}
            _ => wrong.push(found),
        }
    }
    Ok((wrong, unknown))
}

/// What a policy means, in a few lines.
fn describe(policy: &Policy) -> String {
    let mut text = format!("{} ({})\n", policy.name(), policy.revision());
    let images: Vec<_> = policy.scope().images.iter().map(|p| p.as_str()).collect();
    text.push_str(&format!("  images      {}\n", images.join(", ")));
    if !policy.scope().namespaces.is_empty() {
        let namespaces = policy.scope().namespaces.iter();
        let namespaces: Vec<_> = namespaces.map(|pattern| pattern.as_str()).collect();
        text.push_str(&format!("  namespaces  {}\n", namespaces.join(", ")));
    }
    if policy.mode() == Mode::Warn {
        text.push_str("  mode        warn: images are let in all the same\n");
    }
    for authority in policy.authorities() {
        text.push_str(&format!(
            "  authority   {}: {}\n",
            authority.name,
            kind(&authority.trust)
        ));
    }
    let names = |indices: &[usize]| {
        let names = indices.iter().filter_map(|i| policy.authority(*i));
        names
            .map(|a| a.name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    match policy.require() {
        Require::AtLeast(threshold) => {
            text.push_str(&format!(
                "  requires    image signatures by {} of {}\n",
                threshold.count(),
                names(threshold.of())
            ));
        }
        Require::Nested(group) => {
            let name = |place| names(&[place]);
            text.push_str(&format!(
                "  requires    image signatures by {}\n",
                group.words(&name)
            ));
        }
        Require::AttestationsOnly => {
            text.push_str("  requires    no image signature, only the attestations below\n");
        }
        Require::OneOf(ways) => {
            let way = |(place, authority): (usize, &Authority)| match ways.of(place) {
                [] => format!("an image signature by {}", authority.name),
                _ => format!("all attestations from {}", authority.name),
            };
            let all = policy.authorities().iter().enumerate().map(way);
            text.push_str(&format!(
                "  requires    {}\n",
                all.collect::<Vec<_>>().join(", or ")
            ));
        }
    }
    for rule in policy.rules() {
        text.push_str(&format!(
            "  attestation {}: {} from {}\n",
            rule.name,
            rule.predicate_type,
            names(&rule.from),
        ));
        for condition in &rule.conditions {
            text.push_str(&format!(
                "  condition   {}: {}\n",
                rule.name,
                condition.source()
            ));
        }
        if let Some(vex) = &rule.vex {
            text.push_str(&format!(
                "  vex         {}: from {}\n",
                rule.name,
                names(vex)
            ));
        }
        for exception in &rule.exceptions {
            text.push_str(&format!(
                "  exception   {}: {} until {}: {}\n",
                rule.name,
                exception.vulnerabilities.join(", "),
                exception.until,
                exception.reason
            ));
        }
    }
    text
}

fn kind(trust: &AuthorityKind) -> String {
    match trust {
        AuthorityKind::Key(trust) => {
            let keys: Vec<_> = trust.keys.iter().map(|key| key.name.as_str()).collect();
            format!("key {}", keys.join(", "))
        }
        AuthorityKind::Keyless(trust) => {
            let identity =
                |i: &sealgate_core::policy::Identity| format!("{} by {}", i.subject, i.issuer);
            let identities: Vec<_> = trust.identities.iter().map(identity).collect();
            format!(
                "keyless ({}): {}",
                trust.trust_root,
                identities.join(" or ")
            )
        }
        AuthorityKind::Static(StaticAction::PassUnproven) => {
            "static: lets in every image, signed or not".to_owned()
        }
        AuthorityKind::Static(StaticAction::Fail { .. }) => {
            "static: refuses every image".to_owned()
        }
        AuthorityKind::Notation(trust) => {
            let stores: Vec<_> = trust.trust_stores.iter().map(ToString::to_string).collect();
            format!(
                "notation ({}), level {}",
                stores.join(", "),
                trust.level.name
            )
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        check: PolicyCheck,
    }

    /// Checks a keyless policy of this trust root and subject.
    fn check(root: &str, subject: &str, flags: &[&str]) -> Result<Exit, String> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("p.yaml");
        let policy = format!(
            "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: p}}\n\
             spec:\n  images: [{{glob: \"**\"}}]\n  authorities:\n  - name: ci\n    keyless:\n      \
             trustRoot: {root}\n      identities: [{{issuer: \"https://gitlab.com\", subjectRegExp: \
             '{subject}'}}]\n"
        );
        std::fs::write(&file, policy).unwrap();
        let words = ["check"].iter().chain(flags).copied();
        let words = words.map(Into::into).chain([file.into_os_string()]);
        let line = Line::parse_from(words.collect::<Vec<std::ffi::OsString>>());
        line.check.run().map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_suspicious_is_an_error_where_that_is_asked_for() {
        let (fine, suspicious) = (r"https://gitlab\.com/acme/.+", ".*");
        assert_eq!(
            check("public-good", fine, &["--strict"]),
            Ok(Exit::Verified)
        );
        assert_eq!(check("public-good", suspicious, &[]), Ok(Exit::Verified));
        let told = check("public-good", suspicious, &["--strict"]).unwrap_err();
        assert!(
            told.contains("anybody with an account at https://gitlab.com"),
            "{told}"
        );
    }

    #[test]
    fn a_trust_root_beside_its_policy_is_within_reach() {
        let sigstore = sealgate_testkit::sigstore::Sigstore::new("private");
        let mut root = sigstore.trust_root("acme");
        let policy = |root: &str| {
            serde_json::json!({
                "apiVersion": "policy.sigstore.dev/v1beta1",
                "kind": "ClusterImagePolicy",
                "metadata": {"name": "prod"},
                "spec": {"images": [{"glob": "ghcr.io/acme/**"}], "authorities": [{
                    "keyless": {"trustRootRef": root, "identities": [
                        {"issuer": "https://a.example", "subject": "https://a.example/b"},
                    ]},
                    "ctlog": {"trustRootRef": root},
                }]},
            })
        };
        let check = |text: String, flags: &[&str]| {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("p.yaml");
            std::fs::write(&file, text).unwrap();
            let words = ["check"].iter().chain(flags).copied();
            let words = words.map(Into::into).chain([file.into_os_string()]);
            let line = Line::parse_from(words.collect::<Vec<std::ffi::OsString>>());
            line.check.run().map_err(|error| error.to_string())
        };
        let good = format!("{}\n---\n{root}\n", policy("acme"));
        assert_eq!(check(good, &["--strict"]), Ok(Exit::Verified));
        let another = format!("{}\n---\n{root}\n", policy("corp"));
        let told = check(another, &["--strict"]).unwrap_err();
        assert!(told.contains("there is no trust root \"corp\""), "{told}");
        // A log that is asked for, and is not there.
        root["spec"]["sigstoreKeys"]["tLogs"] = serde_json::json!([]);
        let without = format!("{}\n---\n{root}\n", policy("acme"));
        let told = check(without, &[]).unwrap_err();
        assert!(told.contains("transparency logs"), "{told}");
    }

    #[test]
    fn a_trust_root_that_leads_nowhere_is_an_error_where_all_are_given() {
        let fine = r"https://gitlab\.com/acme/.+";
        let told = "there is no trust root \"corp\"";
        assert_eq!(check("corp", fine, &[]), Ok(Exit::Verified));
        assert!(
            check("corp", fine, &["--strict"])
                .unwrap_err()
                .contains(told)
        );
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("sealgate.yaml");
        std::fs::write(&config, "policies: []\n").unwrap();
        let config = ["--config", config.to_str().unwrap()];
        assert!(check("corp", fine, &config).unwrap_err().contains(told));
    }
}
