//! `sealgate policy check FILE…`

use std::path::PathBuf;

use sealgate_core::policy::{AuthorityKind, Mode, NoMatch, Policy, Require};

use super::exit::Exit;
use super::policy_test::PolicyTest;
use super::usage::{self, UsageError};
use crate::rules::policies::{self, Reading};

/// Work with policies
#[derive(Clone, Debug, clap::Subcommand)]
pub enum PolicyCommand {
    /// Read policies and report every problem, or say what they mean
    Check {
        /// Policy files, or directories of them
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Judge evidence packs or images as the cases of tests say, and compare
    Test(PolicyTest),
}

impl PolicyCommand {
    /// Runs the command.
    pub async fn run(&self) -> Exit {
        usage::exit(match self {
            Self::Check { files } => check(files),
            Self::Test(test) => test.run().await,
        })
    }
}

fn check(files: &[PathBuf]) -> Result<Exit, UsageError> {
    let loaded = policies::load(files, Reading::for_command(NoMatch::Deny));
    let loaded = loaded.map_err(UsageError::all)?;
    if loaded.policies.policies.is_empty() {
        return Err(UsageError::new(
            "found no policy: every image would be refused",
        ));
    }
    for policy in &loaded.policies.policies {
        usage::print(&describe(policy));
    }
    Ok(Exit::Verified)
}

/// What a policy means, in a few lines.
fn describe(policy: &Policy) -> String {
    let mut text = format!("{} ({})\n", policy.name(), policy.revision());
    let images: Vec<_> = policy.scope().images.iter().map(|p| p.as_str()).collect();
    text.push_str(&format!("  images      {}\n", images.join(", ")));
    if !policy.scope().namespaces.is_empty() {
        let count = policy.scope().namespaces.len();
        text.push_str(&format!("  namespaces  {count} pattern(s)\n"));
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
        Require::AttestationsOnly => {
            text.push_str("  requires    no image signature, only the attestations below\n");
        }
    }
    for rule in policy.attestations() {
        text.push_str(&format!(
            "  attestation {}: {} from {}, {} condition(s)\n",
            rule.name,
            rule.predicate_type,
            names(&rule.from),
            rule.conditions.len()
        ));
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
