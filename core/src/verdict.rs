//! Verdicts: what was decided about an image, and why. Schema version 1.
//!
//! A verdict is a pure function of evidence, policies, trust material and time, and
//! its JSON is deterministic: equal inputs give equal bytes, natively and in wasm.
//! Everything it shows of signatures and attestations was verified. Numbers that may
//! exceed 2^53 are strings, because Gatekeeper reads numbers as floating point.

mod demand;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::crypto::Scheme;
use crate::digest::Digest;
use crate::json;
use crate::limits;
use crate::policy::{Action, Mode, SubjectType};
use crate::reason::{Class, Reason};
use crate::time::UnixTime;

pub use demand::{Demand, DemandGroup, DemandMember, Did, Excused, ExcusedBy, Missing, Signs};

/// The version of the verdict's schema.
pub const SCHEMA_VERSION: u32 = 1;

/// What was decided about an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Verdict {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The image.
    pub image: Image,
    /// What was asked beside the image.
    pub request: Asked,
    /// Whether the image may run: every enforced policy that covers it passed, and at
    /// least one policy covers it.
    pub verified: bool,
    /// The decision in a word.
    pub outcome: Outcome,
    /// The policies that cover the image.
    pub policies: Vec<PolicyReport>,
    /// Everybody whose verified signature on this image an authority accepted. Nobody whose
    /// authenticity was not established, whatever the level.
    pub signers: Vec<Signer>,
    /// The verified attestations that the policies list.
    pub attestations: Vec<Attestation>,
    /// Each platform of an image index, where policies ask for it. What lies beside a platform is
    /// here and nowhere else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub platforms: Vec<PlatformVerdict>,
    /// What was enforced, logged or skipped, of the signatures that count; of the others only
    /// where a policy failed. The failed first, at most [`CHECKS`](crate::limits::CHECKS).
    pub checks: Vec<Check>,
    /// Why not, the most telling first; the warnings of a policy in warn mode. They are about what
    /// was demanded and not met: nothing that was not needed is among them.
    pub reasons: Vec<Reason>,
    /// The digest of the trust material that was judged by.
    pub trust_revision: Digest,
    /// When this verdict must be made anew at the latest; absent: when its inputs change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<UnixTime>,
}

impl Verdict {
    /// The verdict's JSON.
    pub fn to_json(&self) -> Vec<u8> {
        // Every map has string keys and every value is plain data: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Verdict::to_json`] wrote.
    ///
    /// Not checked: whether core wrote it. A verdict is as trustworthy as where it comes from.
    ///
    /// # Errors
    /// If it is no verdict of this schema version.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        let verdict: Self = serde_json::from_slice(json)?;
        match verdict.schema_version {
            SCHEMA_VERSION => Ok(verdict),
            found => Err(serde::de::Error::custom(format!(
                "expected a verdict of schema version {SCHEMA_VERSION}, found {found}"
            ))),
        }
    }
}

/// What was asked beside the image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The namespace. Absent if none was given, or if no policy looks at namespaces: the verdict
    /// is the same for all of them then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The policy, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// The image of a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Image {
    /// The image as it was asked for, byte for byte.
    pub requested: String,
    /// The normalised reference with the tag, if any, and the digest that was judged.
    pub reference: String,
    /// The digest that was judged.
    pub digest: Digest,
    /// The media type of the manifest.
    pub media_type: String,
}

/// The decision in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Every policy that covers the image passed.
    Verified,
    /// Policies passed by what proves nothing, and the rest by their proof: a Notary Project
    /// level that verifies nothing (`skip`) or only logs that the signer is a stranger
    /// (`audit`). Let in **unverified** as far as they go.
    Unproven,
    /// Only policies in warn mode failed: let in **without** their proof.
    Warned,
    /// No policy covers the image, and the configuration lets such images in **unverified**.
    NotCovered,
    /// No policy covers the image.
    NoPolicy,
    /// There is no signature.
    Unsigned,
    /// There are signatures, but none that the policies trust.
    Untrusted,
    /// What claims to be a signature is broken or forged.
    Invalid,
}

