//! `sealgate inspect`: what is attached, what of it is only claimed, and the policy that is made of
//! what verifies.

use std::path::{Path, PathBuf};

use sealgate_core::evidence::Blob;
use sealgate_testkit::key::Kind as KeyKind;
use sealgate_testkit::notation::envelope::{artifact, payload};
use sealgate_testkit::notation::{Certificate, Envelope, Format, Profile};
use sealgate_testkit::pack::{self, Pack};
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_testkit::sigstore::certificate::San;
use sealgate_testkit::sigstore::{ISSUER, SUBJECT, Signed, Sigstore};
use serde_json::{Value, json};

use super::{Run, sealgate};

const IMAGE: &str = "registry.example.com/prod/app:1.0";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const BUILDER: &str = "https://github.com/acme/builder";

/// A folder with trust in a key, in a private Sigstore and in a certificate authority of acme's.
struct Scene {
    folder: tempfile::TempDir,
    key: SigningKey,
    sigstore: Sigstore,
    /// The signer's certificate, and its root.
    notary: [Certificate; 2],
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = SigningKey::generate(Kind::P256);
        std::fs::write(folder.path().join("release.pub"), key.public_pem()).unwrap();
        let sigstore = Sigstore::new("private");
        let root = sigstore.trusted_root().to_string();
        std::fs::write(folder.path().join("root.json"), root).unwrap();
        let root = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=acme, CN=root"));
        let leaf = root.issue(&Profile::signer("C=US, ST=WA, O=acme, CN=release"));
        let store = folder.path().join("stores/x509/ca/acme");
        std::fs::create_dir_all(&store).unwrap();
        std::fs::write(store.join("acme.crt"), root.pem()).unwrap();
        Self {
            folder,
            key,
            sigstore,
            notary: [leaf, root],
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn write(&self, name: &str, pack: &Pack) -> PathBuf {
        let file = self.path().join(name);
        std::fs::write(&file, pack.evidence().to_pack()).unwrap();
        file
    }

    fn run(&self, pack: &Pack, arguments: &[&str]) -> Run {
        self.write("app.pack", pack);
        let trust = [
            "inspect",
            "app.pack",
            "--now",
            "2027-01-15T08:00:00Z",
            "--key",
            "release.pub",
            "--trust-root",
            "private=root.json",
            "--trust-store",
            "stores",
        ];
        let arguments: Vec<_> = trust.iter().chain(arguments).copied().collect();
        sealgate(self.path(), &arguments)
    }

    /// What the policy that is made of one pack says of another: the exit code and the answer.
    fn replay(&self, policy: &str, pack: &Pack) -> (Option<i32>, Value) {
        std::fs::write(self.path().join("policy.yaml"), policy).unwrap();
        self.write("other.pack", pack);
        let run = sealgate(
            self.path(),
            &[
                "replay",
                "other.pack",
                "--now",
                "2027-01-15T08:00:00Z",
                "--policy",
                "policy.yaml",
                "--trust-root",
                "private=root.json",
                "--trust-store",
                "stores",
                "-o",
                "json",
            ],
        );
        let answer = serde_json::from_str(&run.out);
        (run.code, answer.unwrap_or_else(|_| panic!("{}", run.err)))
    }

    fn by_key(&self, pack: Pack, key: &SigningKey) -> Pack {
        let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
        pack.with_cosign(&[sign::cosign_layer(key, payload)])
    }

    /// Signed by an identity that this instance of Sigstore vouches for.
    fn keyless(&self, pack: Pack, sigstore: &Sigstore, subject: &str) -> Pack {
        let mut leaf = sigstore.leaf();
        leaf.names = vec![San::Uri(subject.to_owned())];
        let signer = sigstore.issue(&leaf, KeyKind::P256);
        let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
        pack.with_cosign(&[sigstore.cosign_layer(&signer, &payload)])
    }

    /// Attested by the default identity of this instance of Sigstore.
    fn attested(&self, pack: Pack, sigstore: &Sigstore) -> Pack {
        let predicate = json!({"runDetails": {"builder": {"id": BUILDER}}});
        let statement = sign::statement(&pack.digest(), PROVENANCE, &predicate);
        let signer = sigstore.signer();
        let signed = Signed::statement(&signer.key, &statement);
        let bundle = sigstore.bundle_v2(&signed, &signer);
        pack.with_bundle(bundle.to_string().as_bytes())
    }

    fn by_notary(&self, pack: Pack, chain: &[Certificate; 2]) -> Pack {
        let subject = &pack.evidence().subject;
        let size = subject.manifest.bytes().len();
        let payload = payload(&subject.media_type, &pack.digest(), size, &Value::Null);
        let chain: Vec<_> = chain.iter().collect();
        let envelope = Envelope::x509(Format::Jws, &chain, payload).sign(&chain[0].key);
        let artifact = artifact(&pack.digest(), Format::Jws, &envelope);
        pack.with(artifact)
    }
}

fn image() -> Pack {
    Pack::image(IMAGE, "a")
}

fn lines(run: &Run) -> Vec<&str> {
    run.out.lines().collect()
}

#[test]
fn a_tree_shows_who_verified_against_what_and_says_that_no_policy_judged() {
    let scene = Scene::new();
    let pack = scene.by_key(image(), &scene.key);
    let pack = scene.attested(pack, &scene.sigstore);
    let pack = scene.by_notary(pack, &scene.notary);
    let run = scene.run(&pack, &[]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    let lines = lines(&run);
    assert_eq!(lines[0], format!("{IMAGE}: judged by no policy"));
    assert_eq!(lines[1], format!("│ {IMAGE}@{}", pack.digest()));
    for expected in [
        "✓ image signature, cosign_signature",
        "verified against key release.pub: by the holder of this key",
        "nobody vouches for its time",
        "✓ attestation, sigstore_bundle_v0.3",
        &format!("verified against private: {SUBJECT} by {ISSUER}"),
        &format!("predicate type {PROVENANCE}"),
        &format!("says builder: {BUILDER:?}"),
        "runnerEnvironment: github-hosted",
        "✓ image signature, notation_jws",
        "verified against ca:acme: CN=release,O=acme,ST=WA,C=US",
        "claims to be of 2027-01-15T07:00:00Z, as the signer is said to say",
    ] {
        let found = lines.iter().any(|line| line.ends_with(expected));
        assert!(found, "{expected}\n{}", run.out);
    }
    assert!(!run.out.contains("claims only"), "{}", run.out);
}

/// Anybody can make a certificate that names anybody.
#[test]
fn a_strangers_certificate_is_claims_only_whomever_it_names() {
    let scene = Scene::new();
    let stranger = Sigstore::new("stranger");
    let other = SigningKey::generate(Kind::P256);
    let root = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=acme, CN=root"));
    let forged = [
        root.issue(&Profile::signer("C=US, ST=WA, O=acme, CN=release")),
        root,
    ];
    let pack = scene.attested(image(), &stranger);
    let pack = scene.by_notary(pack, &forged);
    let pack = scene.by_key(pack, &other);
    let run = scene.run(&pack, &[]);
    let lines = lines(&run);
    for expected in [
        format!("claims to be {SUBJECT} by {ISSUER}, in a certificate by CN=stranger intermediate"),
        format!(
            "claims to attest {PROVENANCE} of {}…",
            &pack.digest().to_string()[..19]
        ),
        format!("claims, and says builder: {BUILDER:?}"),
        "claims to be by CN=release,O=acme,ST=WA,C=US, issued by CN=root,O=acme,ST=WA,C=US"
            .to_owned(),
    ] {
        let found = lines.iter().any(|line| line.contains(&expected));
        assert!(found, "{expected}\n{}", run.out);
    }
    for expected in [
        "not verified against any of public-good, staging, github, private: certificate_untrusted: ",
        "not verified against ca:acme: certificate_untrusted: ",
        "not verified against key release.pub: signature_invalid: ",
    ] {
        assert!(run.out.contains(expected), "{expected}\n{}", run.out);
    }
    assert_eq!(run.out.matches("claims only").count(), 3, "{}", run.out);
    assert_eq!(
        run.out.matches('✓').count(),
        1,
        "the legend alone\n{}",
        run.out
    );
    assert!(!run.out.contains("verified against p"), "{}", run.out);

    let skeleton = scene.run(&pack, &["--policy-skeleton"]);
    assert_eq!((skeleton.code, skeleton.out.as_str()), (Some(1), ""));
    assert!(
        skeleton
            .err
            .starts_with("no policy can be made of this image: nothing")
    );
}

#[test]
fn a_signature_of_another_image_is_claims_only() {
    let scene = Scene::new();
    let other = Pack::image(IMAGE, "b");
    let payload = sign::simple_signing(&other.repository(), &other.digest(), &Value::Null);
    let pack = image().with_cosign(&[sign::cosign_layer(&scene.key, payload)]);
    let run = scene.run(&pack, &[]);
    assert!(run.out.contains("subject_mismatch: "), "{}", run.out);
    let claimed = format!("claims to sign {}…", &other.digest().to_string()[..19]);
    assert!(run.out.contains(&claimed), "{}", run.out);
    assert_eq!(scene.run(&pack, &["--policy-skeleton"]).code, Some(1));
}

#[test]
fn strangers_do_not_steer_the_terminal() {
    let scene = Scene::new();
    let evil = "\u{1b}]0;verified\u{7}\n✓ image signature\u{202e}";
    let statement = sign::statement(&image().digest(), evil, &json!({}));
    let bundle = sign::bundle(&SigningKey::generate(Kind::P256), &statement);
    let mut bundle: Value = serde_json::from_slice(&bundle).unwrap();
    bundle["verificationMaterial"]["publicKey"]["hint"] = json!(evil);
    let pack = image().with_bundle(bundle.to_string().as_bytes());
    let pack = pack.with(pack::referrer(&image().digest(), evil, b"{}"));
    let run = scene.run(&pack, &[]);
    assert_eq!(run.code, Some(0));
    let misleading = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!run.out.contains(misleading), "{:?}", run.out);
    assert!(!run.out.lines().any(|line| line.starts_with('✓')));
    assert!(
        run.out
            .contains(r"by a key of the name \u{1b}]0;verified\u{7}\n✓"),
        "{}",
        run.out
    );
}

/// Whatever lies beside an image, the command ends, and says what it could not read.
#[test]
fn what_cannot_be_read_is_told() {
    let scene = Scene::new();
    let pack = image().with_bundle(b"{\"mediaType\":").with(pack::referrer(
        &image().digest(),
        "application/spdx+json",
        b"{}",
    ));
    let run = scene.run(&pack, &[]);
    assert_eq!(run.code, Some(0));
    assert!(
        run.out.contains("cannot be read: bundle_malformed: "),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("a referrer, application/spdx+json, "),
        "{}",
        run.out
    );
    assert!(
        run.out.contains("no signature that sealgate reads"),
        "{}",
        run.out
    );
    let run = scene.run(&image(), &[]);
    assert!(run.out.ends_with("└─ nothing is attached\n"), "{}", run.out);
}

#[test]
fn buildkits_statements_in_an_index_are_unsigned() {
    let scene = Scene::new();
    let mut pack = image();
    let entry = |digest: &str, annotations: Value| {
        json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": format!("sha256:{}", digest.repeat(64)),
            "size": 10,
            "annotations": annotations,
        })
    };
    let about = json!({
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": format!("sha256:{}", "a".repeat(64)),
    });
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry("a", Value::Null), entry("b", about)],
    });
    pack.evidence_mut().subject.manifest = Blob::new(index.to_string().into_bytes());
    let run = scene.run(&pack, &[]);
    assert!(
        run.out.contains("unsigned: in-toto statements that BuildKit put into the index, sha256:bbbbbbbbbbbb…, 10 bytes, about sha256:aaaaaaaaaaaa…"),
        "{}",
        run.out
    );
}

