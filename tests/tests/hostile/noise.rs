//! Noise: repetitions cost nothing, and no signature is pushed out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::Digest;
use sealgate_core::digest::Algorithm;
use sealgate_core::evidence::{Artifact, Blob, RevocationKind, Source};
use sealgate_testkit::notation::revocation::{Crl, Entry, answer};
use sealgate_testkit::notation::{Format, Profile};
use sealgate_testkit::pack::{Pack, referrer};
use sealgate_testkit::sign::{self, COSIGN_SIGN};
use sealgate_testkit::sigstore::{SIGNED, Signed};
use serde_json::{Value, json};

use crate::scene::{NOTARY_SIGNER, Scene, codes, image, layers, simple_signing, with_envelope};

/// The same artifact under another digest.
fn annotated(mut artifact: Artifact, note: usize) -> Artifact {
    let mut manifest: Value = serde_json::from_slice(artifact.manifest.bytes()).unwrap();
    manifest["annotations"] = json!({"n": note.to_string()});
    artifact.manifest = Blob::new(manifest.to_string().into_bytes());
    artifact
}

/// An envelope of this many bytes by nobody known.
fn stray_envelope(bytes: usize) -> Blob {
    let payload = STANDARD.encode(vec![b'x'; bytes / 4 * 3]);
    let envelope = json!({
        "payloadType": "application/vnd.in-toto+json",
        "payload": payload,
        "signatures": [{"sig": "AAAA"}],
    });
    Blob::new(envelope.to_string().into_bytes())
}

#[test]
fn one_blob_named_by_many_layers_is_judged_once_rt_3_atk_29() {
    let scene = Scene::new();
    let blob = stray_envelope(1 << 20);
    let tagged = |count| {
        let none = json!({});
        let names = std::iter::repeat_n((blob.digest(), &none), count);
        let tag = Source::CosignAttestationTag;
        image().with(layers(sign::DSSE, names, tag, vec![blob.clone()]))
    };
    let (one, many) = (tagged(1), tagged(256));
    let first = scene.refuses(&one, "key", "signature_invalid");
    let all = scene.refuses(&many, "key", "signature_invalid");
    assert_eq!(codes(&first), codes(&all));
    let (once, often) = (scene.cost(&one, "key"), scene.cost(&many, "key"));
    assert!(
        often.fuel < once.fuel * 3 / 2,
        "{often:?}, and once {once:?}"
    );
    assert!(
        often.memory < once.memory + (8 << 20),
        "{often:?}, and once {once:?}"
    );
}

#[test]
fn one_bundle_under_many_referrers_is_judged_once_rt_3() {
    let scene = Scene::new();
    let image = image();
    let statement = sign::statement(&image.digest(), COSIGN_SIGN, &json!({}));
    let bundle = sign::bundle(&scene.key, &statement);
    let mut pack = image.clone();
    for note in 0..64 {
        pack = pack.with(annotated(
            referrer(&image.digest(), sign::BUNDLE, &bundle),
            note,
        ));
    }
    let verdict = scene.passes(&pack, "key");
    assert_eq!(verdict["signers"].as_array().unwrap().len(), 1);
}

#[test]
fn a_digest_by_another_algorithm_costs_no_hashing_rt_4() {
    let scene = Scene::new();
    let blob = Blob::new(vec![7; 2 << 20]);
    let absent = |digest| {
        let annotations = json!({"dev.cosignproject.cosign/signature": "AAAA"});
        let names = std::iter::repeat_n((digest, &annotations), 256);
        let tag = Source::CosignSignatureTag;
        image().with(layers(sign::SIMPLE_SIGNING, names, tag, vec![blob.clone()]))
    };
    let by_sha256 = absent(Digest::sha256(b"absent"));
    let by_sha512 = absent(Digest::of(Algorithm::Sha512, b"absent"));
    scene.refuses(&by_sha512, "key", "blob_missing");
    let (usual, odd) = (scene.fuel(&by_sha256, "key"), scene.fuel(&by_sha512, "key"));
    assert!(odd < usual * 11 / 10, "{odd}, and by SHA-256 {usual}");
}

#[test]
fn a_layer_named_by_sha_512_is_found_rt_4() {
    let scene = Scene::new();
    let image = image();
    let layer = sign::cosign_layer(&scene.key, simple_signing(&image));
    let mut manifest = sign::cosign_manifest(std::slice::from_ref(&layer));
    let name = Digest::of(Algorithm::Sha512, &layer.bytes);
    manifest["layers"][0]["digest"] = name.to_string().into();
    let artifact = |manifest: &Value| Artifact {
        source: Source::CosignSignatureTag,
        manifest: Blob::new(manifest.to_string().into_bytes()),
        blobs: vec![Blob::new(layer.bytes.clone())],
        omitted: Vec::new(),
    };
    scene.passes(&image.clone().with(artifact(&manifest)), "key");
    manifest["layers"][0]["size"] = 1.into();
    scene.refuses(&image.with(artifact(&manifest)), "key", "blob_missing");
}

