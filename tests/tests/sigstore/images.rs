//! Images: every form in which their signatures and attestations come, alone and together.

use sealgate_core::Verdict;
use sealgate_core::evidence::{Artifact, Blob, Source};
use sealgate_core::policy::file::PolicyFile;
use sealgate_core::verdict::Outcome;
use sealgate_testkit::pack::{self, Pack};
use sealgate_testkit::sign::{self, COSIGN_SIGN, Layer};
use sealgate_testkit::sigstore::certificate::Holder;
use sealgate_tests::parity::{self, PolicyTexts, TrustDocuments};

use crate::prelude::*;

const IMAGE: &str = "registry.example.com/prod/app:1.0";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// An instance, a signer and a policy that trusts it.
struct Case {
    sigstore: Sigstore,
    signer: Holder,
    root: Value,
    keyless: Value,
    more: Value,
}

impl Case {
    fn new() -> Self {
        let sigstore = Sigstore::new("private");
        Self {
            signer: sigstore.signer(),
            root: sigstore.trusted_root(),
            sigstore,
            keyless: json!({
                "trustRoot": "private",
                "identities": [{"issuer": ISSUER, "subject": SUBJECT}],
            }),
            more: json!({}),
        }
    }

    fn wanting_provenance(mut self) -> Self {
        self.more = json!({
            "require": "attestationsOnly",
            "attestations": [{"name": "provenance", "predicateType": PROVENANCE, "from": ["ci"]}],
        });
        self
    }

    fn policy(&self) -> String {
        let mut spec = json!({
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [{"name": "ci", "keyless": self.keyless}],
        });
        spec.as_object_mut()
            .unwrap()
            .extend(self.more.as_object().unwrap().clone());
        let policy = json!({
            "apiVersion": "sealgate.dev/v1alpha1",
            "kind": "TrustPolicy",
            "metadata": {"name": "prod"},
            "spec": spec,
        });
        policy.to_string()
    }

    fn policies(&self) -> PolicyTexts {
        let file = PolicyFile {
            name: "policy.yaml".to_owned(),
            text: self.policy(),
        };
        PolicyTexts::read(&[file]).unwrap()
    }

    /// Natively and in wasm: the verdicts must be equal, byte for byte.
    fn judge(&self, pack: &Pack) -> Verdict {
        let trust = TrustDocuments::default().with_root("private", &self.root);
        parity::judge(pack.evidence(), &self.policies(), &trust, NOW)
    }

    #[track_caller]
    fn passes(&self, pack: &Pack) -> Verdict {
        let verdict = self.judge(pack);
        assert!(verdict.verified, "{:?}", verdict.reasons);
        verdict
    }

    #[track_caller]
    fn refuses(&self, pack: &Pack, outcome: Outcome, code: &str) {
        let verdict = self.judge(pack);
        assert!(!verdict.verified);
        assert_eq!(
            verdict.reasons[0].code.as_str(),
            code,
            "{:?}",
            verdict.reasons
        );
        assert_eq!(verdict.outcome, outcome, "{:?}", verdict.reasons);
    }

    fn signature(&self, pack: &Pack) -> Layer {
        let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
        self.sigstore.cosign_layer(&self.signer, &payload)
    }

    fn attestation(&self, pack: &Pack, predicate_type: &str) -> Layer {
        self.sigstore
            .attestation_layer(&self.signer, &statement(&pack.digest(), predicate_type))
    }

    fn bundle(&self, pack: &Pack, predicate_type: &str) -> Vec<u8> {
        let statement = statement(&pack.digest(), predicate_type);
        let signed = Signed::statement(&self.signer.key, &statement);
        self.sigstore
            .bundle_v1(&signed, &self.signer)
            .to_string()
            .into_bytes()
    }
}

fn annotation<'a>(layer: &'a mut Layer, name: &str) -> &'a mut String {
    let found = layer
        .annotations
        .iter_mut()
        .find(|(key, _)| key.ends_with(name));
    &mut found.unwrap().1
}

fn without(mut layer: Layer, name: &str) -> Layer {
    layer.annotations.retain(|(key, _)| !key.ends_with(name));
    layer
}

