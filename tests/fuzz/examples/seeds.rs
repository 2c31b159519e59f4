//! Makes the world of the fuzz targets and a first corpus:
//! `cargo run -p sealgate-fuzz --example seeds`.
//!
//! The keys are made for the run and forgotten. So everything is made anew at once, or nothing: a
//! seed of one run means nothing in the world of another.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_fuzz::{IMAGE, NOW, POLICIES, Section, write};
use sealgate_testkit::key::Key;
use sealgate_testkit::notation::envelope::payload;
use sealgate_testkit::notation::revocation::{Crl, Entry, Ocsp, Status};
use sealgate_testkit::notation::token;
use sealgate_testkit::notation::{Certificate, Envelope, Format, Profile};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, COSIGN_SIGN, Kind, Layer, SigningKey};
use sealgate_testkit::sigstore::{ISSUER, SUBJECT, Signed, Sigstore};
use sealgate_testkit::tuf::Repository;
use sealgate_tests::parity::Question;
use serde_json::{Value, json};

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// Those who sign.
struct Signers {
    sigstore: Sigstore,
    notary: Notary,
    key: SigningKey,
}

struct Notary {
    root: Certificate,
    intermediate: Certificate,
    leaf: Certificate,
    tsa_root: Certificate,
    tsa: Certificate,
}

impl Signers {
    /// Of the same names as all others.
    fn new(instance: &str) -> Self {
        Self {
            sigstore: Sigstore::new(instance),
            notary: Notary::new(),
            key: SigningKey::generate(Kind::P256),
        }
    }

    /// A bundle with an entry of Rekor v1, and one with an entry of v2 and a timestamp.
    fn bundles(&self, pack: &Pack, predicate_type: &str) -> [Value; 2] {
        let signer = self.sigstore.signer();
        let signed = Signed::statement(&signer.key, &statement(pack, predicate_type));
        [
            self.sigstore.bundle_v1(&signed, &signer),
            self.sigstore.bundle_v2(&signed, &signer),
        ]
    }
}

impl Notary {
    fn new() -> Self {
        let authority = |name: &str| Profile::authority(&format!("C=US, ST=WA, O=acme, CN={name}"));
        let root = Certificate::self_signed(&authority("root"));
        let intermediate = root.issue(&authority("intermediate"));
        let signer = Profile::signer("C=US, ST=WA, O=acme, CN=release").with(|profile| {
            profile.ocsp = vec!["http://ocsp.example.com/".to_owned()];
            profile.crl = vec!["http://crl.example.com/acme.crl".to_owned()];
        });
        let tsa_root = Certificate::self_signed(&Profile::authority("C=US, O=time, CN=root"));
        Self {
            leaf: intermediate.issue(&signer),
            tsa: tsa_root.issue(&Profile::timestamper("C=US, O=time, CN=tsa")),
            root,
            intermediate,
            tsa_root,
        }
    }

    fn envelope(&self, format: Format, pack: &Pack) -> Vec<u8> {
        let subject = &pack.evidence().subject;
        let size = subject.manifest.bytes().len();
        let payload = payload(&subject.media_type, &pack.digest(), size, &Value::Null);
        let chain = [&self.leaf, &self.intermediate, &self.root];
        let stamp = |signature: &[u8]| token(&[&self.tsa]).sign(&self.tsa, signature);
        Envelope::x509(format, &chain, payload).sign_and_stamp(&self.leaf.key, stamp)
    }
}

fn statement(pack: &Pack, predicate_type: &str) -> Vec<u8> {
    let predicate = json!({"builder": {"id": "https://github.com/acme/builder"}, "n": 1});
    sign::statement(&pack.digest(), predicate_type, &predicate)
}

fn with(mut object: Value, more: &Value) -> Value {
    let fields = more.as_object().unwrap().clone();
    object.as_object_mut().unwrap().extend(fields);
    object
}

