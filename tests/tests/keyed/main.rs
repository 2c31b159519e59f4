//! Signatures by managed keys: what passes, and how each attack is refused. And what policies that are
//! not a TrustPolicy make of images.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod authorities;
mod cluster_image_policy;
mod conditions;
mod excuses;
mod rules;
mod statics;

use sealgate_core::evidence::Blob;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::PolicyFile;
use sealgate_core::verdict::Outcome;
use sealgate_core::{Policies, TrustMaterial, UnixTime, Verdict};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, COSIGN_SIGN, Kind, SigningKey};
use sealgate_tests::parity::{self, PolicyTexts, TrustDocuments};
use serde_json::{Value, json};

const IMAGE: &str = "registry.example.com/prod/app:1.0";
const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

/// A policy up to its authorities.
const HEAD: &str = "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\n\
                    metadata: {name: prod}\nspec:\n  \
                    images: [{glob: \"registry.example.com/**\"}]\n  authorities:\n";

fn policies(keys: &[(&str, &SigningKey)], more: &str) -> PolicyTexts {
    let mut text = HEAD.to_owned();
    for (name, key) in keys {
        let pem = serde_json::to_string(&key.public_pem()).unwrap();
        text.push_str(&format!(
            "  - name: {name}\n    key: {{data: {pem}, name: {name}}}\n"
        ));
    }
    text.push_str(more);
    read(text)
}

fn read(text: String) -> PolicyTexts {
    let file = PolicyFile {
        name: "policy.yaml".to_owned(),
        text,
    };
    PolicyTexts::read(&[file]).unwrap()
}

fn judge(pack: &Pack, policies: &PolicyTexts) -> Verdict {
    parity::judge(pack.evidence(), policies, &TrustDocuments::default(), NOW)
}

#[track_caller]
fn refused(pack: &Pack, policies: &PolicyTexts, outcome: Outcome, code: &str) {
    let verdict = judge(pack, policies);
    assert!(!verdict.verified);
    assert_eq!(verdict.outcome, outcome, "{:?}", verdict.reasons);
    let first = verdict.reasons.first().unwrap();
    assert_eq!(first.code.as_str(), code, "{:?}", verdict.reasons);
}

fn signed_layer(key: &SigningKey, pack: &Pack) -> sign::Layer {
    let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
    sign::cosign_layer(key, payload)
}

fn signed_bundle(key: &SigningKey, pack: &Pack) -> Vec<u8> {
    sign::bundle(
        key,
        &sign::statement(&pack.digest(), COSIGN_SIGN, &json!({})),
    )
}

#[test]
fn a_signature_by_every_kind_of_key_passes() {
    for kind in Kind::COSIGN {
        let key = SigningKey::generate(kind);
        let policies = policies(&[("release", &key)], "");
        let pack = Pack::image(IMAGE, "a");
        let layer = signed_layer(&key, &pack);
        let bundle = signed_bundle(&key, &pack);
        for pack in [
            pack.clone().with_cosign(&[layer]),
            pack.with_bundle(&bundle),
        ] {
            let verdict = judge(&pack, &policies);
            assert!(verdict.verified, "{kind:?}: {:?}", verdict.reasons);
            assert_eq!(verdict.outcome, Outcome::Verified);
            assert_eq!(verdict.signers.len(), 1);
            assert_eq!(verdict.signers[0].key.as_deref(), Some("release"));
            assert_eq!(verdict.image.requested, IMAGE);
            assert_eq!(verdict.image.digest, pack.digest());
        }
    }
}

#[test]
fn an_image_without_signatures_is_unsigned() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "");
    refused(
        &Pack::image(IMAGE, "a"),
        &policies,
        Outcome::Unsigned,
        "no_signatures",
    );
}

#[test]
fn an_image_that_no_policy_covers_is_refused() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "");
    let pack = Pack::image("elsewhere.example.org/app", "a");
    refused(&pack, &policies, Outcome::NoPolicy, "no_policy");
    let mut policies = Policies::clone(&policies);
    policies.no_match = NoMatch::DangerAllowUnverified;
    let verdict = sealgate_core::verify(pack.evidence(), &policies, &TrustMaterial::new(), NOW);
    assert_eq!(verdict.unwrap().outcome, Outcome::NotCovered);
}

#[test]
fn a_strangers_signature_is_untrusted() {
    let (key, stranger) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let policies = policies(&[("release", &key)], "");
    let pack = Pack::image(IMAGE, "a");
    let layer = signed_layer(&stranger, &pack);
    let bundle = signed_bundle(&stranger, &pack);
    for pack in [
        pack.clone().with_cosign(&[layer]),
        pack.with_bundle(&bundle),
    ] {
        refused(&pack, &policies, Outcome::Untrusted, "signature_invalid");
    }
}

