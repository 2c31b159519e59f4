//! Every field of a policy, each alone: what passes by all of them is refused when one differs, and
//! for the reason that is its own. A field that is read and not heeded would let in what it forbids
//! (CVE-2025-29778).

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_testkit::notation::{Certificate, Envelope, Format, Profile};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, COSIGN_SIGN, Kind, SigningKey};
use sealgate_testkit::sigstore::{ISSUER, SUBJECT, Sigstore};
use sealgate_tests::parity::Question;
use sealgate_tests::source;
use serde_json::{Value, json};

use crate::scene::{NOTARY_SIGNER, NOW, Scene, image, with_envelope};

/// Fields that cannot be the reason of a refusal here, and why.
const EXEMPT: [(&str, &str); 15] = [
    (
        "platforms",
        "these images are no index: `words::platforms` has those that are",
    ),
    ("apiVersion", "says what the document is"),
    ("kind", "says what the document is"),
    ("metadata", "names the policy"),
    ("spec", "holds all that follows"),
    ("name", "names, and refuses nothing"),
    ("reason", "tells people why there is an exception"),
    ("labels", "belongs to Kubernetes"),
    (
        "mode",
        "`warn` lets in, and `enforce` is what all rows have",
    ),
    (
        "file",
        "a place of a key, which the provider reads: `data` is what core gets",
    ),
    (
        "secret",
        "a place of a key, which the provider reads: `data` is what core gets",
    ),
    ("key", "`data` is the row; in `secret` it is a name"),
    ("notation", "holds fields that have rows"),
    (
        "authenticTimestamp",
        "in tests/notation/levels.rs, with an expired certificate",
    ),
    (
        "verifyTimestamp",
        "in tests/notation/timestamps.rs, with an expired certificate",
    ),
];

/// A good policy, and evidence that passes by it.
struct Base {
    spec: Value,
    pack: Pack,
}

/// A change of some fields, and the first reason that comes of it.
struct Row {
    base: &'static str,
    /// Where, and what stands there instead; `null` takes it away.
    changes: Vec<(&'static str, Value)>,
    code: &'static str,
}

fn row(base: &'static str, at: &'static str, value: Value, code: &'static str) -> Row {
    let changes = vec![(at, value)];
    Row {
        base,
        changes,
        code,
    }
}

struct World {
    scene: Scene,
    other: Sigstore,
    other_key: SigningKey,
    stranger: Certificate,
    bases: BTreeMap<&'static str, Base>,
}

const SCAN: &str = "https://example.com/scan/v1";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const VEX: &str = "https://openvex.dev/ns/v0.2.0";
const CRL: &str = "http://crl.example.com/acme.crl";

impl World {
    fn new() -> Self {
        let scene = Scene::new();
        let stranger =
            Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=evil, CN=root"));
        let mut world = Self {
            scene,
            other: Sigstore::new("other"),
            other_key: SigningKey::generate(Kind::P256),
            stranger,
            bases: BTreeMap::new(),
        };
        let bases = [
            ("keyless", world.keyless()),
            ("key", world.key()),
            ("attested", world.attested()),
            ("excused", world.excused()),
            ("notary", world.notary()),
            ("expired", world.expired()),
            ("unrevoked", world.unrevoked()),
            ("audited", world.audited()),
            ("open", world.open()),
        ];
        world.bases = BTreeMap::from(bases);
        world
    }

    fn keyless(&self) -> Base {
        let image = image();
        let payload = sign::simple_signing(
            &image.repository(),
            &image.digest(),
            &json!({"env": "prod"}),
        );
        let layer = self
            .scene
            .sigstore
            .cosign_layer(&self.scene.signer, &payload);
        let spec = json!({
            "images": [{"glob": "registry.example.com/**"}],
            "namespaces": ["prod-*"],
            "authorities": [
                {
                    "name": "ci",
                    "keyless": {
                        "trustRoot": "private",
                        "identities": [{
                            "issuer": ISSUER,
                            "subject": SUBJECT,
                            "subjectType": "uri",
                            "claims": {"runnerEnvironment": "github-hosted"},
                            "claimsRegExp": {"sourceRepositoryURI": "https://github\\.com/acme/.+"},
                        }],
                        "transparencyLog": {"threshold": 1},
                        "signedTimestamp": {"threshold": 0},
                        "certificateTransparency": {"threshold": 1},
                    },
                    "annotations": {"env": "prod"},
                },
                {"name": "second", "key": {"data": self.other_key.public_pem()}},
            ],
            "require": {"atLeast": {"count": 1, "of": ["ci"]}},
        });
        let mut pack = image.with_cosign(&[layer]);
        pack.evidence_mut().request.namespace = Some("prod-a".to_owned());
        Base { spec, pack }
    }

