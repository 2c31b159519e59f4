//! The Notary Project's own vectors, of notation-go's tests.
//!
//! The images of most of them are not published: with a genuine envelope everything but the last
//! step of the integrity check passes, which finds that the image is another.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::Verdict;
use sealgate_core::evidence::{Blob, Evidence};
use sealgate_testkit::key::pem;
use sealgate_testkit::notation::Format;
use sealgate_testkit::notation::envelope::artifact;
use sealgate_testkit::pack::Pack;
use sealgate_tests::parity::TrustDocuments;
use sealgate_tests::vectors;
use serde_json::{Value, json};

use crate::scene::{accepted, image, judge_at, policy, refused, trust, with_envelope};

/// 2024-01-01.
const THEN: i64 = 1_704_067_200;

fn judge(pack: &Pack, trust: &TrustDocuments) -> Verdict {
    let policies = policy(&[("trustStores", json!(["ca:acme", "signingAuthority:acme"]))]);
    judge_at(pack, &policies, trust, THEN)
}

/// The last certificate of a JWS envelope.
fn root_of(envelope: &[u8]) -> Vec<u8> {
    let envelope: Value = serde_json::from_slice(envelope).unwrap();
    let chain = envelope["header"]["x5c"].as_array().unwrap();
    STANDARD
        .decode(chain.last().unwrap().as_str().unwrap())
        .unwrap()
}

fn trusting(root: &[u8]) -> TrustDocuments {
    let root = vec![pem("CERTIFICATE", root)];
    TrustDocuments::default()
        .with_store("ca:acme", root.clone())
        .with_store("signingAuthority:acme", root)
}

/// The image of the layout that notation-go's tests sign.
fn alpine(base: &Path) -> Pack {
    let index = fs::read(base.join("alpine/oci-layout/index.json")).unwrap();
    let index: Value = serde_json::from_slice(&index).unwrap();
    let digest = index["manifests"][0]["digest"].as_str().unwrap();
    let blob = base
        .join("alpine/oci-layout/blobs")
        .join(digest.replace(':', "/"));
    let mut pack = Pack::image("docker.io/library/alpine:v2", "unused");
    let evidence: &mut Evidence = pack.evidence_mut();
    evidence.subject.manifest = Blob::new(fs::read(blob).unwrap());
    evidence.subject.media_type = index["manifests"][0]["mediaType"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(pack.digest().to_string(), digest);
    pack
}

pub(crate) fn the_signatures_of_alpine_are_accepted() {
    let base = vectors::folder("notation");
    let jws = fs::read(base.join("alpine/jws_signature.sig")).unwrap();
    let cose = fs::read(base.join("alpine/cose_signature.sig")).unwrap();
    let root = root_of(&jws);
    for (format, envelope) in [(Format::Jws, &jws), (Format::Cose, &cose)] {
        let pack = alpine(&base);
        let artifact = artifact(&pack.digest(), format, envelope);
        let verdict = judge(&pack.with(artifact), &trusting(&root));
        accepted(&verdict);
        let subject = verdict.signers[0].x509_subject.as_deref();
        assert_eq!(subject, Some("CN=alpine,O=Notary,L=Seattle,ST=WA,C=US"));
        // The same envelope beside another image.
        let pack = with_envelope(image(), format, envelope);
        refused(&judge(&pack, &trusting(&root)), "subject_mismatch");
        // Nobody's root.
        let stranger = crate::scene::Signer::new();
        let nobody = trust(&[
            ("ca:acme", &[&stranger.root]),
            ("signingAuthority:acme", &[&stranger.root]),
        ]);
        let pack = alpine(&base);
        let artifact =
            sealgate_testkit::notation::envelope::artifact(&pack.digest(), format, envelope);
        refused(
            &judge(&pack.with(artifact), &nobody),
            "certificate_untrusted",
        );
    }
    println!("notation-go: 2 signatures of alpine, accepted for it and for nothing else");
}

pub(crate) fn the_mock_envelopes_get_as_far_as_they_should() {
    let base = vectors::folder("notation");
    let mut seen = 0;
    for entry in fs::read_dir(base.join("envelopes")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let envelope = fs::read(&path).unwrap();
        let pack = with_envelope(image(), Format::Jws, &envelope);
        let expected = match name.as_str() {
            // What was altered is not even base64 any more: its last bits are not zero.
            "ca_invalid_sig_env.json" | "sa_invalid_sig_env.json" => "envelope_malformed",
            name if name.contains("plugin") => "plugin_unsupported",
            _ => "subject_mismatch",
        };
        let verdict = judge(&pack, &TrustDocuments::default());
        let first = verdict.reasons.first().unwrap();
        assert_eq!(first.code.as_str(), expected, "{name}: {}", first.message);
        seen += 1;
    }
    assert_eq!(seen, 17);
    println!("notation-go: {seen} mock envelopes");
}
