//! Makes what cosign makes with a key: signatures and attestations, without network.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealgate_core::Digest;
use serde_json::{Value, json};

pub use crate::key::{Key as SigningKey, Kind};

/// The media type of cosign's image signature payload.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// The media type of a Sigstore bundle.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// The media type of a layer that is a DSSE envelope.
pub const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

/// The predicate type by which cosign v3 signs an image.
pub const COSIGN_SIGN: &str = "https://sigstore.dev/cosign/sign/v1";

/// A "simple signing" payload for an image.
pub fn simple_signing(repository: &str, digest: &Digest, annotations: &Value) -> Vec<u8> {
    let payload = json!({
        "critical": {
            "identity": {"docker-reference": repository},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": annotations,
    });
    payload.to_string().into_bytes()
}

/// A layer of a cosign `.sig` manifest: the payload and its annotations.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The media type.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The annotations, the signature among them.
    pub annotations: Vec<(String, String)>,
}

/// Signs a payload as a layer of a `.sig` manifest.
pub fn cosign_layer(key: &SigningKey, payload: Vec<u8>) -> Layer {
    let signature = STANDARD.encode(key.sign(&payload));
    Layer {
        media_type: SIMPLE_SIGNING.to_owned(),
        annotations: vec![("dev.cosignproject.cosign/signature".to_owned(), signature)],
        bytes: payload,
    }
}

/// The manifest of some layers, as cosign writes it.
pub fn cosign_manifest(layers: &[Layer]) -> Value {
    let config = b"{}";
    let layers: Vec<_> = layers
        .iter()
        .map(|layer| {
            json!({
                "mediaType": layer.media_type,
                "digest": Digest::sha256(&layer.bytes),
                "size": layer.bytes.len(),
                "annotations": layer.annotations.iter().cloned()
                    .collect::<std::collections::BTreeMap<_, _>>(),
            })
        })
        .collect();
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": Digest::sha256(config),
            "size": config.len(),
        },
        "layers": layers,
    })
}

/// An in-toto statement about one image.
pub fn statement(digest: &Digest, predicate_type: &str, predicate: &Value) -> Vec<u8> {
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {digest.algorithm_name(): digest.hex()}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    });
    statement.to_string().into_bytes()
}

/// A DSSE envelope over an in-toto statement.
pub fn envelope(key: &SigningKey, statement: &[u8]) -> Value {
    let kind = "application/vnd.in-toto+json";
    let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), statement.len()).into_bytes();
    signed.extend_from_slice(statement);
    json!({
        "payload": STANDARD.encode(statement),
        "payloadType": kind,
        "signatures": [{"sig": STANDARD.encode(key.sign(&signed))}],
    })
}

/// A Sigstore bundle by a managed key, without a transparency log, as
/// `cosign sign --tlog-upload=false` writes it.
pub fn bundle(key: &SigningKey, statement: &[u8]) -> Vec<u8> {
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.hint()}},
        "dsseEnvelope": envelope(key, statement),
    });
    bundle.to_string().into_bytes()
}
