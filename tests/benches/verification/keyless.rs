//! Keyless bundles: of a private Sigstore, and of the public-good instance where the vectors are.

use std::collections::BTreeMap;
use std::hint::black_box;

use sealgate_core::evidence::{Artifact, Blob};
use sealgate_core::internals::verify_uncounted;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::trust::SigstoreRoot;
use sealgate_core::{Evidence, Policies, TrustMaterial, UnixTime};
use sealgate_testkit::sign::COSIGN_SIGN;
use sealgate_testkit::sigstore::{self, ISSUER, SUBJECT, Signed, Sigstore};
use sealgate_tests::parity::Question;
use sealgate_tests::vectors::{ConformanceCase, NAME, sigstore_conformance};
use serde_json::Value;
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::Bundle;
use sigstore_verify::{VerificationPolicy, Verifier};

use crate::contest::Contest;
use crate::{raw, wasm};

/// What the project asks of itself, in units of the bare signature checks.
pub const BUDGET: f64 = 1.25;
/// The same for the counters of a verdict's budget, in units of a verdict without them.
const COUNTERS: f64 = 1.02;

pub fn run() {
    for case in private().into_iter().chain(public_good()) {
        contest(&case);
    }
}

/// A keyless signature on an artifact, which stands for an image's manifest.
struct Keyless {
    name: String,
    case: ConformanceCase,
    /// The policy, which is YAML, too.
    policy: String,
    /// The trust root, as the other verifier reads it.
    root: String,
}

/// An image signed as cosign v3 does: by a private Sigstore, with a log of each generation.
fn private() -> Vec<Keyless> {
    let sigstore = Sigstore::new("private");
    let signer = sigstore.signer();
    let manifest = br#"{"schemaVersion":2}"#.to_vec();
    let digest = sealgate_core::Digest::sha256(&manifest);
    let statement = sigstore::statement(&digest, COSIGN_SIGN);
    let signed = Signed::statement(&signer.key, &statement);
    let root = sigstore.trusted_root().to_string();
    let case = |name: &str, bundle: Value| {
        let case = ConformanceCase {
            name: name.to_owned(),
            bundle: bundle.to_string().into_bytes(),
            artifact: manifest.clone(),
            trusted_root: Some(root.clone().into_bytes()),
            key: None,
            identity: SUBJECT.to_owned(),
            issuer: ISSUER.to_owned(),
        };
        let mut policy = case.policy();
        // It is an image signature, which no rule for attestations is met by.
        let spec = policy["spec"].as_object_mut().unwrap();
        spec.retain(|field, _| !matches!(field.as_str(), "require" | "attestations"));
        Keyless {
            name: format!("private Sigstore, {name}"),
            policy: policy.to_string(),
            root: root.clone(),
            case,
        }
    };
    vec![
        case("Rekor v1", sigstore.bundle_v1(&signed, &signer)),
        case(
            "Rekor v2 and a timestamp",
            sigstore.bundle_v2(&signed, &signer),
        ),
    ]
}

/// Signatures of the public-good instance, and of one like it with Rekor v2.
fn public_good() -> Vec<Keyless> {
    let wanted = ["happy-path-v0.3", "rekor2-happy-path"];
    let cases = sigstore_conformance().into_iter();
    cases
        .filter(|case| wanted.contains(&case.name.as_str()))
        .map(|case| Keyless {
            name: format!("sigstore-conformance, {}", case.name),
            policy: case.policy().to_string(),
            root: match &case.trusted_root {
                Some(root) => String::from_utf8(root.clone()).unwrap(),
                None => sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT.to_owned(),
            },
            case,
        })
        .collect()
}

