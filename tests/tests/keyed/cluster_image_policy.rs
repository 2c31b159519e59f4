//! ClusterImagePolicies and TrustRoots as files, and what they make of images.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::policy::AuthorityKind;
use sealgate_core::policy::file::{self, only_inline_keys};
use sealgate_core::verdict::{Passed, Signs};
use sealgate_testkit::sigstore::certificate::Holder;
use sealgate_testkit::sigstore::{ISSUER, SUBJECT, Sigstore};

use super::*;

const SBOM: &str = "https://spdx.dev/Document";

/// A policy of these authorities for every image of one registry.
fn policy(authorities: &Value) -> String {
    let policy = json!({
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "prod", "uid": "1", "resourceVersion": "7"},
        "spec": {
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": authorities,
        },
        "status": {},
    });
    policy.to_string()
}

struct World {
    key: SigningKey,
    other: SigningKey,
    sigstore: Sigstore,
    signer: Holder,
    image: Pack,
}

impl World {
    fn new() -> Self {
        let sigstore = Sigstore::new("private");
        Self {
            key: SigningKey::generate(Kind::P256),
            other: SigningKey::generate(Kind::P256),
            signer: sigstore.signer(),
            sigstore,
            image: Pack::image(IMAGE, "a"),
        }
    }

    fn by_key(&self, key: &SigningKey) -> Pack {
        let layer = signed_layer(key, &self.image);
        self.image.clone().with_cosign(&[layer])
    }

    fn keyless(&self) -> Pack {
        let payload =
            sign::simple_signing(&self.image.repository(), &self.image.digest(), &Value::Null);
        let layer = self.sigstore.cosign_layer(&self.signer, &payload);
        self.image.clone().with_cosign(&[layer])
    }

    fn attested(&self, key: &SigningKey, kind: &str) -> Pack {
        let statement = sign::statement(&self.image.digest(), kind, &json!({"n": 1}));
        self.image
            .clone()
            .with_bundle(&sign::bundle(key, &statement))
    }

    /// By these authorities, with the trust root beside them.
    fn policies(&self, authorities: &Value) -> PolicyTexts {
        let root = self.sigstore.trust_root("acme");
        read(format!("{}\n---\n{root}\n", policy(authorities)))
    }

    #[track_caller]
    fn passes(&self, pack: &Pack, authorities: &Value) -> Verdict {
        let verdict = judge(pack, &self.policies(authorities));
        assert_eq!(verdict.outcome, Outcome::Verified, "{:?}", verdict.reasons);
        verdict
    }

    #[track_caller]
    fn refuses(&self, pack: &Pack, authorities: &Value, outcome: Outcome, code: &str) {
        refused(pack, &self.policies(authorities), outcome, code);
    }

    fn identities() -> Value {
        json!([{"issuer": ISSUER, "subject": SUBJECT}])
    }
}

#[test]
fn a_key_without_a_log_suffices_and_any_authority_does() {
    let world = World::new();
    let of_key = json!([{"key": {"data": world.key.public_pem(), "hashAlgorithm": "sha256"}}]);
    let verdict = world.passes(&world.by_key(&world.key), &of_key);
    assert_eq!(verdict.signers[0].authority, "prod/authority-0");
    let stranger = world.by_key(&world.other);
    world.refuses(&stranger, &of_key, Outcome::Untrusted, "signature_invalid");
    world.refuses(&world.image, &of_key, Outcome::Unsigned, "no_signatures");
    world.refuses(
        &world.attested(&world.key, SBOM),
        &of_key,
        Outcome::Unsigned,
        "no_image_signature",
    );

    let any = json!([
        {"name": "a", "key": {"data": world.key.public_pem()}},
        {"name": "b", "key": {"data": world.other.public_pem()}},
    ]);
    let verdict = world.passes(&stranger, &any);
    assert_eq!(verdict.signers[0].authority, "prod/b");
    let both = format!("{}{}", world.key.public_pem(), world.other.public_pem());
    world.passes(&stranger, &json!([{"key": {"data": both}}]));
}

