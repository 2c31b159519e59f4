//! `trustpolicy.json`, accepted unchanged and checked as the specification says.

use sealgate_core::Verdict;
use sealgate_testkit::notation::Format;
use sealgate_testkit::pack::Pack;
use sealgate_tests::parity::PolicyTexts;
use serde_json::{Value, json};

use crate::scene::{
    IMAGE, Signer, accepted, judge, load, load_text, refused, statement, statement_with, strict,
    trust,
};

#[track_caller]
fn problem(statements: &[Value], expected: &str) {
    let problems = load(statements).unwrap_err();
    assert!(
        problems.iter().any(|problem| problem.contains(expected)),
        "{problems:#?}"
    );
}

#[track_caller]
fn wrong(changes: &[(&str, Value)], expected: &str) {
    problem(&[statement_with(changes)], expected);
}

#[test]
fn the_specifications_own_example_is_accepted() {
    let text = r#"{
        "version": "1.0",
        "trustPolicies": [
            {
                "name": "wabbit-networks-images",
                "registryScopes": [
                    "registry.acme-rockets.io/software/net-monitor",
                    "registry.acme-rockets.io/software/net-logger"
                ],
                "signatureVerification": {"level": "strict"},
                "trustStores": ["ca:acme-rockets", "signingAuthority:acme-rockets", "tsa:time"],
                "trustedIdentities": [
                    "x509.subject: C=US, ST=WA, L=Seattle, O=acme-rockets.io, OU=Finance, CN=SecureBuilder"
                ]
            },
            {
                "name": "Unsigned image",
                "registryScopes": ["registry.acme-rockets.io/software/unsigned/net-utils"],
                "signatureVerification": {"level": "skip"}
            },
            {
                "name": "Allow expired image",
                "registryScopes": ["registry.acme-rockets.io/software/legacy/metrics"],
                "signatureVerification": {
                    "level": "strict",
                    "override": {"expiry": "log"},
                    "verifyTimestamp": "afterCertExpiry"
                },
                "trustStores": ["ca:acme-rockets"],
                "trustedIdentities": ["*"]
            },
            {
                "name": "global",
                "registryScopes": ["*"],
                "signatureVerification": {"level": "audit"},
                "trustStores": ["ca:acme-rockets"],
                "trustedIdentities": ["*"]
            }
        ]
    }"#;
    let policies = load_text(text.to_owned()).unwrap();
    assert_eq!(policies.policies.len(), 4);
    assert_eq!(policies.trust_names().stores.len(), 3);
}

#[test]
fn an_exact_scope_comes_before_the_wildcard() {
    let signer = Signer::new();
    let other = Signer::new();
    let trust = trust(&[("ca:acme", &[&signer.root]), ("ca:other", &[&other.root])]);
    let exact = statement_with(&[
        ("name", json!("exact")),
        ("registryScopes", json!(["registry.example.com/prod/app"])),
        ("trustStores", json!(["ca:other"])),
    ]);
    let both = load(&[statement(), exact]).unwrap();
    let policies_of = |verdict: &Verdict| -> Vec<String> {
        verdict
            .policies
            .iter()
            .map(|policy| policy.name.clone())
            .collect()
    };
    let verdict = judge(&other.signed(Format::Jws), &both, &trust);
    accepted(&verdict);
    assert_eq!(policies_of(&verdict), ["exact"]);
    let verdict = judge(&signer.signed(Format::Jws), &both, &trust);
    refused(&verdict, "certificate_untrusted");
    assert_eq!(policies_of(&verdict), ["exact"]);
    let elsewhere = Pack::image("registry.example.com/prod/app2:1.0", "a");
    assert_eq!(policies_of(&judge(&elsewhere, &both, &trust)), ["prod"]);
}

#[test]
fn a_scope_is_one_repository_and_nothing_else() {
    let covers = |scope: &str, image: &str| {
        let policies = load(&[statement_with(&[("registryScopes", json!([scope]))])]).unwrap();
        covers(&policies, image)
    };
    assert!(covers("registry.example.com/prod/app", IMAGE));
    assert!(covers(
        "registry.example.com:5000/a",
        "registry.example.com:5000/a:1"
    ));
    assert!(covers("docker.io/library/nginx", "nginx"));
    for image in [
        "registry.example.com/prod/app/sub:1",
        "registry.example.com/prod/ap:1",
    ] {
        assert!(!covers("registry.example.com/prod/app", image), "{image}");
    }
    // Short names are not expanded, and match nothing: docker.io must be written in full.
    for scope in ["library/nginx", "acme/app"] {
        assert!(load(&[statement_with(&[("registryScopes", json!([scope]))])]).is_err());
    }
}

