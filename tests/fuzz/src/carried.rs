//! What is found beside an image, each form by itself. Signatures are checked: nothing may pass.

use sealgate_core::Evidence;
use sealgate_core::Manifest;
use sealgate_core::evidence::{Blob, Source};
use sealgate_testkit::notation::Format;
use sealgate_testkit::notation::envelope::artifact;
use sealgate_testkit::pack::referrer;
use sealgate_testkit::sign::{BUNDLE, DSSE};

use crate::scene::{bare, cosign, evidence, layer, refuse};
use crate::world::world;

/// A Sigstore bundle, for identities, with timestamps, for a key.
pub(crate) fn bundle(data: &[u8]) {
    for policy in ["keyless", "witnessed", "attested", "key"] {
        let bundle = referrer(&world().digest, BUNDLE, data);
        refuse(&evidence(policy, vec![bundle], Vec::new()));
    }
}

/// An envelope as cosign keeps attestations.
pub(crate) fn dsse(data: &[u8]) {
    let attestation = || cosign(Source::CosignAttestationTag, &[layer(DSSE, data)]);
    for policy in ["attested", "key"] {
        refuse(&evidence(policy, vec![attestation()], Vec::new()));
    }
}

/// An envelope of the Notary Project in JSON.
pub(crate) fn jws(data: &[u8]) {
    notary(Format::Jws, data);
}

/// The same in CBOR.
pub(crate) fn cose(data: &[u8]) {
    notary(Format::Cose, data);
}

fn notary(format: Format, data: &[u8]) {
    for policy in ["notary", "stamped"] {
        let envelope = artifact(&world().digest, format, data);
        let evidence = evidence(policy, vec![envelope], Vec::new());
        // What would be asked about revocation is asked about unverified certificates, too.
        let _ = sealgate_core::revocation_requests(&evidence, &world().trust, crate::NOW);
        refuse(&evidence);
    }
}

/// A manifest: of an artifact beside the image, and of the image itself.
pub(crate) fn manifest(data: &[u8]) {
    if let Ok(manifest) = Manifest::parse(data) {
        let read = sealgate_core::signed_layers(&manifest).len();
        assert!(read <= manifest.layers.len());
    }
    sealgate::internals::referrers(data);
    refuse(&evidence("keyless", vec![bare(data)], Vec::new()));
    let mut image: Evidence = evidence("keyless", Vec::new(), Vec::new());
    image.subject.manifest = Blob::new(data.to_vec());
    refuse(&image);
}