    fn key(&self) -> Base {
        let image = image();
        let statement = sign::statement(&image.digest(), COSIGN_SIGN, &json!({}));
        Base {
            spec: json!({
                "images": [{"glob": "**"}],
                "authorities": [{"name": "key", "key": {
                    "data": self.scene.key.public_pem(),
                    "validFor": {"start": "2020-01-01T00:00:00Z", "end": "2040-01-01T00:00:00Z"},
                }}],
            }),
            pack: image.with_bundle(&sign::bundle(&self.scene.key, &statement)),
        }
    }

    fn attested(&self) -> Base {
        let image = image();
        let statement = sign::statement(&image.digest(), SCAN, &json!({"n": 1}));
        Base {
            spec: json!({
                "images": [{"glob": "**"}],
                "authorities": [
                    {"name": "key", "key": {"data": self.scene.key.public_pem()}},
                    {"name": "second", "key": {"data": self.other_key.public_pem()}},
                ],
                "require": "attestationsOnly",
                "attestations": [{
                    "name": "scan",
                    "predicateType": SCAN,
                    "from": ["key"],
                    "conditions": ["predicate.n == 1"],
                }],
            }),
            pack: image.with_bundle(&sign::bundle(&self.scene.key, &statement)),
        }
    }

    /// A scan with two critical vulnerabilities: one has an exception, the other is cleared.
    fn excused(&self) -> Base {
        let image = image();
        let found = |id: &str| json!({"VulnerabilityID": id, "Severity": "CRITICAL"});
        let scan = json!({"scanner": {"result": {"SchemaVersion": 2, "Results": [
            {"Target": "os", "Vulnerabilities": [found("CVE-1"), found("CVE-2")]},
        ]}}});
        let vex = json!({"timestamp": "2027-01-01T00:00:00Z", "statements": [
            {"vulnerability": {"name": "CVE-2"}, "status": "fixed"},
        ]});
        let scan = sign::statement(&image.digest(), VULN, &scan);
        let vex = sign::statement(&image.digest(), VEX, &vex);
        Base {
            spec: json!({
                "images": [{"glob": "**"}],
                "authorities": [
                    {"name": "key", "key": {"data": self.scene.key.public_pem()}},
                    {"name": "second", "key": {"data": self.other_key.public_pem()}},
                ],
                "require": "attestationsOnly",
                "attestations": [
                    {
                        "name": "scan",
                        "predicateType": VULN,
                        "from": ["key"],
                        "vex": {"from": ["second"]},
                        "conditions": ["facts.vulnerabilities.critical == 0"],
                    },
                    {"name": "any-scan", "predicateType": VULN},
                ],
                "exceptions": [{
                    "rule": "scan",
                    "vulnerabilities": ["CVE-1"],
                    "until": "2027-02-01T00:00:00Z",
                    "reason": "vendor fix due",
                }],
            }),
            pack: image
                .with_bundle(&sign::bundle(&self.scene.key, &scan))
                .with_bundle(&sign::bundle(&self.other_key, &vex)),
        }
    }

    fn notation_spec(level: &str) -> Value {
        json!({
            "images": [{"glob": "**"}],
            "authorities": [{"name": "notary", "notation": {
                "trustStores": ["ca:acme"],
                "trustedIdentities": [format!("x509.subject: {NOTARY_SIGNER}")],
                "level": level,
            }}],
        })
    }

    fn notary(&self) -> Base {
        let spec = Self::notation_spec("strict");
        let pack = self.scene.signed(Format::Jws);
        Base { spec, pack }
    }

    /// A signature that has expired, which a lenient level logs.
    fn expired(&self) -> Base {
        let image = image();
        let envelope = self.scene.envelope(Format::Jws, &image);
        let envelope = envelope
            .expiring(NOW.seconds() - 60)
            .sign(&self.scene.notary.key);
        let pack = with_envelope(image, Format::Jws, &envelope);
        let spec = Self::notation_spec("permissive");
        Base { spec, pack }
    }

    /// A certificate that names a list, which nobody has fetched.
    fn unrevoked(&self) -> Base {
        let profile = Profile::signer(NOTARY_SIGNER).with(|p| p.crl = vec![CRL.to_owned()]);
        let signer = self.scene.notary_root.issue(&profile);
        let pack = self.signed_by(&signer, &self.scene.notary_root);
        let spec = Self::notation_spec("permissive");
        Base { spec, pack }
    }