/// Hundreds of layers by nobody known, each another one, in a referrer.
fn stray_layers(image: &Pack, note: usize, count: usize) -> Artifact {
    let payload = Blob::new(simple_signing(image));
    let signatures: Vec<_> = (0..count)
        .map(|i| {
            let signature = STANDARD.encode(format!("{note} {i}"));
            json!({"dev.cosignproject.cosign/signature": signature})
        })
        .collect();
    let names = signatures
        .iter()
        .map(|annotations| (payload.digest(), annotations));
    let source = Source::ReferrersApi;
    let mut artifact = layers(sign::SIMPLE_SIGNING, names, source, vec![payload.clone()]);
    let mut manifest: Value = serde_json::from_slice(artifact.manifest.bytes()).unwrap();
    manifest["subject"] = json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": image.digest(),
        "size": 0,
    });
    artifact.manifest = Blob::new(manifest.to_string().into_bytes());
    artifact
}

/// Whatever the format: artifacts with hundreds of signatures, before and behind the good one,
/// take no place from it.
#[test]
fn noise_pushes_out_no_good_signature_of_any_format_rt_24() {
    let scene = Scene::new();
    let image = image();
    let digest = image.digest();
    let statement = sign::statement(&digest, COSIGN_SIGN, &json!({}));
    let payload = simple_signing(&image);
    let by_identity = Signed::statement(&scene.signer.key, &statement);
    let bundle = scene.sigstore.bundle_v1(&by_identity, &scene.signer);
    let layer = sign::cosign_layer(&scene.key, payload.clone());
    let keyless_layer = scene.sigstore.cosign_layer(&scene.signer, &payload);
    let good = [
        (
            "key",
            image
                .clone()
                .with_bundle(&sign::bundle(&scene.key, &statement)),
        ),
        ("key", image.clone().with_cosign(&[layer])),
        (
            "keyless",
            image.clone().with_bundle(bundle.to_string().as_bytes()),
        ),
        ("keyless", image.clone().with_cosign(&[keyless_layer])),
        ("notary", scene.signed(Format::Jws)),
        ("notary", scene.signed(Format::Cose)),
    ];
    let noise: Vec<_> = (0..6).map(|note| stray_layers(&image, note, 256)).collect();
    for (authority, good) in good {
        let artifacts = &good.evidence().artifacts;
        let mut pack = image.clone();
        for artifact in noise[..4].iter().chain(artifacts).chain(&noise[4..]) {
            pack = pack.with(artifact.clone());
        }
        let verdict = scene.passes(&pack, authority);
        assert_eq!(verdict["signers"].as_array().unwrap().len(), 1);
    }
    // And what was not looked at is said.
    let noisy = noise.into_iter().fold(image, Pack::with);
    scene.refuses(&noisy, "key", "limit_exceeded");
}

/// A list of megabytes is read once, also if every copy of the signature differs in what nobody
/// signed.
#[test]
fn a_revocation_list_is_read_once_in_a_verdict_rt_26() {
    const CRL: &str = "http://crl.example.com/acme.crl";
    let mut scene = Scene::new();
    let profile = Profile::signer(NOTARY_SIGNER).with(|p| p.crl = vec![CRL.to_owned()]);
    scene.notary = scene.notary_root.issue(&profile);
    let other = scene
        .notary_root
        .issue(&Profile::signer("C=US, ST=WA, O=acme, CN=other"));
    let entries = (0..4_000_u32).map(|i| {
        let mut entry = Entry::new(&other, None);
        entry.serial = [&[0x10], &i.to_be_bytes()[..]].concat();
        entry
    });
    let list = Crl::new(entries.collect()).sign(&scene.notary_root);
    let image = image();
    let envelope = scene.envelope(Format::Jws, &image).sign(&scene.notary.key);
    let signed = |copies: usize| {
        let mut pack = image.clone();
        for copy in 0..copies {
            let mut envelope: Value = serde_json::from_slice(&envelope).unwrap();
            envelope["header"]["copy"] = copy.into();
            pack = with_envelope(pack, Format::Jws, envelope.to_string().as_bytes());
        }
        let list = answer(RevocationKind::Crl, CRL, &scene.notary_root, list.clone());
        pack.evidence_mut().revocation = vec![list];
        pack
    };
    let (one, many) = (signed(1), signed(16));
    scene.passes(&one, "notary");
    scene.passes(&many, "notary");
    let (once, often) = (scene.fuel(&one, "notary"), scene.fuel(&many, "notary"));
    assert!(often < 2 * once, "{often}, and once {once}");
}