fn contest(keyless: &Keyless) {
    let Keyless {
        name,
        case,
        policy,
        root,
    } = keyless;
    let now: UnixTime = "2026-11-22T00:00:00Z".parse().unwrap();
    let bundle: Value = serde_json::from_slice(&case.bundle).unwrap();
    let root_json: Value = serde_json::from_str(root).unwrap();
    let checks = raw::of_bundle(&bundle, &root_json, &case.artifact);
    let policies = policies(policy);
    let mut trust = TrustMaterial::new();
    trust.insert_root(NAME, SigstoreRoot::from_json(root.as_bytes()).unwrap());
    let evidence = case.evidence();
    let request = Question {
        evidence: evidence.clone(),
        policies: vec![policy.clone()],
        trust_roots: BTreeMap::from([(NAME.to_owned(), root_json)]),
        trust_stores: BTreeMap::new(),
        now,
    }
    .request();
    let theirs = theirs(case, root);
    Contest::new(format!("{name}: {} signatures", checks.len()))
        .work("bare signature checks, aws-lc-rs", || {
            raw::all_hold(&checks);
        })
        .work("sealgate", || native(&evidence, &policies, &trust, now))
        .budget(BUDGET)
        .work("sigstore-verify 0.15.1", theirs)
        .work("sealgate, a stateless call with all its JSON", || {
            let response = sealgate_policy_wasm::verify(&request);
            assert!(wasm::is_verified(&response));
        })
        .work("the same call in wasm (budget 8 ms, v2 10 ms)", || {
            wasm::verified(&request);
        })
        .run();
    counters(name, &evidence, &policies, &trust, now);
}

/// What the counters of a verdict's budget cost.
pub fn counters(
    name: &str,
    evidence: &Evidence,
    policies: &Policies,
    trust: &TrustMaterial,
    now: UnixTime,
) {
    Contest::new(format!("{name}: the budget's counters"))
        .work("without a budget, and no check remembered", || {
            let evidence = received(evidence);
            let verdict = verify_uncounted(&evidence, policies, trust, now).unwrap();
            assert!(verdict.verified, "{:?}", verdict.reasons);
            black_box(verdict.to_json());
        })
        .work("with it", || native(evidence, policies, trust, now))
        .budget(COUNTERS)
        .run();
}

/// A policy, read.
pub fn policies(text: &str) -> Policies {
    let policy = PolicyFile {
        name: "policy".to_owned(),
        text: text.to_owned(),
    };
    file::load(&[policy], NoMatch::Deny, &file::only_inline_keys).unwrap()
}

/// From bytes to a verdict in JSON.
pub fn native(evidence: &Evidence, policies: &Policies, trust: &TrustMaterial, now: UnixTime) {
    let evidence = received(evidence);
    let verdict = sealgate_core::verify(&evidence, policies, trust, now).unwrap();
    assert!(verdict.verified, "{:?}", verdict.reasons);
    black_box(verdict.to_json());
}

/// The evidence as it comes from a registry: every blob is hashed anew.
fn received(evidence: &Evidence) -> Evidence {
    let hashed = |blob: &Blob| Blob::new(blob.bytes().to_vec());
    let mut received = evidence.clone();
    received.subject.manifest = hashed(&evidence.subject.manifest);
    received.artifacts = evidence
        .artifacts
        .iter()
        .map(|artifact| Artifact {
            manifest: hashed(&artifact.manifest),
            blobs: artifact.blobs.iter().map(hashed).collect(),
            ..artifact.clone()
        })
        .collect();
    received
}

/// The Sigstore project's own verifier, by aws-lc-rs as the core.
fn theirs<'a>(case: &'a ConformanceCase, root: &str) -> impl FnMut() + 'a {
    let root = TrustedRoot::from_json(root).unwrap();
    let policy = VerificationPolicy::new(case.identity.clone(), case.issuer.clone());
    let verifier = Verifier::new(&root).unwrap();
    let bundle = str::from_utf8(&case.bundle).unwrap();
    move || {
        let bundle = Bundle::from_json(bundle).unwrap();
        let judged = verifier.verify(case.artifact.as_slice(), &bundle, &policy);
        black_box(judged.unwrap());
    }
}