    /// A stranger's signature, which the most lenient level logs.
    fn audited(&self) -> Base {
        let signer = self.stranger.issue(&Profile::signer(NOTARY_SIGNER));
        let pack = self.signed_by(&signer, &self.stranger);
        let spec = Self::notation_spec("audit");
        Base { spec, pack }
    }

    /// An image that nobody signed, which is let in as it is.
    fn open(&self) -> Base {
        let spec = json!({
            "images": [{"glob": "**"}],
            "authorities": [{"name": "all", "static": {"action": "pass"}}],
        });
        Base {
            spec,
            pack: image(),
        }
    }

    fn signed_by(&self, signer: &Certificate, root: &Certificate) -> Pack {
        let image = image();
        let mut envelope = self.scene.envelope(Format::Jws, &image);
        let payload = envelope.payload.clone();
        envelope = Envelope::x509(Format::Jws, &[signer, root], payload);
        with_envelope(image, Format::Jws, &envelope.sign(&signer.key))
    }

    /// The verdict, the same natively and in wasm.
    fn judge(&self, pack: &Pack, spec: &Value) -> Value {
        let policy = json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "prod"},
            "spec": spec,
        });
        let pem = |root: &Certificate| {
            let base64 = STANDARD.encode(&root.der);
            format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n")
        };
        let other_root = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=other"));
        let question = Question {
            evidence: pack.evidence().clone(),
            policies: vec![policy.to_string()],
            trust_roots: BTreeMap::from([
                ("private".to_owned(), self.scene.root.clone()),
                ("other".to_owned(), self.other.trusted_root()),
            ]),
            trust_stores: BTreeMap::from([
                ("ca:acme".to_owned(), vec![pem(&self.scene.notary_root)]),
                ("ca:other".to_owned(), vec![pem(&other_root)]),
            ]),
            now: NOW,
        };
        let response = question.judge();
        assert!(response["verdict"].is_object(), "{response}");
        response["verdict"].clone()
    }
}