/// Cosign layers as a referrer, the experimental form of OCI 1.1.
fn as_referrer(pack: &Pack, artifact_type: &str, layers: &[Layer]) -> Artifact {
    let mut manifest = sign::cosign_manifest(layers);
    manifest["artifactType"] = artifact_type.into();
    manifest["config"]["mediaType"] = artifact_type.into();
    manifest["subject"] = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": pack.digest(),
        "size": 0,
    });
    Artifact {
        source: Source::ReferrersApi,
        manifest: Blob::new(manifest.to_string().into_bytes()),
        blobs: layers
            .iter()
            .map(|layer| Blob::new(layer.bytes.clone()))
            .collect(),
        omitted: Vec::new(),
    }
}

#[test]
fn a_signature_passes_in_every_form() {
    let case = Case::new();
    let image = Pack::image(IMAGE, "a");
    let experimental = "application/vnd.dev.cosign.artifact.sig.v1+json";
    let layer = case.signature(&image);
    let manifest = image.evidence().subject.manifest.bytes().to_vec();
    let message = Signed::message(&case.signer.key, &manifest);
    for (format, pack) in [
        (
            "cosign_signature",
            image.clone().with_cosign(std::slice::from_ref(&layer)),
        ),
        (
            "cosign_signature",
            image
                .clone()
                .with_cosign(&[without(layer.clone(), "/chain")]),
        ),
        (
            "cosign_signature",
            image
                .clone()
                .with(as_referrer(&image, experimental, &[layer])),
        ),
        (
            "sigstore_bundle_v0.3",
            image.clone().with_bundle(&case.bundle(&image, COSIGN_SIGN)),
        ),
        (
            "sigstore_bundle_v0.3",
            image.clone().with_bundle(
                case.sigstore
                    .bundle_v2(&message, &case.signer)
                    .to_string()
                    .as_bytes(),
            ),
        ),
    ] {
        let verdict = case.passes(&pack);
        let [signer] = verdict.signers.as_slice() else {
            panic!("one signer: {:?}", verdict.signers);
        };
        assert_eq!(signer.format.as_str(), format);
        assert_eq!(signer.subject.as_deref(), Some(SUBJECT));
        assert_eq!(signer.times[0].time, SIGNED);
        assert!(
            verdict.valid_until.is_none(),
            "what was true at a verified time stays true"
        );
    }
}

/// That a log retires one day limits what nobody tells a time of, and nothing else.
#[test]
fn a_log_that_retires_limits_no_signature_with_a_verified_time() {
    let mut case = Case::new();
    let key = Key::new(Kind::P256, "managed");
    case.more = json!({"authorities": [{
        "name": "release",
        "key": {"data": key.public_pem()},
        "trustRoot": "private",
        "transparencyLog": {"threshold": 1},
    }]});
    let ends = NOW.plus(60);
    for log in case.root["tlogs"].as_array_mut().unwrap() {
        log["publicKey"]["validFor"]["end"] = json!(ends);
    }
    let image = Pack::image(IMAGE, "a");
    let signed = Signed::statement(&key, &statement(&image.digest(), COSIGN_SIGN));
    let verifier = Verifier::Key(&key);
    let logged = |entry: Value| {
        let mut logged = bundle(&signed, &verifier);
        add_entry(&mut logged, entry);
        logged
    };
    let rekor = &case.sigstore.rekor;
    let timed = logged(rekor.entry(&signed.body(&verifier.pem()), SIGNED));
    let untimed = logged(case.sigstore.rekor_v2.entry_v2(&signed.body_v2(&verifier)));
    let mut timestamped = untimed.clone();
    add_timestamp(
        &mut timestamped,
        &case.sigstore.tsa.token(signed.signature(), SIGNED),
    );
    for (bundle, valid_until) in [(timed, None), (untimed, Some(ends)), (timestamped, None)] {
        let pack = image.clone().with_bundle(bundle.to_string().as_bytes());
        assert_eq!(case.passes(&pack).valid_until, valid_until);
    }
}

