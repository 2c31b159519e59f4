//! What constraints demand beyond being verified, of verdicts that core gives, and of answers in
//! which something is wrong.

use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::{self, PolicyFile};
use sealgate_core::{TrustMaterial, UnixTime};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::rego::{ExternalData, ProviderAnswer, RegoGate, Review, Violation};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};

use crate::harness::{GOOD, answer, item, pod, situations};
use crate::templates;

const NOW: &str = "2026-12-01T12:00:00Z";
const SLSA: &str = "https://slsa.dev/provenance/v1";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const SPDX: &str = "https://spdx.dev/Document";

/// A template, parameters that the image of [`attested`] meets, others that it does not, and what
/// is said then.
fn demands(key: &SigningKey) -> Vec<(&'static str, Value, Value, &'static str)> {
    let builders = json!(["https://builder.example.com"]);
    let fingerprint = judged(key, &attested(key))["signers"][0]["fingerprint"].clone();
    vec![
        (
            "required-provenance",
            json!({"builders": builders, "repositories": ["https://github.com/acme/*"], "refs": ["refs/tags/*"]}),
            json!({"builders": builders, "repositories": ["https://github.com/acme/other"]}),
            "repository \"https://github.com/acme/app\"",
        ),
        (
            "maximum-severity",
            json!({"maximum": "medium", "maxAge": "7d"}),
            json!({"maximum": "low"}),
            "0 critical, 0 high, 1 medium, 1 low, 0 unknown; scanned at 2026-11-30T12:00:00Z",
        ),
        (
            "required-sbom",
            json!({"formats": ["spdx"]}),
            json!({"formats": ["cyclonedx"]}),
            "spdx with 1 packages",
        ),
        (
            "allowed-identities",
            json!({"identities": [{"key": fingerprint}]}),
            json!({"identities": [{"key": "00".repeat(32)}]}),
            "signed by the key ",
        ),
    ]
}

#[test]
fn facts_of_real_verdicts_meet_demands_or_do_not() {
    let key = SigningKey::generate(Kind::P256);
    let verdict = judged(&key, &attested(&key));
    for (template, met, unmet, said) in demands(&key) {
        assert_eq!(reviewed(template, &met, says(&verdict)), [], "{template}");
        let violations = reviewed(template, &unmet, says(&verdict));
        let [violation] = &violations[..] else {
            panic!("{template}: {violations:?}");
        };
        assert!(violation.message.contains(said), "{}", violation.message);
        assert!(violation.message.len() <= 310, "{}", violation.message);
        assert_eq!(violation.details["digest"], verdict["image"]["digest"]);
    }
}

/// What the policy's exceptions and VEX documents excuse is no vulnerability here.
#[test]
fn vulnerabilities_are_those_that_the_policy_counts() {
    let key = SigningKey::generate(Kind::P256);
    let image = attested(&key);
    let openvex = json!({
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://acme.example/vex/1",
        "author": "acme", "timestamp": "2026-11-30T00:00:00Z", "version": 1,
        "statements": [{
            "vulnerability": {"name": "CVE-2026-2"}, "status": "not_affected",
            "justification": "vulnerable_code_not_present",
        }],
    });
    let statement = sign::statement(&image.digest(), "https://openvex.dev/ns/v0.2.0", &openvex);
    let image = image.with_bundle(&sign::bundle(&key, &statement));
    let found = |more: Value, rule: Value, maximum: &str| {
        let verdict = judged_by(&key, &image, &more, &rule);
        let violations = reviewed(
            "maximum-severity",
            &json!({"maximum": maximum}),
            says(&verdict),
        );
        violations.len()
    };
    let none = json!({});
    assert_eq!(found(none.clone(), none.clone(), "low"), 1);
    let vex = json!({"vex": {"from": ["release"]}});
    assert_eq!(found(none.clone(), vex.clone(), "low"), 0);
    assert_eq!(found(none, vex.clone(), "none"), 1);
    let exceptions = json!({"exceptions": [{
        "rule": "scan", "vulnerabilities": ["CVE-2026-1"],
        "until": "2026-12-31T00:00:00Z", "reason": "vendor fix due",
    }]});
    assert_eq!(found(exceptions, vex, "none"), 0);
}

