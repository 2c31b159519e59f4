//! Policies: whom to trust for which images.
//!
//! The types here are checked: every list that must not be empty is not, every
//! name resolves, every key is parsed. [`mod@file`] reads the YAML that people write.

mod claims;
pub mod condition;
mod distinguished_name;
pub mod file;
mod key_source;
mod level;
mod notary;
mod notation;
mod problem;
mod reader;
pub mod scope;
mod trust_policy;
mod trusted_identities;
pub mod yaml;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::crypto::PublicKey;
use crate::digest::Digest;
use crate::time::Window;
use crate::trust::TrustNames;

pub(crate) use claims::CLAIMS;
pub use condition::Condition;
pub use level::{Action, CheckKind, NotationLevel, VerifyTimestamp};
pub use scope::{ImagePattern, NamespacePattern, Scope};
pub use trusted_identities::{IdentityError, TrustedIdentities};

/// All policies in force, and what holds for an image that none of them covers.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// The policies, in the order they were read.
    pub policies: Vec<Policy>,
    /// The answer for an image that no policy covers.
    pub no_match: NoMatch,
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

/// One policy. An image it covers passes if `require` is met and every
/// attestation rule is.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The name, unique among all policies.
    pub name: String,
    /// The digest of the policy as it was written, canonicalised.
    pub revision: Digest,
    /// Whether a failure refuses the image.
    pub mode: Mode,
    /// Which images and namespaces it covers.
    pub scope: Scope,
    /// Who may sign or attest; never empty, names unique.
    pub authorities: Vec<Authority>,
    /// Which image signatures it takes.
    pub require: Require,
    /// Which attestations it takes, all of them.
    pub attestations: Vec<AttestationRule>,
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

impl Mode {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Warn => "warn",
        }
    }
}

/// Which image signatures a policy takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Require {
    /// Image signatures by at least `count` of these authorities (indices into
    /// [`Policy::authorities`]; `1 <= count <= of.len()`, indices distinct).
    AtLeast {
        /// How many authorities must have signed.
        count: usize,
        /// Which of them count.
        of: Vec<usize>,
    },
    /// No image signature: the attestation rules suffice, and there is at least one.
    AttestationsOnly,
}

/// Somebody who is trusted to sign, and how that is recognised.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The name, unique in its policy.
    pub name: String,
    /// How a signature of this authority is recognised.
    pub trust: AuthorityKind,
    /// Annotations that an image signature must carry, under the signature.
    pub annotations: BTreeMap<String, String>,
}

/// The kinds of authorities.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AuthorityKind {
    /// Managed public keys.
    Key(KeyAuthority),
    /// Short-lived certificates from a Sigstore certificate authority.
    Keyless(KeylessAuthority),
    /// Notary Project signatures.
    Notation(NotationAuthority),
}

/// Trust in managed keys: a signature by any one of them counts.
#[derive(Clone, Debug)]
pub struct KeyAuthority {
    /// The keys; never empty.
    pub keys: Vec<TrustedKey>,
    /// The Sigstore trust root whose logs and timestamp authorities count, if the
    /// thresholds below ask for any.
    pub trust_root: Option<String>,
    /// Distinct transparency logs that must have the signature; 0: none needed.
    pub transparency_log: usize,
    /// Distinct timestamp authorities that must have signed; 0: none needed.
    pub signed_timestamp: usize,
}

/// A key with its validity.
#[derive(Clone, Debug)]
pub struct TrustedKey {
    /// The name by which verdicts call it.
    pub name: String,
    /// The key.
    pub key: PublicKey,
    /// When its signatures count: at every verified time of a signature, and at
    /// `now` if it has none.
    pub valid_for: Window,
}

/// Trust in identities that a Sigstore certificate authority vouches for.
#[derive(Clone, Debug)]
pub struct KeylessAuthority {
    /// The name of the Sigstore trust root: `public-good`, `github`, `staging` or a configured one.
    pub trust_root: String,
    /// The identities; never empty. A signature by any one of them counts.
    pub identities: Vec<Identity>,
    /// Distinct transparency logs that must have the signature.
    pub transparency_log: usize,
    /// Distinct timestamp authorities that must have signed.
    pub signed_timestamp: usize,
    /// Distinct certificate transparency logs that must have promised the certificate.
    pub certificate_transparency: usize,
}