#[test]
fn an_attestation_passes_in_every_form_and_is_no_signature() {
    let image = Pack::image(IMAGE, "a");
    let case = Case::new().wanting_provenance();
    let layer = case.attestation(&image, PROVENANCE);
    let referrer = as_referrer(
        &image,
        "application/vnd.in-toto+json",
        std::slice::from_ref(&layer),
    );
    for pack in [
        image.clone().with_cosign(&[layer]),
        image.clone().with(referrer),
        image.clone().with_bundle(&case.bundle(&image, PROVENANCE)),
    ] {
        let verdict = case.passes(&pack);
        assert_eq!(verdict.attestations[0].predicate_type, PROVENANCE);
        Case::new().refuses(&pack, Outcome::Unsigned, "no_image_signature");
    }
}

/// What a shell's `base64` wraps is taken by cosign, which reads as Go does.
#[test]
fn line_breaks_in_the_base64_of_cosigns_annotations_are_let_be() {
    let image = Pack::image(IMAGE, "a");
    let wrap = |text: &str| {
        let lines = text.as_bytes().chunks(64).map(String::from_utf8_lossy);
        let lines: Vec<_> = lines.collect();
        lines.join("\r\n") + "\n"
    };
    let case = Case::new();
    let mut layer = case.signature(&image);
    let signature = annotation(&mut layer, "/signature");
    *signature = wrap(signature);
    let bundle = annotation(&mut layer, "/bundle");
    let mut entry: Value = serde_json::from_str(bundle).unwrap();
    for field in ["/SignedEntryTimestamp", "/Payload/body"] {
        let text = entry.pointer_mut(field).unwrap();
        *text = wrap(text.as_str().unwrap()).into();
    }
    *bundle = entry.to_string();
    case.passes(&image.clone().with_cosign(&[layer.clone()]));
    // Nothing else is let be.
    annotation(&mut layer, "/signature").insert(4, ' ');
    case.refuses(
        &image.clone().with_cosign(&[layer]),
        Outcome::Invalid,
        "signature_malformed",
    );
}

#[test]
fn an_attestation_of_another_type_is_none_cve_2022_35929_cve_2026_39395() {
    let image = Pack::image(IMAGE, "a");
    let case = Case::new().wanting_provenance();
    let other = "https://spdx.dev/Document";
    for pack in [
        image
            .clone()
            .with_cosign(&[case.attestation(&image, other)]),
        image.clone().with_bundle(&case.bundle(&image, other)),
        image.clone().with_bundle(&case.bundle(&image, COSIGN_SIGN)),
    ] {
        case.refuses(&pack, Outcome::Unsigned, "no_matching_attestation");
    }
}

#[test]
fn an_unverified_attestation_among_the_referrers_admits_nothing() {
    let image = Pack::image(IMAGE, "a");
    let case = Case::new().wanting_provenance();
    let mut forged = case.attestation(&image, PROVENANCE);
    let mut envelope: Value = serde_json::from_slice(&forged.bytes).unwrap();
    flip(&mut envelope["signatures"][0]["sig"]);
    forged.bytes = envelope.to_string().into_bytes();
    let referrer = as_referrer(&image, "application/vnd.in-toto+json", &[forged]);
    case.refuses(
        &image.with(referrer),
        Outcome::Untrusted,
        "signature_invalid",
    );
}

#[test]
fn a_transplanted_signature_names_another_image_c_01_c_06() {
    let (image, other) = (Pack::image(IMAGE, "a"), Pack::image(IMAGE, "b"));
    let case = Case::new();
    let attesting = Case::new().wanting_provenance();
    let message = Signed::message(&case.signer.key, other.evidence().subject.manifest.bytes());
    let message = case.sigstore.bundle_v2(&message, &case.signer).to_string();
    let invalid = Outcome::Invalid;
    case.refuses(
        &image.clone().with_cosign(&[case.signature(&other)]),
        invalid,
        "subject_mismatch",
    );
    case.refuses(
        &image.clone().with_bundle(&case.bundle(&other, COSIGN_SIGN)),
        invalid,
        "subject_mismatch",
    );
    case.refuses(
        &image.clone().with_bundle(message.as_bytes()),
        invalid,
        "message_digest_mismatch",
    );
    let layer = attesting.attestation(&other, PROVENANCE);
    attesting.refuses(
        &image.clone().with_cosign(&[layer]),
        invalid,
        "subject_mismatch",
    );
    let bundle = attesting.bundle(&other, PROVENANCE);
    attesting.refuses(&image.with_bundle(&bundle), invalid, "subject_mismatch");
}

