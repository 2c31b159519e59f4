//! What is found beside an image: each artifact is read within its bounds, and what is left out
//! is said.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::evidence::{Artifact, Blob, Source};
use sealgate_core::{
    Evidence, Manifest, ManifestError, Policies, TrustMaterial, UnixTime, Verdict, limits,
    signed_layers,
};
use sealgate_testkit::pack::{Pack, referrer};
use sealgate_testkit::sign::{self, Layer, SigningKey};
use serde_json::{Value, json};

use crate::scene::{IMAGE, accepted, judge, key, policies};

/// Layers of one artifact that are looked at.
const LAYERS: usize = 256;

/// An artifact with signatures by nobody known, each another one.
fn stray(image: &Pack, source: Source, note: usize, count: usize) -> Artifact {
    let payload = sign::simple_signing(&image.repository(), &image.digest(), &Value::Null);
    let layers: Vec<_> = (0..count)
        .map(|i| Layer {
            media_type: sign::SIMPLE_SIGNING.to_owned(),
            bytes: payload.clone(),
            annotations: vec![(
                "dev.cosignproject.cosign/signature".to_owned(),
                STANDARD.encode(format!("{note} {i}")),
            )],
        })
        .collect();
    let mut manifest = sign::cosign_manifest(&layers);
    if source.is_referrer() {
        manifest["subject"] = subject(image);
    }
    Artifact {
        source,
        manifest: blob(&manifest),
        blobs: vec![Blob::new(payload)],
        omitted: Vec::new(),
    }
}

fn subject(image: &Pack) -> Value {
    json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": image.digest(),
        "size": 0,
    })
}

fn blob(value: &Value) -> Blob {
    Blob::new(value.to_string().into_bytes())
}

fn good(image: &Pack, key: &SigningKey) -> Artifact {
    let statement = sign::statement(&image.digest(), sign::COSIGN_SIGN, &json!({}));
    referrer(
        &image.digest(),
        sign::BUNDLE,
        &sign::bundle(key, &statement),
    )
}

/// Without a request.
fn natively(pack: &Pack, policies: &Policies) -> Verdict {
    let now = UnixTime::from_seconds(1_800_000_000);
    sealgate_core::verify(pack.evidence(), policies, &TrustMaterial::new(), now).unwrap()
}

/// Reasons of this code.
fn messages<'a>(verdict: &'a Verdict, code: &str) -> Vec<&'a str> {
    let of_it = verdict
        .reasons
        .iter()
        .filter(|reason| reason.code.as_str() == code);
    of_it.map(|reason| reason.message.as_str()).collect()
}

/// Cosign keeps two tags; what more "tags" hold than those is counted and not judged.
#[test]
fn signatures_under_tags_are_bounded_and_the_rest_is_counted() {
    let (image, key) = (Pack::image(IMAGE, "a"), key());
    let tags = |counts: &[usize]| {
        let artifacts = counts.iter().enumerate();
        artifacts.fold(image.clone(), |pack, (note, count)| {
            pack.with(stray(&image, Source::CosignSignatureTag, note, *count))
        })
    };
    let said = |pack: &Pack| {
        let verdict = judge(pack, &policies(&key, ""));
        assert!(!verdict.verified);
        messages(&verdict, "limit_exceeded").join("\n")
    };
    assert_eq!(said(&tags(&[256, 256])), "");
    assert_eq!(
        said(&tags(&[256, 256, 5])),
        "found 517 signatures; only the first 512 were looked at"
    );
    // They take no place of what refers to the image.
    accepted(
        &tags(&[256, 256, 5]).with(good(&image, &key)),
        &policies(&key, ""),
    );
}

/// Referrers share the places: of six with 256 signatures each 170 are read.
#[test]
fn referrers_share_their_places_and_the_rest_is_counted() {
    let (image, key) = (Pack::image(IMAGE, "a"), key());
    let noise = (0..6).fold(image.clone(), |pack, note| {
        pack.with(stray(&image, Source::ReferrersApi, note, 256))
    });
    let verdict = judge(&noise, &policies(&key, ""));
    assert!(!verdict.verified);
    assert_eq!(
        messages(&verdict, "limit_exceeded"),
        ["found 1536 signatures; only the first 1020 were looked at"]
    );
    accepted(&noise.with(good(&image, &key)), &policies(&key, ""));
}

#[test]
fn artifacts_and_layers_beyond_their_bounds_are_counted() {
    let (image, key) = (Pack::image(IMAGE, "a"), key());
    // The same one each time: what is listed is counted, and what is the same is read once.
    let unknown = referrer(&image.digest(), "application/vnd.example.sbom", b"{}");
    for (artifacts, said) in [
        (limits::ARTIFACTS, &[][..]),
        (
            limits::ARTIFACTS + 1,
            &["found 257 artifacts; only the first 256 were looked at"],
        ),
    ] {
        let pack = (0..artifacts).fold(image.clone(), |pack, _| pack.with(unknown.clone()));
        // A pack of so many is refused before it is judged.
        let verdict = natively(&pack, &policies(&key, ""));
        assert!(!verdict.verified);
        assert_eq!(messages(&verdict, "limit_exceeded"), said);
    }
    for (layers, said) in [
        (LAYERS, &[][..]),
        (
            LAYERS + 2,
            &["found 258 layers in one artifact; only the first 256 were looked at"],
        ),
    ] {
        let tag = stray(&image, Source::CosignSignatureTag, 0, layers);
        let verdict = judge(&image.clone().with(tag), &policies(&key, ""));
        assert!(!verdict.verified);
        assert_eq!(messages(&verdict, "limit_exceeded"), said);
    }
}

