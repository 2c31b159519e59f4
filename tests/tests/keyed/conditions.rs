//! Conditions over who signed, what was asked, when, and ready facts.

use sealgate_core::verdict::Outcome;
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use serde_json::{Value, json};

use crate::{IMAGE, NOW, judge, policies, refused};

const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

fn rule(conditions: &[&str]) -> String {
    format!(
        "  require: attestationsOnly\n  attestations:\n  - name: scan\n    predicateType: {SCAN}\n    \
         conditions: {}\n",
        json!(conditions)
    )
}

fn scan(result: &Value) -> Value {
    json!({
        "scanner": {"uri": "pkg:trivy", "result": result},
        "metadata": {"scanFinishedOn": "2027-01-15T07:00:00Z"},
    })
}

fn clean() -> Value {
    scan(&json!({"SchemaVersion": 2, "Results": [{"Target": "os"}]}))
}

fn attested(pack: &Pack, key: &SigningKey, predicate: &Value) -> Pack {
    let statement = sign::statement(&pack.digest(), SCAN, predicate);
    pack.clone().with_bundle(&sign::bundle(key, &statement))
}

/// The same statement by two signers is looked at for each: a copy by another hides nobody.
#[test]
fn a_condition_on_the_signer_finds_its_signer_among_others() {
    let (one, other) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let image = Pack::image(IMAGE, "a");
    let both = attested(&attested(&image, &one, &clean()), &other, &clean());
    for name in ["one", "other"] {
        let rule = rule(&[&format!("signer.key == '{name}' && signer.kind == 'key'")]);
        let policies = policies(&[("one", &one), ("other", &other)], &rule);
        let verdict = judge(&both, &policies);
        assert!(verdict.verified, "{:?}", verdict.reasons);
        assert_eq!(verdict.attestations[0].signer.key.as_deref(), Some(name));
        assert_eq!(verdict.policies[0].demands[0].by, [name]);
    }
    let rule = rule(&["signer.key == 'other'"]);
    let policies = policies(&[("one", &one), ("other", &other)], &rule);
    let alone = attested(&image, &one, &clean());
    refused(&alone, &policies, Outcome::Untrusted, "condition_failed");
}

/// A good scan by a stranger, and a good scan of another image, are none.
#[test]
fn facts_are_of_verified_statements_about_the_image() {
    let (ci, stranger) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let rule = rule(&["facts.vulnerabilities.critical == 0"]);
    let policies = policies(&[("ci", &ci)], &rule);
    let image = Pack::image(IMAGE, "a");
    let bad = scan(
        &json!({"SchemaVersion": 2, "Results": [{"Target": "os", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "Severity": "CRITICAL"},
        ]}]}),
    );
    assert!(judge(&attested(&image, &ci, &clean()), &policies).verified);
    let bad = attested(&image, &ci, &bad);
    refused(&bad, &policies, Outcome::Untrusted, "condition_failed");
    let beside = attested(&bad, &stranger, &clean());
    refused(&beside, &policies, Outcome::Untrusted, "condition_failed");
    let strangers = attested(&image, &stranger, &clean());
    let verdict = judge(&strangers, &policies);
    assert!(!verdict.verified && verdict.attestations.is_empty());
    let others = sign::statement(&Pack::image(IMAGE, "b").digest(), SCAN, &clean());
    let moved = image.clone().with_bundle(&sign::bundle(&ci, &others));
    refused(&moved, &policies, Outcome::Invalid, "subject_mismatch");
    // Well signed, and nothing that can be read as a scan.
    for predicate in [
        scan(&json!({"Results": []})),
        json!({}),
        json!({"critical": 0}),
    ] {
        let malformed = attested(&image, &ci, &predicate);
        refused(&malformed, &policies, Outcome::Untrusted, "condition_error");
    }
}

