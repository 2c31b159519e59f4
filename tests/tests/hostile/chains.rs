//! Certificates that lead nowhere cost no more than those that lead somewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::evidence::{Blob, Source};
use sealgate_testkit::key::{Key, Kind};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, COSIGN_SIGN};
use sealgate_testkit::sigstore::certificate::{
    CODE_SIGNING, Description, Holder, San, TIME_STAMPING,
};
use sealgate_testkit::sigstore::{
    END, SIGNED, START, SUBJECT, Signed, Verifier, add_timestamp, bundle, cosign_bundle,
};
use sealgate_testkit::timestamp::{Signer, Token, response};
use serde_json::{Value, json};

use crate::scene::{Scene, image, layers, simple_signing};

fn authority(name: &str, serial: u64) -> Description {
    let mut description = Description::authority(name, (START, END));
    description.serial = serial;
    description
}

/// Self-made authorities of one name.
fn strangers(name: &str, count: u64) -> Vec<Holder> {
    let made = |serial| {
        let mut description = authority(name, 100 + serial);
        description.purposes = vec![CODE_SIGNING];
        let key = Key::new(Kind::P256, &format!("{name} {serial}"));
        description.self_signed(key)
    };
    (0..count).map(made).collect()
}

fn pems(holders: &[Holder]) -> String {
    holders.iter().map(Holder::pem).collect()
}

/// The annotations of a layer that `holder` signed and a log took.
fn annotations(scene: &Scene, holder: &Holder, payload: &[u8], leaf: &str, chain: &str) -> Value {
    let signed = Signed::message(&holder.key, payload);
    let body = signed.body(&holder.pem());
    let entry = scene.sigstore.rekor.entry(&body, SIGNED);
    json!({
        "dev.cosignproject.cosign/signature": STANDARD.encode(signed.signature()),
        "dev.sigstore.cosign/certificate": leaf,
        "dev.sigstore.cosign/chain": chain,
        "dev.sigstore.cosign/bundle": cosign_bundle(&entry),
    })
}

fn with_layer(image: &Pack, payload: &[u8], annotations: &Value) -> Pack {
    let blob = Blob::new(payload.to_vec());
    let layer = std::iter::once((blob.digest(), annotations));
    let tag = Source::CosignSignatureTag;
    let artifact = layers(sign::SIMPLE_SIGNING, layer, tag, vec![blob.clone()]);
    image.clone().with(artifact)
}

#[test]
fn certificates_that_lead_nowhere_cost_no_more_than_genuine_ones_rt_2() {
    let scene = Scene::new();
    let image = image();
    let payload = simple_signing(&image);
    let signer = &scene.signer;
    let chain = scene.sigstore.intermediate.pem();
    let genuine = annotations(&scene, signer, &payload, &signer.pem(), &chain);
    let genuine = with_layer(&image, &payload, &genuine);
    scene.passes(&genuine, "keyless");
    let usual = scene.fuel(&genuine, "keyless");

    let named = strangers("private intermediate", 19);
    let nobody = strangers("nobody", 19);
    let mut leaf = scene.sigstore.leaf();
    leaf.names = vec![San::Uri(SUBJECT.to_owned())];
    for (fakes, beside, above) in [
        (&named, &named[..9], &named[9..19]),
        (&nobody, &nobody[..0], &nobody[..9]),
        (&nobody, &nobody[..9], &nobody[9..19]),
    ] {
        let evil = leaf.issued_by(Key::new(Kind::P256, "evil"), &fakes[0]);
        let leaf = evil.pem() + &pems(beside);
        let layer = annotations(&scene, &evil, &payload, &leaf, &pems(above));
        let pack = with_layer(&image, &payload, &layer);
        scene.refuses(&pack, "keyless", "certificate_untrusted");
        let fuel = scene.fuel(&pack, "keyless");
        assert!(fuel < 2 * usual, "{fuel} and usually {usual}");
    }
}

/// Both certificates of an authority have its name and key. One leads to the trusted root, the
/// other to somebody else's, and it does not matter which comes first.
#[test]
fn a_cross_signed_authority_is_followed_to_the_root_that_is_trusted_rt_2() {
    let scene = Scene::new();
    let image = image();
    let payload = simple_signing(&image);
    let other_root = authority("other root", 7).self_signed(Key::new(Kind::P256, "other"));
    // Below the trusted intermediate another one, which somebody else certified, too.
    let key = || Key::new(Kind::P256, "issuing");
    let issuing = authority("issuing", 8);
    let trusted = issuing.issued_by(key(), &scene.sigstore.intermediate);
    let crossed = issuing.issued_by(key(), &other_root);
    let leaf = scene.sigstore.leaf();
    let leaf = sealgate_testkit::sigstore::log::issue_logged(
        &leaf,
        Key::new(Kind::P256, "leaf"),
        &trusted,
        &[&scene.sigstore.ct_log],
        &[],
    );
    for order in [[&trusted, &crossed], [&crossed, &trusted]] {
        let chain: String = order.into_iter().map(Holder::pem).collect();
        let layer = annotations(&scene, &leaf, &payload, &leaf.pem(), &chain);
        scene.passes(&with_layer(&image, &payload, &layer), "keyless");
    }
    let alone = annotations(&scene, &leaf, &payload, &leaf.pem(), &crossed.pem());
    let pack = with_layer(&image, &payload, &alone);
    scene.refuses(&pack, "keyless", "certificate_untrusted");
}