fn covers(policies: &PolicyTexts, image: &str) -> bool {
    let signer = Signer::new();
    let verdict = judge(&Pack::image(image, "a"), policies, &signer.trust());
    !verdict.policies.is_empty()
}

#[test]
fn without_an_applicable_statement_nothing_passes() {
    let policies = load(&[statement_with(&[(
        "registryScopes",
        json!(["registry.example.com/x"]),
    )])]);
    let signer = Signer::new();
    let verdict = judge(
        &signer.signed(Format::Jws),
        &policies.unwrap(),
        &signer.trust(),
    );
    refused(&verdict, "no_policy");
}

#[test]
fn documents_must_be_of_version_1_0_and_have_statements() {
    for (text, expected) in [
        (
            json!({"version": "2.0", "trustPolicies": [statement()]}),
            "version",
        ),
        (json!({"trustPolicies": [statement()]}), "version"),
        (
            json!({"version": "1.0", "trustPolicies": []}),
            "trustPolicies",
        ),
        (
            json!({"version": "1.0", "trustPolicies": [statement()], "more": 1}),
            "more",
        ),
    ] {
        let problems = load_text(text.to_string()).unwrap_err();
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{problems:?}"
        );
    }
}

#[test]
fn names_must_be_there_and_unique() {
    wrong(&[("name", Value::Null)], "\"name\"");
    wrong(&[("name", json!(""))], "trustPolicies[0].name");
    let again = statement_with(&[("registryScopes", json!(["registry.example.com/x"]))]);
    problem(
        &[statement(), again],
        "trustPolicies[1].name: a statement named \"prod\" exists already",
    );
}

#[test]
fn scopes_must_be_repositories_each_in_one_statement() {
    wrong(&[("registryScopes", Value::Null)], "registryScopes");
    wrong(&[("registryScopes", json!([]))], "registryScopes");
    wrong(
        &[("registryScopes", json!(["*", "registry.example.com/a"]))],
        "must stand alone",
    );
    for scope in [
        "registry.example.com/*",
        "registry.example.com",
        "https://registry.example.com/a",
        "registry.example.com/a:1",
        "registry.example.com/A",
        "registry.example.com/a@sha256:00",
        "registry.example.com/a/",
        "/a",
    ] {
        wrong(
            &[("registryScopes", json!([scope]))],
            "registryScopes[0]: expected a fully qualified",
        );
    }
    let twice = json!(["registry.example.com/a", "registry.example.com/a"]);
    wrong(&[("registryScopes", twice)], "registryScopes[1]");
    problem(
        &[statement(), statement_with(&[("name", json!("b"))])],
        "trustPolicies[1].registryScopes[0]",
    );
}

#[test]
fn levels_and_overrides_must_be_the_specifications() {
    wrong(
        &[("signatureVerification", Value::Null)],
        "signatureVerification",
    );
    wrong(&[("signatureVerification", json!({}))], "level");
    wrong(
        &[("signatureVerification", json!({"level": "lax"}))],
        "signatureVerification.level",
    );
    for (check, action) in [
        ("integrity", "log"),
        ("authenticity", "skip"),
        ("authenticTimestamp", "skip"),
        ("expiry", "skip"),
        ("expiry", "warn"),
        ("age", "log"),
    ] {
        let verification = json!({"level": "strict", "override": {check: action}});
        wrong(
            &[("signatureVerification", verification)],
            "signatureVerification.override",
        );
    }
    let when = json!({"level": "strict", "verifyTimestamp": "never"});
    wrong(&[("signatureVerification", when)], "verifyTimestamp");
}