#[test]
fn every_annotation_of_a_layer_is_bound_to_its_signature_cve_2022_23649_cve_2026_22703() {
    let (image, other) = (Pack::image(IMAGE, "a"), Pack::image(IMAGE, "b"));
    let case = Case::new();
    let good = case.signature(&image);
    let layer = |change: &dyn Fn(&mut Layer)| {
        let mut layer = good.clone();
        change(&mut layer);
        image.clone().with_cosign(&[layer])
    };
    let stranger = Sigstore::new("stranger").signer();
    let trusted = case.sigstore.issue(&case.sigstore.leaf(), Kind::P384);
    for (pack, outcome, code) in [
        (
            layer(&|l| {
                *annotation(l, "/bundle") =
                    annotation(&mut case.signature(&other), "/bundle").clone()
            }),
            Outcome::Invalid,
            "log_entry_mismatch",
        ),
        (
            layer(&|l| {
                *annotation(l, "/signature") =
                    annotation(&mut case.signature(&other), "/signature").clone()
            }),
            Outcome::Untrusted,
            "signature_invalid",
        ),
        (
            layer(&|l| *annotation(l, "/certificate") = stranger.pem()),
            Outcome::Untrusted,
            "certificate_untrusted",
        ),
        (
            layer(&|l| *annotation(l, "/certificate") = trusted.pem()),
            Outcome::Untrusted,
            "signature_invalid",
        ),
        (
            layer(&|l| *annotation(l, "/certificate") = "no PEM".to_owned()),
            Outcome::Invalid,
            "certificate_malformed",
        ),
        (
            layer(&|l| *annotation(l, "/chain") = "no PEM".to_owned()),
            Outcome::Invalid,
            "certificate_malformed",
        ),
        (
            layer(&|l| *annotation(l, "/signature") = "no base64!".to_owned()),
            Outcome::Invalid,
            "signature_malformed",
        ),
        (
            layer(&|l| *annotation(l, "/bundle") = "{}".to_owned()),
            Outcome::Invalid,
            "log_entry_malformed",
        ),
        (
            layer(&|l| {
                let text = annotation(l, "/bundle");
                *text = text.replace("1720000000", "1720000001");
            }),
            Outcome::Invalid,
            "set_invalid",
        ),
        (
            layer(&|l| *l = without(l.clone(), "/bundle")),
            Outcome::Untrusted,
            "log_threshold_not_met",
        ),
        (
            layer(&|l| *l = without(l.clone(), "/certificate")),
            Outcome::Untrusted,
            "signature_kind_mismatch",
        ),
    ] {
        case.refuses(&pack, outcome, code);
    }
}

#[test]
fn a_layer_may_be_timestamped_instead_of_logged() {
    let image = Pack::image(IMAGE, "a");
    let mut case = Case::new();
    case.keyless["transparencyLog"] = json!({"threshold": 0});
    case.keyless["signedTimestamp"] = json!({"threshold": 1});
    let stamp = |layer: Layer, message: &[u8], at| {
        let token = STANDARD.encode(case.sigstore.tsa.token(message, at));
        let mut layer = without(layer, "/bundle");
        layer.annotations.push((
            "dev.sigstore.cosign/rfc3161timestamp".to_owned(),
            json!({"SignedRFC3161Timestamp": token}).to_string(),
        ));
        layer
    };
    let mut layer = case.signature(&image);
    let signature = STANDARD
        .decode(annotation(&mut layer, "/signature"))
        .unwrap();
    case.passes(
        &image
            .clone()
            .with_cosign(&[stamp(layer.clone(), &signature, SIGNED)]),
    );
    let late = stamp(layer.clone(), &signature, SIGNED.plus(9999));
    case.refuses(
        &image.clone().with_cosign(&[late]),
        Outcome::Untrusted,
        "certificate_outside_validity",
    );
    let other = stamp(layer, b"another signature", SIGNED);
    case.refuses(
        &image.clone().with_cosign(&[other]),
        Outcome::Invalid,
        "timestamp_mismatch",
    );

    // Cosign timestamps the whole document of an attestation.
    let mut attesting = Case::new().wanting_provenance();
    attesting.keyless = case.keyless.clone();
    let layer = attesting.attestation(&image, PROVENANCE);
    let document = layer.bytes.clone();
    attesting.passes(
        &image
            .clone()
            .with_cosign(&[stamp(layer, &document, SIGNED)]),
    );
}

