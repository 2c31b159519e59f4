//! Sigstore bundles v0.1, v0.2 and v0.3 (protobuf-specs, `sigstore_bundle.proto`).
//!
//! As strict as the Protocol Buffers JSON mapping: an unknown field is an error.

use serde::Deserialize;

use crate::digest::Digest;
use crate::dsse::Envelope;
use crate::evidence::Artifact;
use crate::json;
use crate::judgement::Part;
use crate::limits::{self, CHAIN_CERTIFICATES, LOG_ENTRIES, PROOF_HASHES, TIMESTAMPS};
use crate::manifest::Manifest;
use crate::protojson::{Bytes, Int64, Repeated, Text, hash_of};
use crate::reason::{Code, Reason};
use crate::sigstore::entity::{
    BundleVersion, Content, Format, Material, MessageDigest, SignedEntity,
};
use crate::sigstore::log_entry::{LogEntry, Proof};
use crate::x509::Certificate;

/// How every media type of a bundle begins.
const MEDIA_TYPE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";

/// Whether the manifest is that of a Sigstore bundle.
pub(crate) fn claims(manifest: &Manifest) -> bool {
    let is_bundle = |media_type: &str| media_type.starts_with(MEDIA_TYPE_PREFIX);
    is_bundle(manifest.kind())
        || manifest
            .layers
            .iter()
            .any(|layer| is_bundle(&layer.media_type))
}

/// Finds the bundle of an artifact.
pub(crate) fn find(artifact: &Artifact, manifest: &Manifest) -> Part<()> {
    let name = artifact.manifest.digest();
    let [layer] = manifest.layers.as_slice() else {
        return Part::Broken(Reason::new(
            Code::BundleMalformed,
            format!(
                "expected one layer in the bundle artifact {name}, found {}",
                manifest.layers.len()
            ),
        ));
    };
    match artifact.by_descriptor().find(layer) {
        Some(blob) => Part::Signed(blob.clone(), ()),
        None => Part::Broken(Reason::new(
            Code::BlobMissing,
            format!(
                "the bundle {} of the artifact {name} is not in the evidence",
                layer.digest
            ),
        )),
    }
}

/// Reads a bundle that came in `artifact`.
///
/// Log entries are bound to their bundle's version as sigstore-go does: v0.1 needs a
/// signed entry timestamp in each, later versions an inclusion proof. The version itself
/// is not signed, so whoever relabels a bundle chooses which of the two is needed.
pub(crate) fn parse(bytes: &[u8], artifact: Digest) -> Result<SignedEntity, Reason> {
    if bytes.len() > limits::BLOB_BYTES {
        return Err(too_many(
            "bytes in a bundle",
            bytes.len(),
            limits::BLOB_BYTES,
        ));
    }
    let wire: BundleWire =
        json::parse(bytes).map_err(|error| malformed(format!("not a Sigstore bundle: {error}")))?;
    let version = version(&wire.media_type)?;
    let material = wire.verification_material;
    let entries = within("log entries", material.tlog_entries, LOG_ENTRIES)?;
    let stamps = material
        .timestamp_verification_data
        .unwrap_or_default()
        .rfc3161_timestamps;
    let stamps = within("timestamps", stamps, TIMESTAMPS)?;
    let material = read_material(
        material.public_key,
        material.certificate,
        material.x509_certificate_chain,
        version,
    )?;
    Ok(SignedEntity {
        format: Format::Bundle(version),
        artifact,
        content: content(wire.message_signature, wire.dsse_envelope)?,
        material,
        log_entries: entries
            .into_iter()
            .map(|entry| log_entry(entry, version))
            .collect::<Result<_, _>>()?,
        timestamps: stamps
            .into_iter()
            .map(|stamp| stamp.signed_timestamp.0)
            .collect(),
    })
}

fn version(media_type: &str) -> Result<BundleVersion, Reason> {
    match media_type {
        "application/vnd.dev.sigstore.bundle+json;version=0.1" => Ok(BundleVersion::V01),
        "application/vnd.dev.sigstore.bundle+json;version=0.2" => Ok(BundleVersion::V02),
        "application/vnd.dev.sigstore.bundle+json;version=0.3"
        | "application/vnd.dev.sigstore.bundle.v0.3+json" => Ok(BundleVersion::V03),
        other => {
            let why = format!(
                "expected the media type of a Sigstore bundle v0.1, v0.2 or v0.3, found {other:?}"
            );
            Err(match other.starts_with(MEDIA_TYPE_PREFIX) {
                true => unsupported(why),
                false => malformed(why),
            })
        }
    }
}