#[test]
fn a_log_or_a_timestamp_that_is_asked_for_must_be_there() {
    let world = World::new();
    let data = world.key.public_pem();
    let signed = world.by_key(&world.key);
    for (more, code) in [
        (
            json!({"ctlog": {"trustRootRef": "acme"}}),
            "log_threshold_not_met",
        ),
        (
            json!({"rfc3161timestamp": {"trustRootRef": "acme"}}),
            "timestamp_threshold_not_met",
        ),
    ] {
        let mut authority = json!({"key": {"data": data}});
        let fields = authority.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        world.refuses(&signed, &json!([authority]), Outcome::Untrusted, code);
    }
}

#[test]
fn a_keyless_signature_is_judged_by_the_trust_root_beside_the_policy() {
    let world = World::new();
    let keyless = |identities: Value, more: Value| {
        let mut authority = json!({
            "keyless": {
                "url": "https://fulcio.private.example", "trustRootRef": "acme",
                "identities": identities,
            },
            "ctlog": {"url": "https://rekor.private.example", "trustRootRef": "acme"},
        });
        let fields = authority.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        json!([authority])
    };
    let signed = world.keyless();
    let verdict = world.passes(&signed, &keyless(World::identities(), json!({})));
    assert_eq!(verdict.signers[0].subject.as_deref(), Some(SUBJECT));
    assert_eq!(verdict.signers[0].logs.len(), 1);
    // Go's expressions match anywhere.
    let part = json!([{"issuerRegExp": ".*", "subjectRegExp": "github\\.com/acme/"}]);
    world.passes(&signed, &keyless(part, json!({})));
    let anchored = json!([{"issuerRegExp": ".*", "subjectRegExp": "^github\\.com/acme/"}]);
    world.refuses(
        &signed,
        &keyless(anchored, json!({})),
        Outcome::Untrusted,
        "identity_mismatch",
    );
    let another = json!([{"issuer": "https://other.example", "subject": SUBJECT}]);
    world.refuses(
        &signed,
        &keyless(another, json!({})),
        Outcome::Untrusted,
        "issuer_mismatch",
    );
    world.refuses(
        &signed,
        &keyless(
            World::identities(),
            json!({"rfc3161timestamp": {"trustRootRef": "acme"}}),
        ),
        Outcome::Untrusted,
        "timestamp_threshold_not_met",
    );
    // Without trustRootRef it is the public-good instance's.
    let public = json!([{"keyless": {"identities": World::identities()}}]);
    world.refuses(
        &signed,
        &public,
        Outcome::Untrusted,
        "certificate_untrusted",
    );
    // A TrustRoot of the same name is another one's.
    let elsewhere = Sigstore::new("elsewhere");
    let root = elsewhere.trust_root("acme");
    let text = policy(&keyless(World::identities(), json!({})));
    refused(
        &signed,
        &read(format!("{text}\n---\n{root}\n")),
        Outcome::Untrusted,
        "certificate_untrusted",
    );
}

#[test]
fn attestations_that_an_authority_lists_are_asked_for_in_place_of_a_signature() {
    let world = World::new();
    let with = |kind: &str| {
        json!([{
            "name": "ci", "key": {"data": world.key.public_pem()}, "signatureFormat": "bundle",
            "attestations": [{"name": "sbom", "predicateType": kind}],
        }])
    };
    let attested = world.attested(&world.key, SBOM);
    for kind in ["spdx", "spdxjson", SBOM] {
        let verdict = world.passes(&attested, &with(kind));
        assert_eq!(verdict.attestations[0].rule, "prod/sbom");
    }
    for pack in [
        &world.by_key(&world.key),
        &world.attested(&world.other, SBOM),
        &world.attested(&world.key, "https://cyclonedx.org/bom"),
    ] {
        let verdict = judge(pack, &world.policies(&with("spdx")));
        assert!(!verdict.verified);
        let codes: Vec<_> = verdict.reasons.iter().map(|r| r.code.as_str()).collect();
        assert!(codes.contains(&"no_matching_attestation"), "{codes:?}");
    }
}

