//! What is signed, and what is made of it.

use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, COSIGN_SIGN};
use serde_json::{Value, json};

use crate::scene::{
    IMAGE, TYPE, accepted, attested, bundle_of, judge, key, load, policies, refused,
};

/// A statement about several digests.
fn about(subjects: &[&sealgate_core::Digest]) -> Vec<u8> {
    let subjects: Vec<_> = subjects
        .iter()
        .map(|digest| json!({"digest": {digest.algorithm_name(): digest.hex()}}))
        .collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": COSIGN_SIGN,
        "predicate": {},
    });
    statement.to_string().into_bytes()
}

#[test]
fn of_several_subjects_one_must_be_this_image_atk_01() {
    let (key, pack) = (key(), Pack::image(IMAGE, "a"));
    let policies = policies(&key, "");
    let others = ["b", "c", "d"].map(|seed| Pack::image(IMAGE, seed).digest());
    let others: Vec<_> = others.iter().collect();
    let with = |subjects: &[&sealgate_core::Digest]| {
        pack.clone()
            .with_bundle(&sign::bundle(&key, &about(subjects)))
    };
    refused(&with(&others), &policies, "subject_mismatch");
    refused(&with(&[]), &policies, "subject_mismatch");
    let own = pack.digest();
    accepted(&with(&[&others[..], &[&own]].concat()), &policies);
}

/// One digest is one image, whatever it is called: SECURITY.md says so.
#[test]
fn a_signature_vouches_for_a_digest_and_not_for_a_repository_atk_02() {
    let key = key();
    let policies = policies(&key, "");
    let (dev, prod) = (
        "registry.example.com/dev/app:1",
        "registry.example.com/prod/app:1",
    );
    let (dev, prod) = (Pack::image(dev, "a"), Pack::image(prod, "a"));
    assert_eq!(dev.digest(), prod.digest());
    let payload = sign::simple_signing(&dev.repository(), &dev.digest(), &Value::Null);
    let signed = prod.with_cosign(&[sign::cosign_layer(&key, payload)]);
    let verdict = accepted(&signed, &policies);
    assert_eq!(verdict.image.requested, "registry.example.com/prod/app:1");
}

#[test]
fn an_attestation_of_an_index_is_none_of_its_platforms_atk_04() {
    let key = key();
    let policies = policies(&key, &attested("predicate.ok == true"));
    let (index, platform) = (Pack::image(IMAGE, "index"), Pack::image(IMAGE, "platform"));
    let statement = sign::statement(&index.digest(), TYPE, &json!({"ok": true}));
    let bundle = sign::bundle(&key, &statement);
    refused(
        &platform.clone().with_bundle(&bundle),
        &policies,
        "subject_mismatch",
    );
    let verdict = accepted(&index.clone().with_bundle(&bundle), &policies);
    assert_eq!(
        verdict.image.digest,
        index.digest(),
        "the verdict says which is covered"
    );
}

#[test]
fn predicate_types_match_exactly_atk_27() {
    let (key, pack) = (key(), Pack::image(IMAGE, "a"));
    let policies = policies(&key, &attested("predicate.ok == true"));
    for other in [
        "https://slsa.dev/provenance/v0.2",
        "https://slsa.dev/provenance/v1.0",
        "https://slsa.dev/provenance/v1/",
        "https://slsa.dev/provenance/V1",
        "HTTPS://slsa.dev/provenance/v1",
        " https://slsa.dev/provenance/v1",
        "https://slsa.dev/provenance/v1?x",
        "https://spdx.dev/Document",
    ] {
        let statement = sign::statement(&pack.digest(), other, &json!({"ok": true}));
        let pack = pack.clone().with_bundle(&sign::bundle(&key, &statement));
        refused(&pack, &policies, "no_matching_attestation");
    }
}

#[test]
fn a_predicate_that_is_no_object_meets_no_condition_atk_27() {
    let (key, pack) = (key(), Pack::image(IMAGE, "a"));
    for condition in ["predicate.ok == true", "predicate.ok != false"] {
        let policies = policies(&key, &attested(condition));
        for predicate in [
            json!(true),
            json!("ok"),
            json!(["ok"]),
            json!(1),
            Value::Null,
        ] {
            let statement = sign::statement(&pack.digest(), TYPE, &predicate);
            let pack = pack.clone().with_bundle(&sign::bundle(&key, &statement));
            let verdict = judge(&pack, &policies);
            assert!(!verdict.verified, "{predicate} met {condition}");
            let code = verdict.reasons[0].code.as_str();
            assert!(
                ["condition_error", "statement_malformed"].contains(&code),
                "{code}"
            );
        }
    }
}