fn rows(world: &World) -> Vec<Row> {
    let other_pem = world.other_key.public_pem();
    vec![
        row(
            "keyless",
            "/images/0/glob",
            json!("registry.example.com/other/**"),
            "no_policy",
        ),
        row("keyless", "/namespaces/0", json!("dev-*"), "no_policy"),
        row(
            "keyless",
            "/authorities/0/keyless/trustRoot",
            json!("other"),
            "certificate_untrusted",
        ),
        row(
            "keyless",
            "/authorities/0/keyless/identities/0/issuer",
            json!("https://other.example"),
            "issuer_mismatch",
        ),
        row(
            "keyless",
            "/authorities/0/keyless/identities/0/subject",
            json!("https://other.example"),
            "identity_mismatch",
        ),
        Row {
            base: "keyless",
            changes: vec![
                ("/authorities/0/keyless/identities/0/issuer", Value::Null),
                (
                    "/authorities/0/keyless/identities/0/issuerRegExp",
                    json!("https://other\\..+"),
                ),
            ],
            code: "issuer_mismatch",
        },
        Row {
            base: "keyless",
            changes: vec![
                ("/authorities/0/keyless/identities/0/issuer", Value::Null),
                (
                    "/authorities/0/keyless/identities/0/withoutIssuer",
                    json!(true),
                ),
            ],
            code: "issuer_mismatch",
        },
        Row {
            base: "keyless",
            changes: vec![
                ("/authorities/0/keyless/identities/0/subject", Value::Null),
                (
                    "/authorities/0/keyless/identities/0/subjectRegExp",
                    json!("https://other\\..+"),
                ),
            ],
            code: "identity_mismatch",
        },
        row(
            "keyless",
            "/authorities/0/keyless/identities/0/subjectType",
            json!("email"),
            "identity_mismatch",
        ),
        row(
            "keyless",
            "/authorities/0/keyless/identities/0/claims/runnerEnvironment",
            json!("self-hosted"),
            "claim_mismatch",
        ),
        row(
            "keyless",
            "/authorities/0/keyless/identities/0/claimsRegExp/sourceRepositoryURI",
            json!("https://other/.+"),
            "claim_mismatch",
        ),
        row(
            "keyless",
            "/authorities/0/keyless/transparencyLog/threshold",
            json!(2),
            "log_threshold_not_met",
        ),
        row(
            "keyless",
            "/authorities/0/keyless/signedTimestamp/threshold",
            json!(1),
            "timestamp_threshold_not_met",
        ),
        row(
            "keyless",
            "/authorities/0/keyless/certificateTransparency/threshold",
            json!(2),
            "sct_threshold_not_met",
        ),
        Row {
            base: "keyless",
            changes: vec![
                ("/authorities/0/keyless/transparencyLog", Value::Null),
                (
                    "/authorities/0/keyless/insecureWithoutVerifiedTime",
                    json!(true),
                ),
            ],
            code: "certificate_outside_validity",
        },
        row(
            "keyless",
            "/authorities/0/annotations/env",
            json!("dev"),
            "annotation_mismatch",
        ),
        row(
            "keyless",
            "/require/atLeast/of",
            json!(["second"]),
            "threshold_not_met",
        ),
        row(
            "keyless",
            "/require/atLeast",
            json!({"count": 2, "of": ["ci", "second"]}),
            "threshold_not_met",
        ),
        row(
            "keyless",
            "/require",
            json!({"allOf": ["ci", "second"]}),
            "threshold_not_met",
        ),
        row(
            "keyless",
            "/require",
            json!({"anyOf": ["second"]}),
            "threshold_not_met",
        ),
        row(
            "keyless",
            "/require",
            json!({"allOf": ["ci", {"anyOf": ["ci", "second"]}]}),
            "threshold_not_met",
        ),
        row(
            "keyless",
            "/authorities/0/maxAge",
            json!("1m"),
            "signature_too_old",
        ),
        row(
            "key",
            "/authorities/0/key/data",
            json!(other_pem),
            "signature_invalid",
        ),
        row(
            "key",
            "/authorities/0/key/validFor/start",
            json!("2030-01-01T00:00:00Z"),
            "key_outside_validity",
        ),
        row(
            "key",
            "/authorities/0/key/validFor/end",
            json!("2026-01-01T00:00:00Z"),
            "key_outside_validity",
        ),
        Row {
            base: "key",
            changes: vec![
                ("/authorities/0/key", Value::Null),
                ("/authorities/0/keys", json!([{"data": other_pem}])),
            ],
            code: "signature_invalid",
        },
        Row {
            base: "key",
            changes: vec![
                ("/authorities/0/trustRoot", json!("private")),
                ("/authorities/0/transparencyLog", json!({"threshold": 1})),
            ],
            code: "log_threshold_not_met",
        },
        Row {
            base: "key",
            changes: vec![
                ("/authorities/0/trustRoot", json!("private")),
                ("/authorities/0/signedTimestamp", json!({"threshold": 1})),
            ],
            code: "timestamp_threshold_not_met",
        },
        row(
            "attested",
            "/attestations/0/predicateType",
            json!("https://example.com/other"),
            "no_matching_attestation",
        ),
        row(
            "attested",
            "/attestations/0/from",
            json!(["second"]),
            "no_matching_attestation",
        ),
        row(
            "attested",
            "/attestations/0/conditions/0",
            json!("predicate.n == 2"),
            "condition_failed",
        ),
        row(
            "excused",
            "/attestations/0/vex",
            Value::Null,
            "condition_failed",
        ),
        row(
            "excused",
            "/attestations/0/vex/from/0",
            json!("key"),
            "condition_failed",
        ),
        row("excused", "/exceptions", Value::Null, "condition_failed"),
        row(
            "excused",
            "/exceptions/0/rule",
            json!("any-scan"),
            "condition_failed",
        ),
        row(
            "excused",
            "/exceptions/0/vulnerabilities/0",
            json!("CVE-3"),
            "condition_failed",
        ),
        row(
            "excused",
            "/exceptions/0/until",
            json!("2027-01-15T08:00:00Z"),
            "condition_failed",
        ),
        row("attested", "/require", Value::Null, "no_image_signature"),
        row(
            "notary",
            "/authorities/0/notation/trustStores/0",
            json!("ca:other"),
            "certificate_untrusted",
        ),
        row(
            "notary",
            "/authorities/0/notation/trustedIdentities/0",
            json!("x509.subject: C=US, ST=WA, O=other"),
            "trusted_identity_mismatch",
        ),
        row(
            "expired",
            "/authorities/0/notation/level",
            json!("strict"),
            "signature_expired",
        ),
        row(
            "expired",
            "/authorities/0/notation/override",
            json!({"expiry": "enforce"}),
            "signature_expired",
        ),
        row(
            "unrevoked",
            "/authorities/0/notation/override",
            json!({"revocation": "enforce"}),
            "revocation_unknown",
        ),
        row(
            "audited",
            "/authorities/0/notation/override",
            json!({"authenticity": "enforce"}),
            "certificate_untrusted",
        ),
        row(
            "open",
            "/authorities/0/static/action",
            json!("fail"),
            "static_fail",
        ),
        row(
            "open",
            "/authorities/0/static",
            json!({"action": "fail", "message": "closed"}),
            "static_fail",
        ),
    ]
}