/// Facts are shown of what conditions do not ask about, and of what is not shown whole.
#[test]
fn a_verdict_shows_facts_of_predicates_that_it_leaves_out() {
    let ci = SigningKey::generate(Kind::P256);
    let policies = policies(&[("ci", &ci)], &rule(&[]).replace("conditions: []", ""));
    let report = |noise: usize| {
        scan(
            &json!({"SchemaVersion": 2, "noise": "x".repeat(noise), "Results": [{"Target": "os", "Vulnerabilities": [
                {"VulnerabilityID": "CVE-1", "Severity": "HIGH"},
            ]}]}),
        )
    };
    for (noise, shown) in [(0, true), (256 << 10, false)] {
        let pack = attested(&Pack::image(IMAGE, "a"), &ci, &report(noise));
        let verdict = judge(&pack, &policies);
        let attestation = &verdict.attestations[0];
        assert_eq!(attestation.predicate.is_some(), shown);
        let facts = attestation.facts.as_ref().unwrap();
        let expected = json!({
            "critical": 0, "high": 1, "medium": 0, "low": 0, "unknown": 0,
            "ids": ["CVE-1"], "scannedAt": "2027-01-15T07:00:00Z",
        });
        assert_eq!(facts["vulnerabilities"], expected);
    }
}

/// Gatekeeper reads numbers as floating point: those beyond 2^53 are texts, in facts as well.
#[test]
fn facts_have_no_number_that_is_read_as_another() {
    const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
    let ci = SigningKey::generate(Kind::P256);
    let rule = rule(&[])
        .replace("conditions: []", "")
        .replace(SCAN, PROVENANCE);
    let image = Pack::image(IMAGE, "a");
    let parameters = json!({"run": 9_007_199_254_740_993_u64, "attempt": 1});
    let predicate = json!({"buildDefinition": {"externalParameters": parameters}});
    let statement = sign::statement(&image.digest(), PROVENANCE, &predicate);
    let pack = image.with_bundle(&sign::bundle(&ci, &statement));
    let verdict = judge(&pack, &policies(&[("ci", &ci)], &rule));
    let facts = verdict.attestations[0].facts.as_ref().unwrap();
    assert_eq!(
        facts["parameters"],
        json!({"run": "9007199254740993", "attempt": 1})
    );
}

/// The verdict ends with what it says of the time.
#[test]
fn verdicts_that_depend_on_the_time_end() {
    let ci = SigningKey::generate(Kind::P256);
    let image = attested(&Pack::image(IMAGE, "a"), &ci, &clean());
    let age = |age: &str| {
        let scanned = "timestamp(facts.vulnerabilities.scannedAt)";
        rule(&[&format!("now - {scanned} < duration('{age}')")])
    };
    let verdict = judge(&image, &policies(&[("ci", &ci)], &age("2h")));
    assert!(verdict.verified, "{:?}", verdict.reasons);
    assert_eq!(verdict.valid_until, Some(NOW.plus(3599)));
    let policies = policies(&[("ci", &ci)], &age("1h"));
    refused(&image, &policies, Outcome::Untrusted, "condition_failed");
}

#[test]
fn a_condition_sees_the_image_that_is_asked_about() {
    let ci = SigningKey::generate(Kind::P256);
    let image = attested(&Pack::image(IMAGE, "a"), &ci, &clean());
    let own = "image.registry == 'registry.example.com' && image.repository == 'prod/app' && \
               image.tag == '1.0' && statement.subject.exists(s, 'sha256:' + s.digest.sha256 == \
               image.digest)";
    let verdict = judge(&image, &policies(&[("ci", &ci)], &rule(&[own])));
    assert!(verdict.verified, "{:?}", verdict.reasons);
    let policies = policies(&[("ci", &ci)], &rule(&["image.repository == 'prod/other'"]));
    refused(&image, &policies, Outcome::Untrusted, "condition_failed");
}