/// The answer with a token in the name of `leaf`, with these certificates.
fn token(leaf: &Holder, issuer: &[u8], certificates: &[Vec<u8>], message: &[u8]) -> Vec<u8> {
    let signer = Signer {
        der: &leaf.der,
        issuer,
        serial: &[2],
        key: &leaf.key,
    };
    let token = Token::new(SIGNED.seconds()).with(|t| t.certificates = certificates.to_vec());
    response(&token.sign(signer, message))
}

/// A root whose timestamp authorities are known by their roots alone, so that the signing
/// certificate comes from the token.
fn with_bare_authorities(scene: &mut Scene, count: usize) {
    let authorities = scene.root["timestampAuthorities"].as_array_mut().unwrap();
    let certificates = authorities[0]["certChain"]["certificates"]
        .as_array_mut()
        .unwrap();
    certificates.drain(..certificates.len() - 1);
    let bare = authorities[0].clone();
    authorities.resize(count, bare);
}

/// A token whose signer nine authorities of one name could have certified.
fn stray_token(message: &[u8]) -> Vec<u8> {
    let fakes = strangers("nobody", 9);
    let mut leaf = Description::leaf(TIME_STAMPING, (START, END));
    leaf.purposes_critical = true;
    leaf.common_name = "tsa".to_owned();
    let leaf = leaf.issued_by(Key::new(Kind::P256, "evil tsa"), &fakes[0]);
    let mut all = vec![leaf.der.clone()];
    all.extend(fakes.iter().map(|fake| fake.der.clone()));
    token(&leaf, fakes[0].name(), &all, message)
}

#[test]
fn timestamps_that_lead_nowhere_cost_no_more_than_genuine_ones_rt_2() {
    let mut scene = Scene::new();
    with_bare_authorities(&mut scene, 1);
    let image = image();
    let statement = sign::statement(&image.digest(), COSIGN_SIGN, &json!({}));
    let signed = Signed::statement(&scene.signer.key, &statement);
    let good = scene.sigstore.bundle_v1(&signed, &scene.signer);
    let genuine = image.clone().with_bundle(good.to_string().as_bytes());
    let usual = scene.fuel(&genuine, "keyless");
    let mut stamped = good;
    for _ in 0..4 {
        add_timestamp(&mut stamped, &stray_token(signed.signature()));
    }
    // By nobody known: not counted, and no harm.
    let pack = image.clone().with_bundle(stamped.to_string().as_bytes());
    scene.passes(&pack, "keyless");
    let fuel = scene.fuel(&pack, "keyless");
    assert!(fuel < 2 * usual, "{fuel} and usually {usual}");

    // Beside a certificate of his own nothing of a stranger is looked at.
    let mut description = scene.sigstore.leaf();
    description.names = vec![San::Uri(SUBJECT.to_owned())];
    let evil = description.self_signed(Key::new(Kind::P256, "evil"));
    let signed = Signed::statement(&evil.key, &statement);
    let mut stray = bundle(&signed, &Verifier::Certificate(&evil));
    for _ in 0..32 {
        add_timestamp(&mut stray, &stray_token(signed.signature()));
    }
    let pack = image.with_bundle(stray.to_string().as_bytes());
    scene.refuses(&pack, "keyless", "certificate_untrusted");
}

/// The share of one signature ends, natively and in wasm with the same words, and the next
/// signature has one of its own.
#[test]
fn a_signature_that_takes_more_than_its_share_fails_alone_rt_2() {
    let mut scene = Scene::new();
    with_bare_authorities(&mut scene, 4);
    let image = image();
    let statement = sign::statement(&image.digest(), COSIGN_SIGN, &json!({}));
    let signed = Signed::statement(&scene.signer.key, &statement);
    let good = scene.sigstore.bundle_v1(&signed, &scene.signer);
    let mut greedy = good.clone();
    for _ in 0..32 {
        add_timestamp(&mut greedy, &stray_token(signed.signature()));
    }
    let greedy = image.clone().with_bundle(greedy.to_string().as_bytes());
    let verdict = scene.refuses(&greedy, "keyless", "limit_exceeded");
    let reasons = verdict["reasons"].to_string();
    let words = "more than the 512 steps of certificate paths that one signature may take";
    assert!(reasons.contains(words), "{reasons}");
    scene.passes(&greedy.with_bundle(good.to_string().as_bytes()), "keyless");
}
