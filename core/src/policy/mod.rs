//! Policies: whom to trust for which images.
//!
//! The types here are checked: every list that must not be empty is not, every
//! name resolves, every key is parsed. [`mod@file`] reads the YAML that people write.

mod attestation;
mod authority;
mod claims;
mod cluster_image_policy;
pub mod condition;
mod distinguished_name;
mod doubtful;
mod exceptions;
mod expression;
pub mod file;
mod key_source;
mod keyless;
mod level;
mod matcher;
mod max_age;
mod non_empty;
mod notary;
mod notation;
mod problem;
mod reach;
mod reader;
mod require;
mod requirement;
mod rules;
pub mod scope;
mod signing_profile;
mod static_action;
mod trust_policy;
mod trusted_identities;
pub mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::{Request, Subject};
use crate::trust::{SigstoreRoot, TrustMaterial, TrustNames};

pub use authority::{
    Authority, AuthorityKind, Identity, KeyAuthority, KeyWitnesses, KeylessAuthority,
    NotationAuthority, StaticAction, SubjectType, TrustedIssuer, TrustedKey, ValidAt,
};
pub(crate) use claims::CLAIMS;
pub use condition::Condition;
pub use level::{Action, CheckKind, NotationLevel, VerifyTimestamp};
pub use matcher::{Matcher, Pattern};
pub use max_age::{MaxAge, MaxAgeError};
pub use non_empty::NonEmpty;
pub use reach::{Lacking, OutOfReach};
pub(crate) use require::Offer;
pub use require::{Group, Member, Require, Threshold, ThresholdError, Ways};
pub use rules::{AttestationRule, Exception, RuleError};
pub use scope::{ImagePattern, NamespacePattern, Scope};
pub(crate) use signing_profile::SigningJob;
pub use signing_profile::{ArnError, SigningProfile};
pub use trusted_identities::{IdentityError, TrustedIdentities};

/// All policies in force, and what holds for an image that none of them covers.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// The policies, in the order they were read.
    pub policies: Vec<Policy>,
    /// The answer for an image that no policy covers.
    pub no_match: NoMatch,
    /// Trust roots that stand beside the policies, by their names.
    trust_roots: BTreeMap<String, SigstoreRoot>,
}

/// What holds for an image that no policy covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NoMatch {
    /// It is refused. The default.
    #[default]
    Deny,
    /// It is let in **unverified**. The verdict says so (`outcome: "not_covered"`).
    DangerAllowUnverified,
}

/// One policy. An image it covers passes if [`require`](Self::require) is met and every
/// attestation rule is.
#[derive(Clone, Debug)]
pub struct Policy {
    name: String,
    revision: Digest,
    mode: Mode,
    platforms: Platforms,
    scope: Scope,
    authorities: NonEmpty<Authority>,
    require: Require,
    attestations: Vec<AttestationRule>,
    /// The places of the rules in the order in which they are judged.
    judging_order: Vec<usize>,
}

/// Whether a policy that fails refuses the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It does.
    #[default]
    Enforce,
    /// It does not; the verdict carries the reasons as a warning.
    Warn,
}

/// What of an image index a policy judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Platforms {
    /// The index itself, or whatever manifest was asked for.
    #[default]
    Index,
    /// In its place the manifest of each platform in it. A manifest that is no index is judged itself.
    Each,
}

impl Mode {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
        }
    }
}

impl Policy {
    /// A policy of these parts; it enforces.
    ///
    /// # Errors
    /// If two authorities or rules have one name, if a number leads to no authority, if rules read
    /// one another in a circle or one that there is not, or if it asks for nothing: for attestations
    /// only, and there is no rule.
    pub(crate) fn new(
        name: String,
        revision: Digest,
        scope: Scope,
        authorities: NonEmpty<Authority>,
        require: Require,
        attestations: Vec<AttestationRule>,
    ) -> Result<Self, PolicyError> {
        unique(authorities.iter().map(|one| one.name.as_str()))
            .map_err(|name| PolicyError::Authority(name.to_owned()))?;
        let (mut named, ways): (Vec<usize>, _) = match &require {
            Require::AtLeast(threshold) => (threshold.of().to_vec(), None),
            Require::Nested(group) => (group.authorities(), None),
            Require::AttestationsOnly if attestations.is_empty() => {
                return Err(PolicyError::AsksForNothing);
            }
            Require::AttestationsOnly => (Vec::new(), None),
            Require::OneOf(ways) => ((0..ways.len()).collect(), Some(ways)),
        };
        let ways = ways.into_iter().flat_map(Ways::attesting).flatten();
        let all: Vec<_> = attestations.iter().chain(ways).collect();
        unique(all.iter().map(|one| one.name.as_str()))
            .map_err(|name| PolicyError::Attestation(name.to_owned()))?;
        if let Some(place) = static_pass_as_signer(&authorities, &require) {
            return Err(PolicyError::StaticPass(place.name.clone()));
        }
        named.extend(all.iter().flat_map(|rule| rule.from.iter()));
        named.extend(all.iter().flat_map(|rule| rule.vex.iter().flatten()));
        let judging_order = rules::order(&attestations)?;
        match named.iter().find(|index| **index >= authorities.len()) {
            Some(index) => Err(PolicyError::NoAuthority(*index)),
            None => Ok(Self {
                name,
                revision,
                mode: Mode::Enforce,
                platforms: Platforms::Index,
                scope,
                authorities,
                require,
                attestations,
                judging_order,
            }),
        }
    }

    /// The same in another mode.
    pub(crate) fn in_mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    /// The same, asking for this of an image index.
    pub(crate) fn of_platforms(self, platforms: Platforms) -> Self {
        Self { platforms, ..self }
    }

