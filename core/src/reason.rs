//! Why something was refused: a stable code and a sentence.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::limits;

/// Why a signature, an attestation, a policy or an image did not pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The stable code, for programs.
    pub code: Code,
    /// A sentence that tells a person what was expected, what was found and where.
    pub message: String,
}

impl Reason {
    /// A reason with this code; an overlong message is cut.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: shorten(message.into()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// What kind of refusal a code stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Class {
    /// No policy covers the image.
    NoPolicy,
    /// Nothing that could be a signature was found.
    Unsigned,
    /// There are signatures, but none by somebody the policy trusts.
    Untrusted,
    /// Something claims to be a signature for this image and is broken or forged.
    Invalid,
}

impl Class {
    /// The stable spelling.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoPolicy => "no_policy",
            Self::Unsigned => "unsigned",
            Self::Untrusted => "untrusted",
            Self::Invalid => "invalid",
        }
    }
}

/// Declares the codes from the least to the most specific: of several failures
/// the last in this order tells most.
macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal in $class:ident; )+) => {
        /// The stable reason codes, ordered from the least to the most specific.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code { $( $(#[doc = $doc])+ $name, )+ }

        impl Code {
            /// Every code, from the least to the most specific.
            pub const ALL: &[Self] = &[$( Self::$name, )+];

            /// The stable snake_case spelling.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$name => $text, )+ }
            }

            /// What kind of refusal this is.
            pub fn class(self) -> Class {
                match self { $( Self::$name => Class::$class, )+ }
            }
        }
    };
}

