//! What one verdict may cost: beyond that, nothing counts, and the verdict says how much was left.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::Verdict;
use sealgate_core::evidence::{Artifact, Blob, Source};
use sealgate_core::policy::file::PolicyFile;
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_tests::parity::PolicyTexts;
use serde_json::{Value, json};

use crate::scene::{IMAGE, accepted, judge, key, policies};

const SIGNATURES: usize = 256;

/// What one verdict may take, as SECURITY.md says: bytes read, and checks of signatures.
const DECODED_BYTES: u64 = 512 << 20;
const CHECKS: usize = 32_768;

/// One blob under a tag of cosign's, named by this many layers, each with another signature.
fn layers(media_type: &str, blob: &[u8]) -> Artifact {
    let layers: Vec<_> = (0..SIGNATURES)
        .map(|i| sign::Layer {
            media_type: media_type.to_owned(),
            bytes: blob.to_vec(),
            annotations: vec![(
                "dev.cosignproject.cosign/signature".to_owned(),
                STANDARD.encode(format!("{i:03}")),
            )],
        })
        .collect();
    Artifact {
        source: match media_type == sign::DSSE {
            true => Source::CosignAttestationTag,
            false => Source::CosignSignatureTag,
        },
        manifest: Blob::new(sign::cosign_manifest(&layers).to_string().into_bytes()),
        blobs: vec![Blob::new(blob.to_vec())],
        omitted: Vec::new(),
    }
}

#[track_caller]
fn says(verdict: &Verdict, words: &str) {
    assert!(!verdict.verified);
    let found = verdict
        .reasons
        .iter()
        .find(|reason| reason.message.contains(words))
        .unwrap_or_else(|| panic!("no {words:?} in {:?}", verdict.reasons));
    assert_eq!(found.code.as_str(), "limit_exceeded");
}

/// Blobs are read until the bytes of a verdict are used up.
#[test]
fn what_is_left_unread_is_counted() {
    let image = Pack::image(IMAGE, "a");
    let blob = vec![b'x'; 2_200_000];
    let pack = image.with(layers(sign::DSSE, &blob));
    let each = u64::try_from(blob.len() + STANDARD.encode("000").len()).unwrap();
    let left = SIGNATURES - usize::try_from(DECODED_BYTES / each).unwrap();
    assert!((1..100).contains(&left));
    let verdict = judge(&pack, &policies(&key(), ""));
    says(&verdict, &format!("; {left} signature(s) were not judged"));
    says(
        &verdict,
        "the image with all that lies beside it needs more than the 536870912 decoded bytes that \
         one verdict may take",
    );
}

/// Keys whose checks are the most expensive.
fn expensive(count: usize) -> impl Iterator<Item = Value> {
    (0..count).map(|_| json!({"data": SigningKey::generate(Kind::P521).public_pem()}))
}

fn policy(authorities: &[Value]) -> PolicyTexts {
    let policy = json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "prod"},
        "spec": {"images": [{"glob": "registry.example.com/**"}], "authorities": authorities},
    });
    let name = "policy.yaml".to_owned();
    let text = policy.to_string();
    PolicyTexts::read(&[PolicyFile { name, text }]).unwrap()
}

/// Signatures are judged until the checks of a verdict are used up. One by P-521 counts eight, and
/// such a key may have signed over either of two hashes.
#[test]
fn what_is_left_unjudged_is_counted() {
    let image = Pack::image(IMAGE, "a");
    let payload = sign::simple_signing(&image.repository(), &image.digest(), &Value::Null);
    let pack = image.with(layers(sign::SIMPLE_SIGNING, &payload));
    let authorities = 17;
    let each = 2 * 8 * authorities;
    let left = SIGNATURES - CHECKS / each;
    assert!((1..200).contains(&left));
    let authorities: Vec<_> = expensive(authorities)
        .enumerate()
        .map(|(i, key)| json!({"name": format!("a{i}"), "key": key}))
        .collect();
    let verdict = judge(&pack, &policy(&authorities));
    says(&verdict, &format!("; {left} signature(s) were not judged"));
    says(
        &verdict,
        "more than the 32768 signature checks that one verdict may take",
    );
}

/// An authority with a thousand keys fails by its own share: the others judge what they judged
/// before.
#[test]
fn an_authority_beyond_its_share_leaves_the_others_theirs() {
    let image = Pack::image(IMAGE, "a");
    let key = key();
    let payload = sign::simple_signing(&image.repository(), &image.digest(), &Value::Null);
    let pack = image.with_cosign(&[sign::cosign_layer(&key, payload)]);
    let greedy = json!({"name": "greedy", "keys": expensive(129).collect::<Vec<_>>()});
    let modest = json!({"name": "modest", "key": {"data": key.public_pem()}});
    let verdict = judge(&pack, &policy(std::slice::from_ref(&greedy)));
    says(
        &verdict,
        "it needs more than the 1024 signature checks that one signature may take",
    );
    accepted(&pack, &policy(&[greedy, modest]));
}