fn content(
    message: Option<MessageWire>,
    envelope: Option<EnvelopeWire>,
) -> Result<Content, Reason> {
    match (message, envelope) {
        (Some(message), None) => message_content(message),
        (None, Some(envelope)) => {
            let signatures = envelope.signatures.into_iter().map(|s| s.sig.0).collect();
            Envelope::new(envelope.payload_type, envelope.payload.0, signatures).map(Content::Dsse)
        }
        _ => Err(malformed(
            "expected either a message signature or a DSSE envelope in the bundle".to_owned(),
        )),
    }
}

fn message_content(message: MessageWire) -> Result<Content, Reason> {
    let digest = message.message_digest.map(|wire| {
        let hash = hash_of(&wire.algorithm).ok_or_else(|| {
            Reason::new(
                Code::AlgorithmUnsupported,
                format!(
                    "the message digest is of the algorithm {:?}",
                    wire.algorithm
                ),
            )
        })?;
        if wire.digest.0.len() != hash.output_len() {
            return Err(malformed(format!(
                "the message digest has {} bytes, and {hash} has {}",
                wire.digest.0.len(),
                hash.output_len()
            )));
        }
        Ok(MessageDigest {
            hash,
            digest: wire.digest.0,
        })
    });
    if message.signature.0.is_empty() {
        return Err(malformed("the bundle's signature is empty".to_owned()));
    }
    Ok(Content::Message {
        digest: digest.transpose()?,
        signature: message.signature.0,
    })
}

fn read_material(
    key: Option<KeyWire>,
    certificate: Option<CertificateWire>,
    chain: Option<ChainWire>,
    version: BundleVersion,
) -> Result<Material, Reason> {
    match (key, certificate, chain) {
        (Some(key), None, None) => Ok(Material::KeyHint(key.hint.0)),
        (None, Some(certificate), None) => Material::chain(vec![read_certificate(&certificate)?]),
        (None, None, Some(_)) if version == BundleVersion::V03 => Err(unsupported(
            "a bundle v0.3 has one certificate, and no x509CertificateChain".to_owned(),
        )),
        (None, None, Some(chain)) => {
            let certificates = within("certificates", chain.certificates, CHAIN_CERTIFICATES)?
                .iter()
                .map(read_certificate)
                .collect::<Result<Vec<_>, _>>()?;
            // protobuf-specs: a chain must not include the root.
            if certificates.iter().skip(1).any(Certificate::is_self_issued) {
                return Err(unsupported(
                    "the bundle's certificate chain includes a root".to_owned(),
                ));
            }
            Material::chain(certificates)
        }
        _ => Err(malformed(
            "expected exactly one of a public key, a certificate and a certificate chain in the bundle"
                .to_owned(),
        )),
    }
}

fn read_certificate(wire: &CertificateWire) -> Result<Certificate, Reason> {
    Certificate::from_der(&wire.raw_bytes.0).map_err(|error| {
        Reason::new(
            Code::CertificateMalformed,
            format!("the bundle's certificate: {error}"),
        )
    })
}

fn log_entry(wire: EntryWire, version: BundleVersion) -> Result<LogEntry, Reason> {
    let malformed = |why: &str| Reason::new(Code::LogEntryMalformed, format!("a log entry {why}"));
    let index = |value: Int64| {
        u64::try_from(value.0).map_err(|_| malformed(&format!("has the index {}", value.0)))
    };
    let promise = wire
        .inclusion_promise
        .map(|promise| promise.signed_entry_timestamp.0);
    let promise = promise.filter(|bytes| !bytes.is_empty());
    let missing = match version {
        BundleVersion::V01 if promise.is_none() => Some("signed entry timestamp"),
        BundleVersion::V02 | BundleVersion::V03 if wire.inclusion_proof.is_none() => {
            Some("inclusion proof")
        }
        _ => None,
    };
    if let Some(missing) = missing {
        return Err(Reason::new(
            Code::InclusionMissing,
            format!("a log entry has no {missing}, which this version of the bundle needs"),
        ));
    }
    let kind = wire
        .kind_version
        .ok_or_else(|| malformed("does not say its kind and version"))?;
    let body = wire
        .canonicalized_body
        .map(|body| body.0)
        .filter(|body| !body.is_empty());
    LogEntry {
        log_id: wire
            .log_id
            .ok_or_else(|| malformed("does not name its log"))?
            .key_id
            .0,
        index: index(wire.log_index.unwrap_or_default())?,
        integrated_time: wire
            .integrated_time
            .map(|time| time.0)
            .filter(|time| *time != 0),
        body: body.ok_or_else(|| malformed("has no body"))?,
        promise,
        proof: wire.inclusion_proof.map(proof).transpose()?,
    }
    .of_kind(&kind.kind, &kind.version)
}

