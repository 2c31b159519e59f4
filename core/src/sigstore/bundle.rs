//! Sigstore bundles (protobuf-specs, `sigstore_bundle.proto`), version 0.3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::{Content, Format, Material, SignedEntity};
use crate::digest::Digest;
use crate::dsse::EnvelopeWire;
use crate::json;
use crate::reason::{Code, Reason};

/// How every media type of a bundle begins.
pub(crate) const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";

/// Reads a bundle.
pub(crate) fn parse(bytes: &[u8], artifact: Digest) -> Result<SignedEntity, Reason> {
    let malformed = |why: String| Reason::new(Code::BundleMalformed, why);
    let wire: BundleWire =
        json::parse(bytes).map_err(|error| malformed(format!("not a Sigstore bundle: {error}")))?;
    if wire.media_type != "application/vnd.dev.sigstore.bundle.v0.3+json" {
        return Err(malformed(format!(
            "expected a Sigstore bundle v0.3, found the media type {:?}",
            wire.media_type
        )));
    }
    let material = match wire.verification_material {
        MaterialWire {
            public_key: Some(key),
            certificate: None,
        } => Material::KeyHint(key.hint),
        MaterialWire {
            public_key: None,
            certificate: Some(certificate),
        } => Material::Certificate(
            STANDARD
                .decode(&certificate.raw_bytes)
                .map_err(|_| malformed("the bundle's certificate is not base64".to_owned()))?,
        ),
        _ => {
            return Err(malformed(
                "expected either a public key or a certificate in the bundle".to_owned(),
            ));
        }
    };
    let envelope = wire
        .dsse_envelope
        .ok_or_else(|| malformed("the bundle has no DSSE envelope".to_owned()))?;
    Ok(SignedEntity {
        format: Format::Bundle,
        artifact,
        content: Content::Dsse(envelope.try_into()?),
        material,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BundleWire {
    media_type: String,
    verification_material: MaterialWire,
    dsse_envelope: Option<EnvelopeWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MaterialWire {
    public_key: Option<PublicKeyWire>,
    certificate: Option<CertificateWire>,
}

#[derive(Deserialize)]
struct PublicKeyWire {
    #[serde(default)]
    hint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CertificateWire {
    raw_bytes: String,
}
