//! What is genuine and not ours is untrusted; what is broken or forged is invalid, so that it can
//! be alerted on.

use sealgate_core::Verdict;
use sealgate_core::verdict::Outcome;
use sealgate_testkit::notation::{Key, Kind as KeyKind};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_testkit::sigstore::certificate::{Description, San};
use sealgate_testkit::sigstore::{ISSUER, SIGNED, SUBJECT, Signed, Sigstore};
use serde_json::{Value, json};

use super::{IMAGE, document, judge};

/// A change of a bundle.
type Change<'a> = &'a dyn Fn(&mut Value);

struct Scene {
    ours: Sigstore,
    theirs: Sigstore,
    image: Pack,
}

impl Scene {
    fn new() -> Self {
        Self {
            ours: Sigstore::new("private"),
            theirs: Sigstore::new("corporate"),
            image: Pack::image(IMAGE, "a"),
        }
    }

    fn payload(&self) -> Vec<u8> {
        let image = &self.image;
        sign::simple_signing(&image.repository(), &image.digest(), &Value::Null)
    }

    fn statement(&self) -> Vec<u8> {
        sign::statement(&self.image.digest(), sign::COSIGN_SIGN, &json!({}))
    }

    /// Signed by a leaf of this description, issued and logged by an instance.
    fn signed(&self, by: &Sigstore, leaf: &Description) -> Pack {
        let holder = by.issue(leaf, KeyKind::P256);
        let layer = by.cosign_layer(&holder, &self.payload());
        self.image.clone().with_cosign(&[layer])
    }

    /// Judged by a policy that trusts our instance alone.
    fn judge(&self, pack: &Pack) -> Verdict {
        let spec = json!({
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [{"name": "ci", "keyless": {
                "trustRoot": "private",
                "identities": [{"issuer": ISSUER, "subject": SUBJECT}],
            }}],
        });
        let roots = [("private", self.ours.trusted_root())];
        judge(pack, &[document("prod", &spec)], &roots)
    }

    #[track_caller]
    fn refused(&self, pack: &Pack, outcome: Outcome, code: &str) {
        let verdict = self.judge(pack);
        assert!(!verdict.verified);
        assert_eq!(
            (verdict.outcome, verdict.reasons[0].code.as_str()),
            (outcome, code),
            "{:?}",
            verdict.reasons
        );
    }
}

/// Certificates as a company's own authority makes them: without an OIDC issuer, with several
/// names, or none.
fn odd_leaves(of: &Sigstore) -> Vec<(Description, Outcome, &'static str)> {
    let mut bare = of.leaf();
    bare.extensions.clear();
    let mut unreadable = of.leaf();
    unreadable.extensions[0].2 = vec![0xff];
    let mut two_names = of.leaf();
    two_names
        .names
        .push(San::Uri("https://acme.example".to_owned()));
    let mut nameless = of.leaf();
    nameless.names.clear();
    vec![
        (two_names, Outcome::Invalid, "certificate_profile"),
        (nameless, Outcome::Invalid, "certificate_profile"),
        (unreadable, Outcome::Invalid, "certificate_malformed"),
        // It can be read, and is nobody whom the policy names.
        (bare, Outcome::Untrusted, "issuer_mismatch"),
    ]
}

#[test]
fn a_strangers_certificate_is_judged_by_its_chain_before_anything_is_read_from_it() {
    let scene = Scene::new();
    for (leaf, outcome, code) in odd_leaves(&scene.theirs) {
        let pack = scene.signed(&scene.theirs, &leaf);
        scene.refused(&pack, Outcome::Untrusted, "certificate_untrusted");
        // By our own authority, such a certificate is a finding.
        let pack = scene.signed(&scene.ours, &leaf);
        scene.refused(&pack, outcome, code);
    }
    // Whoever it names: nobody vouches for that.
    let pack = scene.signed(&scene.theirs, &scene.theirs.leaf());
    scene.refused(&pack, Outcome::Untrusted, "certificate_untrusted");
    // Beside a good one it is nothing.
    let good = scene.signed(&scene.ours, &scene.ours.leaf());
    let (leaf, ..) = odd_leaves(&scene.theirs).remove(0);
    let holder = scene.theirs.issue(&leaf, KeyKind::P256);
    let layer = scene.theirs.cosign_layer(&holder, &scene.payload());
    assert!(scene.judge(&good.with_cosign(&[layer])).verified);
}

