//! From sections of bytes to evidence, and from evidence to a verdict that keeps the rules.

use std::collections::BTreeMap;

use sealgate_core::evidence::{
    Artifact, Blob, Request, RevocationAnswer, RevocationKind, Source, Subject,
};
use sealgate_core::internals::{Costs, verify_at_cost};
use sealgate_core::{Evidence, Verdict, json};
use sealgate_testkit::notation::Format;
use sealgate_testkit::notation::envelope::artifact;
use sealgate_testkit::pack::referrer;
use sealgate_testkit::sign::{self, BUNDLE, DSSE, Layer, SIMPLE_SIGNING};

use crate::world::{CRL_URL, IMAGE, NOW, OCSP_URL, POLICIES, world};

/// What a section of an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Section {
    /// A Sigstore bundle.
    Bundle,
    /// A payload of cosign's under the tag `.sig`.
    Payload,
    /// An envelope of cosign's under the tag `.att`.
    Envelope,
    /// The annotations of the layer before, as JSON.
    Annotations,
    /// A JWS of the Notary Project.
    Jws,
    /// A COSE message of the Notary Project.
    Cose,
    /// The manifest of an artifact.
    Manifest,
    /// An answer by OCSP about the signer of the world's JWS.
    Ocsp,
    /// A list of revoked certificates by its issuer.
    Crl,
}

const SECTIONS: [Section; 9] = [
    Section::Bundle,
    Section::Payload,
    Section::Envelope,
    Section::Annotations,
    Section::Jws,
    Section::Cose,
    Section::Manifest,
    Section::Ocsp,
    Section::Crl,
];

/// An input for `verify`: which policy, then sections with their lengths.
pub fn write(policy: &str, sections: &[(Section, &[u8])]) -> Vec<u8> {
    let index = POLICIES.iter().position(|name| *name == policy);
    let mut bytes = vec![u8::try_from(index.unwrap_or_default()).unwrap_or_default()];
    for (section, content) in sections {
        bytes.push(*section as u8);
        let length = u16::try_from(content.len()).expect("sections are short");
        bytes.extend(length.to_le_bytes());
        bytes.extend_from_slice(content);
    }
    bytes
}

/// Reads an input: whatever the bytes, there is a policy and evidence.
pub(crate) fn read(data: &[u8]) -> (&'static str, Evidence) {
    let (policy, mut rest) = data.split_first().unwrap_or((&0, &[]));
    let mut artifacts = Vec::new();
    let mut revocation = Vec::new();
    let (mut signatures, mut attestations): (Vec<Layer>, Vec<Layer>) = Default::default();
    let mut last_is_attestation = false;
    while let [kind, low, high, after @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(after.len());
        let (content, after) = after.split_at(length);
        rest = after;
        match SECTIONS[usize::from(*kind) % SECTIONS.len()] {
            Section::Bundle => artifacts.push(referrer(&world().digest, BUNDLE, content)),
            Section::Payload => {
                signatures.push(layer(SIMPLE_SIGNING, content));
                last_is_attestation = false;
            }
            Section::Envelope => {
                attestations.push(layer(DSSE, content));
                last_is_attestation = true;
            }
            Section::Annotations => {
                let layers = match last_is_attestation {
                    true => &mut attestations,
                    false => &mut signatures,
                };
                annotate(layers.last_mut(), content);
            }
            Section::Jws => artifacts.push(artifact(&world().digest, Format::Jws, content)),
            Section::Cose => artifacts.push(artifact(&world().digest, Format::Cose, content)),
            Section::Manifest => artifacts.push(bare(content)),
            Section::Ocsp => revocation.push(answer(RevocationKind::Ocsp, content)),
            Section::Crl => revocation.push(answer(RevocationKind::Crl, content)),
        }
    }
    for (source, layers) in [
        (Source::CosignSignatureTag, signatures),
        (Source::CosignAttestationTag, attestations),
    ] {
        if !layers.is_empty() {
            artifacts.push(cosign(source, &layers));
        }
    }
    let policy = POLICIES[usize::from(*policy) % POLICIES.len()];
    (policy, evidence(policy, artifacts, revocation))
}

pub(crate) fn layer(media_type: &str, bytes: &[u8]) -> Layer {
    Layer {
        media_type: media_type.to_owned(),
        bytes: bytes.to_vec(),
        annotations: Vec::new(),
    }
}

/// Adds annotations, if they are such.
pub(crate) fn annotate(layer: Option<&mut Layer>, content: &[u8]) {
    let annotations = serde_json::from_slice::<BTreeMap<String, String>>(content);
    if let (Some(layer), Ok(annotations)) = (layer, annotations) {
        layer.annotations = annotations.into_iter().collect();
    }
}