/// What each type says, and what it says wrongly is absent.
#[test]
fn facts_of_builds_summaries_and_reports_are_what_their_types_say() {
    let ci = SigningKey::generate(Kind::P256);
    let image = Pack::image(IMAGE, "a");
    let build = "https://slsa.dev/provenance/v1";
    let old_build = "https://slsa.dev/provenance/v0.2";
    let summary = "https://slsa.dev/verification_summary/v1";
    let report = "https://in-toto.io/attestation/scai/attribute-report/v0.3";
    for (kind, predicate, condition, code) in [
        (
            build,
            json!({"buildDefinition": {"externalParameters": {"variant": "release", "jobs": 4}}}),
            "facts.parameters.variant == 'release' && facts.parameters.jobs == 4",
            None,
        ),
        (
            build,
            json!({"buildDefinition": {"externalParameters": ["release"]}}),
            "facts.parameters.size() == 1",
            Some("condition_error"),
        ),
        (
            old_build,
            json!({"invocation": {"parameters": {"variant": "debug"}}}),
            "facts.parameters.variant == 'release'",
            Some("condition_failed"),
        ),
        (
            summary,
            json!({
                "verifier": {"id": "https://example.com/v"}, "verificationResult": "PASSED",
                "resourceUri": "registry.example.com/prod/app", "slsaVersion": "1.2",
                "timeVerified": "2027-01-15T07:00:00Z", "dependencyLevels": {"SLSA_BUILD_LEVEL_3": 5},
                "policy": {"uri": "https://example.com/p", "digest": {"sha256": "abc"}},
            }),
            "facts.resourceUri == 'registry.example.com/prod/app' && facts.slsaVersion == '1.2' && \
             now - timestamp(facts.timeVerified) < duration('2h') && facts.policy.sha256 == 'abc' && \
             facts.policy.uri == 'https://example.com/p' && \
             facts.dependencyLevels.SLSA_BUILD_LEVEL_3 == 5",
            None,
        ),
        (
            summary,
            json!({"resourceUri": 7, "policy": {}, "dependencyLevels": []}),
            "!has(facts.resourceUri) && !has(facts.policy) && !has(facts.dependencyLevels)",
            None,
        ),
        (
            report,
            json!({"attributes": [
                {"attribute": "HERMETIC"},
                {"attribute": "SIGNED", "target": {"name": "other"}},
                {"attribute": "FUZZED", "conditions": {"hours": 1}},
            ]}),
            "facts.attributes == ['HERMETIC']",
            None,
        ),
        (
            report,
            json!({"attributes": [{"attribute": "HERMETIC"}, {"target": {}}]}),
            "'HERMETIC' in facts.attributes",
            Some("condition_error"),
        ),
    ] {
        let statement = sign::statement(&image.digest(), kind, &predicate);
        let pack = image.clone().with_bundle(&sign::bundle(&ci, &statement));
        let rule = json!({"name": "a", "predicateType": kind, "conditions": [condition]});
        let more = format!("  require: attestationsOnly\n  attestations: [{rule}]\n");
        let policies = policies(&[("ci", &ci)], &more);
        match code {
            None => {
                let verdict = judge(&pack, &policies);
                assert!(verdict.verified, "{condition}: {:?}", verdict.reasons);
            }
            Some(code) => refused(&pack, &policies, Outcome::Untrusted, code),
        }
    }
}

/// A document that clears, asks and admits, by the latest statement of each; of another image it says
/// nothing.
#[test]
fn a_vex_document_has_its_vulnerabilities_by_status() {
    let ci = SigningKey::generate(Kind::P256);
    let image = Pack::image(IMAGE, "a");
    let kind = "https://openvex.dev/ns";
    let says = |id: &str, status: &str| json!({"vulnerability": {"name": id}, "status": status});
    let mut later = says("CVE-4", "fixed");
    later["timestamp"] = json!("2027-01-11T00:00:00Z");
    let mut elsewhere = says("CVE-5", "affected");
    elsewhere["products"] = json!(["pkg:oci/other"]);
    let mut justified = says("CVE-2", "not_affected");
    justified["justification"] = json!("component_not_present");
    let document = json!({"timestamp": "2027-01-10T00:00:00Z", "statements": [
        says("CVE-1", "affected"), says("CVE-1", "fixed"), justified, says("CVE-3", "not_affected"),
        later, says("CVE-4", "affected"), elsewhere,
    ]});
    let statement = sign::statement(&image.digest(), kind, &document);
    let pack = image.with_bundle(&sign::bundle(&ci, &statement));
    let condition = "facts.statements == {'affected': ['CVE-1'], 'fixed': ['CVE-4'], 'notAffected': \
                     ['CVE-2'], 'underInvestigation': ['CVE-3']}";
    let rule = json!({"name": "vex", "predicateType": kind, "conditions": [condition]});
    let more = format!("  require: attestationsOnly\n  attestations: [{rule}]\n");
    let verdict = judge(&pack, &policies(&[("ci", &ci)], &more));
    assert!(verdict.verified, "{:?}", verdict.reasons);
}