/// Where the policy passes without proof, and in warn mode, the same evidence meets no demand.
#[test]
fn what_is_let_in_without_proof_meets_no_demand() {
    let key = SigningKey::generate(Kind::P256);
    let verdict = judged(&key, &attested(&key));
    for outcome in ["unproven", "warned", "not_covered"] {
        let mut verdict = verdict.clone();
        verdict["outcome"] = json!(outcome);
        for (template, met, _, _) in demands(&key) {
            let violations = reviewed(template, &met, says(&verdict));
            assert_eq!(situations(&violations), ["without_proof"], "{template}");
        }
    }
}

#[test]
fn an_answer_in_which_something_is_wrong_meets_no_demand() {
    let key = SigningKey::generate(Kind::P256);
    let verdict = judged(&key, &attested(&key));
    type Answer = fn(&str, &Value) -> ProviderAnswer;
    let answers: [(&str, Answer); 9] = [
        ("undecided", |_, _| answer(200, &[], "down")),
        ("undecided", |key, verdict| {
            answer(200, &[item(key, verdict.clone())], "down")
        }),
        ("undecided", |key, verdict| {
            answer(500, &[item(key, verdict.clone())], "")
        }),
        ("undecided", |_, _| {
            ProviderAnswer::Unreachable("refused".to_owned())
        }),
        ("no_verdict", |_, _| answer(200, &[], "")),
        ("bad_key", |key, _| {
            answer(
                200,
                &[json!({"key": key, "error": "unknown_policy: x"})],
                "",
            )
        }),
        ("no_proof", |key, _| {
            answer(200, &[item(key, json!(null))], "")
        }),
        ("no_proof", |key, _| {
            answer(200, &[item(key, json!("verified"))], "")
        }),
        ("no_proof", |key, verdict| {
            let mut other = verdict.clone();
            other["image"]["requested"] = json!("registry.example.com/prod/other:v1");
            answer(200, &[item(key, other)], "")
        }),
    ];
    for (template, met, _, _) in demands(&key) {
        for (situation, answer) in answers {
            let verdict = verdict.clone();
            let violations = reviewed(template, &met, move |keys| answer(&keys[0], &verdict));
            assert_eq!(situations(&violations), [situation], "{template}");
        }
        // Every list of the verdict, absent and of another kind.
        for list in ["attestations", "signers"] {
            for value in [
                json!(null),
                json!("x"),
                json!({}),
                json!([null]),
                json!([[]]),
                json!([{}]),
            ] {
                let mut broken = verdict.clone();
                broken["attestations"] = json!([]);
                broken["signers"] = json!([]);
                broken[list] = value;
                let violations = reviewed(template, &met, says(&broken));
                assert_eq!(violations.len(), 1, "{template}: {violations:?}");
            }
        }
    }
}

#[test]
fn an_image_that_is_not_verified_meets_no_demand() {
    let (key, stranger) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let verdict = judged(&key, &attested(&stranger));
    for (template, met, _, _) in demands(&key) {
        let violations = reviewed(template, &met, says(&verdict));
        assert_eq!(situations(&violations), ["untrusted"], "{template}");
    }
}

/// An undefined call, and one for a provider that there is not.
#[test]
fn a_call_that_fails_meets_no_demand() {
    let key = SigningKey::generate(Kind::P256);
    for (template, met, _, _) in demands(&key) {
        for (client, situation) in [
            (ExternalData::new().with_undefined_failures(), "no_answer"),
            (ExternalData::new(), "no_provider"),
        ] {
            let violations = reviewed_by(template, &met, || client.clone());
            assert_eq!(situations(&violations), [situation], "{template}");
        }
    }
}