impl Outcome {
    /// The stable spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Unproven => "unproven",
            Self::Warned => "warned",
            Self::NotCovered => "not_covered",
            Self::NoPolicy => "no_policy",
            Self::Unsigned => "unsigned",
            Self::Untrusted => "untrusted",
            Self::Invalid => "invalid",
        }
    }

    /// Whether the image may run.
    pub fn admits(self) -> bool {
        matches!(
            self,
            Self::Verified | Self::Unproven | Self::Warned | Self::NotCovered
        )
    }

    /// Whether more evidence could make it better: something was asked for and not found.
    pub fn lacks_proof(self) -> bool {
        !matches!(self, Self::Verified | Self::NotCovered)
    }
}

impl From<Class> for Outcome {
    fn from(class: Class) -> Self {
        match class {
            Class::NoPolicy => Self::NoPolicy,
            Class::Unsigned => Self::Unsigned,
            Class::Untrusted => Self::Untrusted,
            Class::Invalid => Self::Invalid,
        }
    }
}

/// What became of one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// The policy's name.
    pub name: String,
    /// The digest of the policy.
    pub revision: Digest,
    /// Whether it refuses the image if it fails.
    pub mode: Mode,
    /// Of a policy that asks for every platform of an index: the digest of the one that this is about,
    /// the first of the worst. The reasons are those of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Digest>,
    /// Whether it passed.
    pub outcome: Passed,
    /// What it demands: image signatures, unless attestations suffice, and each attestation rule.
    pub demands: Vec<Demand>,
    /// Its authorities.
    pub authorities: Vec<AuthorityReport>,
    /// Why it failed beyond its authorities: one reason if image signatures are missing, and why
    /// an attestation rule is not met.
    pub reasons: Vec<Reason>,
}

impl PolicyReport {
    /// The same as a report about a platform.
    pub(crate) fn about(&self, platform: Digest) -> Self {
        Self {
            platform: Some(platform),
            ..self.clone()
        }
    }
}

/// What became of one platform of an image index, by the policies that ask for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlatformVerdict {
    /// The digest of its manifest.
    pub digest: Digest,
    /// For which platforms the index lists it, as `linux/arm64/v8`; nobody signed that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// Whether these policies let it in.
    pub verified: bool,
    /// The same in a word.
    pub outcome: Outcome,
    /// These policies.
    pub policies: Vec<PolicyReport>,
    /// As those of a verdict, of this manifest.
    pub signers: Vec<Signer>,
    /// As those of a verdict, of this manifest.
    pub attestations: Vec<Attestation>,
    /// As those of a verdict, of this manifest.
    pub checks: Vec<Check>,
    /// As those of a verdict, of this manifest.
    pub reasons: Vec<Reason>,
}

impl PlatformVerdict {
    /// The part of a verdict about this manifest.
    pub(crate) fn new(names: Vec<String>, verdict: Verdict) -> Self {
        Self {
            digest: verdict.image.digest,
            names,
            verified: verdict.verified,
            outcome: verdict.outcome,
            policies: verdict.policies,
            signers: verdict.signers,
            attestations: verdict.attestations,
            checks: verdict.checks,
            reasons: verdict.reasons,
        }
    }
}

/// What became of one authority.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityReport {
    /// The authority's name.
    pub name: String,
    /// Whether it vouches: for the image by a signature, or by an attestation the policy lists.
    pub outcome: Passed,
    /// Why what was found is not its own, the most telling first. Nothing about what another
    /// authority of the policy made.
    pub reasons: Vec<Reason>,
}

/// Passed or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Passed {
    /// Positive evidence was found.
    Passed,
    /// It lets in **without** proof, as [`Outcome::Unproven`].
    Unproven,
    /// It was not.
    Failed,
}

