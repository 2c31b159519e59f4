use sealgate_core::policy::file::Problem;
use sealgate_core::policy::{AuthorityKind, Mode, Policies, Policy, Require, StaticAction};
use serde_json::json;

use super::*;

const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEv0DfPUEBNqOHzlGBUOZU6oR+w1Xp\n\
    jJ8LPhJ26JyqzeoQ8AaEfTvPy0IyvwM2qLUTlQVj+XgAbcdxf3o+n7jYLA==\n\
    -----END PUBLIC KEY-----\n";

fn file(text: &str) -> PolicyFile {
    PolicyFile {
        name: "p.yaml".to_owned(),
        text: text.to_owned(),
    }
}

fn load(text: &str) -> Result<Policies, Vec<Problem>> {
    file::load(&[file(text)], NoMatch::Deny, &only_inline_keys)
}

/// What is printed, read again, and what was lost.
fn imported(text: &str) -> (Policies, String, Vec<String>) {
    let (printed, lost) = print(&[file(text)]).unwrap_or_else(|error| panic!("{error}"));
    for one in &lost {
        let (_, one) = one.split_once("p.yaml: ").unwrap();
        assert!(printed.contains(&format!("# {one}\n")), "{one}: {printed}");
    }
    (load(&printed).unwrap_or_default(), printed, lost)
}

fn only(policies: &Policies) -> &Policy {
    assert_eq!(policies.policies.len(), 1);
    &policies.policies[0]
}

/// All of a policy but its revision, by which two are compared.
fn shown(policy: &Policy) -> String {
    let authorities: Vec<_> = policy.authorities().iter().map(|one| &one.trust).collect();
    format!(
        "{} {:?} {:?} {authorities:?} {:?} {:?}",
        policy.name(),
        policy.mode(),
        policy.scope().images,
        policy.require(),
        policy.attestations(),
    )
}

fn cluster_image_policy(authorities: &serde_json::Value) -> String {
    let policy = json!({
        "apiVersion": "policy.sigstore.dev/v1alpha1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "prod"},
        "spec": {
            "mode": "warn",
            "images": [{"glob": "ghcr.io/acme/**"}, {"glob": "image*"}],
            "authorities": authorities,
        },
    });
    policy.to_string()
}

#[test]
fn a_cluster_image_policy_that_is_honoured_means_the_same_as_a_trust_policy() {
    let identities = json!([
        {"issuer": "https://a.example", "subjectRegExp": "^https://a\\.example/.+$"},
    ]);
    for authorities in [
        json!([
            {"name": "a", "key": {"data": KEY}},
            {"name": "b", "keyless": {"identities": identities, "insecureIgnoreSCT": true}},
            {"name": "c", "key": {"data": KEY}, "ctlog": {"trustRootRef": "acme"}},
            {"name": "d", "keyless": {"identities": identities, "trustRootRef": "acme"},
                "rfc3161timestamp": {"trustRootRef": "acme"}},
            {"name": "e", "static": {"action": "fail", "message": "closed: \"for good\""}},
        ]),
        json!([{"name": "a", "key": {"data": KEY}, "attestations": [
            {"name": "sbom", "predicateType": "spdx"},
            {"name": "vuln", "predicateType": "vuln"},
        ]}]),
        json!([{"name": "a", "static": {"action": "pass"}}]),
    ] {
        let text = cluster_image_policy(&authorities);
        let theirs = load(&text).unwrap();
        let (ours, printed, lost) = imported(&text);
        assert_eq!(lost, [""; 0]);
        assert!(printed.contains("kind: TrustPolicy"), "{printed}");
        assert_eq!(shown(only(&ours)), shown(only(&theirs)), "{printed}");
    }
}