#[test]
fn an_envelope_larger_than_any_real_one_is_refused_unread_rt_9() {
    let scene = Scene::new();
    let count = 2_u32 << 20;
    let mut cose = vec![0xd2, 0x84, 0x40, 0xa1, 0x61, b'x', 0x9a];
    cose.extend(count.to_be_bytes());
    cose.extend(std::iter::repeat_n(0xf6, count as usize));
    cose.extend([0x40, 0x40]);
    let pack = with_envelope(image(), Format::Cose, &cose);
    let verdict = scene.refuses(&pack, "notary", "limit_exceeded");
    let reasons = verdict["reasons"].to_string();
    assert!(
        reasons.contains("more than the 1048576 allowed"),
        "{reasons}"
    );
}

#[test]
fn a_log_entry_larger_than_any_real_one_is_refused_unread_rt_9() {
    let scene = Scene::new();
    let image = image();
    let statement = sign::statement(&image.digest(), COSIGN_SIGN, &json!({}));
    let signed = Signed::statement(&scene.signer.key, &statement);
    let mut bundle = scene.sigstore.bundle_v1(&signed, &scene.signer);
    let mut body = signed.body(&scene.signer.pem());
    body["spec"]["x"] = "x".repeat(4 << 20).into();
    bundle["verificationMaterial"]["tlogEntries"][0] = scene.sigstore.rekor.entry(&body, SIGNED);
    let pack = image.with_bundle(bundle.to_string().as_bytes());
    scene.refuses(&pack, "keyless", "limit_exceeded");
}

/// The order of NIST P-256.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

/// `(r, n - s)` verifies wherever `(r, s)` does, so anybody can give a certificate a second spelling.
fn respelled(certificate: &[u8]) -> Vec<u8> {
    use x509_cert::der::asn1::{BitString, Uint};
    use x509_cert::der::{Decode as _, Encode as _};

    let mut certificate = x509_cert::Certificate::from_der(certificate).unwrap();
    let signature = certificate.signature.as_bytes().unwrap();
    let [r, s] = <[Uint; 2]>::from_der(signature).unwrap();
    let order: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&ORDER[at..at + 2], 16).unwrap())
        .collect();
    let mut s32 = vec![0; 32 - s.as_bytes().len()];
    s32.extend_from_slice(s.as_bytes());
    let mut borrow = 0;
    let mut rest: Vec<u8> = (0..32)
        .rev()
        .map(|at| {
            let digit = i32::from(order[at]) - i32::from(s32[at]) - borrow;
            borrow = i32::from(digit < 0);
            u8::try_from(digit.rem_euclid(256)).unwrap()
        })
        .collect();
    rest.reverse();
    let signature = [r, Uint::new(&rest).unwrap()].to_der().unwrap();
    certificate.signature = BitString::from_bytes(&signature).unwrap();
    certificate.to_der().unwrap()
}

/// It is another certificate by its fingerprint, by the same signer: by his key, which counts.
#[test]
fn a_certificate_that_is_spelled_otherwise_is_no_second_signer_rt_25() {
    let mut scene = Scene::new();
    let one = json!({"name": "one", "notation": {
        "trustStores": ["ca:acme"],
        "trustedIdentities": [format!("x509.subject: {NOTARY_SIGNER}")],
        "level": "strict",
    }});
    let mut two = one.clone();
    two["name"] = "two".into();
    scene.more = json!({"authorities": [one, two], "require": {"atLeast": {"count": 2}}});
    let image = image();
    let envelope = scene.envelope(Format::Jws, &image);
    let first = envelope.clone().sign(&scene.notary.key);
    let other = respelled(&scene.notary.der);
    assert_ne!(other, scene.notary.der);
    let second = envelope
        .with(|envelope| envelope.chain[0] = other)
        .sign(&scene.notary.key);
    let pack = with_envelope(image, Format::Jws, &first);
    let pack = with_envelope(pack, Format::Jws, &second);
    let verdict = scene.refuses(&pack, "notary", "threshold_not_met");
    let reasons = verdict["reasons"].to_string();
    assert!(reasons.contains("found 1"), "{reasons}");
    // The second spelling did verify: it is refused as a second signer alone.
    scene.more = json!({"require": {"atLeast": {"count": 1}}});
    let verdict = scene.passes(&pack, "notary");
    let signers = verdict["signers"].as_array().unwrap();
    assert_eq!(signers.len(), 2);
    assert_eq!(signers[0]["keyFingerprint"], signers[1]["keyFingerprint"]);
    assert_ne!(signers[0]["fingerprint"], signers[1]["fingerprint"]);
}