/// A builder that a predicate names is believed only from a signer whom the policy names.
#[test]
fn a_predicate_counts_only_with_the_signer_of_the_policy_adv_54() {
    let (key, stranger, pack) = (key(), key(), Pack::image(IMAGE, "a"));
    let policies = policies(
        &key,
        &attested("predicate.builder.id == 'https://acme.example'"),
    );
    let predicate = json!({"builder": {"id": "https://acme.example"}});
    let statement = sign::statement(&pack.digest(), TYPE, &predicate);
    let with = |bundle: &[u8]| pack.clone().with_bundle(bundle);
    accepted(&with(&sign::bundle(&key, &statement)), &policies);
    refused(
        &with(&sign::bundle(&stranger, &statement)),
        &policies,
        "signature_invalid",
    );
    // The right signer about something else, the right predicate by somebody else: no sum of both.
    let other = sign::statement(&pack.digest(), TYPE, &json!({"builder": {"id": "x"}}));
    let both = with(&sign::bundle(&stranger, &statement)).with_bundle(&sign::bundle(&key, &other));
    refused(&both, &policies, "condition_failed");
}

/// The same JSON in other bytes is another message.
#[test]
fn what_is_verified_are_the_bytes_as_received_adv_30() {
    let (key, pack) = (key(), Pack::image(IMAGE, "a"));
    let policies = policies(&key, "");
    let statement = sign::statement(
        &pack.digest(),
        COSIGN_SIGN,
        &json!({"a": 1, "b": [1.50, "\u{e9}"]}),
    );
    let value: Value = serde_json::from_slice(&statement).unwrap();
    let spaced = serde_json::to_vec_pretty(&value).unwrap();
    assert_ne!(statement, spaced);
    accepted(
        &pack.clone().with_bundle(&sign::bundle(&key, &spaced)),
        &policies,
    );

    // Signed in one form, sent in the other.
    let mut envelope = sign::envelope(&key, &statement);
    envelope["payload"] = sign::envelope(&key, &spaced)["payload"].clone();
    let bundle = bundle_of(&key, &envelope);
    refused(
        &pack.clone().with_bundle(&bundle),
        &policies,
        "signature_invalid",
    );

    // The same of a simple signing payload.
    let payload = sign::simple_signing("r", &pack.digest(), &Value::Null);
    let mut layer = sign::cosign_layer(&key, payload.clone());
    let value: Value = serde_json::from_slice(&payload).unwrap();
    layer.bytes = serde_json::to_vec_pretty(&value).unwrap();
    refused(&pack.with_cosign(&[layer]), &policies, "signature_invalid");
}

/// Hints, annotations and certificates beside a signature say who made it; none is a key to it.
#[test]
fn no_key_is_learnt_from_what_is_verified_adv_27() {
    let (key, stranger, pack) = (key(), key(), Pack::image(IMAGE, "a"));
    let policies = policies(&key, "");
    let statement = sign::statement(&pack.digest(), COSIGN_SIGN, &json!({}));
    let bundle: Value = serde_json::from_slice(&sign::bundle(&stranger, &statement)).unwrap();
    let pem = stranger.public_pem();
    for hint in [
        json!(key.hint()),
        json!(stranger.hint()),
        json!(pem.clone()),
    ] {
        let mut bundle = bundle.clone();
        bundle["verificationMaterial"]["publicKey"]["hint"] = hint;
        let bundle = bundle.to_string();
        let pack = pack.clone().with_bundle(bundle.as_bytes());
        let verdict = judge(&pack, &policies);
        assert!(!verdict.verified);
        assert_eq!(verdict.reasons[0].code.as_str(), "signature_invalid");
    }
    let payload = sign::simple_signing("r", &pack.digest(), &Value::Null);
    for name in [
        "dev.sigstore.cosign/key",
        "dev.sigstore.cosign/publicKey",
        "publicKey",
        "keyid",
    ] {
        let mut layer = sign::cosign_layer(&stranger, payload.clone());
        layer.annotations.push((name.to_owned(), pem.clone()));
        refused(
            &pack.clone().with_cosign(&[layer]),
            &policies,
            "signature_invalid",
        );
    }
    // A certificate makes it a keyless signature, which a key cannot vouch for.
    let mut layer = sign::cosign_layer(&stranger, payload);
    layer
        .annotations
        .push(("dev.sigstore.cosign/certificate".to_owned(), pem));
    let verdict = judge(&pack.with_cosign(&[layer]), &policies);
    assert!(!verdict.verified, "{:?}", verdict.reasons);
}

/// What other verifiers call `--insecure-ignore-…` is a field that nobody knows.
#[test]
fn no_switch_leaves_a_check_out_tob_2() {
    let key = key();
    for (more, field) in [
        ("  skip: true\n", "skip"),
        ("  insecureIgnoreTlog: true\n", "insecureIgnoreTlog"),
        ("  ignoreTlog: true\n", "ignoreTlog"),
        ("  skipVerify: true\n", "skipVerify"),
        ("    skipTlog: true\n", "skipTlog"),
        ("    insecureIgnoreSct: true\n", "insecureIgnoreSct"),
        ("    clockSkew: 60s\n", "clockSkew"),
    ] {
        let problems = load(&key, more).unwrap_err();
        let named = problems.iter().any(|problem| problem.contains(field));
        assert!(named, "{field}: {problems:?}");
    }
}