#[test]
fn cosign_1_attestations_are_bound_by_their_envelope() {
    let image = Pack::image(IMAGE, "a");
    let case = Case::new().wanting_provenance();
    let layer = |hash: &[u8]| {
        let mut layer = case.attestation(&image, PROVENANCE);
        let body = json!({
            "apiVersion": "0.0.1",
            "kind": "intoto",
            "spec": {
                "content": {"hash": {"algorithm": "sha256", "value": hex::encode(log::sha256(hash))}},
                "publicKey": STANDARD.encode(case.signer.pem()),
            },
        });
        let entry = case.sigstore.rekor.entry(&body, SIGNED);
        *annotation(&mut layer, "/bundle") = sealgate_testkit::sigstore::cosign_bundle(&entry);
        layer
    };
    let document = case.attestation(&image, PROVENANCE).bytes;
    case.passes(&image.clone().with_cosign(&[layer(&document)]));
    let other = layer(b"another envelope");
    case.refuses(
        &image.clone().with_cosign(&[other]),
        Outcome::Invalid,
        "log_entry_mismatch",
    );
}

#[test]
fn all_constraints_hold_for_the_same_signature() {
    let image = Pack::image(IMAGE, "a");
    let mut case = Case::new();
    case.keyless["identities"][0]["claims"] = json!({"runnerEnvironment": "github-hosted"});
    let layer = |description: &Description| {
        let holder = case.sigstore.issue(description, Kind::P256);
        let payload = sign::simple_signing(&image.repository(), &image.digest(), &Value::Null);
        case.sigstore.cosign_layer(&holder, &payload)
    };
    let environment = |value: &str| {
        let mut leaf = case.sigstore.leaf();
        leaf.extensions
            .retain(|(oid, ..)| !oid.ends_with(".57264.1.11"));
        leaf.fulcio(11, value)
    };
    let right_subject = layer(&environment("self-hosted"));
    let mut stranger = environment("github-hosted");
    stranger.names = vec![San::Uri("https://github.com/evil/app".to_owned())];
    let right_claim = layer(&stranger);
    let both = image
        .clone()
        .with_cosign(&[right_subject.clone(), right_claim.clone()]);
    case.refuses(&both, Outcome::Untrusted, "claim_mismatch");
    let good = layer(&environment("github-hosted"));
    case.passes(&image.with_cosign(&[right_subject, right_claim, good]));
}

#[test]
fn signatures_of_every_form_are_merged_in_any_order_with_the_same_bytes_c_07() {
    let image = Pack::image(IMAGE, "a");
    let mut case = Case::new();
    case.more = json!({
        "attestations": [{"name": "provenance", "predicateType": PROVENANCE, "from": ["ci"]}],
    });
    let forged = {
        let mut bundle: Value = serde_json::from_slice(&case.bundle(&image, COSIGN_SIGN)).unwrap();
        flip(&mut bundle["dsseEnvelope"]["signatures"][0]["sig"]);
        bundle.to_string().into_bytes()
    };
    let referrer = |bundle: &[u8]| pack::referrer(&image.digest(), sign::BUNDLE, bundle);
    let with_layers = image.clone().with_cosign(&[case.signature(&image)]);
    let mut parts = vec![
        with_layers.evidence().artifacts[0].clone(),
        referrer(&case.bundle(&image, COSIGN_SIGN)),
        referrer(&case.bundle(&image, PROVENANCE)),
        referrer(&forged),
        referrer(b"no bundle"),
    ];
    let mut verdicts = Vec::new();
    for _ in 0..parts.len() {
        parts.rotate_left(1);
        for order in [parts.clone(), parts.iter().rev().cloned().collect()] {
            let pack = order.into_iter().fold(image.clone(), Pack::with);
            verdicts.push(case.passes(&pack).to_json());
        }
    }
    verdicts.dedup();
    assert_eq!(verdicts.len(), 1);
    let verdict: Value = serde_json::from_slice(&verdicts[0]).unwrap();
    assert_eq!(verdict["signers"].as_array().unwrap().len(), 3);
}
