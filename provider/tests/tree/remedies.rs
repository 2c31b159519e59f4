//! What a tree offers as the smallest change that would admit the image, and where it offers none.

use sealgate_testkit::notation::{Certificate, Key, Profile};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_testkit::sigstore::certificate::San;
use sealgate_testkit::sigstore::{ISSUER, Sigstore, log};
use serde_json::{Value, json};

use super::{IMAGE, PROVENANCE, replay_with};

const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1";
const STRANGER: &str = "https://github.com/evil/app/.github/workflows/release.yml@refs/tags/v1";

fn policy(spec: Value) -> String {
    let mut spec = spec;
    spec["images"] = json!([{"glob": "registry.example.com/prod/**"}]);
    json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "production"},
        "spec": spec,
    })
    .to_string()
}

fn key(name: &str, key: &SigningKey) -> Value {
    json!({"name": name, "key": {"data": key.public_pem(), "name": format!("{name}.pub")}})
}

fn keyless(name: &str) -> Value {
    json!({"name": name, "keyless": {
        "trustRoot": "private",
        "identities": [{"issuer": ISSUER, "subject": WORKFLOW}],
    }})
}

fn signed(key: &SigningKey, pack: Pack) -> Pack {
    let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
    pack.with_cosign(&[sign::cosign_layer(key, payload)])
}

fn attested(key: &SigningKey, predicate: &Value, pack: Pack) -> Pack {
    let statement = sign::statement(&pack.digest(), PROVENANCE, predicate);
    pack.with_bundle(&sign::bundle(key, &statement))
}

/// What stands under "what would admit it", where `IMG` is the image by its digest.
fn offered(pack: &Pack, spec: Value) -> Vec<String> {
    offered_by(pack, spec, &Sigstore::new("private"))
}

fn offered_by(pack: &Pack, spec: Value, sigstore: &Sigstore) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root.json");
    std::fs::write(&root, sigstore.trusted_root().to_string()).unwrap();
    let store = folder.path().join("stores/x509/ca/acme");
    std::fs::create_dir_all(&store).unwrap();
    let authority = Profile::authority("C=US, ST=WA, O=acme, CN=root");
    std::fs::write(
        store.join("acme.crt"),
        Certificate::self_signed(&authority).pem(),
    )
    .unwrap();
    let root = format!("private={}", root.display());
    let stores = folder.path().join("stores").display().to_string();
    let trust = ["--trust-root", &root, "--trust-store", &stores];
    let (code, tree) = replay_with(folder.path(), pack, &policy(spec), &trust);
    let tree = tree.replace(&format!("{}@{}", pack.repository(), pack.digest()), "IMG");
    match tree.split_once("\n└─ what would admit it\n") {
        Some((_, offered)) => {
            assert_eq!(code, Some(1), "{tree}");
            offered.lines().map(str::to_owned).collect()
        }
        None => {
            assert!(!tree.contains("what would admit it"), "{tree}");
            Vec::new()
        }
    }
}

fn image() -> Pack {
    Pack::image(IMAGE, "a")
}

/// Of several ways of which one suffices, the one that takes least.
#[test]
fn the_shortest_way_of_a_cluster_image_policy_is_offered() {
    let (signs, attests) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let policy = json!({
        "apiVersion": "policy.sigstore.dev/v1beta1",
        "kind": "ClusterImagePolicy",
        "metadata": {"name": "production"},
        "spec": {
            "images": [{"glob": "registry.example.com/prod/**"}],
            "authorities": [
                {"name": "ci", "key": {"data": attests.public_pem()}, "attestations": [
                    {"name": "provenance", "predicateType": PROVENANCE},
                    {"name": "sbom", "predicateType": "spdx"},
                ]},
                {"name": "release", "key": {"data": signs.public_pem()}},
            ],
        },
    });
    let folder = tempfile::tempdir().unwrap();
    let tree = |pack: &Pack| replay_with(folder.path(), pack, &policy.to_string(), &[]);
    let (code, refused) = tree(&image());
    assert_eq!(code, Some(1), "{refused}");
    let (_, offered) = refused.split_once("what would admit it").unwrap();
    assert!(
        offered.contains("an image signature by release"),
        "{offered}"
    );
    assert!(!offered.contains("an attestation of type"), "{offered}");
    let (code, passed) = tree(&signed(&signs, image()));
    assert_eq!(code, Some(0), "{passed}");
}

