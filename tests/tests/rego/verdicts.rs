//! The verdicts that core really gives, through the template: contract and reader agree.

use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::{Policies, TrustMaterial, UnixTime};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::rego::{ExternalData, Review, Violation};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};

use crate::harness::{GOOD, answer, item, pod, review, review_with};

#[test]
fn verified_image_is_admitted_also_by_the_policy_it_is_asked_under() {
    let key = SigningKey::generate(Kind::P256);
    let pack = signed(&key, Pack::image(GOOD, "a"));
    let verdict = judge(&pack, &policies(&key, NoMatch::Deny));
    assert_eq!(reviewed(&verdict, json!({})), []);
    assert_eq!(reviewed(&verdict, json!({"policy": "prod"})), []);
    let [refused] = &reviewed(&verdict, json!({"policy": "another"}))[..] else {
        panic!("admitted under a policy that did not judge it");
    };
    assert_eq!(refused.details["situation"], "no_proof");
}

#[test]
fn each_refusal_is_told_by_its_outcome_and_reason() {
    let (key, stranger) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let policies = policies(&key, NoMatch::Deny);
    let image = || Pack::image(GOOD, "a");
    let other = Pack::image(GOOD, "b");
    let transplanted = sign::cosign_layer(
        &key,
        sign::simple_signing(&other.repository(), &other.digest(), &Value::Null),
    );
    for (pack, situation, code) in [
        (image(), "unsigned", "no_signatures"),
        (signed(&stranger, image()), "untrusted", "signature_invalid"),
        (
            image().with_cosign(&[transplanted]),
            "invalid",
            "subject_mismatch",
        ),
    ] {
        let verdict = judge(&pack, &policies);
        let [refused] = &reviewed(&verdict, json!({}))[..] else {
            panic!("admitted: {verdict}");
        };
        assert_eq!(refused.details["situation"], situation);
        assert_eq!(refused.details["reasons"][0], code);
        let said = verdict["reasons"][0]["message"].as_str().unwrap();
        // Before the first digest, which is shortened.
        let start: String = said.chars().take(16).collect();
        assert!(
            refused.message.contains(&start),
            "{} lacks {start}",
            refused.message
        );
    }
}

/// The image is signed by `release`. What else the policy asks for is what the prompt is about, and
/// nobody is told that `release` is not `ci`.
#[test]
fn what_is_missing_beside_a_good_signature_is_said_in_a_line() {
    const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
    let [release, ci, stranger] = [0; 3].map(|_| SigningKey::generate(Kind::P256));
    let policies = |require: Value, from: &str| {
        let authority = |name: &str, key: &SigningKey| json!({"name": name, "key": {"data": key.public_pem(), "name": name}});
        let document = json!({
            "apiVersion": "sealgate.dev/v1alpha1", "kind": "TrustPolicy",
            "metadata": {"name": "production"},
            "spec": {
                "images": [{"glob": "registry.example.com/**"}],
                "authorities": [authority("release", &release), authority("ci", &ci)],
                "require": {"atLeast": require},
                "attestations": [{"name": "provenance", "predicateType": PROVENANCE, "from": [from]}],
            },
        });
        let file = PolicyFile {
            name: "production.yaml".to_owned(),
            text: document.to_string(),
        };
        file::load(&[file], NoMatch::Deny, &file::only_inline_keys).unwrap()
    };
    let image = signed(&release, Pack::image(GOOD, "a"));
    let short: String = image.digest().to_string().chars().take(19).collect();
    let statement = sign::statement(&image.digest(), PROVENANCE, &json!({}));
    let attested = image.clone().with_bundle(&sign::bundle(&ci, &statement));
    let beside_a_stranger = signed(&stranger, attested.clone());
    let by_ci = json!({"count": 1, "of": ["ci"]});
    let by_both = json!({"count": 2, "of": ["release", "ci"]});
    for (pack, require, situation, code, words) in [
        (
            &image,
            json!({"count": 1, "of": ["release"]}),
            "unsigned",
            "no_matching_attestation",
            format!(
                "lacks an attestation (policy \"production\", {short}…: the rule \
                 \"provenance\" expects a verified attestation of type {PROVENANCE} by ci) ["
            ),
        ),
        (
            &attested,
            by_ci,
            "untrusted",
            "threshold_not_met",
            format!(
                "lacks a signature (policy \"production\", {short}…: expected an \
                 image signature by ci (1 of ci); ci made an attestation, but did not sign "
            ),
        ),
        (
            &beside_a_stranger,
            by_both,
            "untrusted",
            "threshold_not_met",
            format!(
                "lacks a signature (policy \"production\", {short}…: expected \
                 image signatures by at least 2 distinct signers (2 of release, ci), found 1"
            ),
        ),
    ] {
        let verdict = judge(pack, &policies(require, "ci"));
        let [refused] = &reviewed(&verdict, json!({}))[..] else {
            panic!("admitted: {verdict}");
        };
        let said = &refused.message;
        assert!(said.contains(&words), "{said}");
        assert!(said.contains(&format!(") [{code}]. ")), "{said}");
        assert!(said.chars().count() <= 300, "{}: {said}", said.len());
        assert_eq!(refused.details["situation"], situation);
        assert_eq!(refused.details["policy"], "production");
        assert_eq!(refused.details["digest"], pack.digest().to_string());
    }
}