codes! {
    // Nothing to judge.
    /// No policy covers the image.
    NoPolicy = "no_policy" in NoPolicy;
    /// An artifact of a type sealgate does not know: no signature, for all that is known.
    ArtifactUnknown = "artifact_unknown" in Unsigned;
    /// No artifact that sealgate understands belongs to the image.
    NoSignatures = "no_signatures" in Unsigned;
    /// Attestations by authorities of the policy were found, and none of them signed the image.
    NoImageSignature = "no_image_signature" in Unsigned;
    /// A rule reads the attestation of another one, which is not met.
    RuleNotMet = "rule_not_met" in Unsigned;
    /// The image index lists no manifest that a container runtime would run.
    NoPlatforms = "no_platforms" in Unsigned;
    /// The image index lists the manifest of a platform, which is not there.
    PlatformMissing = "platform_missing" in Unsigned;
    /// No attestation of the predicate type that the policy lists.
    NoMatchingAttestation = "no_matching_attestation" in Unsigned;

    // Somebody else's.
    /// A signature of another kind than the authority accepts (a key, say, for a keyless authority).
    SignatureKindMismatch = "signature_kind_mismatch" in Untrusted;
    /// Fewer distinct signers signed the image than the policy requires.
    ThresholdNotMet = "threshold_not_met" in Untrusted;
    /// Well-formed, and in a form that sealgate does not take: several signatures in one envelope, a
    /// root in a bundle's chain, an unknown kind of log entry or version of a bundle.
    FormUnsupported = "form_unsupported" in Untrusted;
    /// No key of the authority verifies the signature: another key made it, or it was altered.
    SignatureInvalid = "signature_invalid" in Untrusted;
    /// The certificate does not chain to a trusted root.
    CertificateUntrusted = "certificate_untrusted" in Untrusted;
    /// The certificate's issuer claim is not the expected one.
    IssuerMismatch = "issuer_mismatch" in Untrusted;
    /// The certificate's subject is not the expected one.
    IdentityMismatch = "identity_mismatch" in Untrusted;
    /// A Fulcio claim differs from the expected one.
    ClaimMismatch = "claim_mismatch" in Untrusted;
    /// The signing certificate's X.509 subject is not a trusted identity (Notary Project).
    TrustedIdentityMismatch = "trusted_identity_mismatch" in Untrusted;
    /// The policy refuses every image that it covers, whoever signed it.
    StaticFail = "static_fail" in Untrusted;
    /// An annotation that the authority demands is absent or differs.
    AnnotationMismatch = "annotation_mismatch" in Untrusted;
    /// A condition on the predicate is false.
    ConditionFailed = "condition_failed" in Untrusted;
    /// A condition on the predicate cannot be evaluated.
    ConditionError = "condition_error" in Untrusted;

    // Time.
    /// Outside the key's validity window.
    KeyOutsideValidity = "key_outside_validity" in Untrusted;
    /// The certificate, or one above it, was not valid at a verified time.
    CertificateOutsideValidity = "certificate_outside_validity" in Untrusted;
    /// No verified time, and the signature needs one.
    NoVerifiedTime = "no_verified_time" in Untrusted;
    /// Fewer verified timestamps than the authority demands.
    TimestampThresholdNotMet = "timestamp_threshold_not_met" in Untrusted;
    /// Fewer distinct transparency logs than the authority demands.
    LogThresholdNotMet = "log_threshold_not_met" in Untrusted;
    /// Fewer distinct certificate transparency logs than the authority demands.
    SctThresholdNotMet = "sct_threshold_not_met" in Untrusted;
    /// The signature has expired (Notary Project).
    SignatureExpired = "signature_expired" in Untrusted;
    /// Older than the policy lets a signature be.
    SignatureTooOld = "signature_too_old" in Untrusted;
    /// The transparency log is not one of the trust root's.
    LogUnknown = "log_unknown" in Untrusted;
    /// The certificate transparency log is not one of the trust root's.
    SctLogUnknown = "sct_log_unknown" in Untrusted;
    /// The transparency log did not count at the time of the signature.
    LogOutsideValidity = "log_outside_validity" in Untrusted;
    /// The certificate transparency log did not count when it saw the certificate.
    SctOutsideValidity = "sct_outside_validity" in Untrusted;
    /// The timestamp authority, or a certificate of it, did not count at its time.
    TimestampOutsideValidity = "timestamp_outside_validity" in Untrusted;
    /// The timestamp authority is not one of the trust root's.
    TimestampUntrusted = "timestamp_untrusted" in Untrusted;
    /// A certificate is revoked.
    CertificateRevoked = "certificate_revoked" in Untrusted;
    /// Whether a certificate, or a profile or job of AWS Signer, is revoked could not be found out.
    RevocationUnknown = "revocation_unknown" in Untrusted;
    /// The signature names a verification plugin, and sealgate runs none.
    PluginUnsupported = "plugin_unsupported" in Untrusted;

    // Broken or forged.
    /// More of something than the limits allow.
    LimitExceeded = "limit_exceeded" in Invalid;
    /// The artifact's manifest is malformed.
    ManifestMalformed = "manifest_malformed" in Invalid;
    /// The image index is malformed, or one within another.
    IndexMalformed = "index_malformed" in Invalid;
    /// A blob that the manifest names is not in the evidence.
    BlobMissing = "blob_missing" in Invalid;
    /// The subject's manifest does not have the digest of the image.
    ImageDigestMismatch = "image_digest_mismatch" in Invalid;
    /// A referrer whose subject is another manifest.
    ReferrerSubjectMismatch = "referrer_subject_mismatch" in Invalid;
    /// The signature's encoding is broken.
    SignatureMalformed = "signature_malformed" in Invalid;
    /// The signed payload is malformed.
    PayloadMalformed = "payload_malformed" in Invalid;
    /// The bundle is malformed.
    BundleMalformed = "bundle_malformed" in Invalid;
    /// The DSSE envelope is malformed, or has no signature.
    EnvelopeMalformed = "envelope_malformed" in Invalid;
    /// The in-toto statement is malformed.
    StatementMalformed = "statement_malformed" in Invalid;
    /// The payload type is not the expected one.
    PayloadTypeMismatch = "payload_type_mismatch" in Invalid;
    /// An algorithm sealgate does not accept, or one that does not fit the key.
    AlgorithmUnsupported = "algorithm_unsupported" in Invalid;
    /// A certificate is malformed.
    CertificateMalformed = "certificate_malformed" in Invalid;
    /// A certificate breaks a rule of its profile (key usage, basic constraints, …).
    CertificateProfile = "certificate_profile" in Invalid;
    /// A certificate chain is incomplete, out of order, or not signed as it should be.
    CertificateChainInvalid = "certificate_chain_invalid" in Invalid;
    /// The signature of an envelope does not verify with its own certificate (Notary Project).
    EnvelopeSignatureInvalid = "envelope_signature_invalid" in Invalid;
    /// An unknown critical attribute (Notary Project).
    CriticalAttributeUnknown = "critical_attribute_unknown" in Invalid;
    /// A header is absent, malformed or contradicts another (Notary Project).
    HeaderInvalid = "header_invalid" in Invalid;
    /// A timestamp token is malformed or does not verify.
    TimestampInvalid = "timestamp_invalid" in Invalid;
    /// A timestamp token for other bytes.
    TimestampMismatch = "timestamp_mismatch" in Invalid;
    /// A signed certificate timestamp is malformed or does not verify.
    SctInvalid = "sct_invalid" in Invalid;
    /// A log entry is malformed.
    LogEntryMalformed = "log_entry_malformed" in Invalid;
    /// A signed entry timestamp (SET) does not verify.
    SetInvalid = "set_invalid" in Invalid;
    /// A checkpoint is malformed or does not verify.
    CheckpointInvalid = "checkpoint_invalid" in Invalid;
    /// An inclusion proof does not lead to the checkpoint's root.
    InclusionProofInvalid = "inclusion_proof_invalid" in Invalid;
    /// A log entry has neither a SET nor an inclusion proof.
    InclusionMissing = "inclusion_missing" in Invalid;
    /// A log entry for another signature, payload or key.
    LogEntryMismatch = "log_entry_mismatch" in Invalid;
    /// An integrated time outside the log's validity or in the future.
    IntegratedTimeInvalid = "integrated_time_invalid" in Invalid;
    /// The message digest in the bundle is not that of the artifact.
    MessageDigestMismatch = "message_digest_mismatch" in Invalid;
    /// The signature is genuine, but for another image.
    SubjectMismatch = "subject_mismatch" in Invalid;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let code = Self::ALL.iter().find(|code| code.as_str() == text);
        code.copied().ok_or_else(|| {
            serde::de::Error::custom(format!("expected the code of a reason, found {text:?}"))
        })
    }
}

