//! An image, a policy with one key, and what comes of a signature.

use sealgate_core::policy::file::PolicyFile;
use sealgate_core::verdict::Outcome;
use sealgate_core::{UnixTime, Verdict};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_tests::parity::{self, PolicyTexts, TrustDocuments};
use serde_json::Value;

pub(crate) const IMAGE: &str = "registry.example.com/prod/app:1.0";

/// A predicate type, and a policy that wants attestations of it.
pub(crate) const TYPE: &str = "https://slsa.dev/provenance/v1";

pub(crate) fn key() -> SigningKey {
    SigningKey::generate(Kind::P256)
}

/// Problems of a policy for `registry.example.com/**` with more fields in its specification.
pub(crate) fn load(key: &SigningKey, more: &str) -> Result<PolicyTexts, Vec<String>> {
    let pem = serde_json::to_string(&key.public_pem()).unwrap();
    let text = format!(
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: prod}}\nspec:\n  \
         images: [{{glob: \"registry.example.com/**\"}}]\n  authorities:\n  \
         - name: release\n    key: {{data: {pem}}}\n{more}"
    );
    let name = "policy.yaml".to_owned();
    PolicyTexts::read(&[PolicyFile { name, text }])
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

pub(crate) fn policies(key: &SigningKey, more: &str) -> PolicyTexts {
    load(key, more).unwrap()
}

/// Wants an attestation of [`TYPE`] that meets a condition.
pub(crate) fn attested(condition: &str) -> String {
    format!(
        "  require: attestationsOnly\n  attestations:\n  - name: built\n    \
         predicateType: {TYPE}\n    conditions: [{condition:?}]\n"
    )
}

pub(crate) fn judge(pack: &Pack, policies: &PolicyTexts) -> Verdict {
    let now = UnixTime::from_seconds(1_800_000_000);
    parity::judge(pack.evidence(), policies, &TrustDocuments::default(), now)
}

#[track_caller]
pub(crate) fn accepted(pack: &Pack, policies: &PolicyTexts) -> Verdict {
    let verdict = judge(pack, policies);
    assert!(verdict.verified, "{:?}", verdict.reasons);
    assert_eq!(verdict.outcome, Outcome::Verified);
    verdict
}

#[track_caller]
pub(crate) fn refused(pack: &Pack, policies: &PolicyTexts, code: &str) {
    let verdict = judge(pack, policies);
    assert!(!verdict.verified, "accepted, expected {code}");
    let first = verdict.reasons.first().unwrap();
    assert_eq!(first.code.as_str(), code, "{:?}", verdict.reasons);
}

/// A bundle with another envelope than its own.
pub(crate) fn bundle_of(key: &SigningKey, envelope: &Value) -> Vec<u8> {
    let bundle = sign::bundle(key, b"{}");
    let mut bundle: Value = serde_json::from_slice(&bundle).unwrap();
    bundle["dsseEnvelope"] = envelope.clone();
    bundle.to_string().into_bytes()
}