#[test]
fn programs_get_claims_and_what_verified_apart() {
    let scene = Scene::new();
    let pack = scene.keyless(image(), &scene.sigstore, SUBJECT);
    let run = scene.run(&pack, &["-o", "json"]);
    let document: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(document["judgedBy"], "no policy");
    assert_eq!(document["mayBeMore"], Value::Null);
    let artifact = &document["found"]["artifacts"][0];
    assert_eq!(artifact["source"], "cosign_signature_tag");
    let signature = &artifact["signatures"][0];
    assert_eq!(signature["claims"]["signer"]["kind"], "certificate");
    assert_eq!(signature["claims"]["signer"]["subjects"], json!([SUBJECT]));
    let trials = signature["trials"].as_array().unwrap();
    let by = |name: &str| trials.iter().find(|trial| trial["by"] == name).unwrap();
    assert_eq!(by("private")["verified"]["signer"]["subject"], SUBJECT);
    assert_eq!(by("public-good").get("verified"), None);
    assert_eq!(
        by("public-good")["reasons"][0]["code"],
        "certificate_untrusted"
    );
    // It must not be taken for a verdict.
    for field in ["verified", "outcome", "policies", "schemaVersion"] {
        assert_eq!(document.get(field), None);
        assert_eq!(document["found"].get(field), None);
    }
}