#[test]
fn a_transplanted_signature_names_another_image_c_01() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "");
    let (a, b) = (Pack::image(IMAGE, "a"), Pack::image(IMAGE, "b"));
    let legacy = b.clone().with_cosign(&[signed_layer(&key, &a)]);
    refused(&legacy, &policies, Outcome::Invalid, "subject_mismatch");
    // The referrer's subject rewritten to the other image.
    let rewritten = b.clone().with_bundle(&signed_bundle(&key, &a));
    refused(&rewritten, &policies, Outcome::Invalid, "subject_mismatch");
    // The referrer as it was, under the other image.
    let moved = b.with_bundle_for(&a.digest(), &signed_bundle(&key, &a));
    refused(
        &moved,
        &policies,
        Outcome::Invalid,
        "referrer_subject_mismatch",
    );
}

#[test]
fn an_altered_payload_is_no_longer_the_blob_of_its_manifest() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "");
    let pack = Pack::image(IMAGE, "a");
    let layer = signed_layer(&key, &pack);
    let mut pack = pack.with_cosign(&[layer]);
    let blob = &mut pack.evidence_mut().artifacts[0].blobs[0];
    let mut bytes = blob.bytes().to_vec();
    bytes[10] ^= 1;
    *blob = Blob::new(bytes);
    refused(&pack, &policies, Outcome::Invalid, "blob_missing");
}

#[test]
fn an_altered_image_manifest_has_another_digest() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "");
    let pack = Pack::image(IMAGE, "a");
    let layer = signed_layer(&key, &pack);
    let digest = pack.digest();
    let mut pack = pack.with_cosign(&[layer]);
    let subject = &mut pack.evidence_mut().subject;
    subject.reference = subject.reference.at(digest);
    let pinned = subject.reference.to_string();
    let mut bytes = subject.manifest.bytes().to_vec();
    bytes[3] ^= 1;
    subject.manifest = Blob::new(bytes);
    pack.evidence_mut().request.image = pinned;
    refused(&pack, &policies, Outcome::Invalid, "image_digest_mismatch");
}

#[test]
fn a_re_signed_payload_of_another_type_is_no_signature() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "");
    let pack = Pack::image(IMAGE, "a");
    for (payload, code) in [
        (b"not json".to_vec(), "payload_malformed"),
        (b"{}".to_vec(), "payload_malformed"),
        (
            String::from_utf8(sign::simple_signing("r", &pack.digest(), &Value::Null))
                .unwrap()
                .replace(
                    "cosign container image signature",
                    "atomic container signature",
                )
                .into_bytes(),
            "payload_malformed",
        ),
    ] {
        let pack = pack
            .clone()
            .with_cosign(&[sign::cosign_layer(&key, payload)]);
        refused(&pack, &policies, Outcome::Invalid, code);
    }
}

#[test]
fn an_attestation_is_no_image_signature() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "");
    let pack = Pack::image(IMAGE, "a");
    let statement = sign::statement(&pack.digest(), "https://slsa.dev/provenance/v1", &json!({}));
    let pack = pack.with_bundle(&sign::bundle(&key, &statement));
    refused(&pack, &policies, Outcome::Unsigned, "no_image_signature");
}

#[test]
fn attestations_of_another_type_are_none_cve_2022_35929() {
    let key = SigningKey::generate(Kind::P256);
    let rule = "  require: attestationsOnly\n  attestations:\n  - name: sbom\n    \
                predicateType: https://spdx.dev/Document\n";
    let policies = policies(&[("release", &key)], rule);
    let pack = Pack::image(IMAGE, "a");
    let attest = |kind: &str| {
        let statement = sign::statement(&pack.digest(), kind, &json!({"x": 1}));
        pack.clone().with_bundle(&sign::bundle(&key, &statement))
    };
    let vuln = attest("https://cosign.sigstore.dev/attestation/vuln/v1");
    refused(
        &vuln,
        &policies,
        Outcome::Unsigned,
        "no_matching_attestation",
    );
    let verdict = judge(&attest("https://spdx.dev/Document"), &policies);
    assert!(verdict.verified, "{:?}", verdict.reasons);
    assert_eq!(verdict.attestations[0].rule, "prod/sbom");
    assert_eq!(verdict.attestations[0].predicate, Some(json!({"x": 1})));
}

#[test]
fn conditions_need_a_true_predicate() {
    let key = SigningKey::generate(Kind::P256);
    for (condition, code) in [
        (
            "predicate.builder.id.startsWith('https://github.com/acme/')",
            None,
        ),
        ("predicate.builder.id.matches('acme/[a-z]$')", None),
        (
            "predicate.builder.id.matches(predicate.builder.id + '(')",
            Some("condition_error"),
        ),
        ("predicate.builder.id == 'x'", Some("condition_failed")),
        ("predicate.missing == 'x'", Some("condition_error")),
        ("predicate.builder.id", Some("condition_error")),
    ] {
        let rule = format!(
            "  require: attestationsOnly\n  attestations:\n  - name: p\n    \
             predicateType: https://example.com/p\n    conditions: [{condition:?}]\n"
        );
        let policies = policies(&[("release", &key)], &rule);
        let pack = Pack::image(IMAGE, "a");
        let predicate = json!({"builder": {"id": "https://github.com/acme/x"}});
        let statement = sign::statement(&pack.digest(), "https://example.com/p", &predicate);
        let pack = pack.with_bundle(&sign::bundle(&key, &statement));
        match code {
            None => assert!(judge(&pack, &policies).verified, "{condition}"),
            Some(code) => refused(&pack, &policies, Outcome::Untrusted, code),
        }
    }
}