/// One identity: all of its parts must hold for the same certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The OIDC issuer.
    pub issuer: Matcher,
    /// The subject alternative name.
    pub subject: Matcher,
    /// What kind of name it must be; without, it may be any.
    pub subject_type: Option<SubjectType>,
    /// Further Fulcio claims, by the names of [`crate::verdict::Signer::claims`].
    pub claims: BTreeMap<String, Matcher>,
}

/// The kind of the name that a certificate gives its subject (RFC 5280 section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// `rfc822Name`: an email address, of a person mostly.
    Email,
    /// `otherName` with Fulcio's OID: a plain user name.
    OtherName,
    /// `uniformResourceIdentifier`: a workflow or a workload.
    Uri,
}

impl SubjectType {
    /// The stable name, in policies and verdicts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Uri => "uri",
            Self::OtherName => "other_name",
        }
    }
}

/// Matches a whole text.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// The text itself, byte for byte.
    Exact(String),
    /// An anchored regular expression of linear-time syntax.
    Pattern(Pattern),
}

impl Matcher {
    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(expected) => expected == text,
            Self::Pattern(pattern) => pattern.matches(text),
        }
    }
}

impl std::fmt::Display for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(expected) => write!(f, "{expected:?}"),
            Self::Pattern(pattern) => write!(f, "/{}/", pattern.source),
        }
    }
}

/// A regular expression that always matches the whole text.
///
/// `.` does not match a line break, and `$` means the very end, so that a subject
/// with a second line cannot slip through.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    regex: regex::Regex,
}

impl Pattern {
    /// Compiles and anchors `source`.
    ///
    /// # Errors
    /// If it is not a regular expression of the `regex` crate's syntax, or compiles to
    /// more than 1 MiB.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        let regex = regex::RegexBuilder::new(&format!(r"\A(?:{source})\z"))
            .size_limit(1 << 20)
            .build()?;
        // `a)|(?:b` would escape the group: alone it must be valid, too.
        regex::RegexBuilder::new(source)
            .size_limit(1 << 20)
            .build()?;
        Ok(Self {
            source: source.to_owned(),
            regex,
        })
    }

    /// Whether the whole of `text` matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// Trust in Notary Project signatures.
#[derive(Clone, Debug)]
pub struct NotationAuthority {
    /// The trust stores, as `ca:acme`; never empty unless the level is `skip`.
    pub trust_stores: Vec<crate::trust::StoreName>,
    /// The trusted identities.
    pub trusted_identities: TrustedIdentities,
    /// What each check's failure does.
    pub level: NotationLevel,
    /// When a timestamp countersignature is needed.
    pub verify_timestamp: VerifyTimestamp,
}

/// One attestation that must be there.
#[derive(Clone, Debug)]
pub struct AttestationRule {
    /// The name, unique in its policy.
    pub name: String,
    /// The exact predicate type.
    pub predicate_type: String,
    /// The authorities that may have made it (indices); never empty.
    pub from: Vec<usize>,
    /// Conditions on the predicate; all must be true.
    pub conditions: Vec<Condition>,
}

impl Policy {
    /// The authority with this index, which the checked lists of this policy hold.
    pub fn authority(&self, index: usize) -> Option<&Authority> {
        self.authorities.get(index)
    }
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
        self.policies
            .iter()
            .any(|policy| !policy.scope.namespaces.is_empty())
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
                AuthorityKind::Key(trust) => names.roots.extend(trust.trust_root.as_deref()),
                AuthorityKind::Keyless(trust) => {
                    names.roots.insert(&trust.trust_root);
                }
                AuthorityKind::Notation(trust) => names.stores.extend(&trust.trust_stores),
            }
        }
        names
    }

    fn authorities(&self) -> impl Iterator<Item = &Authority> {
        self.policies.iter().flat_map(|policy| &policy.authorities)
    }
}