#[test]
fn what_a_cluster_image_policy_loses_is_said_and_nobody_is_trusted_in_its_place() {
    let text = cluster_image_policy(&json!([
        {"name": "a key", "key": {"kms": "awskms:///alias/a"}},
        {"name": "b", "key": {"data": KEY}, "source": [{"oci": "r.example.com/sigs"}]},
        {"name": "c", "key": {"data": KEY}, "attestations": [{"name": "v", "predicateType": "vuln"}]},
    ]));
    let (ours, printed, lost) = imported(&text);
    let policy = only(&ours);
    assert_eq!(policy.mode(), Mode::Warn);
    let fails = |place: usize| {
        let trust = &policy.authorities()[place].trust;
        matches!(trust, AuthorityKind::Static(StaticAction::Fail { .. }))
    };
    assert_eq!([fails(0), fails(1), fails(2)], [true, false, true]);
    assert!(policy.attestations().is_empty());
    for told in ["key.kms", "source", "attestations", "\"a key\""] {
        assert!(
            lost.iter().any(|one| one.contains(told)),
            "{told}: {printed}"
        );
    }
    let one = cluster_image_policy(
        &json!([{"name": "c", "key": {"data": KEY}, "attestations": [
            {"name": "v", "predicateType": "vuln", "policy": {"type": "cue", "data": "x: 1"}}
        ]}]),
    );
    let (ours, _, lost) = imported(&one);
    assert!(matches!(only(&ours).require(), Require::AttestationsOnly));
    assert!(lost.concat().contains("CUE in a policy"), "{lost:?}");
    // What is wrong stays wrong.
    let wrong = cluster_image_policy(&json!([{"key": {"data": "x"}}]));
    assert!(print(&[file(&wrong)]).is_err());
    let own =
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {name: a}\nspec: {}\n";
    let told = print(&[file(own)]).unwrap_err().to_string();
    assert!(told.contains("a TrustPolicy already"), "{told}");
}

#[test]
fn a_trustpolicy_json_keeps_what_its_statements_say() {
    let text = json!({"version": "1.0", "trustPolicies": [
        {
            "name": "Release images", "registryScopes": ["r.example.com/a", "r.example.com/b"],
            "signatureVerification": {"level": "permissive", "override": {"expiry": "enforce"},
                "verifyTimestamp": "afterCertExpiry"},
            "trustStores": ["ca:acme", "tsa:time"],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme\\, Inc."],
        },
        {
            "name": "open", "registryScopes": ["r.example.com/open"],
            "signatureVerification": {"level": "skip"},
        },
        {
            "name": "all", "registryScopes": ["*"],
            "signatureVerification": {"level": "audit"},
            "trustStores": ["ca:acme"], "trustedIdentities": ["*"],
        },
    ]})
    .to_string();
    let theirs = load(&text).unwrap();
    let (ours, printed, lost) = imported(&text);
    let names: Vec<_> = ours.policies.iter().map(Policy::name).collect();
    assert_eq!(names, ["release-images", "open", "all"]);
    for (one, other) in ours.policies.iter().zip(&theirs.policies) {
        let same = shown(one).replace(one.name(), "") == shown(other).replace(other.name(), "");
        assert_eq!(same, one.name() != "open", "{printed}");
    }
    let open = &ours.policies[1].authorities()[0].trust;
    assert!(matches!(
        open,
        AuthorityKind::Static(StaticAction::PassUnproven)
    ));
    assert!(
        lost.concat().contains("leaves out r.example.com/a"),
        "{lost:?}"
    );
    assert!(lost.concat().contains("\"Release images\""), "{lost:?}");
}