#[test]
fn two_keys_demanded_and_one_found_is_not_enough() {
    let (a, b) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::Ed25519),
    );
    let both = "  require: {atLeast: {count: 2, of: [a, b]}}\n";
    let policies = policies(&[("a", &a), ("b", &b)], both);
    let pack = Pack::image(IMAGE, "a");
    let (by_a, by_b) = (signed_layer(&a, &pack), signed_layer(&b, &pack));
    let one = pack.clone().with_cosign(std::slice::from_ref(&by_a));
    let verdict = judge(&one, &policies);
    assert!(!verdict.verified);
    let codes: Vec<_> = verdict.policies[0]
        .reasons
        .iter()
        .map(|r| r.code.as_str())
        .collect();
    assert_eq!(codes, ["threshold_not_met"]);
    // The same signature twice is still one authority.
    let twice = pack.clone().with_cosign(&[by_a.clone(), by_a.clone()]);
    assert!(!judge(&twice, &policies).verified);
    assert!(judge(&pack.with_cosign(&[by_a, by_b]), &policies).verified);
}

#[test]
fn signatures_count_only_while_their_key_is_in_force_cve_2026_54787() {
    let key = SigningKey::generate(Kind::P256);
    let until = |end: UnixTime| {
        let pem = serde_json::to_string(&key.public_pem()).unwrap();
        let end = serde_json::to_string(&end).unwrap();
        read(format!(
            "{HEAD}  - name: release\n    key: {{data: {pem}, validFor: {{end: {end}}}}}\n"
        ))
    };
    let pack = Pack::image(IMAGE, "a");
    let layer = signed_layer(&key, &pack);
    let pack = pack.with_cosign(&[layer]);
    let before = UnixTime::from_seconds(NOW.seconds() - 1);
    refused(
        &pack,
        &until(before),
        Outcome::Untrusted,
        "key_outside_validity",
    );
    let verdict = judge(&pack, &until(NOW));
    assert!(verdict.verified, "the end is inclusive");
    assert_eq!(verdict.valid_until, Some(NOW));
}

#[test]
fn annotations_that_the_policy_demands_must_be_signed() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "    annotations: {env: prod}\n");
    let pack = Pack::image(IMAGE, "a");
    for (annotations, fine) in [
        (json!({"env": "prod", "x": "y"}), true),
        (json!({"env": "dev"}), false),
        (Value::Null, false),
    ] {
        let payload = sign::simple_signing("r", &pack.digest(), &annotations);
        let pack = pack
            .clone()
            .with_cosign(&[sign::cosign_layer(&key, payload)]);
        match fine {
            true => assert!(judge(&pack, &policies).verified),
            false => refused(&pack, &policies, Outcome::Untrusted, "annotation_mismatch"),
        }
    }
}

#[test]
fn noise_beside_a_good_signature_changes_nothing_c_07_c_08() {
    let (key, stranger) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let policies = policies(&[("release", &key)], "");
    let pack = Pack::image(IMAGE, "a");
    let other = Pack::image(IMAGE, "b");
    let mut layers = vec![
        signed_layer(&key, &pack),
        signed_layer(&stranger, &pack),
        signed_layer(&key, &other),
        sign::cosign_layer(&key, b"broken".to_vec()),
    ];
    for _ in 0..layers.len() {
        layers.rotate_left(1);
        let verdict = judge(&pack.clone().with_cosign(&layers), &policies);
        assert!(verdict.verified, "{:?}", verdict.reasons);
        assert_eq!(verdict.signers.len(), 1);
    }
}

#[test]
fn a_warning_policy_lets_in_and_says_why() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "  mode: warn\n");
    let verdict = judge(&Pack::image(IMAGE, "a"), &policies);
    assert_eq!(verdict.outcome, Outcome::Warned);
    assert!(verdict.verified);
    assert_eq!(verdict.reasons[0].code.as_str(), "no_signatures");
}

#[test]
fn evidence_survives_its_pack_and_gives_the_same_bytes() {
    let key = SigningKey::generate(Kind::P256);
    let policies = policies(&[("release", &key)], "");
    let pack = Pack::image(IMAGE, "a");
    let layer = signed_layer(&key, &pack);
    let bundle = signed_bundle(&key, &pack);
    let pack = pack.with_cosign(&[layer]).with_bundle(&bundle);
    let bytes = pack.evidence().to_pack();
    let read = sealgate_core::Evidence::from_pack(&bytes)
        .unwrap()
        .as_it_says();
    assert_eq!(&read, pack.evidence());
    assert_eq!(read.to_pack(), bytes);
    assert_eq!(read.pack_digest(), sealgate_core::Digest::sha256(&bytes));
    let now = UnixTime::from_seconds(1_800_000_000);
    let again = sealgate_core::verify(&read, &policies, &TrustMaterial::new(), now).unwrap();
    assert_eq!(again.to_json(), judge(&pack, &policies).to_json());
}