/// Sets or takes away what is at a place.
fn change(spec: &mut Value, at: &str, value: &Value) {
    let (parent, name) = at.rsplit_once('/').unwrap();
    match spec.pointer_mut(parent).unwrap() {
        Value::Object(fields) if value.is_null() => drop(fields.remove(name)),
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value.clone())),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value.clone(),
        other => panic!("{at} in {other}"),
    }
}

#[test]
fn every_field_alone_refuses_for_its_own_reason_adv_44() {
    let world = World::new();
    for (name, base) in &world.bases {
        let verdict = world.judge(&base.pack, &base.spec);
        assert_eq!(verdict["verified"], true, "{name}: {}", verdict["reasons"]);
    }
    for row in rows(&world) {
        let base = &world.bases[row.base];
        let mut spec = base.spec.clone();
        for (at, value) in &row.changes {
            change(&mut spec, at, value);
        }
        let verdict = world.judge(&base.pack, &spec);
        let places: Vec<_> = row.changes.iter().map(|(at, _)| *at).collect();
        assert_eq!(verdict["verified"], false, "{places:?} is not heeded");
        let codes = crate::scene::codes(&verdict);
        assert!(
            codes.iter().any(|code| code == row.code),
            "{places:?}: {}",
            verdict["reasons"]
        );
    }
}

/// The table has every field that the reader knows.
#[test]
fn no_field_is_without_a_row_adv_44() {
    let world = World::new();
    let mut tried: BTreeSet<String> = BTreeSet::new();
    let mut name_all = |value: &Value| names(value, &mut tried);
    for row in rows(&world) {
        for (at, value) in &row.changes {
            name_all(value);
            let segments = at.split('/').filter(|name| !name.is_empty());
            segments.for_each(|name| name_all(&json!({name: null})));
        }
    }
    let exempt: BTreeSet<_> = EXEMPT.iter().map(|(name, _)| (*name).to_owned()).collect();
    let known = known_fields();
    assert!(known.len() > 40, "{known:?}");
    let lacking: Vec<_> = known
        .iter()
        .filter(|name| !tried.contains(*name) && !exempt.contains(*name))
        .collect();
    assert_eq!(lacking, Vec::<&String>::new(), "fields without a row");
    let gone: Vec<_> = exempt
        .iter()
        .filter(|name| !known.contains(*name))
        .collect();
    assert_eq!(gone, Vec::<&String>::new(), "exempt, and no field");
}

fn names(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                found.insert(name.clone());
                names(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| names(item, found)),
        _ => {}
    }
}

/// What the reader of a `TrustPolicy` closes each object with: `finish(&["a", "b"])`.
fn known_fields() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for file in source::files("core").unwrap() {
        // The formats of others have fields of their own.
        let others = file.ends_with("/notary.rs") || file.contains("/cluster_image_policy/");
        if !file.starts_with("core/src/policy/") || others {
            continue;
        }
        let text = std::fs::read_to_string(source::root().join(&file)).unwrap();
        for list in text.split(".finish(&[").skip(1) {
            let list = list.split(']').next().unwrap();
            let quoted = list.split('"').skip(1).step_by(2);
            known.extend(quoted.map(str::to_owned));
        }
    }
    known
}

/// An unknown field is an error wherever it stands.
#[test]
fn an_unknown_field_is_an_error_wherever_it_stands_adv_44() {
    use sealgate_core::policy::NoMatch;
    use sealgate_core::policy::file::{self, PolicyFile};

    let world = World::new();
    let mut tried = 0;
    for base in world.bases.values() {
        let mut places = Vec::new();
        objects(&base.spec, String::new(), &mut places);
        for place in places {
            // What they hold is named by whoever writes the policy.
            if ["claims", "claimsRegExp", "annotations"]
                .iter()
                .any(|name| place.ends_with(name))
            {
                continue;
            }
            let mut spec = base.spec.clone();
            change(&mut spec, &format!("{place}/issuerRegex"), &json!("x"));
            let policy = json!({
                "apiVersion": "sealgate.dev/v1alpha1",
                "kind": "TrustPolicy",
                "metadata": {"name": "prod"},
                "spec": spec,
            });
            let file = PolicyFile {
                name: "policy.yaml".to_owned(),
                text: policy.to_string(),
            };
            let problems = file::load(&[file], NoMatch::Deny, &file::only_inline_keys).unwrap_err();
            let told = problems
                .iter()
                .any(|one| one.to_string().contains("issuerRegex"));
            assert!(told, "{place}: {problems:?}");
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

fn objects(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                objects(value, format!("{at}/{name}"), found);
            }
            found.push(at);
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                objects(item, format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}