fn policies(key: &SigningKey) -> Vec<Value> {
    let policy = |name: &str, authority: Value, more: Value| {
        let spec = json!({
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [authority],
        });
        json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": name},
            "spec": with(spec, &more),
        })
    };
    let keyless = |logs: usize, timestamps: usize| {
        json!({"name": "ci", "keyless": {
            "trustRoot": "private",
            "identities": [{"issuer": ISSUER, "subject": SUBJECT}],
            "transparencyLog": {"threshold": logs},
            "signedTimestamp": {"threshold": timestamps},
        }})
    };
    let notary = |more: Value| {
        let notation = json!({
            "trustStores": ["ca:acme"],
            "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
            "level": "strict",
        });
        json!({"name": "notary", "notation": with(notation, &more)})
    };
    let attested = json!({
        "require": "attestationsOnly",
        "attestations": [{
            "name": "provenance",
            "predicateType": PROVENANCE,
            "from": ["ci"],
            "conditions": ["predicate.builder.id.startsWith('https://github.com/acme/')"],
        }],
    });
    let stamped = json!({"trustStores": ["ca:acme", "tsa:time"], "verifyTimestamp": "always"});
    let key = json!({"name": "release", "key": {"data": key.public_pem()}});
    vec![
        policy("keyless", keyless(1, 0), json!({})),
        policy("witnessed", keyless(1, 1), json!({})),
        policy("attested", keyless(0, 1), attested.clone()),
        policy("key", key, json!({})),
        policy("notary", notary(json!({})), json!({})),
        policy("stamped", notary(stamped), json!({})),
        policy("logged", keyless(1, 0), attested),
    ]
}

/// Where seeds go.
struct Corpus(PathBuf);

impl Corpus {
    fn add(&self, target: &str, name: &str, bytes: impl AsRef<[u8]>) {
        let folder = self.0.join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn main() {
    let base = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (trusted, stranger) = (Signers::new("private"), Signers::new("stranger"));
    let (image, other) = (Pack::image(IMAGE, "a"), Pack::image(IMAGE, "b"));
    let [v1, v2] = trusted.bundles(&image, COSIGN_SIGN);
    let jws = trusted.notary.envelope(Format::Jws, &image);
    let policies = policies(&trusted.key);
    let documents: Vec<_> = policies.iter().map(Value::to_string).collect();
    let root = trusted.sigstore.trusted_root().to_string();
    let world = base.join("world");
    fs::create_dir_all(&world).unwrap();
    for (name, content) in [
        ("manifest.json", image.evidence().subject.manifest.bytes()),
        ("trusted_root.json", root.as_bytes()),
        ("ca.pem", trusted.notary.root.pem().as_bytes()),
        ("tsa.pem", trusted.notary.tsa_root.pem().as_bytes()),
        ("bundle_v1.json", v1.to_string().as_bytes()),
        ("bundle_v2.json", v2.to_string().as_bytes()),
        ("jws.json", &jws),
        ("policies.json", documents.join("\n---\n").as_bytes()),
    ] {
        fs::write(world.join(name), content).unwrap();
    }
    let corpus = Corpus(base.join("corpus"));
    // Where signatures are checked: by strangers, and by those who are trusted for another image.
    carried(&corpus, "stranger", &stranger, &image);
    carried(&corpus, "other_image", &trusted, &other);
    manifests(&corpus, &image);
    inside(&corpus, &trusted, &image);
    stamps(&corpus, &v2, &jws);
    settings(&corpus, &image);
    for (name, document) in POLICIES.iter().zip(&documents) {
        corpus.add("policy", name, document);
    }
    corpus.add("trusted_root", "private", &root);
    tuf(&corpus, &root);
    sections(&corpus, "verify_believing", "genuine", &trusted, &image);
    sections(&corpus, "verify", "stranger", &stranger, &image);
    sections(&corpus, "verify", "other_image", &trusted, &other);
    let pack = image.with_bundle(v1.to_string().as_bytes());
    corpus.add("pack", "bundle", pack.evidence().to_pack());
    let question = Question {
        evidence: pack.evidence().clone(),
        policies: vec![documents[0].clone()],
        trust_roots: BTreeMap::from([("private".to_owned(), trusted.sigstore.trusted_root())]),
        trust_stores: BTreeMap::new(),
        now: NOW,
    };
    corpus.add("wasm_call", "bundle", question.request());
}

fn carried(corpus: &Corpus, from: &str, signers: &Signers, pack: &Pack) {
    for (what, kind) in [("signature", COSIGN_SIGN), ("provenance", PROVENANCE)] {
        let [v1, v2] = signers.bundles(pack, kind);
        corpus.add("bundle", &format!("{from}_{what}_v1"), v1.to_string());
        corpus.add("bundle", &format!("{from}_{what}_v2"), v2.to_string());
    }
    let signer = signers.sigstore.signer();
    let message = Signed::message(&signer.key, pack.evidence().subject.manifest.bytes());
    let message = signers.sigstore.bundle_v1(&message, &signer).to_string();
    corpus.add("bundle", &format!("{from}_message"), message);
    let statement = statement(pack, PROVENANCE);
    corpus.add(
        "bundle",
        &format!("{from}_key"),
        sign::bundle(&signers.key, &statement),
    );
    let envelope = sign::envelope(&signers.key, &statement).to_string();
    corpus.add("dsse", &format!("{from}_key"), envelope);
    let layer = signers.sigstore.attestation_layer(&signer, &statement);
    corpus.add("dsse", from, &layer.bytes);
    corpus.add("jws", from, signers.notary.envelope(Format::Jws, pack));
    corpus.add("cose", from, signers.notary.envelope(Format::Cose, pack));
}

fn manifests(corpus: &Corpus, image: &Pack) {
    let key = SigningKey::generate(Kind::P256);
    let layer = sign::cosign_layer(&key, b"payload".to_vec());
    corpus.add(
        "manifest",
        "cosign",
        sign::cosign_manifest(&[layer]).to_string(),
    );
    let referrer = sealgate_testkit::pack::referrer(&image.digest(), sign::BUNDLE, b"{}");
    corpus.add("manifest", "referrer", referrer.manifest.bytes());
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": image.digest(), "size": 7, "artifactType": sign::BUNDLE,
            "platform": {"architecture": "amd64", "os": "linux"},
            "annotations": {"a": "b"},
        }],
    });
    corpus.add("manifest", "index", index.to_string());
}