/// A manifest without any blob.
pub(crate) fn bare(manifest: &[u8]) -> Artifact {
    Artifact {
        source: Source::ReferrersApi,
        manifest: Blob::new(manifest.to_vec()),
        blobs: Vec::new(),
        omitted: Vec::new(),
    }
}

pub(crate) fn cosign(source: Source, layers: &[Layer]) -> Artifact {
    let manifest = sign::cosign_manifest(layers).to_string();
    let blobs = layers.iter().map(|layer| Blob::new(layer.bytes.clone()));
    Artifact {
        source,
        manifest: Blob::new(manifest.into_bytes()),
        blobs: blobs.collect(),
        omitted: Vec::new(),
    }
}

/// An answer about the signer of the world's JWS.
pub(crate) fn answer(kind: RevocationKind, bytes: &[u8]) -> RevocationAnswer {
    let (url, certificate) = match kind {
        RevocationKind::Ocsp => (OCSP_URL, world().leaf),
        RevocationKind::Crl => (CRL_URL, world().issuer),
    };
    RevocationAnswer {
        kind,
        url: url.to_owned(),
        certificate,
        fetched_at: NOW,
        outcome: Ok(Blob::new(bytes.to_vec())),
    }
}

pub(crate) fn evidence(
    policy: &str,
    artifacts: Vec<Artifact>,
    revocation: Vec<RevocationAnswer>,
) -> Evidence {
    Evidence {
        request: Request {
            image: IMAGE.to_owned(),
            namespace: None,
            policy: Some(policy.to_owned()),
            beyond_scope: false,
        },
        subject: Subject {
            reference: IMAGE.parse().expect("an image reference"),
            media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
            manifest: Blob::new(world().manifest.as_slice()),
        },
        artifacts,
        omitted: Vec::new(),
        revocation,
        platforms: Vec::new(),
    }
}

/// The verdict, after what holds for every one was checked.
pub(crate) fn judge(evidence: &Evidence) -> Verdict {
    let world = world();
    let ask = || verify_at_cost(evidence, &world.policies, &world.trust, NOW);
    let (verdict, costs) = ask();
    let verdict = verdict.expect("all that the policies need is there");
    check_costs(evidence, &verdict, &costs);
    let printed = verdict.to_json();
    json::check(&printed).expect("a verdict is strict JSON");
    assert_eq!(
        printed,
        ask().0.expect("decided before").to_json(),
        "the same question has two answers"
    );
    assert_eq!(verdict.verified, verdict.outcome.admits());
    if verdict.verified {
        assert!(!verdict.policies.is_empty(), "verified by no policy");
        let unproven = verdict.outcome.as_str() == "unproven";
        assert!(
            unproven || !verdict.signers.is_empty(),
            "verified by nobody"
        );
    } else {
        assert!(!verdict.reasons.is_empty(), "refused for no reason");
    }
    verdict
}

/// No verdict costs more than its budget; what is read, hashed and held is in proportion to the
/// evidence; and who met a limit is not called unsigned.
fn check_costs(evidence: &Evidence, verdict: &Verdict, costs: &Costs) {
    for (work, spent, most) in &costs.work {
        assert!(spent <= most, "{spent} {work}, allowed are {most}");
    }
    if costs.limit_met && !verdict.verified {
        let reasons = &verdict.reasons;
        assert_eq!(verdict.outcome.as_str(), "invalid", "{reasons:?}");
    }
    let blobs = evidence.artifacts.iter().flat_map(|artifact| {
        let manifest = std::iter::once(&artifact.manifest);
        manifest.chain(&artifact.blobs)
    });
    let answers = evidence
        .revocation
        .iter()
        .filter_map(|a| a.outcome.as_ref().ok());
    let bytes = blobs.chain(answers).map(|blob| blob.bytes().len());
    let bytes = u64::try_from(bytes.sum::<usize>()).expect("it fits");
    for (work, base, factor) in [
        // A blob is read once, and annotations with it; a list for each certificate of a chain.
        ("decoded bytes", 0, 4),
        // By every hash that a scheme uses, for every key.
        ("hashed bytes", 1 << 20, 64),
        ("bytes in memory at once", 1 << 10, 200),
    ] {
        let spent = costs.of(work).expect("it is counted");
        let allowed = base + factor * bytes;
        assert!(spent <= allowed, "{spent} {work} for {bytes} bytes");
    }
}

/// As [`judge`], where nothing can be verified: whoever is trusted has not signed this image.
pub(crate) fn refuse(evidence: &Evidence) {
    let verdict = judge(evidence);
    assert!(
        !verdict.verified,
        "verified without proof: {}",
        String::from_utf8_lossy(&verdict.to_json())
    );
}