#[test]
fn the_policy_made_of_an_image_admits_it_and_no_strangers() {
    let scene = Scene::new();
    let stranger = "https://github.com/evil/app/.github/workflows/release.yml@refs/tags/v1.0";
    let pack = scene.keyless(image(), &scene.sigstore, SUBJECT);
    let pack = scene.attested(pack, &scene.sigstore);
    let pack = scene.by_notary(pack, &scene.notary);
    let run = scene.run(&pack, &["--policy-skeleton"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    assert!(
        run.out.contains(&format!("subject: {SUBJECT:?}")),
        "{}",
        run.out
    );
    assert!(
        run.out.contains(
            r"# subjectRegExp: 'https://github\.com/acme/app/\.github/workflows/release\.yml@refs/tags/.+'"
        ),
        "{}",
        run.out
    );
    assert!(
        run.out.contains(&format!("#   facts.builder: {BUILDER:?}")),
        "{}",
        run.out
    );
    std::fs::write(scene.path().join("skeleton.yaml"), &run.out).unwrap();
    let check = sealgate(
        scene.path(),
        &[
            "policy",
            "check",
            "--strict",
            "skeleton.yaml",
            "--trust-root",
            "private=root.json",
            "--trust-store",
            "stores",
        ],
    );
    assert_eq!(
        (check.code, check.err.as_str()),
        (Some(0), ""),
        "{}",
        run.out
    );
    let (code, verdict) = scene.replay(&run.out, &pack);
    assert_eq!((code, &verdict["outcome"]), (Some(0), &json!("verified")));

    let image = Pack::image(IMAGE, "b");
    for (strange, why) in [
        (
            scene.keyless(image.clone(), &scene.sigstore, stranger),
            "identity_mismatch",
        ),
        (
            scene.keyless(image.clone(), &Sigstore::new("other"), SUBJECT),
            "certificate_untrusted",
        ),
        (
            scene.by_key(image.clone(), &scene.key),
            "signature_kind_mismatch",
        ),
    ] {
        let (code, verdict) = scene.replay(&run.out, &strange);
        assert_eq!(code, Some(1), "{verdict}");
        assert!(
            verdict["reasons"].to_string().contains(why),
            "{why}: {verdict}"
        );
    }
}

#[test]
fn the_policy_made_of_attestations_alone_asks_for_them_alone() {
    let scene = Scene::new();
    let other = SigningKey::generate(Kind::P256);
    let pack = scene.attested(image(), &scene.sigstore);
    let pack = scene.by_key(pack, &other);
    let run = scene.run(&pack, &["--policy-skeleton"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    assert!(run.out.contains("require: attestationsOnly"), "{}", run.out);
    assert!(run.out.contains("# Not in this policy, for it did not verify:\n#   cosign_signature: signature_invalid: "), "{}", run.out);
    assert_eq!(scene.replay(&run.out, &pack).0, Some(0));
    let (code, verdict) = scene.replay(
        &run.out,
        &scene.attested(Pack::image(IMAGE, "c"), &Sigstore::new("x")),
    );
    assert_eq!((code, &verdict["outcome"]), (Some(1), &json!("untrusted")));
}

/// A claim of a verified certificate, or a file's name, ends no comment.
#[test]
fn no_text_breaks_out_of_the_policy() {
    let scene = Scene::new();
    let evil = "https://github.com/x\n  - name: \"evil\"\u{1b}'# @refs/tags/v1";
    let pack = scene.keyless(image(), &scene.sigstore, evil);
    let run = scene.run(&pack, &["--policy-skeleton"]);
    assert_eq!(run.code, Some(0), "{}{}", run.out, run.err);
    assert!(!run.out.contains("\n  - name: \"evil\""), "{}", run.out);
    assert_eq!(scene.replay(&run.out, &pack).0, Some(0));
}

#[test]
fn what_is_neither_image_nor_pack_is_a_mistake() {
    let scene = Scene::new();
    std::fs::write(scene.path().join("junk"), "junk").unwrap();
    for what in ["junk", "Not An Image"] {
        let run = sealgate(scene.path(), &["inspect", what]);
        assert_eq!((run.code, run.out.as_str()), (Some(64), ""), "{}", run.err);
    }
    let run = sealgate(
        scene.path(),
        &["inspect", "127.0.0.1:1/app", "--plain-http", "127.0.0.1:1"],
    );
    assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{}", run.err);
}