/// Before anything of it is kept, also if somebody else has read the text already.
#[test]
fn a_pack_beyond_its_bytes_is_none_whoever_read_it() {
    let most = limits::PACK_BYTES / 3 * 4;
    let mut text = b"{}".to_vec();
    text.resize(most + 1, b' ');
    for refused in [
        Evidence::from_pack(&text).map(|_| ()),
        Evidence::from_document(sealgate_core::json::Document::check(&text).unwrap()).map(|_| ()),
    ] {
        let why = refused.unwrap_err().to_string();
        assert!(
            why.starts_with("the pack has 357913941 bytes, more than"),
            "{why}"
        );
    }
}

#[test]
fn a_manifest_has_4_mib_and_not_a_byte_more() {
    let image = Pack::image(IMAGE, "a");
    let mut text = image.evidence().subject.manifest.bytes().to_vec();
    text.resize(limits::MANIFEST_BYTES, b' ');
    assert!(Manifest::parse(&text).is_ok());
    text.push(b' ');
    let refused = Manifest::parse(&text).unwrap_err();
    assert!(matches!(refused, ManifestError::TooLarge(bytes) if bytes == text.len()));
}

/// Real ones have some hundred bytes.
#[test]
fn a_payload_of_simple_signing_has_64_kib_and_not_a_byte_more() {
    let (image, key) = (Pack::image(IMAGE, "a"), key());
    let payload = |padding: usize| {
        let annotations = json!({"note": "x".repeat(padding)});
        sign::simple_signing(&image.repository(), &image.digest(), &annotations)
    };
    let fits = (64 << 10) - payload(0).len();
    let signed = |padding| {
        let layer = sign::cosign_layer(&key, payload(padding));
        image.clone().with_cosign(&[layer])
    };
    accepted(&signed(fits), &policies(&key, ""));
    let verdict = judge(&signed(fits + 1), &policies(&key, ""));
    assert!(!verdict.verified);
    let said = messages(&verdict, "limit_exceeded");
    assert!(
        said[0].ends_with("has 65537 bytes, more than the 65536 allowed"),
        "{said:?}"
    );
}

#[test]
fn what_is_of_no_known_kind_is_said_to_be_left_alone() {
    let (image, key) = (Pack::image(IMAGE, "a"), key());
    let unknown = referrer(&image.digest(), "application/vnd.example.sbom", b"{}");
    let digest = unknown.manifest.digest();
    let verdict = judge(&image.clone().with(unknown), &policies(&key, ""));
    assert!(!verdict.verified);
    assert_eq!(
        messages(&verdict, "artifact_unknown"),
        [format!(
            "the artifact {digest} of type \"application/vnd.example.sbom\" is none that sealgate \
             reads"
        )]
    );
}

#[test]
fn a_referrer_without_a_subject_refers_to_nothing() {
    let (image, key) = (Pack::image(IMAGE, "a"), key());
    let mut artifact = good(&image, &key);
    let mut manifest: Value = serde_json::from_slice(artifact.manifest.bytes()).unwrap();
    manifest.as_object_mut().unwrap().remove("subject");
    artifact.manifest = blob(&manifest);
    let verdict = judge(&image.with(artifact), &policies(&key, ""));
    assert!(!verdict.verified);
    assert_eq!(messages(&verdict, "referrer_subject_mismatch").len(), 1);
}

/// What a collector fetches: the layers that a verification reads, and nothing of others.
#[test]
fn the_layers_to_fetch_are_those_that_are_read() {
    let image = Pack::image(IMAGE, "a");
    let count = |artifact: &Artifact| {
        let manifest = Manifest::parse(artifact.manifest.bytes()).unwrap();
        signed_layers(&manifest).len()
    };
    let tag = |layers| stray(&image, Source::CosignSignatureTag, 0, layers);
    assert_eq!(count(&tag(3)), 3);
    assert_eq!(count(&tag(LAYERS + 1)), LAYERS);
    let notation = "application/vnd.cncf.notary.signature";
    for (kind, layers, fetched) in [
        (sign::BUNDLE, 1, 1),
        (sign::BUNDLE, 2, 1),
        (notation, 1, 1),
        (notation, 2, 1),
        ("application/vnd.example.sbom", 1, 0),
    ] {
        let mut artifact = referrer(&image.digest(), kind, b"{}");
        let mut manifest: Value = serde_json::from_slice(artifact.manifest.bytes()).unwrap();
        let layer = manifest["layers"][0].clone();
        manifest["layers"] = vec![layer; layers].into();
        artifact.manifest = blob(&manifest);
        assert_eq!(count(&artifact), fetched, "{kind} with {layers} layers");
    }
}