#[test]
fn a_missing_signature_comes_with_the_command_of_who_is_asked_for() {
    let release = SigningKey::generate(Kind::P256);
    for (authority, expected) in [
        (
            key("release", &release),
            [
                "   └─ an image signature by release, with the private half of release.pub",
                "      └─ cosign sign --key PRIVATE_KEY IMG",
            ],
        ),
        (
            {
                let mut authority = key("release", &release);
                authority["annotations"] = json!({"env": "prod", "team": "it's us"});
                authority
            },
            [
                "   └─ an image signature by release, with the private half of release.pub",
                r"      └─ cosign sign --key PRIVATE_KEY -a env=prod -a 'team=it'\''s us' IMG",
            ],
        ),
        (
            keyless("ci"),
            [
                &format!("   └─ an image signature by ci, as {WORKFLOW:?} of {ISSUER:?}"),
                "      └─ cosign sign IMG",
            ],
        ),
        (
            json!({"name": "notary", "notation": {
                "trustStores": ["ca:acme"], "trustedIdentities": ["*"],
            }}),
            [
                "   └─ an image signature by notary, with a certificate that leads to ca:acme",
                "      └─ notation sign IMG",
            ],
        ),
    ] {
        assert_eq!(
            offered(&image(), json!({"authorities": [authority]})),
            expected
        );
    }
}

#[test]
fn of_a_threshold_what_is_still_missing_is_offered() {
    let [a, b, c] = [0; 3].map(|_| SigningKey::generate(Kind::P256));
    let spec = |count: usize| {
        json!({
            "authorities": [key("a", &a), key("b", &b), key("c", &c)],
            "require": {"atLeast": {"count": count, "of": ["a", "b", "c"]}},
        })
    };
    assert_eq!(
        offered(&signed(&a, image()), spec(2)),
        [
            "   └─ an image signature by b or c",
            "      ├─ b, with the private half of b.pub: cosign sign --key PRIVATE_KEY IMG",
            "      └─ c, with the private half of c.pub: cosign sign --key PRIVATE_KEY IMG",
        ]
    );
    assert_eq!(
        offered(&image(), spec(2))[0],
        "   └─ image signatures by 2 of a, b, c"
    );
    assert_eq!(offered(&signed(&a, image()), spec(1)), [""; 0]);
}

#[test]
fn a_missing_attestation_comes_with_the_name_that_cosign_has_for_its_type() {
    let ci = SigningKey::generate(Kind::P256);
    let image = signed(&ci, image());
    for (predicate_type, name) in [
        ("https://slsa.dev/provenance/v0.2", "slsaprovenance02"),
        (PROVENANCE, "slsaprovenance1"),
        ("https://spdx.dev/Document", "spdxjson"),
        ("https://cyclonedx.org/bom", "cyclonedx"),
        ("https://in-toto.io/Link/v1", "link"),
        ("https://cosign.sigstore.dev/attestation/vuln/v1", "vuln"),
        ("https://openvex.dev/ns", "openvex"),
        ("https://cosign.sigstore.dev/attestation/v1", "custom"),
        (
            "https://acme.example/review?v=1",
            "'https://acme.example/review?v=1'",
        ),
    ] {
        let spec = json!({
            "authorities": [key("ci", &ci), keyless("workflow")],
            "require": {"atLeast": {"count": 1, "of": ["ci"]}},
            "attestations": [{
                "name": "it", "predicateType": predicate_type, "from": ["workflow"],
            }],
        });
        assert_eq!(
            offered(&image, spec),
            [
                format!(
                    "   └─ an attestation of type {predicate_type} by workflow, as {WORKFLOW:?} of {ISSUER:?}"
                ),
                format!("      └─ cosign attest --type {name} --predicate FILE IMG"),
            ]
        );
    }
}