/// What lies behind signatures.
fn inside(corpus: &Corpus, signers: &Signers, image: &Pack) {
    let Signers {
        sigstore, notary, ..
    } = signers;
    corpus.add("statement", "signature", statement(image, COSIGN_SIGN));
    corpus.add("statement", "provenance", statement(image, PROVENANCE));
    for (name, bundle) in ["v1", "v2"].iter().zip(signers.bundles(image, COSIGN_SIGN)) {
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        let body = STANDARD
            .decode(entry["canonicalizedBody"].as_str().unwrap())
            .unwrap();
        corpus.add("rekor_body", name, body);
        let checkpoint = &entry["inclusionProof"]["checkpoint"]["envelope"];
        corpus.add("checkpoint", name, checkpoint.as_str().unwrap());
    }
    let signer = sigstore.signer();
    let signed = Signed::statement(&signer.key, &statement(image, COSIGN_SIGN));
    corpus.add(
        "rekor_body",
        "intoto",
        signed.intoto_body(&signer.pem()).to_string(),
    );
    let message = Signed::message(&signer.key, image.evidence().subject.manifest.bytes());
    corpus.add(
        "rekor_body",
        "hashedrekord",
        message.body(&signer.pem()).to_string(),
    );
    for (name, der) in [
        ("fulcio", &signer.der),
        ("intermediate", &sigstore.intermediate.der),
        ("root", &sigstore.root.der),
        ("notary", &notary.leaf.der),
        ("notary_root", &notary.root.der),
        ("timestamper", &notary.tsa.der),
    ] {
        corpus.add("certificate", name, der);
    }
    let leaf = sigstore.leaf();
    let tbs = leaf.tbs(
        &Key::new(Kind::P256, "leaf"),
        sigstore.intermediate.name(),
        &sigstore.intermediate.key,
    );
    let issuer = sigstore.intermediate.key.spki();
    let sct = |extensions: &[u8]| {
        vector(
            &sigstore
                .ct_log
                .sct(&tbs, issuer, leaf.validity.0, extensions),
        )
    };
    corpus.add("sct_list", "one", vector(&sct(&[])));
    corpus.add(
        "sct_list",
        "two",
        vector(&[sct(&[]), sct(b"extension")].concat()),
    );
    let Notary {
        leaf, intermediate, ..
    } = notary;
    for (name, entries) in [
        ("empty", vec![]),
        ("revoked", vec![Entry::new(leaf, Some(1))]),
        (
            "held",
            vec![Entry::new(leaf, Some(6)), Entry::new(intermediate, None)],
        ),
    ] {
        corpus.add("crl", name, Crl::new(entries).sign(intermediate));
    }
    for (name, status) in [
        ("good", Status::Good),
        ("revoked", Status::Revoked),
        ("unknown", Status::Unknown),
    ] {
        corpus.add(
            "ocsp",
            name,
            Ocsp::new(status).sign(leaf, intermediate, intermediate),
        );
    }
}

