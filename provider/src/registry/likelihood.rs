//! How likely a referrer is a signature.

use sealgate_core::Descriptor;

/// How likely a referrer is a signature, as it is listed. A list may be wrong about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Likelihood {
    Signature(Family),
    /// No artifact type, or one of those that registries put in its place.
    Unclear,
    Foreign,
}

/// Whose format a signature has, as it is listed. Noise of one family takes no place of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Bundle,
    Notary,
    Cosign,
    InToto,
}

impl Family {
    /// How many there are.
    pub(crate) const COUNT: usize = 4;
}

/// The artifact types of signatures that a registry can be asked for alone, the commonest
/// first: what cosign, notation and GitHub write.
pub(crate) const SIGNATURE_TYPES: [&str; 3] = [
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.cncf.notary.signature",
    "application/vnd.dev.cosign.artifact.sig.v1+json",
];

pub(crate) fn likelihood(descriptor: &Descriptor) -> Likelihood {
    if descriptor.media_type != "application/vnd.oci.image.manifest.v1+json" {
        return Likelihood::Foreign;
    }
    match descriptor.artifact_type.as_deref().unwrap_or_default() {
        "application/vnd.cncf.notary.signature" => Likelihood::Signature(Family::Notary),
        "application/vnd.in-toto+json" => Likelihood::Signature(Family::InToto),
        kind if kind.starts_with("application/vnd.dev.sigstore.bundle") => {
            Likelihood::Signature(Family::Bundle)
        }
        kind if kind.starts_with("application/vnd.dev.cosign.") => {
            Likelihood::Signature(Family::Cosign)
        }
        ""
        | "application/vnd.oci.empty.v1+json"
        | "application/vnd.oci.image.config.v1+json"
        | "application/vnd.docker.container.image.v1+json" => Likelihood::Unclear,
        _ => Likelihood::Foreign,
    }
}