/// All that is missing, and not one of several.
#[test]
fn everything_that_is_missing_is_offered() {
    let ci = SigningKey::generate(Kind::P256);
    let spec = json!({
        "authorities": [key("ci", &ci)],
        "attestations": [{"name": "provenance", "predicateType": PROVENANCE}],
    });
    assert_eq!(
        offered(&image(), spec),
        [
            "   ├─ an image signature by ci, with the private half of ci.pub".to_owned(),
            "   │  └─ cosign sign --key PRIVATE_KEY IMG".to_owned(),
            format!(
                "   └─ an attestation of type {PROVENANCE} by ci, with the private half of ci.pub"
            ),
            "      └─ cosign attest --key PRIVATE_KEY --type slsaprovenance1 --predicate FILE IMG"
                .to_owned(),
        ]
    );
}

#[test]
fn a_condition_says_what_was_found_and_what_is_demanded() {
    let ci = SigningKey::generate(Kind::P256);
    let image = attested(
        &ci,
        &json!({"builder": {"id": "https://github.com/acm/builder"}}),
        signed(&ci, image()),
    );
    let spec = |condition: &str| {
        json!({
            "authorities": [key("ci", &ci)],
            "attestations": [{
                "name": "provenance", "predicateType": PROVENANCE, "conditions": [condition],
            }],
        })
    };
    let condition = "predicate.builder.id.startsWith('https://github.com/acme/')";
    assert_eq!(
        offered(&image, spec(condition)),
        [
            format!("   └─ an attestation of type {PROVENANCE} that meets the rule \"provenance\""),
            format!(
                "      └─ the condition {condition:?} is false: predicate.builder.id is \"https://github.com/acm/builder\""
            ),
        ]
    );
    assert_eq!(
        offered(&image, spec("predicate.absent == 1")),
        [
            "   └─ a condition that can be evaluated, in the rule \"provenance\"",
            "      └─ the condition \"predicate.absent == 1\" cannot be evaluated: a field or key that it asks for is absent",
        ]
    );
}

#[test]
fn who_signed_in_the_place_of_another_may_be_whom_the_policy_means() {
    let sigstore = Sigstore::new("private");
    let mut leaf = sigstore.leaf();
    leaf.names = vec![San::Uri(STRANGER.to_owned())];
    let key = Key::new(Kind::P256, "stranger");
    let logs = [&sigstore.ct_log];
    let holder = log::issue_logged(&leaf, key, &sigstore.intermediate, &logs, &[]);
    let image = image();
    let payload = sign::simple_signing(&image.repository(), &image.digest(), &Value::Null);
    let image = image.with_cosign(&[sigstore.cosign_layer(&holder, &payload)]);
    assert_eq!(
        offered_by(&image, json!({"authorities": [keyless("ci")]}), &sigstore),
        [
            format!("   └─ an image signature by ci, as {WORKFLOW:?} of {ISSUER:?}"),
            "      ├─ cosign sign IMG".to_owned(),
            format!(
                "      └─ or, if that signer is meant, the policy's subject of ci does not match: \
                 expected a certificate for {WORKFLOW:?}, found one for {STRANGER:?}"
            ),
        ]
    );
}

#[test]
fn an_image_that_no_policy_covers_is_offered_one() {
    let release = SigningKey::generate(Kind::P256);
    let image = Pack::image("registry.example.com/test/app:1.0", "a");
    assert_eq!(
        offered(&image, json!({"authorities": [key("release", &release)]})),
        [
            "   └─ a trust policy that covers registry.example.com/test/app",
            "      └─ images: [{glob: registry.example.com/test/app}]",
        ]
    );
}

/// A signature more would not mend it.
#[test]
fn nothing_is_offered_against_what_is_broken_or_forged() {
    let release = SigningKey::generate(Kind::P256);
    let image = image();
    let elsewhere = sign::simple_signing(
        &image.repository(),
        &Pack::image(IMAGE, "b").digest(),
        &Value::Null,
    );
    let image = image.with_cosign(&[sign::cosign_layer(&release, elsewhere)]);
    let folder = tempfile::tempdir().unwrap();
    let spec = json!({"authorities": [key("release", &release)]});
    let (code, tree) = replay_with(folder.path(), &image, &policy(spec.clone()), &[]);
    assert!(tree.contains("subject_mismatch"), "{tree}");
    assert!(
        tree.ends_with(
            "\n└─ the image carries a broken or forged signature [subject_mismatch]. Do not run it; \
             tell the security team.\n"
        ),
        "{tree}"
    );
    assert_eq!(code, Some(1));
    assert_eq!(offered(&image, spec), [""; 0]);
}
