//! An image, a signer with a chain of three, and a policy that trusts its root.

use sealgate_core::policy::file::PolicyFile;
use sealgate_core::verdict::{Check, CheckResult};
use sealgate_core::{UnixTime, Verdict};
use sealgate_testkit::notation::envelope::{artifact, payload};
use sealgate_testkit::notation::{Certificate, Envelope, Format, NOW, Profile};
use sealgate_testkit::pack::Pack;
use sealgate_tests::parity::{self, PolicyTexts, TrustDocuments};
use serde_json::{Value, json};

pub(crate) const IMAGE: &str = "registry.example.com/prod/app:1.0";
pub(crate) const SIGNER: &str = "C=US, ST=WA, O=acme, CN=release";

/// A signer and the authorities above.
pub(crate) struct Signer {
    pub(crate) root: Certificate,
    pub(crate) intermediate: Certificate,
    pub(crate) leaf: Certificate,
}

impl Signer {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {}, |_| {})
    }

    /// A signer whose certificates differ in some details.
    pub(crate) fn with(
        root: impl FnOnce(&mut Profile),
        intermediate: impl FnOnce(&mut Profile),
        leaf: impl FnOnce(&mut Profile),
    ) -> Self {
        let authority = |name: &str| Profile::authority(&format!("C=US, ST=WA, O=acme, CN={name}"));
        let root = Certificate::self_signed(&authority("root").with(root));
        let intermediate = root.issue(&authority("intermediate").with(intermediate));
        let leaf = intermediate.issue(&Profile::signer(SIGNER).with(leaf));
        Self {
            root,
            intermediate,
            leaf,
        }
    }

    pub(crate) fn chain(&self) -> [&Certificate; 3] {
        [&self.leaf, &self.intermediate, &self.root]
    }

    /// An envelope for the image of a pack.
    pub(crate) fn envelope(&self, format: Format, pack: &Pack) -> Envelope {
        Envelope::x509(format, &self.chain(), payload_for(pack))
    }

    /// A pack with this signer's ordinary signature.
    pub(crate) fn signed(&self, format: Format) -> Pack {
        self.signed_with(format, |envelope| envelope)
    }

    /// A pack with this signer's signature over a changed envelope.
    pub(crate) fn signed_with(
        &self,
        format: Format,
        change: impl FnOnce(Envelope) -> Envelope,
    ) -> Pack {
        let pack = image();
        let envelope = change(self.envelope(format, &pack)).sign(&self.leaf.key);
        with_envelope(pack, format, &envelope)
    }

    /// Trust in this signer's root, as `ca:acme`.
    pub(crate) fn trust(&self) -> TrustDocuments {
        trust(&[("ca:acme", &[&self.root])])
    }
}

pub(crate) fn image() -> Pack {
    Pack::image(IMAGE, "a")
}

pub(crate) fn payload_for(pack: &Pack) -> Vec<u8> {
    payload_with(pack, &Value::Null)
}

pub(crate) fn payload_with(pack: &Pack, metadata: &Value) -> Vec<u8> {
    let subject = &pack.evidence().subject;
    let size = subject.manifest.bytes().len();
    payload(&subject.media_type, &pack.digest(), size, metadata)
}

pub(crate) fn with_envelope(pack: Pack, format: Format, envelope: &[u8]) -> Pack {
    let artifact = artifact(&pack.digest(), format, envelope);
    pack.with(artifact)
}

pub(crate) fn trust(stores: &[(&str, &[&Certificate])]) -> TrustDocuments {
    let mut trust = TrustDocuments::default();
    for (name, certificates) in stores {
        let certificates = certificates.iter().map(|one| one.pem()).collect();
        trust = trust.with_store(name, certificates);
    }
    trust
}

/// A statement of a trust policy: strict, for every image, any identity below `ca:acme`.
pub(crate) fn statement() -> Value {
    json!({
        "name": "prod",
        "registryScopes": ["*"],
        "signatureVerification": {"level": "strict"},
        "trustStores": ["ca:acme"],
        "trustedIdentities": ["*"],
    })
}

pub(crate) fn statement_with(changes: &[(&str, Value)]) -> Value {
    let mut statement = statement();
    for (pointer, value) in changes {
        match pointer.split_once('/') {
            Some((outer, inner)) => statement[outer][inner] = value.clone(),
            None if value.is_null() => {
                statement.as_object_mut().unwrap().remove(*pointer);
            }
            None => statement[*pointer] = value.clone(),
        }
    }
    statement
}

pub(crate) fn load(statements: &[Value]) -> Result<PolicyTexts, Vec<String>> {
    let text = json!({"version": "1.0", "trustPolicies": statements}).to_string();
    load_text(text)
}

pub(crate) fn load_text(text: String) -> Result<PolicyTexts, Vec<String>> {
    let file = PolicyFile {
        name: "trustpolicy.json".to_owned(),
        text,
    };
    PolicyTexts::read(&[file])
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

pub(crate) fn policy(changes: &[(&str, Value)]) -> PolicyTexts {
    load(&[statement_with(changes)]).unwrap()
}

pub(crate) fn strict() -> PolicyTexts {
    policy(&[])
}

pub(crate) fn judge(pack: &Pack, policies: &PolicyTexts, trust: &TrustDocuments) -> Verdict {
    judge_at(pack, policies, trust, NOW)
}

#[track_caller]
pub(crate) fn judge_at(
    pack: &Pack,
    policies: &PolicyTexts,
    trust: &TrustDocuments,
    now: i64,
) -> Verdict {
    parity::judge(
        pack.evidence(),
        policies,
        trust,
        UnixTime::from_seconds(now),
    )
}

#[track_caller]
pub(crate) fn accepted(verdict: &Verdict) {
    assert!(verdict.verified, "{:#?}", verdict.reasons);
    assert_eq!(verdict.outcome.as_str(), "verified");
}

#[track_caller]
pub(crate) fn refused(verdict: &Verdict, code: &str) {
    assert!(!verdict.verified, "accepted, expected {code}");
    let first = verdict.reasons.first().unwrap();
    assert_eq!(first.code.as_str(), code, "{:#?}", verdict.reasons);
}

/// Let in by what proves nothing.
#[track_caller]
pub(crate) fn unproven(verdict: &Verdict) {
    assert!(verdict.verified, "{:#?}", verdict.reasons);
    assert_eq!(verdict.outcome.as_str(), "unproven");
    assert!(verdict.signers.is_empty());
}

/// The only check of this kind.
pub(crate) fn check<'a>(verdict: &'a Verdict, kind: &str) -> &'a Check {
    let suffix = format!(": {kind}");
    let mut found = verdict
        .checks
        .iter()
        .filter(|check| check.name.ends_with(&suffix));
    let check = found.next().unwrap_or_else(|| panic!("no check {kind}"));
    assert!(found.next().is_none(), "several checks {kind}");
    check
}

/// A check that failed without refusing, and why.
#[track_caller]
pub(crate) fn logged(verdict: &Verdict, kind: &str, code: &str) {
    let check = check(verdict, kind);
    assert_eq!(check.result, CheckResult::Failed);
    assert_eq!(check.action, sealgate_core::policy::Action::Log);
    let detail = check.detail.as_deref().unwrap();
    assert!(detail.starts_with(&format!("{code}: ")), "{detail}");
}