#[test]
fn image_that_no_policy_covers_is_refused_unless_the_provider_is_told_to_admit_it() {
    let key = SigningKey::generate(Kind::P256);
    let elsewhere = Pack::image("elsewhere.example.org/app:v1", "a");
    let verdict = judge(&elsewhere, &policies(&key, NoMatch::Deny));
    let review_ = Review::create(pod("elsewhere.example.org/app:v1"));
    let through = |verdict: Value| {
        review(&review_, move |keys| {
            answer(200, &[item(&keys[0], verdict.clone())], "")
        })
    };
    assert_eq!(through(verdict)[0].details["situation"], "no_policy");
    let lenient = judge(&elsewhere, &policies(&key, NoMatch::DangerAllowUnverified));
    assert_eq!(through(lenient), []);
}

/// What a policy lets in without proof is admitted by the template, as by the policy; a template of
/// one's own that demands proof, as the README has it, does not.
#[test]
fn what_passes_unproven_is_admitted_unless_proof_is_demanded_rt_10() {
    let document = json!({
        "version": "1.0",
        "trustPolicies": [{
            "name": "all",
            "registryScopes": ["registry.example.com/prod/app"],
            "signatureVerification": {"level": "skip"},
        }],
    });
    let file = PolicyFile {
        name: "trustpolicy.json".to_owned(),
        text: document.to_string(),
    };
    let policies = file::load(&[file], NoMatch::Deny, &file::only_inline_keys).unwrap();
    let unproven = judge(&Pack::image(GOOD, "a"), &policies);
    assert_eq!(unproven["outcome"], "unproven");
    assert_eq!(unproven["verified"], true);
    assert_eq!(unproven["signers"], json!([]));
    assert_eq!(reviewed(&unproven, json!({})), []);

    let key = SigningKey::generate(Kind::P256);
    let pack = signed(&key, Pack::image(GOOD, "a"));
    let proven = judge(&pack, &self::policies(&key, NoMatch::Deny));
    assert_eq!(proven["outcome"], "verified");
    let mut warned = proven.clone();
    warned["outcome"] = "warned".into();
    let mut without = proven.clone();
    without.as_object_mut().unwrap().remove("outcome");
    for template in crate::readme::recipes("<!-- Proof alone. -->") {
        for (verdict, violations) in [(&proven, 0), (&unproven, 1), (&warned, 1), (&without, 1)] {
            let verdict = verdict.clone();
            let client = ExternalData::new().provider("sealgate", move |keys| {
                answer(200, &[item(&keys[0], verdict.clone())], "")
            });
            let found = review_with(&template, &Review::create(pod(GOOD)), &client);
            assert_eq!(found.len(), violations, "{found:?}");
        }
    }
}

/// The verdict of core as the provider sends it.
fn judge(pack: &Pack, policies: &Policies) -> Value {
    let now = UnixTime::from_seconds(1_800_000_000);
    let trust = TrustMaterial::new();
    let verdict = sealgate_core::verify(pack.evidence(), policies, &trust, now).unwrap();
    let mut verdict: Value = serde_json::from_slice(&verdict.to_json()).unwrap();
    verdict["cache"] = json!({"status": "miss", "ageSeconds": 0});
    verdict
}

fn reviewed(verdict: &Value, parameters: Value) -> Vec<Violation> {
    let verdict = verdict.clone();
    review(
        &Review::create(pod(GOOD)).parameters(parameters),
        move |keys| answer(200, &[item(&keys[0], verdict.clone())], ""),
    )
}

fn signed(key: &SigningKey, pack: Pack) -> Pack {
    let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
    let layer = sign::cosign_layer(key, payload);
    pack.with_cosign(&[layer])
}

fn policies(key: &SigningKey, no_match: NoMatch) -> Policies {
    let pem = serde_json::to_string(&key.public_pem()).unwrap();
    let file = PolicyFile {
        name: "policy.yaml".to_owned(),
        text: format!(
            "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: prod}}\n\
             spec:\n  images: [{{glob: \"registry.example.com/**\"}}]\n  authorities:\n  \
             - name: release\n    key: {{data: {pem}}}\n"
        ),
    };
    file::load(&[file], no_match, &file::only_inline_keys).unwrap()
}