    /// What it asks for of an image index.
    pub fn platforms(&self) -> Platforms {
        self.platforms
    }

    /// The name, unique among all policies.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The digest of the policy as it was written, canonicalised.
    pub fn revision(&self) -> Digest {
        self.revision
    }

    /// Whether a failure refuses the image.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Which images and namespaces it covers.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Who may sign or attest; their names are unique.
    pub fn authorities(&self) -> &NonEmpty<Authority> {
        &self.authorities
    }

    /// The authority in this place, which the lists of this policy hold.
    pub fn authority(&self, index: usize) -> Option<&Authority> {
        self.authorities.get(index)
    }

    /// Which image signatures it takes.
    pub fn require(&self) -> &Require {
        &self.require
    }

    /// Which attestations it takes, all of them.
    pub fn attestations(&self) -> &[AttestationRule] {
        &self.attestations
    }

    /// The places of the attestation rules, each after those that its conditions read.
    pub(crate) fn judging_order(&self) -> &[usize] {
        &self.judging_order
    }

    /// Every rule about attestations: those of which all are asked for, and those that suffice for
    /// an authority in place of a signature.
    pub fn rules(&self) -> impl Iterator<Item = &AttestationRule> {
        let ways = match &self.require {
            Require::OneOf(ways) => Some(ways),
            _ => None,
        };
        let ways = ways.into_iter().flat_map(Ways::attesting).flatten();
        self.attestations.iter().chain(ways)
    }
}

/// An authority that lets everything in, where it would count beside signers.
fn static_pass_as_signer<'a>(
    authorities: &'a [Authority],
    require: &Require,
) -> Option<&'a Authority> {
    let counted = match require {
        Require::AtLeast(threshold) if threshold.count() > 1 => threshold.of().to_vec(),
        Require::AtLeast(_) | Require::AttestationsOnly | Require::OneOf(_) => Vec::new(),
        Require::Nested(group) => group.counted(),
    };
    let counted = counted.iter().filter_map(|place| authorities.get(*place));
    let mut passing = counted.filter(|one| one.passes_unseen());
    passing.next()
}

/// The first name that occurs twice.
fn unique<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), &'a str> {
    let mut seen = BTreeSet::new();
    let twice = names.into_iter().find(|name| !seen.insert(*name));
    twice.map_or(Ok(()), Err)
}

/// Why some parts are no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Two authorities of one name.
    #[error("two authorities are named {0:?}")]
    Authority(String),
    /// Two attestation rules of one name.
    #[error("two attestations are named {0:?}")]
    Attestation(String),
    /// It would count as a signer, beside others.
    #[error(
        "the authority {0:?} is `static: {{action: pass}}`, which is no signer: it counts only where one \
         authority suffices"
    )]
    StaticPass(String),
    /// Nothing is asked for.
    #[error("require: attestationsOnly needs at least one entry in attestations")]
    AsksForNothing,
    /// A number beyond the authorities.
    #[error("there is no authority in the place {0}")]
    NoAuthority(usize),
    /// A rule that reads what it cannot.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

impl Policies {
    /// A digest over all policies: two equal sets of policies have equal revisions.
    pub fn revision(&self) -> Digest {
        let mut text = match self.no_match {
            NoMatch::Deny => "Deny".to_owned(),
            NoMatch::DangerAllowUnverified => "DangerAllowUnverified".to_owned(),
        };
        for policy in &self.policies {
            text.push('\n');
            text.push_str(&policy.revision.to_string());
        }
        Digest::sha256(text.as_bytes())
    }

    /// Whether any policy looks at namespaces. If none does, every namespace has the same
    /// verdict.
    pub fn by_namespace(&self) -> bool {
        self.policies.iter().any(|policy| {
            let mut conditions = policy.rules().flat_map(|rule| &rule.conditions);
            !policy.scope.namespaces.is_empty()
                || conditions.any(|condition| condition.reads().namespace())
        })
    }

    /// Whether a policy that may cover this image asks for each platform of an index.
    pub fn ask_for_platforms(&self, subject: &Subject, request: &Request) -> bool {
        let mut policies = self.policies.iter();
        policies.any(|policy| {
            let named = request.policy.as_deref() == Some(policy.name());
            policy.platforms == Platforms::Each && (named || policy.scope.covers(subject, request))
        })
    }

    /// The policy of this name.
    pub fn named(&self, name: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.name == name)
    }

    /// The trust material that the policies name.
    pub fn trust_names(&self) -> TrustNames<'_> {
        let mut names = TrustNames::default();
        for authority in self.authorities() {
            match &authority.trust {
                AuthorityKind::Key(trust) => {
                    let witnesses = trust.witnesses.iter();
                    names.roots.extend(witnesses.map(|w| w.trust_root.as_str()));
                }
                AuthorityKind::Keyless(trust) => {
                    names.roots.insert(&trust.trust_root);
                }
                AuthorityKind::Notation(trust) => names.stores.extend(&trust.trust_stores),
                AuthorityKind::Static(_) => {}
            }
        }
        names
    }

    /// Adds the trust roots that stand beside the policies, and the built-in ones that they name.
    /// What is there under such a name stays: it was configured.
    pub fn complete(&self, trust: &mut TrustMaterial) {
        for (name, root) in &self.trust_roots {
            if trust.root(name).is_none() {
                trust.insert_root(name, root.clone());
            }
        }
        trust.add_built_in_for(&self.trust_names());
    }

    fn authorities(&self) -> impl Iterator<Item = &Authority> {
        self.policies.iter().flat_map(|policy| policy.authorities())
    }
}
