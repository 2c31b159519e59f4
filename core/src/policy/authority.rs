//! Who is trusted to sign, and how that is recognised.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::level::{NotationLevel, VerifyTimestamp};
use super::matcher::Matcher;
use super::max_age::MaxAge;
use super::non_empty::NonEmpty;
use super::trusted_identities::TrustedIdentities;
use crate::crypto::PublicKey;
use crate::time::Window;
use crate::trust::StoreKind;

/// Somebody who is trusted to sign, and how that is recognised.
#[derive(Clone, Debug)]
pub struct Authority {
    /// The name, unique in its policy.
    pub name: String,
    /// How a signature of this authority is recognised.
    pub trust: AuthorityKind,
    /// Annotations that an image signature must carry, under the signature.
    pub annotations: BTreeMap<String, String>,
    /// How old a signature may be, of an image or of an attestation; without, as old as it is.
    pub max_age: Option<MaxAge>,
}

impl Authority {
    /// Whether it lets in every image, signed or not.
    pub(crate) fn passes_unseen(&self) -> bool {
        matches!(
            self.trust,
            AuthorityKind::Static(StaticAction::PassUnproven)
        )
    }

    /// Why it refuses every image, if it does.
    pub(crate) fn refuses_all(&self) -> Option<Option<&str>> {
        match &self.trust {
            AuthorityKind::Static(StaticAction::Fail { message }) => Some(message.as_deref()),
            _ => None,
        }
    }

    /// Whether its signatures can be over statements.
    pub(super) fn attests(&self) -> bool {
        !matches!(
            self.trust,
            AuthorityKind::Notation(_) | AuthorityKind::Static(_)
        )
    }
}

/// The kinds of authorities.
#[derive(Clone, Debug)]
pub enum AuthorityKind {
    /// Managed public keys.
    Key(KeyAuthority),
    /// Short-lived certificates from a Sigstore certificate authority.
    Keyless(KeylessAuthority),
    /// Notary Project signatures.
    Notation(NotationAuthority),
    /// No signatures: every image is let in, or refused.
    Static(StaticAction),
}

impl AuthorityKind {
    /// Whether anybody can vouch for when a signature was made.
    pub(super) fn may_have_times(&self) -> bool {
        match self {
            Self::Key(trust) => trust.witnesses.is_some(),
            Self::Keyless(trust) => trust.valid_at == ValidAt::VerifiedTimes,
            Self::Notation(trust) => {
                let mut stores = trust.trust_stores.iter();
                stores.any(|store| store.kind != StoreKind::Ca)
            }
            Self::Static(_) => false,
        }
    }
}

/// What is done with every image, signed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StaticAction {
    /// It is let in, and nothing is proven.
    PassUnproven,
    /// It is refused.
    Fail {
        /// Why, in the words of whoever wrote the policy.
        message: Option<String>,
    },
}

/// Trust in managed keys: a signature by any one of them counts.
#[derive(Clone, Debug)]
pub struct KeyAuthority {
    /// The keys.
    pub keys: NonEmpty<TrustedKey>,
    /// Who must have seen a signature; nobody counts without a trust root.
    pub witnesses: Option<KeyWitnesses>,
}

/// Who must have seen a signature by a managed key.
#[derive(Clone, Debug)]
pub struct KeyWitnesses {
    /// The Sigstore trust root whose logs and timestamp authorities count.
    pub trust_root: String,
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

/// Digits of a fingerprint that stand for a key without a name.
const DIGITS: usize = 12;

impl TrustedKey {
    /// The name of a key that has none in its policy: that of its file, or the beginning of its
    /// fingerprint. A name decides nothing; two files of one name are two keys.
    pub(crate) fn name_of(key: &PublicKey, file: Option<&str>) -> String {
        let file = file.and_then(|path| path.rsplit('/').next());
        match file.filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => beginning(key),
        }
    }

    /// The name with the whole fingerprint, or that alone where the name is a part of it.
    pub(crate) fn shown(&self) -> String {
        let fingerprint = self.key.fingerprint();
        match self.name == beginning(&self.key) {
            true => format!("sha256:{fingerprint}"),
            false => format!("{} (sha256:{fingerprint})", self.name),
        }
    }
}

fn beginning(key: &PublicKey) -> String {
    let digits: String = key.fingerprint().chars().take(DIGITS).collect();
    format!("sha256:{digits}…")
}

/// Trust in identities that a Sigstore certificate authority vouches for.
#[derive(Clone, Debug)]
pub struct KeylessAuthority {
    /// The name of the Sigstore trust root: `public-good`, `github`, `staging` or a configured one.
    pub trust_root: String,
    /// The identities. A signature by any one of them counts.
    pub identities: NonEmpty<Identity>,
    /// Distinct transparency logs that must have the signature.
    pub transparency_log: usize,
    /// Distinct timestamp authorities that must have signed.
    pub signed_timestamp: usize,
    /// Distinct certificate transparency logs that must have promised the certificate.
    pub certificate_transparency: usize,
    /// When the certificate must be valid.
    pub valid_at: ValidAt,
}

/// When a signer's certificate must be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidAt {
    /// At each verified time of the signature, of which there must be one.
    VerifiedTimes,
    /// Now, and at each verified time that there may be. Nobody has to tell when the signature was
    /// made: **insecure** beyond what its certificate authority does to keep keys from others.
    Now,
}

/// One identity: all of its parts must hold for the same certificate.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Who told the certificate authority that it is this subject.
    pub issuer: TrustedIssuer,
    /// The subject alternative name. Of several, which only a certificate without an OIDC issuer may
    /// have, any one: the certificate authority vouches for all of them.
    pub subject: Matcher,
    /// What kind of name it must be; without, it may be any.
    pub subject_type: Option<SubjectType>,
    /// Further Fulcio claims, by the names of [`crate::verdict::Signer::claims`].
    pub claims: BTreeMap<String, Matcher>,
}

/// Who told a certificate authority whom its certificate is for.
#[derive(Clone, Debug)]
pub enum TrustedIssuer {
    /// An OIDC issuer, which the certificate names (Fulcio, `docs/oid-info.md`).
    Oidc(Matcher),
    /// The certificate must name none: its authority alone says whom it is for.
    Nobody,
}

impl TrustedIssuer {
    /// Whether a certificate names such an issuer, or none where that is meant.
    pub(crate) fn matches(&self, found: Option<&str>) -> bool {
        match (self, found) {
            (Self::Oidc(issuer), Some(found)) => issuer.matches(found),
            (Self::Nobody, None) => true,
            (Self::Oidc(_), None) | (Self::Nobody, Some(_)) => false,
        }
    }
}

impl fmt::Display for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Oidc(issuer) => issuer.fmt(f),
            Self::Nobody => f.write_str("no OIDC issuer"),
        }
    }
}

/// The kind of the name that a certificate gives its subject (RFC 5280 section 4.2.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// `dNSName`: a host, which only certificates without an OIDC issuer name.
    Dns,
    /// `rfc822Name`: an email address, of a person mostly.
    Email,
    /// `otherName` with Fulcio's OID: a plain user name.
    OtherName,
    /// `uniformResourceIdentifier`: a workflow or a workload.
    Uri,
}

impl SubjectType {
    /// The stable spelling, in policies and verdicts.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Email => "email",
            Self::Uri => "uri",
            Self::OtherName => "other_name",
        }
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