/// Sorts reasons by how much they tell, drops repetitions, and keeps the best.
pub(crate) fn most_specific(mut reasons: Vec<Reason>) -> Vec<Reason> {
    reasons.sort_by(|a, b| b.code.cmp(&a.code).then_with(|| a.message.cmp(&b.message)));
    reasons.dedup();
    reasons.truncate(limits::REASONS);
    reasons
}

/// As [`most_specific`], but reasons about what was demanded (`demands`) keep half of the places.
pub(crate) fn most_specific_of(demands: Vec<Reason>, others: Vec<Reason>) -> Vec<Reason> {
    let mut demands = most_specific(demands);
    let mut others = most_specific(others);
    others.retain(|reason| !demands.contains(reason));
    demands.truncate(limits::REASONS - others.len().min(limits::REASONS / 2));
    others.truncate(limits::REASONS - demands.len());
    demands.extend(others);
    most_specific(demands)
}

/// Bounds a message and takes control characters out of it.
fn shorten(message: String) -> String {
    let clean = message.chars().all(|c| !c.is_control());
    if clean && message.len() <= limits::MESSAGE_BYTES {
        return message;
    }
    let mut short = String::new();
    for c in message.chars() {
        if short.len() >= limits::MESSAGE_BYTES {
            short.push('…');
            break;
        }
        match c.is_control() {
            true => short.extend(c.escape_default()),
            false => short.push(c),
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_snake_case() {
        for (i, code) in Code::ALL.iter().enumerate() {
            let text = code.as_str();
            assert!(text.bytes().all(|c| c.is_ascii_lowercase() || c == b'_'));
            assert!(Code::ALL.iter().skip(i + 1).all(|c| c.as_str() != text));
        }
    }

    #[test]
    fn hostile_messages_are_short_and_printable_atk_31() {
        let reason = Reason::new(Code::NoPolicy, format!("a\n\u{1b}[31m{}", "x".repeat(9999)));
        assert!(reason.message.len() < limits::MESSAGE_BYTES + 16);
        assert!(!reason.message.chars().any(char::is_control));
    }
}