#[test]
fn stores_and_identities_must_be_there_and_well_formed() {
    wrong(&[("trustStores", Value::Null)], "trustStores");
    wrong(&[("trustedIdentities", Value::Null)], "trustedIdentities");
    wrong(&[("trustStores", json!([]))], "trustStores");
    for store in ["acme", "pgp:acme", "ca:", "ca:../etc", "ca:a/b", "ca:.."] {
        wrong(&[("trustStores", json!([store]))], "trustStores[0]");
    }
    wrong(&[("trustStores", json!(["tsa:time"]))], "trustStores");
    for identity in [
        "acme",
        "x509.subject:",
        "x509.subject: CN=a",
        "x509.subject: C=US, ST=WA, O=#01",
        "x509.subject: C=US, ST=WA, O=a+OU=b",
    ] {
        wrong(
            &[("trustedIdentities", json!([identity]))],
            "trustedIdentities",
        );
    }
    let mixed = json!(["*", "x509.subject: C=US, ST=WA, O=a"]);
    wrong(&[("trustedIdentities", mixed)], "must stand alone");
    let wide = "x509.subject: C=US, ST=WA, O=a";
    let overlapping = json!([wide, "x509.subject: C=US, ST=WA, O=a, OU=b"]);
    wrong(&[("trustedIdentities", overlapping)], "overlap");
}

#[test]
fn the_level_skip_takes_no_trust_and_not_everything() {
    let skip = |changes: &[(&str, Value)]| {
        let mut all = vec![
            ("signatureVerification", json!({"level": "skip"})),
            ("registryScopes", json!(["registry.example.com/a"])),
            ("trustStores", Value::Null),
            ("trustedIdentities", Value::Null),
        ];
        all.extend(changes.iter().cloned());
        statement_with(&all)
    };
    assert!(load(&[skip(&[])]).is_ok());
    assert!(
        load(&[skip(&[
            ("trustStores", json!([])),
            ("trustedIdentities", json!([]))
        ])])
        .is_ok()
    );
    problem(
        &[skip(&[("registryScopes", json!(["*"]))])],
        "not allowed for the scope",
    );
    problem(
        &[skip(&[("trustStores", json!(["ca:acme"]))])],
        "neither trust stores",
    );
    problem(
        &[skip(&[("trustedIdentities", json!(["*"]))])],
        "neither trust stores",
    );
    let overridden = json!({"level": "skip", "override": {"expiry": "log"}});
    problem(
        &[skip(&[("signatureVerification", overridden)])],
        "nothing can be overridden",
    );
}

#[test]
fn all_problems_are_reported_at_once_with_their_lines() {
    let text = "{\n\"version\": \"1.0\",\n\"trustPolicies\": [{\n\"name\": \"a\",\n\
                \"registryScopes\": [\"x\"],\n\"signatureVerification\": {\"level\": \"lax\"},\n\
                \"trustStores\": [\"y\"],\n\"trustedIdentities\": [\"z\"],\n\"more\": 1}]}";
    let problems = load_text(text.to_owned()).unwrap_err();
    let joined = problems.join("\n");
    for expected in [
        "trustpolicy.json:5: trustPolicies[0].registryScopes[0]",
        "trustpolicy.json:6: trustPolicies[0].signatureVerification.level",
        "trustpolicy.json:9: trustPolicies[0]: unknown field \"more\"",
    ] {
        assert!(joined.contains(expected), "{joined}");
    }
}

#[test]
fn the_same_policy_as_an_authority_of_a_trust_policy_decides_alike() {
    let text = "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {name: prod}\nspec:\n  \
                images: [{glob: '**'}]\n  authorities:\n  - name: notation\n    notation: \
                {trustStores: ['ca:acme'], trustedIdentities: ['*'], level: strict}\n";
    let ours = load_text(text.to_owned()).unwrap();
    let signer = Signer::new();
    for pack in [
        signer.signed(Format::Jws),
        Signer::new().signed(Format::Cose),
    ] {
        let by_ours = judge(&pack, &ours, &signer.trust());
        let by_theirs = judge(&pack, &strict(), &signer.trust());
        assert_eq!(by_ours.verified, by_theirs.verified);
        assert_eq!(by_ours.signers, by_theirs.signers);
        assert_eq!(by_ours.checks, by_theirs.checks);
        assert_eq!(by_ours.reasons, by_theirs.reasons);
    }
}
