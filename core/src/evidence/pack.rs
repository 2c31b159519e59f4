//! The evidence pack, schema version 1: [`Evidence`] as one JSON document.
//!
//! ```json
//! {
//!   "schemaVersion": 1,
//!   "request": {"image": "app:1.0", "namespace": "prod", "policy": null},
//!   "subject": {"reference": "r.example.com/app:1.0", "mediaType": "…", "manifest": "<base64>"},
//!   "artifacts": [{"source": "referrers_api", "manifest": "<base64>", "blobs": ["<base64>"],
//!                  "omitted": [{"digest": "sha256:…", "why": "larger than 33554432 bytes"}]}],
//!   "omitted": [{"why": "3 possible signatures were left out beside 1024 referrers"}],
//!   "revocation": [{"kind": "crl", "url": "…", "certificate": "sha256:…",
//!                   "fetchedAt": "2026-01-31T12:00:00Z", "data": "<base64>", "error": null}],
//!   "platforms": [{"mediaType": "…", "manifest": "<base64>", "artifacts": [], "omitted": []}]
//! }
//! ```
//!
//! `request` says what the evidence was fetched for; `"beyondScope": true` in it, that the
//! policy was named by a route. It is no more than the word of whoever carries the pack: see
//! [`Carried`].
//!
//! `platforms` is there where the image is an index and a policy asks for each of its platforms: their
//! manifests, with what lies beside each.
//!
//! There are no digests of the bytes in it: they are computed when it is read.
//! Reading is bounded by [`limits`] and strict: an unknown field, a repeated key or
//! an unknown source is an error, because a pack is written by a program.

use base64::Engine as _;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};

use super::{
    Artifact, Blob, Carried, Evidence, NoAnswer, Omission, Platform, QuestionError, Request,
    RevocationAnswer, RevocationKind, Source, Subject,
};
use crate::crypto::Sha256Writer;
use crate::digest::Digest;
use crate::json;
use crate::limits;
use crate::reference::Reference;
use crate::time::UnixTime;

/// The version of the format that is written and read.
pub const SCHEMA_VERSION: u32 = 1;