/// Somebody whose signature was verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signer {
    /// How the signer is known.
    pub kind: SignerKind,
    /// The policy and the authority that accepted the signature, as `policy/authority`.
    pub authority: String,
    /// What the signature is over. Who signed the image and attested as well is here twice.
    pub signs: Signs,
    /// The format of the signature.
    pub format: SignatureFormat,
    /// The digest of the artifact (its manifest) that carries the signature.
    pub artifact: Digest,
    /// The signature scheme, as `ecdsa-p256-sha256`.
    pub scheme: Scheme,
    /// The key's name in the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The SHA-256 fingerprint of the key (its SubjectPublicKeyInfo) or certificate, hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The SHA-256 fingerprint of the key in the certificate (its SubjectPublicKeyInfo), hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_fingerprint: Option<String>,
    /// The OIDC issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The certificate's subject alternative name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What kind of name the subject is: `dns`, `email`, `uri` or `other_name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject_type: Option<SubjectType>,
    /// The other names in a certificate without an OIDC issuer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_subjects: Vec<String>,
    /// Every Fulcio claim, by its name in lower camel case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, String>,
    /// The X.509 subject of a Notary Project signer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x509_subject: Option<String>,
    /// The ARN of the signing profile that a signature of AWS Signer is by, without its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_profile: Option<String>,
    /// The version of the signing profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_profile_version: Option<String>,
    /// The ARN of the job of AWS Signer that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing_job: Option<String>,
    /// Annotations, or user metadata, under the signature.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The verified times of the signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<VerifiedTime>,
    /// The transparency logs that have the signature.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<LogPosition>,
}

impl Signer {
    /// Who it is, as conditions see it: the same for every copy of an envelope.
    pub(crate) fn seen(&self) -> String {
        let mut seen = serde_json::json!({
            "kind": self.kind,
            "authority": self.authority,
            "claims": self.claims,
            "annotations": self.annotations,
        });
        let fields = [
            ("key", &self.key),
            ("fingerprint", &self.fingerprint),
            ("keyFingerprint", &self.key_fingerprint),
            ("issuer", &self.issuer),
            ("subject", &self.subject),
            ("x509Subject", &self.x509_subject),
            (
                "subjectType",
                &self.subject_type.map(|kind| kind.as_str().to_owned()),
            ),
        ];
        if let Value::Object(seen) = &mut seen {
            if !self.other_subjects.is_empty() {
                let others = Value::from(self.other_subjects.as_slice());
                seen.insert("otherSubjects".to_owned(), others);
            }
            for (name, value) in fields {
                seen.extend(
                    value
                        .iter()
                        .map(|v| (name.to_owned(), Value::from(v.as_str()))),
                );
            }
        }
        seen.to_string()
    }
}

/// How a signer is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignerKind {
    /// By a managed key.
    Key,
    /// By a Sigstore certificate.
    Keyless,
    /// By a Notary Project certificate.
    Notation,
}

/// The format of a signature. They are ordered as their names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SignatureFormat {
    /// An attestation in cosign's own layout.
    #[serde(rename = "cosign_attestation")]
    CosignAttestation,
    /// A signature in cosign's own layout.
    #[serde(rename = "cosign_signature")]
    CosignSignature,
    /// A Notary Project envelope in COSE.
    #[serde(rename = "notation_cose")]
    NotationCose,
    /// A Notary Project envelope in JWS.
    #[serde(rename = "notation_jws")]
    NotationJws,
    /// A Sigstore bundle v0.1.
    #[serde(rename = "sigstore_bundle_v0.1")]
    SigstoreBundleV01,
    /// A Sigstore bundle v0.2.
    #[serde(rename = "sigstore_bundle_v0.2")]
    SigstoreBundleV02,
    /// A Sigstore bundle v0.3.
    #[serde(rename = "sigstore_bundle_v0.3")]
    SigstoreBundleV03,
}

impl SignatureFormat {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::CosignAttestation,
        Self::CosignSignature,
        Self::NotationCose,
        Self::NotationJws,
        Self::SigstoreBundleV01,
        Self::SigstoreBundleV02,
        Self::SigstoreBundleV03,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CosignAttestation => "cosign_attestation",
            Self::CosignSignature => "cosign_signature",
            Self::NotationCose => "notation_cose",
            Self::NotationJws => "notation_jws",
            Self::SigstoreBundleV01 => "sigstore_bundle_v0.1",
            Self::SigstoreBundleV02 => "sigstore_bundle_v0.2",
            Self::SigstoreBundleV03 => "sigstore_bundle_v0.3",
        }
    }
}