/// A vector of TLS with a length of two bytes.
fn vector(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&length[..], bytes].concat()
}

/// Tokens over the signatures in the world.
fn stamps(corpus: &Corpus, bundle: &Value, jws: &[u8]) {
    let stamps = &bundle["verificationMaterial"]["timestampVerificationData"];
    let token = &stamps["rfc3161Timestamps"][0]["signedTimestamp"];
    corpus.add(
        "timestamp",
        "bundle",
        STANDARD.decode(token.as_str().unwrap()).unwrap(),
    );
    let jws: Value = serde_json::from_slice(jws).unwrap();
    let token = &jws["header"]["io.cncf.notary.timestampSignature"];
    corpus.add(
        "timestamp",
        "notary",
        STANDARD.decode(token.as_str().unwrap()).unwrap(),
    );
}

/// What is read elsewhere than beside an image.
fn settings(corpus: &Corpus, image: &Pack) {
    for (name, header) in [
        (
            "bearer",
            r#"Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a/b:pull""#,
        ),
        ("basic", r#"Basic realm="Registry", charset="UTF-8""#),
        (
            "both",
            "Basic realm=\"a\"\nBearer realm=\"https://a/\\\"b\\\"\", error=insufficient_scope",
        ),
    ] {
        corpus.add("challenge", name, header);
    }
    let secret = "hunter2-is-a-secret";
    let docker = json!({
        "auths": {
            "registry.example.com": {"auth": STANDARD.encode(format!("user:{secret}"))},
            "https://index.docker.io/v1/": {"username": "u", "password": secret},
            "registry.example.com/team": {"identitytoken": secret},
        },
        "credHelpers": {"gcr.io": "gcloud"},
        "credsStore": "desktop",
    });
    corpus.add("docker_config", "all", docker.to_string());
    let digest = image.digest();
    for (name, text) in [
        ("short", "nginx".to_owned()),
        ("port", "registry.example.com:5000/team/app:1.0".to_owned()),
        ("digest", format!("registry.example.com/a@{digest}")),
        ("tag_and_digest", format!("a.b/c/d:e@{digest}")),
        ("ipv6", "[::1]:5000/a/b:c".to_owned()),
        ("namespace", "[prod]registry.example.com/a:b".to_owned()),
        (
            "object",
            r#"{"image":"nginx","namespace":"prod","policy":"prod"}"#.to_owned(),
        ),
        ("bare_digest", digest.to_string()),
        ("time", NOW.to_string()),
    ] {
        corpus.add("reference", name, text);
    }
    let provider = json!({
        "apiVersion": "externaldata.gatekeeper.sh/v1beta1",
        "kind": "ProviderRequest",
        "request": {"keys": ["nginx", "[prod]nginx", r#"{"image":"nginx"}"#]},
    });
    corpus.add("request", "provider", provider.to_string());
    let images = json!({"images": ["nginx", "a/b@c"], "namespace": "prod", "policy": "prod"});
    corpus.add("request", "images", images.to_string());
    let notary = json!({"version": "1.0", "trustPolicies": [{
        "name": "prod", "registryScopes": ["registry.example.com/app"],
        "signatureVerification": {"level": "strict", "override": {"expiry": "log"}},
        "trustStores": ["ca:acme", "tsa:time"],
        "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
    }]});
    corpus.add("policy", "notary_file", notary.to_string());
    corpus.add("policy", "yaml", POLICY);
    corpus.add("policy", "cluster_image_policy", CLUSTER_IMAGE_POLICY);
    corpus.add("config", "small", CONFIG);
}

const CLUSTER_IMAGE_POLICY: &str = r#"
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {name: a, creationTimestamp: null}
spec:
  mode: warn
  images: [{glob: "ghcr.io/acme/**"}, {glob: images.*}]
  authorities:
  - name: ci
    keyless:
      url: https://fulcio.acme.example
      trustRootRef: acme
      insecureIgnoreSCT: true
      identities: [{issuer: "https://a.example", subjectRegExp: "^a.+b$"}]
    ctlog: {url: "https://rekor.acme.example", trustRootRef: acme}
    rfc3161timestamp: {trustRootRef: acme}
    signatureFormat: bundle
  - static: {action: fail, message: closed}
---
apiVersion: policy.sigstore.dev/v1alpha1
kind: TrustRoot
metadata: {name: acme}
spec:
  sigstoreKeys:
    certificateAuthorities:
    - {subject: {organization: a, commonName: b}, uri: "https://a.example", certChain: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t}
    tLogs: [{baseURL: "https://a.example", hashAlgorithm: sha-256, publicKey: LS0tLS1CRUdJTiBQVUJMSUMgS0VZLS0tLS0=}]
"#;

const POLICY: &str = r#"
apiVersion: sealgate.dev/v1alpha1
kind: TrustPolicy
metadata: {name: a}
spec:
  mode: warn
  images: [{glob: "registry.example.com/prod/**"}]
  namespaces: ["prod-*"]
  authorities:
  - name: ci
    keyless:
      trustRoot: public-good
      identities:
      - issuer: https://token.actions.githubusercontent.com
        subjectRegExp: 'https://github\.com/acme/.+@refs/tags/v.+'
        claims: {runnerEnvironment: github-hosted}
  require: {atLeast: {count: 1, of: [ci]}}
"#;

const CONFIG: &str = r#"
listeners:
- address: "127.0.0.1:8443"
  tls: {certificate: tls.crt, key: tls.key}
  clientAuth: none
policies: [policies/]
registries:
- {host: "registry.example.com:5000", plainHttp: true}
timeouts: {request: 2s}
"#;

fn tuf(corpus: &Corpus, root: &str) {
    let mut repository = Repository::new("corp", NOW);
    repository.publish("trusted_root.json", root);
    repository.rotate_root("second");
    for (which, (name, bytes)) in (0_u8..).zip(repository.files()) {
        let input = [&[which], bytes.as_slice()].concat();
        corpus.add("tuf", &name.replace('/', "_"), input);
    }
}

/// Inputs of all kinds for `verify`.
fn sections(corpus: &Corpus, target: &str, from: &str, signers: &Signers, pack: &Pack) {
    let signer = signers.sigstore.signer();
    let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
    let cosign = signers.sigstore.cosign_layer(&signer, &payload);
    let by_key = sign::cosign_layer(&signers.key, payload);
    let statement = statement(pack, PROVENANCE);
    let attestation = signers.sigstore.attestation_layer(&signer, &statement);
    let bundles = |kind| {
        signers
            .bundles(pack, kind)
            .map(|bundle| bundle.to_string().into_bytes())
    };
    let [v1, v2] = bundles(COSIGN_SIGN);
    let [_, provenance] = bundles(PROVENANCE);
    let Notary {
        leaf, intermediate, ..
    } = &signers.notary;
    let layer = |kind: Section, layer: &Layer| {
        let annotations: BTreeMap<_, _> = layer.annotations.iter().cloned().collect();
        let annotations = serde_json::to_vec(&annotations).unwrap();
        vec![
            (kind, layer.bytes.clone()),
            (Section::Annotations, annotations),
        ]
    };
    let ocsp = Ocsp::new(Status::Good).sign(leaf, intermediate, intermediate);
    let crl = Crl::new(vec![]).sign(intermediate);
    let notary = |kind: Section, format: Format| {
        let envelope = (kind, signers.notary.envelope(format, pack));
        vec![
            envelope,
            (Section::Ocsp, ocsp.clone()),
            (Section::Crl, crl.clone()),
        ]
    };
    for (name, policy, sections) in [
        ("cosign", "keyless", layer(Section::Payload, &cosign)),
        ("cosign_key", "key", layer(Section::Payload, &by_key)),
        (
            "attestation",
            "logged",
            layer(Section::Envelope, &attestation),
        ),
        (
            "bundles",
            "witnessed",
            vec![(Section::Bundle, v1), (Section::Bundle, v2)],
        ),
        (
            "provenance",
            "attested",
            vec![(Section::Bundle, provenance)],
        ),
        ("jws", "notary", notary(Section::Jws, Format::Jws)),
        ("cose", "stamped", notary(Section::Cose, Format::Cose)),
    ] {
        let borrowed: Vec<_> = sections
            .iter()
            .map(|(kind, bytes)| (*kind, bytes.as_slice()))
            .collect();
        corpus.add(target, &format!("{from}_{name}"), write(policy, &borrowed));
    }
}