/// A forged issuer's name makes nobody ours: the signature above it decides.
#[test]
fn a_certificate_that_only_names_our_authority_is_untrusted() {
    let scene = Scene::new();
    for (leaf, outcome, code) in odd_leaves(&scene.theirs) {
        let key = Key::new(KeyKind::P256, "forger");
        let forger = Key::new(KeyKind::P384, "forged intermediate");
        let tbs = leaf.tbs(&key, scene.ours.intermediate.name(), &forger);
        let holder = leaf.signed(key, &tbs, &forger);
        let layer = scene.ours.cosign_layer(&holder, &scene.payload());
        let pack = scene.image.clone().with_cosign(&[layer]);
        // Signatures cost: whoever is not meant in any case is told so first.
        let code = match outcome {
            Outcome::Invalid => "certificate_untrusted",
            _ => code,
        };
        scene.refused(&pack, Outcome::Untrusted, code);
    }
}

#[test]
fn forms_that_are_not_taken_are_untrusted_and_broken_ones_invalid() {
    let scene = Scene::new();
    let signer = scene.ours.signer();
    let signed = Signed::statement(&signer.key, &scene.statement());
    let good = scene.ours.bundle_v1(&signed, &signer);
    let with = |change: Change<'_>| {
        let mut bundle = good.clone();
        change(&mut bundle);
        scene
            .image
            .clone()
            .with_bundle(bundle.to_string().as_bytes())
    };
    assert!(scene.judge(&with(&|_| {})).verified);
    let root = {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(&scene.theirs.root.der)
    };
    let unsupported: [(&str, Change<'_>); 4] = [
        ("two signatures", &|bundle| {
            let signatures = &mut bundle["dsseEnvelope"]["signatures"];
            let one = signatures[0].clone();
            signatures.as_array_mut().unwrap().push(one);
        }),
        ("a version to come", &|bundle| {
            bundle["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.9+json".into();
        }),
        ("a root in the chain", &|bundle| {
            bundle["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.1".into();
            let material = &mut bundle["verificationMaterial"];
            let leaf = material.as_object_mut().unwrap().remove("certificate");
            material["x509CertificateChain"] =
                json!({"certificates": [leaf.unwrap(), {"rawBytes": root}]});
        }),
        ("an unknown kind of entry, of an unknown log", &|bundle| {
            let mut body = signed.body(&signer.pem());
            body["kind"] = "notes".into();
            let entry = scene.theirs.rekor.entry(&body, SIGNED);
            bundle["verificationMaterial"]["tlogEntries"] = json!([entry]);
        }),
    ];
    for (what, change) in unsupported {
        let verdict = scene.judge(&with(change));
        assert!(!verdict.verified);
        assert_eq!(
            (verdict.outcome, verdict.reasons[0].code.as_str()),
            (Outcome::Untrusted, "form_unsupported"),
            "{what}: {:?}",
            verdict.reasons
        );
    }
    scene.refused(
        &with(&|bundle| bundle["dsseEnvelope"]["signatures"] = json!([])),
        Outcome::Invalid,
        "envelope_malformed",
    );
    scene.refused(
        &with(&|bundle| bundle["mediaType"] = "text/plain".into()),
        Outcome::Invalid,
        "bundle_malformed",
    );
    // What cannot be read is not passed over either: beside a good entry it refuses, as before.
    let both = with(&|bundle| {
        let mut body = signed.body(&signer.pem());
        body["kind"] = "notes".into();
        let entry = scene.theirs.rekor.entry(&body, SIGNED);
        let entries = &mut bundle["verificationMaterial"]["tlogEntries"];
        entries.as_array_mut().unwrap().push(entry);
    });
    scene.refused(&both, Outcome::Untrusted, "form_unsupported");
    // A key that nobody of the policy has is no finding.
    let key = SigningKey::generate(Kind::P256);
    let by_key = sign::bundle(&key, &scene.statement());
    let pack = scene.image.clone().with_bundle(&by_key);
    scene.refused(&pack, Outcome::Untrusted, "signature_kind_mismatch");
}