impl Evidence {
    /// Writes the evidence pack; equal evidence gives equal bytes.
    pub fn to_pack(&self) -> Vec<u8> {
        let wire = PackWire::from(self);
        // Serialising strings, numbers and lists into memory cannot fail.
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// The SHA-256 digest of the evidence pack, which is not held in memory for that.
    pub fn pack_digest(&self) -> Digest {
        let mut hasher = Sha256Writer::default();
        // As above; and hashing takes all there is.
        let _ = serde_json::to_writer(&mut hasher, &PackWire::from(self));
        Digest::Sha256(hasher.finish())
    }

    /// Reads an evidence pack.
    ///
    /// # Errors
    /// If it is larger than [`limits::PACK_BYTES`] (in base64: a third more), is not
    /// a pack of version 1, exceeds a limit on counts or sizes, or does not agree with itself
    /// about the image.
    pub fn from_pack(bytes: &[u8]) -> Result<Carried, PackError> {
        bound(bytes)?;
        Self::from_document(json::Document::check(bytes)?)
    }

    /// As [`Self::from_pack`], of what has been checked already.
    ///
    /// # Errors
    /// As there.
    pub fn from_document(pack: json::Document<'_>) -> Result<Carried, PackError> {
        bound(pack.text())?;
        let wire: PackWire = pack.read()?;
        Ok(Carried::new(wire.try_into()?)?)
    }
}

fn bound(pack: &[u8]) -> Result<(), PackError> {
    let most = limits::PACK_BYTES / 3 * 4;
    match pack.len() > most {
        true => Err(PackError::TooLarge {
            what: "pack",
            bytes: pack.len(),
            most,
        }),
        false => Ok(()),
    }
}

/// Why some bytes are not an evidence pack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Not the JSON of a pack.
    #[error("not an evidence pack: {0}")]
    Json(#[from] json::JsonError),
    /// A version this program does not know.
    #[error("expected an evidence pack of schemaVersion {SCHEMA_VERSION}, found {0}")]
    Version(u32),
    /// Too many bytes.
    #[error("the {what} has {bytes} bytes, more than the {most} allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        most: usize,
    },
    /// Too many of something.
    #[error("the pack has {found} {what}, more than the {most} allowed")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A field that is not base64.
    #[error("{0} is not standard base64 with padding")]
    Base64(&'static str),
    /// An artifact source that does not exist.
    #[error("unknown artifact source {0:?}")]
    Source(String),
    /// The image that was asked about is not the one that it is about.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// A revocation answer with both or neither of data and error.
    #[error("a revocation answer has either data or an error")]
    Revocation,
}

/// Bytes in base64: as they were read, or about to be written, without a copy.
#[derive(Deserialize)]
#[serde(from = "String")]
enum Base64 {
    Text(String),
    Bytes(Blob),
}

impl From<String> for Base64 {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(blob) => {
                serializer.collect_str(&Base64Display::new(blob.bytes(), &STANDARD))
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PackWire {
    schema_version: u32,
    request: RequestWire,
    subject: SubjectWire,
    artifacts: Vec<ArtifactWire>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<OmissionWire>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    revocation: Vec<RevocationWire>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<PlatformWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PlatformWire {
    media_type: String,
    manifest: Base64,
    artifacts: Vec<ArtifactWire>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<OmissionWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RequestWire {
    image: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    beyond_scope: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SubjectWire {
    reference: Reference,
    media_type: String,
    manifest: Base64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ArtifactWire {
    source: String,
    manifest: Base64,
    blobs: Vec<Base64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<OmissionWire>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OmissionWire {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    digest: Option<Digest>,
    why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RevocationWire {
    kind: RevocationKindWire,
    url: String,
    certificate: Digest,
    fetched_at: UnixTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data: Option<Base64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RevocationKindWire {
    Crl,
    Ocsp,
}

impl From<&Evidence> for PackWire {
    fn from(evidence: &Evidence) -> Self {
        let encode = |blob: &Blob| Base64::Bytes(blob.clone());
        Self {
            schema_version: SCHEMA_VERSION,
            request: RequestWire {
                image: evidence.request.image.clone(),
                namespace: evidence.request.namespace.clone(),
                policy: evidence.request.policy.clone(),
                beyond_scope: evidence.request.beyond_scope,
            },
            subject: SubjectWire {
                reference: evidence.subject.reference.clone(),
                media_type: evidence.subject.media_type.clone(),
                manifest: encode(&evidence.subject.manifest),
            },
            artifacts: evidence.artifacts.iter().map(ArtifactWire::from).collect(),
            omitted: evidence.omitted.iter().map(OmissionWire::from).collect(),
            revocation: evidence
                .revocation
                .iter()
                .map(|answer| RevocationWire {
                    kind: match answer.kind {
                        RevocationKind::Crl => RevocationKindWire::Crl,
                        RevocationKind::Ocsp => RevocationKindWire::Ocsp,
                    },
                    url: answer.url.clone(),
                    certificate: answer.certificate,
                    fetched_at: answer.fetched_at,
                    data: answer.outcome.as_ref().ok().map(encode),
                    error: answer.outcome.as_ref().err().map(|why| why.0.clone()),
                })
                .collect(),
            platforms: evidence.platforms.iter().map(PlatformWire::from).collect(),
        }
    }
}

impl From<&Artifact> for ArtifactWire {
    fn from(artifact: &Artifact) -> Self {
        let encode = |blob: &Blob| Base64::Bytes(blob.clone());
        Self {
            source: artifact.source.as_str().to_owned(),
            manifest: encode(&artifact.manifest),
            blobs: artifact.blobs.iter().map(encode).collect(),
            omitted: artifact.omitted.iter().map(OmissionWire::from).collect(),
        }
    }
}

impl From<&Platform> for PlatformWire {
    fn from(platform: &Platform) -> Self {
        Self {
            media_type: platform.media_type.clone(),
            manifest: Base64::Bytes(platform.manifest.clone()),
            artifacts: platform.artifacts.iter().map(ArtifactWire::from).collect(),
            omitted: platform.omitted.iter().map(OmissionWire::from).collect(),
        }
    }
}

impl TryFrom<PackWire> for Evidence {
    type Error = PackError;

    fn try_from(wire: PackWire) -> Result<Self, PackError> {
        if wire.schema_version != SCHEMA_VERSION {
            return Err(PackError::Version(wire.schema_version));
        }
        at_most("platforms", wire.platforms.len(), limits::PLATFORMS)?;
        at_most(
            "revocation answers",
            wire.revocation.len(),
            limits::ARTIFACTS,
        )?;
        Ok(Self {
            request: Request {
                image: wire.request.image,
                namespace: wire.request.namespace,
                policy: wire.request.policy,
                beyond_scope: wire.request.beyond_scope,
            },
            subject: Subject {
                reference: wire.subject.reference,
                media_type: wire.subject.media_type,
                manifest: decode(
                    "subject manifest",
                    &wire.subject.manifest,
                    limits::MANIFEST_BYTES,
                )?,
            },
            artifacts: artifacts(wire.artifacts)?,
            omitted: omissions(wire.omitted)?,
            revocation: wire
                .revocation
                .into_iter()
                .map(RevocationAnswer::try_from)
                .collect::<Result<_, _>>()?,
            platforms: wire
                .platforms
                .into_iter()
                .map(Platform::try_from)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<PlatformWire> for Platform {
    type Error = PackError;

    fn try_from(wire: PlatformWire) -> Result<Self, PackError> {
        Ok(Self {
            media_type: wire.media_type,
            manifest: decode("platform manifest", &wire.manifest, limits::MANIFEST_BYTES)?,
            artifacts: artifacts(wire.artifacts)?,
            omitted: omissions(wire.omitted)?,
        })
    }
}

fn artifacts(wire: Vec<ArtifactWire>) -> Result<Vec<Artifact>, PackError> {
    at_most("artifacts", wire.len(), limits::ARTIFACTS)?;
    wire.into_iter().map(Artifact::try_from).collect()
}

impl TryFrom<ArtifactWire> for Artifact {
    type Error = PackError;

    fn try_from(wire: ArtifactWire) -> Result<Self, PackError> {
        at_most(
            "blobs in one artifact",
            wire.blobs.len(),
            limits::LAYERS + 1,
        )?;
        let source = Source::from_name(&wire.source).ok_or(PackError::Source(wire.source))?;
        Ok(Self {
            source,
            manifest: decode("artifact manifest", &wire.manifest, limits::MANIFEST_BYTES)?,
            blobs: wire
                .blobs
                .iter()
                .map(|blob| decode("blob", blob, limits::BLOB_BYTES))
                .collect::<Result<_, _>>()?,
            omitted: omissions(wire.omitted)?,
        })
    }
}

impl From<&Omission> for OmissionWire {
    fn from(omission: &Omission) -> Self {
        Self {
            digest: omission.digest,
            why: omission.why.clone(),
        }
    }
}

impl TryFrom<RevocationWire> for RevocationAnswer {
    type Error = PackError;

    fn try_from(wire: RevocationWire) -> Result<Self, PackError> {
        let outcome = match (wire.data, wire.error) {
            (Some(data), None) => Ok(decode("revocation data", &data, limits::BLOB_BYTES)?),
            (None, Some(error)) => Err(NoAnswer(error)),
            _ => return Err(PackError::Revocation),
        };
        Ok(Self {
            kind: match wire.kind {
                RevocationKindWire::Crl => RevocationKind::Crl,
                RevocationKindWire::Ocsp => RevocationKind::Ocsp,
            },
            url: wire.url,
            certificate: wire.certificate,
            fetched_at: wire.fetched_at,
            outcome,
        })
    }
}

fn omissions(wire: Vec<OmissionWire>) -> Result<Vec<Omission>, PackError> {
    at_most("omissions", wire.len(), limits::LAYERS + limits::ARTIFACTS)?;
    let omission = |wire: OmissionWire| Omission {
        digest: wire.digest,
        why: wire.why,
    };
    Ok(wire.into_iter().map(omission).collect())
}

fn at_most(what: &'static str, found: usize, most: usize) -> Result<(), PackError> {
    if found > most {
        return Err(PackError::TooMany { what, found, most });
    }
    Ok(())
}

fn decode(what: &'static str, text: &Base64, most: usize) -> Result<Blob, PackError> {
    let text = match text {
        Base64::Text(text) => text,
        Base64::Bytes(blob) => return Ok(blob.clone()),
    };
    let bytes = text.len() / 4 * 3;
    if bytes > most + 2 {
        return Err(PackError::TooLarge { what, bytes, most });
    }
    let bytes = STANDARD.decode(text).map_err(|_| PackError::Base64(what))?;
    Ok(Blob::new(bytes))
}
