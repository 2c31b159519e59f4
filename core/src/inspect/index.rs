//! What BuildKit puts into an index beside the platforms: in-toto statements that nobody signed.
//!
//! BuildKit, `docs/attestations/attestation-storage.md`.

use serde::{Deserialize, Serialize};

use crate::claimed::shortened;
use crate::digest::Digest;
use crate::json;
use crate::limits;
use crate::manifest::Descriptor;

/// A manifest of statements about one platform of the image. **Not signed**: whoever could push the
/// index wrote it, and a signature of the index says no more than that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unsigned {
    /// Its digest.
    pub digest: Digest,
    /// Bytes of the manifest, as the index says.
    pub size: u64,
    /// The platform's manifest that it is about, as the index says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

/// Those that an index lists; none if it is none.
pub(super) fn unsigned(manifest: &[u8]) -> Vec<Unsigned> {
    if manifest.len() > limits::MANIFEST_BYTES {
        return Vec::new();
    }
    let Ok(index) = json::parse::<IndexWire>(manifest) else {
        return Vec::new();
    };
    let statements = index.manifests.into_iter().filter(|entry| {
        let kind = entry.annotations.get("vnd.docker.reference.type");
        kind.is_some_and(|kind| kind == "attestation-manifest")
    });
    let unsigned = statements.take(limits::ARTIFACTS).map(|entry| {
        let about = entry.annotations.get("vnd.docker.reference.digest");
        Unsigned {
            digest: entry.digest,
            size: entry.size,
            about: about.map(|about| shortened(about)),
        }
    });
    unsigned.collect()
}

#[derive(Deserialize)]
struct IndexWire {
    #[serde(default)]
    manifests: Vec<Descriptor>,
}