/// An image that `key` signed, and attested the provenance, a scan and the packages of.
fn attested(key: &SigningKey) -> Pack {
    let image = Pack::image(GOOD, "a");
    let digest = image.digest();
    let payload = sign::simple_signing(&image.repository(), &digest, &Value::Null);
    let found = json!([
        {"VulnerabilityID": "CVE-2026-1", "Severity": "LOW"},
        {"VulnerabilityID": "CVE-2026-2", "Severity": "MEDIUM"},
    ]);
    let report =
        json!({"SchemaVersion": 2, "Results": [{"Target": "app", "Vulnerabilities": found}]});
    let predicates = [
        (
            SLSA,
            json!({
                "buildDefinition": {
                    "buildType": "https://builder.example.com/type",
                    "externalParameters": {"source": "git+https://github.com/acme/app@refs/tags/v1"},
                },
                "runDetails": {"builder": {"id": "https://builder.example.com"}},
            }),
        ),
        (
            VULN,
            json!({
                "scanner": {"result": report},
                "metadata": {"scanFinishedOn": "2026-11-30T12:00:00Z"},
            }),
        ),
        (
            SPDX,
            json!({"spdxVersion": "SPDX-2.3", "packages": [{"name": "a"}]}),
        ),
    ];
    let signed = image.with_cosign(&[sign::cosign_layer(key, payload)]);
    predicates.iter().fold(signed, |pack, (kind, predicate)| {
        let statement = sign::statement(&digest, kind, predicate);
        pack.with_bundle(&sign::bundle(key, &statement))
    })
}

/// The verdict of a policy that trusts this key.
fn judged(key: &SigningKey, pack: &Pack) -> Value {
    judged_by(key, pack, &json!({}), &json!({}))
}

/// The same, with more fields of the policy and of its rule for scans.
fn judged_by(key: &SigningKey, pack: &Pack, more: &Value, scan: &Value) -> Value {
    let rule = |name: &str, kind: &str| json!({"name": name, "predicateType": kind});
    let mut document = json!({
        "apiVersion": "sealgate.dev/v1alpha1", "kind": "TrustPolicy",
        "metadata": {"name": "production"},
        "spec": {
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [{"name": "release", "key": {"data": key.public_pem()}}],
            "attestations": [rule("provenance", SLSA), rule("scan", VULN), rule("sbom", SPDX)],
        },
    });
    let mut add = |place: &str, fields: &Value| {
        let fields = fields.as_object().unwrap().clone();
        let place = document.pointer_mut(place).unwrap();
        place.as_object_mut().unwrap().extend(fields);
    };
    add("/spec", more);
    add("/spec/attestations/1", scan);
    let file = PolicyFile {
        name: "production.yaml".to_owned(),
        text: document.to_string(),
    };
    let policies = file::load(&[file], NoMatch::Deny, &file::only_inline_keys).unwrap();
    let now: UnixTime = NOW.parse().unwrap();
    let verdict = sealgate_core::verify(pack.evidence(), &policies, &TrustMaterial::new(), now);
    serde_json::from_slice(&verdict.unwrap().to_json()).unwrap()
}

/// A provider that answers every key with this verdict.
fn says(verdict: &Value) -> impl Fn(&[String]) -> ProviderAnswer + Clone + Send + Sync + 'static {
    let verdict = verdict.clone();
    move |keys| answer(200, &[item(&keys[0], verdict.clone())], "")
}

fn reviewed(
    template: &str,
    parameters: &Value,
    source: impl Fn(&[String]) -> ProviderAnswer + Clone + Send + Sync + 'static,
) -> Vec<Violation> {
    let client = || ExternalData::new().provider("sealgate", source.clone());
    reviewed_by(template, parameters, client)
}

/// In both dialects, which must agree, against a fresh Gatekeeper each.
fn reviewed_by(
    template: &str,
    parameters: &Value,
    client: impl Fn() -> ExternalData,
) -> Vec<Violation> {
    let review = Review::create(pod(GOOD)).parameters(parameters.clone());
    let now: UnixTime = NOW.parse().unwrap();
    let [v0, v1] = templates::applied(&templates::root().join(template)).map(|text| {
        let gate = RegoGate::new(&text).unwrap().at(now);
        gate.review(&review, &client()).unwrap()
    });
    assert_eq!(v0, v1, "the dialects disagree");
    v0
}