#[test]
fn static_authorities_let_in_unproven_or_refuse() {
    let world = World::new();
    let pass = json!([{"static": {"action": "pass"}}]);
    let verdict = judge(&world.image, &world.policies(&pass));
    assert!(verdict.verified);
    assert_eq!(verdict.outcome, Outcome::Unproven);
    let fail = json!([{"static": {"action": "fail", "message": "closed"}}]);
    world.refuses(
        &world.by_key(&world.key),
        &fail,
        Outcome::Untrusted,
        "static_fail",
    );
}

fn problems(text: String) -> Vec<String> {
    let file = PolicyFile {
        name: "cip.yaml".to_owned(),
        text,
    };
    let read = file::load(&[file], NoMatch::Deny, &only_inline_keys);
    let problems = read.err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_cannot_be_honoured_is_an_error_at_its_place() {
    let key = SigningKey::generate(Kind::P256);
    let data = || json!({"data": key.public_pem()});
    let keyless = |more: Value| {
        let mut keyless = json!({"identities": World::identities()});
        let fields = keyless.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        keyless
    };
    let at = "spec.authorities[0]";
    for (authority, field, told) in [
        (
            json!({"key": {"kms": "hashivault://k"}}),
            "key.kms",
            "cosign public-key",
        ),
        (
            json!({"key": {"secretRef": {"name": "a"}}}),
            "key.secretRef",
            "put the public key into `data`",
        ),
        (json!({"key": {}}), "key", "expected exactly one of data"),
        (
            json!({"key": {"data": key.public_pem(), "hashAlgorithm": "sha512"}}),
            "key.hashAlgorithm",
            "ecdsa-p256",
        ),
        (
            json!({"key": {"data": key.public_pem(), "hashAlgorithm": "sha224"}}),
            "key.hashAlgorithm",
            "are not taken",
        ),
        (
            json!({"key": data(), "source": [{"oci": "r.example.com/sigs"}]}),
            "source",
            "cosign copy",
        ),
        (
            json!({"key": data(), "attestations": [{"name": "a", "predicateType": "vuln",
                "policy": {"type": "cue", "data": "x: 1"}}]}),
            "attestations[0].policy",
            "CUE in a policy is not evaluated",
        ),
        (
            json!({"key": data(), "attestations": [{"name": "a", "predicateType": "vuln",
                "policy": {"type": "rego", "data": "package sigstore"}}]}),
            "attestations[0].policy",
            "Rego in a policy is not evaluated",
        ),
        (
            json!({"key": data(), "attestations": [{"name": "a", "predicateType": "scan"}]}),
            "attestations[0].predicateType",
            "slsaprovenance",
        ),
        (
            json!({"key": data(), "ctlog": {"urll": "x"}}),
            "ctlog",
            "unknown field",
        ),
        (
            json!({"key": data(), "rfc3161timestamp": {}}),
            "rfc3161timestamp",
            "trustRootRef",
        ),
        (
            json!({"key": data(), "ctlog": {"trustRootRef": "a"},
                "rfc3161timestamp": {"trustRootRef": "b"}}),
            "rfc3161timestamp",
            "one trust root",
        ),
        (
            json!({"keyless": keyless(json!({})), "ctlog": {"trustRootRef": "a"}}),
            "ctlog",
            "\"public-good\" stands beside \"a\"",
        ),
        (
            json!({"keyless": keyless(json!({"ca-cert": {"data": "x"}}))}),
            "keyless.ca-cert",
            "trustRootRef",
        ),
        (
            json!({"keyless": {"identities": [{"issuer": "https://a.example"}]}}),
            "keyless.identities[0]",
            "expected either subject or subjectRegExp, found neither",
        ),
        (
            json!({"keyless": {"identities": [{"issuerRegExp": "****", "subject": "a"}]}}),
            "keyless.identities[0].issuerRegExp",
            "regex",
        ),
        (
            json!({"static": {"action": "pass"}, "ctlog": {}}),
            "ctlog",
            "looks at no signature",
        ),
        (
            json!({"key": data(), "keyless": {}}),
            "",
            "found key and keyless",
        ),
        (
            json!({"key": data(), "signatureFormat": "x"}),
            "signatureFormat",
            "legacy or bundle",
        ),
        (
            json!({"key": data(), "colour": "blue"}),
            "",
            "unknown field \"colour\"",
        ),
    ] {
        let found = problems(policy(&json!([authority])));
        let place = match field {
            "" => format!("cip.yaml:1: {at}: "),
            field => format!("cip.yaml:1: {at}.{field}: "),
        };
        assert!(
            found
                .iter()
                .any(|one| one.starts_with(&place) && one.contains(told)),
            "{authority}: {found:#?}"
        );
    }
}

/// An authority that signs, and one that attests.
fn either(world: &World) -> Value {
    json!([
        {"name": "a", "key": {"data": world.key.public_pem()}},
        {"name": "b", "key": {"data": world.other.public_pem()}, "attestations": [
            {"name": "sbom", "predicateType": "spdx"},
            {"name": "scan", "predicateType": "vuln"},
        ]},
    ])
}

const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

fn both(world: &World, sbom: &SigningKey, scan: &SigningKey) -> Pack {
    let statement = sign::statement(&world.image.digest(), SCAN, &json!({"n": 1}));
    world
        .attested(sbom, SBOM)
        .with_bundle(&sign::bundle(scan, &statement))
}

#[test]
fn each_of_several_authorities_suffices_in_its_own_way() {
    let world = World::new();
    let verdict = world.passes(&world.by_key(&world.key), &either(&world));
    let demands = &verdict.policies[0].demands;
    assert_eq!(demands.len(), 1);
    assert_eq!(
        (demands[0].signs, demands[0].by.as_slice()),
        (Signs::Image, &["a".to_owned()][..])
    );

    let verdict = world.passes(&both(&world, &world.other, &world.other), &either(&world));
    let demands = &verdict.policies[0].demands;
    assert_eq!(demands.len(), 2);
    for (demand, rule) in demands.iter().zip(["b/sbom", "b/scan"]) {
        assert_eq!(demand.signs, Signs::Attestation);
        assert_eq!(demand.rule.as_deref(), Some(rule));
        assert_eq!(demand.by, ["b"]);
    }
    assert_eq!(verdict.attestations[0].rule, "prod/b/sbom");
    assert!(
        verdict
            .signers
            .iter()
            .all(|one| one.signs == Signs::Attestation)
    );
}

#[test]
fn no_authority_suffices_in_the_way_of_another() {
    let world = World::new();
    let policies = world.policies(&either(&world));
    let stranger = SigningKey::generate(Kind::P256);
    for (what, pack) in [
        ("nothing", world.image.clone()),
        ("who must attest signed", world.by_key(&world.other)),
        (
            "who must sign attested",
            both(&world, &world.key, &world.key),
        ),
        ("one attestation of two", world.attested(&world.other, SBOM)),
        ("each made one", both(&world, &world.other, &world.key)),
        ("a stranger made one", both(&world, &stranger, &world.other)),
        ("a stranger signed", world.by_key(&stranger)),
    ] {
        let verdict = judge(&pack, &policies);
        assert!(!verdict.verified, "{what}");
        assert_eq!(verdict.policies[0].outcome, Passed::Failed);
        let codes: Vec<_> = verdict.policies[0]
            .reasons
            .iter()
            .map(|r| r.code.as_str())
            .collect();
        assert!(
            codes.contains(&"no_matching_attestation"),
            "{what}: {codes:?}"
        );
        assert_eq!(verdict.policies[0].demands.len(), 3, "{what}");
    }
}

#[test]
fn authorities_that_all_attest_take_no_signature_and_may_name_theirs_alike() {
    let world = World::new();
    let attesting = |name: &str, key: &SigningKey| {
        json!({"name": name, "key": {"data": key.public_pem()},
            "attestations": [{"name": "sbom", "predicateType": "spdx"}]})
    };
    let two = json!([attesting("a", &world.key), attesting("b", &world.other)]);
    for (name, key) in [("a", &world.key), ("b", &world.other)] {
        let verdict = world.passes(&world.attested(key, SBOM), &two);
        assert_eq!(verdict.attestations.len(), 1);
        assert_eq!(verdict.attestations[0].rule, format!("prod/{name}/sbom"));
        assert_eq!(verdict.policies[0].demands.len(), 1);
        let signed = world.by_key(key);
        world.refuses(&signed, &two, Outcome::Unsigned, "no_matching_attestation");
    }
}

#[test]
fn what_lets_in_unseen_is_no_proof_beside_attestations() {
    let world = World::new();
    let with = |action: &str| {
        json!([
            {"name": "door", "static": {"action": action}},
            {"name": "ci", "key": {"data": world.key.public_pem()},
                "attestations": [{"name": "sbom", "predicateType": "spdx"}]},
        ])
    };
    let attested = world.attested(&world.key, SBOM);
    for action in ["pass", "fail"] {
        world.passes(&attested, &with(action));
    }
    let verdict = judge(&world.image, &world.policies(&with("pass")));
    assert_eq!(verdict.outcome, Outcome::Unproven);
    let verdict = judge(&world.image, &world.policies(&with("fail")));
    assert!(!verdict.verified);
    let codes: Vec<_> = verdict.reasons.iter().map(|r| r.code.as_str()).collect();
    assert!(codes.contains(&"static_fail"), "{codes:?}");
}

#[test]
fn the_key_of_a_secret_is_the_file_of_its_name_beside_the_policy() {
    let key = SigningKey::generate(Kind::P256);
    let with = |name: &str| policy(&json!([{"key": {"secretRef": {"name": name}}}]));
    let read = |name: &str| {
        let file = PolicyFile {
            name: "policies/cip.yaml".to_owned(),
            text: with(name),
        };
        file::load(&[file], NoMatch::Deny, &|source| {
            assert_eq!(source.policy_file, "policies/cip.yaml");
            match source.path.as_str() {
                "acme-key.pub" => Ok(key.public_pem().into_bytes()),
                other => only_inline_keys(&file::KeySource {
                    policy_file: String::new(),
                    path: other.to_owned(),
                }),
            }
        })
    };
    let policies = read("acme-key").unwrap();
    let AuthorityKind::Key(trust) = &policies.policies[0].authorities()[0].trust else {
        panic!("no key");
    };
    assert_eq!(trust.keys.len(), 1);
    assert_eq!(trust.keys[0].name, "acme-key.pub");
    for (name, told) in [
        ("other", "here in \"other.pub\""),
        ("../acme-key", "expected the name of a Secret"),
        ("a/b", "expected the name of a Secret"),
    ] {
        let problems = read(name).unwrap_err();
        assert!(
            problems[0]
                .field
                .starts_with("spec.authorities[0].key.secretRef")
        );
        assert!(
            problems[0].message.contains(told),
            "{}",
            problems[0].message
        );
    }
}

#[test]
fn what_selects_objects_is_an_error() {
    let key = SigningKey::generate(Kind::P256);
    let whole = policy(&json!([{"key": {"data": key.public_pem()}}]));
    assert_eq!(problems(whole.clone()), [""; 0]);
    let whole: Value = serde_json::from_str(&whole).unwrap();
    for (name, value, told) in [
        (
            "match",
            json!([{"resource": "pods", "version": "v1"}]),
            "kinds and labels",
        ),
        (
            "policy",
            json!({"type": "cue", "data": "x"}),
            "CUE in a policy",
        ),
        (
            "policy",
            json!({"type": "rego", "configMapRef": {}}),
            "Rego in a policy",
        ),
        ("mode", json!("garbage"), "enforce or warn"),
        ("images", json!([{"glob": "["}]), "no image can match"),
        ("images", json!([]), "at least one entry"),
        ("authorities", json!([]), "at least one entry"),
    ] {
        let mut changed = whole.clone();
        changed["spec"][name] = value;
        let found = problems(changed.to_string()).concat();
        let place = format!("cip.yaml:1: spec.{name}");
        assert!(
            found.contains(&place) && found.contains(told),
            "{name}: {found}"
        );
    }
}

#[test]
fn a_trust_root_that_is_none_is_an_error_at_its_place() {
    let sigstore = Sigstore::new("private");
    let good = sigstore.trust_root("acme");
    let open = policy(&json!([{"static": {"action": "pass"}}]));
    let beside = |root: &Value| problems(format!("{root}\n---\n{open}\n"));
    let place = |at: &str| format!("/spec/sigstoreKeys/{at}");
    for (at, value, told) in [
        (
            place("tLogs/0/publicKey"),
            json!("REKOR_PUBLIC_KEY"),
            "PEM in Base64",
        ),
        (
            place("certificateAuthorities/0/certChain"),
            json!(STANDARD.encode("no PEM")),
            "expected certificates in PEM",
        ),
        (place("tLogs/0/hashAlgorithm"), json!("sha-512"), "sha-256"),
        (place("tLogs/0/colour"), json!("blue"), "unknown field"),
        (
            "/metadata/name".to_owned(),
            json!("public-good"),
            "choose another name",
        ),
        (
            "/spec".to_owned(),
            json!({"remote": {"mirror": "https://tuf.example.com", "root": "e30="}}),
            "trustRoots: [{name",
        ),
        (
            "/spec".to_owned(),
            json!({"repository": {"mirrorFS": "", "root": "e30="}}),
            "trusted_root.json",
        ),
        (
            "/spec".to_owned(),
            json!({"sigstoreKeys": {"certificateAuthorities": []}}),
            "found neither",
        ),
    ] {
        let mut changed = good.clone();
        let (parent, name) = at.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap()[name] = value;
        let found = beside(&changed).concat();
        assert!(found.contains(told), "{at}: {found}");
    }
    assert_eq!(beside(&good), [""; 0]);
    let alone = problems(good.to_string()).concat();
    assert!(
        alone.contains("expected a policy beside the trust roots"),
        "{alone}"
    );
    let twice = problems(format!("{good}\n---\n{good}\n")).concat();
    assert!(
        twice.contains("a TrustRoot named \"acme\" exists already"),
        "{twice}"
    );
}

#[test]
fn patterns_cover_what_policy_controllers_cover() {
    let key = SigningKey::generate(Kind::P256);
    let text = policy(&json!([{"key": {"data": key.public_pem()}}]));
    for (glob, image, covered) in [
        ("**", "r.example.com/a/b:1", true),
        ("**demo**", "r.example.com/a/demo/b:1", true),
        ("images.*", "images.a:1", true),
        ("image*", "docker.io/library/image:1", true),
        ("image*", "docker.io/acme/image:1", false),
        ("*", "nginx:1", true),
        ("*/*", "acme/app:1", true),
        ("*/*", "r.example.com/app:1", false),
        ("index.docker.io/acme/*", "acme/app:1", true),
        ("ghcr.io/acme/*", "ghcr.io/acme/a/b:1", false),
        ("ghcr.io/acme/**", "ghcr.io/acme/a/b:1", true),
        ("ghcr.io/acme/app:*", "ghcr.io/acme/app:1", true),
    ] {
        let policies = read(text.replace("registry.example.com/**", glob));
        let pack = Pack::image(image, "a");
        let verdict = judge(&pack, &policies);
        let expected = match covered {
            true => Outcome::Unsigned,
            false => Outcome::NoPolicy,
        };
        assert_eq!(verdict.outcome, expected, "{glob} on {image}");
    }
}