fn proof(wire: ProofWire) -> Result<Proof, Reason> {
    let malformed = |why: &str| {
        Reason::new(
            Code::InclusionProofInvalid,
            format!("the inclusion proof {why}"),
        )
    };
    let number = |value: Option<Int64>| {
        u64::try_from(value.unwrap_or_default().0).map_err(|_| malformed("has a negative number"))
    };
    let hash = |bytes: Bytes| {
        bytes
            .0
            .try_into()
            .map_err(|_| malformed("has a hash that is not of 32 bytes"))
    };
    let hashes = within("hashes in an inclusion proof", wire.hashes, PROOF_HASHES)?;
    Ok(Proof {
        index: number(wire.log_index)?,
        tree_size: number(wire.tree_size)?,
        root_hash: wire.root_hash.0,
        hashes: hashes.into_iter().map(hash).collect::<Result<_, _>>()?,
        checkpoint: wire
            .checkpoint
            .map(|checkpoint| checkpoint.envelope.0)
            .filter(|envelope| !envelope.is_empty())
            .ok_or_else(|| {
                Reason::new(
                    Code::CheckpointInvalid,
                    "the inclusion proof has no checkpoint",
                )
            })?,
    })
}

fn within<T, const MOST: usize>(
    what: &str,
    list: Repeated<T, MOST>,
    most: usize,
) -> Result<Vec<T>, Reason> {
    list.within_limit()
        .map_err(|found| too_many(what, found, most))
}

fn too_many(what: &str, found: usize, most: usize) -> Reason {
    Reason::new(
        Code::LimitExceeded,
        format!("found {found} {what}, more than the {most} allowed"),
    )
}

fn unsupported(why: String) -> Reason {
    Reason::new(Code::FormUnsupported, why)
}

fn malformed(why: String) -> Reason {
    Reason::new(Code::BundleMalformed, why)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BundleWire {
    media_type: String,
    verification_material: MaterialWire,
    message_signature: Option<MessageWire>,
    dsse_envelope: Option<EnvelopeWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MaterialWire {
    public_key: Option<KeyWire>,
    certificate: Option<CertificateWire>,
    #[serde(rename = "x509CertificateChain")]
    x509_certificate_chain: Option<ChainWire>,
    #[serde(default)]
    tlog_entries: Repeated<EntryWire, LOG_ENTRIES>,
    timestamp_verification_data: Option<TimestampsWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyWire {
    #[serde(default)]
    hint: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CertificateWire {
    raw_bytes: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainWire {
    #[serde(default)]
    certificates: Repeated<CertificateWire, CHAIN_CERTIFICATES>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct TimestampsWire {
    #[serde(default, rename = "rfc3161Timestamps")]
    rfc3161_timestamps: Repeated<TimestampWire, TIMESTAMPS>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TimestampWire {
    signed_timestamp: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MessageWire {
    message_digest: Option<DigestWire>,
    signature: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DigestWire {
    algorithm: String,
    digest: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EnvelopeWire {
    payload_type: String,
    payload: Bytes,
    signatures: Vec<SignatureWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureWire {
    sig: Bytes,
    #[serde(default, rename = "keyid")]
    _key_id: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EntryWire {
    log_index: Option<Int64>,
    log_id: Option<LogIdWire>,
    kind_version: Option<KindWire>,
    integrated_time: Option<Int64>,
    inclusion_promise: Option<PromiseWire>,
    inclusion_proof: Option<ProofWire>,
    canonicalized_body: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LogIdWire {
    key_id: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KindWire {
    kind: String,
    version: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PromiseWire {
    #[serde(default)]
    signed_entry_timestamp: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProofWire {
    log_index: Option<Int64>,
    #[serde(default)]
    root_hash: Bytes,
    tree_size: Option<Int64>,
    #[serde(default)]
    hashes: Repeated<Bytes, PROOF_HASHES>,
    checkpoint: Option<CheckpointWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointWire {
    #[serde(default)]
    envelope: Text,
}