impl fmt::Display for SignatureFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who vouches for a time. They are ordered as their names are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeSource {
    /// The Notary Project's signing authority.
    SigningAuthority,
    /// A timestamp authority (RFC 3161).
    TimestampAuthority,
    /// A transparency log.
    TransparencyLog,
}

impl TimeSource {
    /// Every source.
    pub const ALL: [Self; 3] = [
        Self::SigningAuthority,
        Self::TimestampAuthority,
        Self::TransparencyLog,
    ];

    /// The stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SigningAuthority => "signing_authority",
            Self::TimestampAuthority => "timestamp_authority",
            Self::TransparencyLog => "transparency_log",
        }
    }
}

impl fmt::Display for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A time that somebody trusted vouches for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedTime {
    /// The time.
    pub time: UnixTime,
    /// Who vouches.
    pub source: TimeSource,
    /// Its name: the log's or authority's URL, or its id.
    pub name: String,
}

/// Where a transparency log has a signature.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogPosition {
    /// The log's URL.
    pub log: String,
    /// The log's id, hex.
    pub id: String,
    /// The index in the log, where the log vouches for it. A string: it may exceed 2^53.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// The index in the log's shard, where that alone is proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard_index: Option<String>,
}

/// A verified attestation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// The policy and the rule that it meets, as `policy/rule`.
    pub rule: String,
    /// The predicate type.
    pub predicate_type: String,
    /// Who made it.
    pub signer: Signer,
    /// The SHA-256 digest of the verified statement.
    pub statement_digest: Digest,
    /// The SHA-256 digest of the predicate, canonicalised (RFC 8785). Integers are doubles there:
    /// predicates that differ in integers beyond 2^53 alone share it. `statement_digest` tells them
    /// apart.
    pub predicate_digest: Digest,
    /// What the predicate says, in the same words for all types that have them; of vulnerabilities,
    /// those that count after the policy's exceptions and VEX documents. They are shown of
    /// predicates that are not, too; without what is longer than a verdict shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facts: Option<Value>,
    /// The predicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate: Option<Value>,
    /// Why the predicate is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_omitted: Option<String>,
}

impl Attestation {
    /// Shows the predicate if so many bytes are left for it, and takes them.
    pub(crate) fn show_within(&mut self, left: &mut usize) {
        let Some(predicate) = &self.predicate else {
            return;
        };
        let bytes = json::printed_length(predicate);
        match left.checked_sub(bytes) {
            Some(rest) => *left = rest,
            None => {
                self.predicate = None;
                self.predicate_omitted = Some(format!(
                    "the predicates have more than the {} bytes that a verdict shows; this one has \
                     {bytes}",
                    limits::PREDICATES_BYTES
                ));
            }
        }
    }
}

/// One check and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// The digest of the artifact (its manifest) whose signature was checked; none if no
    /// signature was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
    /// What was checked, and for whom, as `policy/authority: expiry`.
    pub name: String,
    /// What its failure does.
    pub action: Action,
    /// What became of it.
    pub result: CheckResult,
    /// More about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What became of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It was not made.
    Skipped,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_they_are_and_order_signers() {
        for format in SignatureFormat::ALL {
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
        for source in TimeSource::ALL {
            assert_eq!(serde_json::to_value(source).unwrap(), source.as_str());
        }
        let kinds = [
            SubjectType::Dns,
            SubjectType::Email,
            SubjectType::OtherName,
            SubjectType::Uri,
        ];
        for kind in kinds {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        // As the texts once did, which verdicts were sorted by.
        assert!(SignatureFormat::ALL.is_sorted() && TimeSource::ALL.is_sorted());
        assert!(
            SignatureFormat::ALL
                .map(SignatureFormat::as_str)
                .is_sorted()
        );
        assert!(TimeSource::ALL.map(TimeSource::as_str).is_sorted());
        assert!(kinds.is_sorted() && kinds.map(SubjectType::as_str).is_sorted());
    }
}