#[test]
fn ratifys_verifiers_become_policies() {
    let text = r#"
apiVersion: config.ratify.deislabs.io/v1beta1
kind: Verifier
metadata: {name: verifier-notation}
spec:
  name: notation
  artifactTypes: application/vnd.cncf.notary.signature
  parameters:
    verificationCertStores: {ca: {ca-certs: [kmp]}}
    trustPolicyDoc:
      version: "1.0"
      trustPolicies:
      - name: default
        registryScopes: ["*"]
        signatureVerification: {level: strict}
        trustStores: ["ca:ca-certs"]
        trustedIdentities: ["*"]
---
apiVersion: config.ratify.deislabs.io/v1beta1
kind: Verifier
metadata: {name: verifier-cosign}
spec:
  name: cosign
  artifactTypes: application/vnd.dev.cosign.artifact.sig.v1+json
  parameters:
    trustPolicies:
    - name: keyed
      scopes: ["ghcr.io/acme/*"]
      keys: [{provider: kmp}]
    - name: keyless
      scopes: ["*"]
      keyless:
        ctLogVerify: false
        certificateIdentityRegExp: acme/
        certificateOIDCIssuer: https://token.actions.githubusercontent.com
---
apiVersion: config.ratify.deislabs.io/v1beta1
kind: Policy
metadata: {name: ratify-policy}
spec:
  type: configpolicy
  parameters: {artifactVerificationPolicies: {default: all}}
"#;
    let (ours, printed, lost) = imported(text);
    let names: Vec<_> = ours.policies.iter().map(Policy::name).collect();
    assert_eq!(names, ["default", "keyed", "keyless"], "{printed}");
    let kinds: Vec<_> = ours
        .policies
        .iter()
        .map(|policy| &policy.authorities()[0].trust)
        .collect();
    assert!(matches!(kinds[0], AuthorityKind::Notation(_)));
    assert!(matches!(
        kinds[1],
        AuthorityKind::Static(StaticAction::Fail { .. })
    ));
    let AuthorityKind::Keyless(keyless) = kinds[2] else {
        panic!("{printed}");
    };
    assert_eq!(keyless.certificate_transparency, 0);
    assert_eq!(keyless.transparency_log, 1);
    assert!(
        keyless.identities[0]
            .subject
            .matches("https://github.com/acme/app")
    );
    assert!(ours.policies[1].scope().images[0].matches("ghcr.io/acme/a/b"));
    for told in [
        "verificationCertStores",
        "key management provider",
        "artifactVerificationPolicies",
    ] {
        assert!(
            lost.iter().any(|one| one.contains(told)),
            "{told}: {printed}"
        );
    }
}

#[test]
fn kyvernos_verify_images_become_policies() {
    let text = r#"
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: check-image}
spec:
  validationFailureAction: Enforce
  rules:
  - name: check
    match: {any: [{resources: {kinds: [Pod]}}]}
    verifyImages:
    - imageReferences: ["ghcr.io/acme/app*", "*.example.com/*"]
      attestors:
      - count: 1
        entries:
        - keys:
            publicKeys: |-
              KEY
        - keyless:
            issuer: https://token.actions.githubusercontent.com
            subject: https://github.com/acme/*
            rekor: {url: "https://rekor.sigstore.dev"}
      - entries:
        - keys: {kms: "awskms:///alias/a"}
      attestations:
      - type: https://slsa.dev/provenance/v1
        attestors:
        - entries:
          - keyless: {issuer: "https://token.actions.githubusercontent.com", subjectRegExp: acme}
        conditions: [{all: []}]
    - imageReferences: ["r.example.com/open/*"]
      validationFailureAction: Audit
      attestors:
      - entries:
        - keys: {publicKeys: "k8s://ns/secret", rekor: {ignoreTlog: true}}
"#;
    let indented = KEY.replace('\n', "\n              ");
    let (ours, printed, lost) = imported(&text.replace("KEY", indented.trim()));
    let names: Vec<_> = ours.policies.iter().map(Policy::name).collect();
    assert_eq!(
        names,
        ["check-image-check", "check-image-check-2"],
        "{printed}"
    );
    let first = &ours.policies[0];
    assert_eq!(first.mode(), Mode::Enforce);
    assert_eq!(ours.policies[1].mode(), Mode::Warn);
    let AuthorityKind::Key(key) = &first.authorities()[0].trust else {
        panic!("{printed}");
    };
    assert_eq!(key.witnesses.as_ref().map(|w| w.transparency_log), Some(1));
    let AuthorityKind::Keyless(keyless) = &first.authorities()[1].trust else {
        panic!("{printed}");
    };
    let subject = &keyless.identities[0].subject;
    assert!(subject.matches("https://github.com/acme/a/b"));
    assert!(!subject.matches("https://githubxcom/acme/a"));
    assert!(first.scope().images[0].matches("ghcr.io/acme/app/x:1"));
    let Require::Nested(group) = first.require() else {
        panic!("{printed}");
    };
    assert_eq!(group.members().len(), 2);
    let [rule] = first.attestations() else {
        panic!("{printed}");
    };
    assert_eq!(*rule.from, [3]);
    for told in ["rules[0].match", "JMESPath", "whom it trusts"] {
        assert!(
            lost.iter().any(|one| one.contains(told)),
            "{told}: {lost:#?}"
        );
    }
}
