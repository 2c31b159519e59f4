//! What a log took, and whether it is the signature at hand.
//!
//! Rekor's types hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1, intoto 0.0.1 and 0.0.2, and
//! rekord 0.0.1. A genuine entry of another signature says nothing about this one
//! (CVE-2022-23649, CVE-2022-36056, CVE-2026-22703), so signature, payload hash and key or
//! certificate must all be the same.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::super::entity::Content;
use crate::crypto::{Hash, KeyKind, PublicKey};
use crate::json::Document;
use crate::limits;
use crate::protojson::{Bytes, hash_of};
use crate::reason::{Code, Reason};
use crate::target::Target;
use crate::x509::Certificate;

/// The signature that an entry must have been made for.
pub(crate) struct Claim<'a> {
    /// What was signed, and the signature.
    pub(crate) content: &'a Content,
    /// The artifact.
    pub(crate) target: Target<'a>,
    /// Whose signature it is.
    pub(crate) verifier: Verifier<'a>,
}

/// Whose signature it is.
#[derive(Clone, Copy)]
pub(crate) enum Verifier<'a> {
    /// The holder of this certificate.
    Certificate(&'a Certificate),
    /// The holder of this key.
    Key(&'a PublicKey),
}

/// The kinds of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    HashedRekordV001,
    HashedRekordV002,
    DsseV001,
    IntotoV001,
    IntotoV002,
    RekordV001,
}

/// The kind and version that a body states.
pub(super) fn kind_version(body: &[u8]) -> Result<(String, String), Reason> {
    let wire: BodyWire<IgnoredAny> = read(check(body)?)?;
    Ok((wire.kind, wire.api_version))
}

/// Whether an entry with this body was made for the signature.
pub(super) fn bind(body: &[u8], claim: &Claim<'_>) -> Result<Kind, Reason> {
    let document = check(body)?;
    let wire: BodyWire<IgnoredAny> = read(document)?;
    let kind = match (wire.kind.as_str(), wire.api_version.as_str()) {
        ("hashedrekord", "0.0.1") => Kind::HashedRekordV001,
        ("hashedrekord", "0.0.2") => Kind::HashedRekordV002,
        ("dsse", "0.0.1") => Kind::DsseV001,
        ("intoto", "0.0.1") => Kind::IntotoV001,
        ("intoto", "0.0.2") => Kind::IntotoV002,
        ("rekord", "0.0.1") => Kind::RekordV001,
        (kind, version) => {
            return Err(unsupported(&format!(
                "is of the kind {kind:?} {version:?}, which sealgate does not read"
            )));
        }
    };
    match kind {
        Kind::HashedRekordV001 | Kind::RekordV001 => bind_hashedrekord(spec(document)?, claim)?,
        Kind::HashedRekordV002 => bind_hashedrekord_v2(body, spec(document)?, claim)?,
        Kind::DsseV001 => bind_dsse(&spec(document)?, claim)?,
        Kind::IntotoV001 => bind_intoto_v1(spec(document)?, claim)?,
        Kind::IntotoV002 => bind_intoto_v2(spec(document)?, claim)?,
    }
    Ok(kind)
}

impl Claim<'_> {
    /// What hash of what was signed is logged, for entries that log one.
    fn signed_digest(&self, hash: Hash) -> Option<Vec<u8>> {
        match self.content {
            Content::SimpleSigning { payload, .. } => Some(hash.digest(payload.bytes())),
            Content::Message { .. } => self.target.hash(hash),
            Content::Dsse(envelope) => Some(hash.digest(envelope.signed_bytes())),
        }
    }

    fn check_signed_digest(&self, hash: Hash, logged: &[u8]) -> Result<(), Reason> {
        match self.signed_digest(hash) {
            Some(own) if own == logged => Ok(()),
            Some(_) => Err(mismatch("another payload")),
            None => Err(mismatch(&format!(
                "a {hash} digest, which the artifact is not known by"
            ))),
        }
    }

    fn check_signature(&self, logged: &[u8]) -> Result<(), Reason> {
        match self.content.signature() == logged {
            true => Ok(()),
            false => Err(mismatch("another signature")),
        }
    }

    fn envelope(&self) -> Result<&crate::dsse::Envelope, Reason> {
        match self.content {
            Content::Dsse(envelope) => Ok(envelope),
            _ => Err(mismatch("a DSSE envelope, and the signature has none")),
        }
    }

    /// Compares with a certificate or key in PEM.
    fn check_pem(&self, logged: &[u8]) -> Result<(), Reason> {
        let text = str::from_utf8(logged).map_err(|_| malformed("has a key that is not PEM"))?;
        let same = match self.verifier {
            Verifier::Certificate(own) if own.is_only_block_of(text) => true,
            Verifier::Certificate(own) if text.contains("BEGIN CERTIFICATE") => {
                let logged = Certificate::all_from_pem(text)
                    .map_err(|error| malformed(format!("has a broken certificate: {error}")))?;
                logged.first().is_some_and(|first| first == own)
            }
            Verifier::Key(own) if !text.contains("BEGIN CERTIFICATE") => {
                let logged = PublicKey::from_pem(logged)
                    .map_err(|error| malformed(format!("has a broken key: {error}")))?;
                logged == *own
            }
            _ => false,
        };
        match same {
            true => Ok(()),
            false => Err(mismatch("another key or certificate")),
        }
    }
}

fn bind_hashedrekord(spec: RekordWire, claim: &Claim<'_>) -> Result<(), Reason> {
    if spec.signature.format.is_some_and(|format| format != "x509") {
        return Err(unsupported("has a signature of another format than x509"));
    }
    claim.check_signature(&spec.signature.content.0)?;
    claim.check_pem(&spec.signature.public_key.content.0)?;
    let (hash, digest) = spec.data.hash.read()?;
    claim.check_signed_digest(hash, &digest)
}

/// Rekor v2. The leaf is built anew from the signature at hand, and must be what was logged
/// to the byte: nothing in the entry is left unbound.
fn bind_hashedrekord_v2(body: &[u8], spec: RekordV2Wire, claim: &Claim<'_>) -> Result<(), Reason> {
    let RekordV2Wire {
        hashed_rekord_v002: logged,
    } = spec;
    claim.check_signature(&logged.signature.content.0)?;
    let hash = hash_of(&logged.data.algorithm)
        .ok_or_else(|| malformed(format!("has a digest of {:?}", logged.data.algorithm)))?;
    claim.check_signed_digest(hash, &logged.data.digest.0)?;
    let details = logged.signature.verifier.key_details;
    let (verifier, kind) = match claim.verifier {
        Verifier::Certificate(own) => (
            json!({"keyDetails": details, "x509Certificate": {"rawBytes": STANDARD.encode(own.der())}}),
            own.public_key().map(|key| key.kind()),
        ),
        Verifier::Key(own) => (
            json!({"keyDetails": details, "publicKey": {"rawBytes": STANDARD.encode(own.spki_der())}}),
            Ok(own.kind()),
        ),
    };
    let kind = kind.map_err(|error| malformed(format!("has a certificate's key: {error}")))?;
    if !details.starts_with(details_of(kind)) {
        return Err(mismatch(&format!("a key of another kind, {details:?}")));
    }
    let leaf = json!({
        "apiVersion": "0.0.2",
        "kind": "hashedrekord",
        "spec": {"hashedRekordV002": {
            "data": {
                "algorithm": logged.data.algorithm,
                "digest": STANDARD.encode(&logged.data.digest.0),
            },
            "signature": {
                "content": STANDARD.encode(claim.content.signature()),
                "verifier": verifier,
            },
        }},
    });
    match serde_json_canonicalizer::to_vec(&leaf) {
        Ok(leaf) if leaf == body => Ok(()),
        _ => Err(mismatch("another key or certificate")),
    }
}

/// How protobuf-specs' `PublicKeyDetails` of such a key begin.
fn details_of(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::EcdsaP256 => "PKIX_ECDSA_P256_",
        KeyKind::EcdsaP384 => "PKIX_ECDSA_P384_",
        KeyKind::EcdsaP521 => "PKIX_ECDSA_P521_",
        KeyKind::Rsa => "PKIX_RSA_",
        KeyKind::Ed25519 => "PKIX_ED25519",
    }
}

fn bind_dsse(spec: &DsseWire, claim: &Claim<'_>) -> Result<(), Reason> {
    let envelope = claim.envelope()?;
    let [signature] = spec.signatures.as_slice() else {
        return Err(malformed("does not have exactly one signature"));
    };
    claim.check_signature(&signature.signature.0)?;
    claim.check_pem(&signature.verifier.0)?;
    let (hash, digest) = spec.payload_hash.read()?;
    check_payload(&hash.digest(envelope.unverified_payload()), &digest)
}

/// intoto 0.0.1 logs the envelope's hash alone, which binds all of it: what cosign 1 wrote
/// beside its layers.
fn bind_intoto_v1(spec: IntotoWire<IntotoV1Wire>, claim: &Claim<'_>) -> Result<(), Reason> {
    let envelope = claim.envelope()?;
    let public_key = spec.public_key.ok_or_else(|| malformed("names no key"))?;
    claim.check_pem(&public_key.0)?;
    let (hash, digest) = spec.content.hash.read()?;
    match envelope.document() {
        Some(document) if hash.digest(document) == digest => {}
        Some(_) => return Err(mismatch("another envelope")),
        None => {
            return Err(malformed(
                "is intoto 0.0.1, which cannot be compared with a bundle",
            ));
        }
    }
    match spec.content.payload_hash {
        Some(logged) => {
            let (hash, digest) = logged.read()?;
            check_payload(&hash.digest(envelope.unverified_payload()), &digest)
        }
        None => Ok(()),
    }
}

fn bind_intoto_v2(spec: IntotoWire<IntotoV2Wire>, claim: &Claim<'_>) -> Result<(), Reason> {
    let envelope = claim.envelope()?;
    let logged = spec.content.envelope;
    if logged.payload_type != envelope.unverified_payload_type() {
        return Err(mismatch("another payload type"));
    }
    let (hash, digest) = spec.content.payload_hash.read()?;
    check_payload(&hash.digest(envelope.unverified_payload()), &digest)?;
    let [signature] = logged.signatures.as_slice() else {
        return Err(malformed("does not have exactly one signature"));
    };
    // Rekor encodes the envelope's base64 once more.
    let sig = STANDARD.decode(&signature.sig.0).unwrap_or_default();
    claim.check_signature(&sig)?;
    claim.check_pem(&signature.public_key.0)
}

fn check_payload(own: &[u8], logged: &[u8]) -> Result<(), Reason> {
    match own == logged {
        true => Ok(()),
        false => Err(mismatch("another payload")),
    }
}

fn check(body: &[u8]) -> Result<Document<'_>, Reason> {
    if body.len() > limits::LOG_BODY_BYTES {
        return Err(Reason::new(
            Code::LimitExceeded,
            format!(
                "a log entry has {} bytes, more than the {} allowed",
                body.len(),
                limits::LOG_BODY_BYTES
            ),
        ));
    }
    Document::check(body).map_err(|error| malformed(format!("is not one of Rekor's: {error}")))
}

fn read<'a, T: Deserialize<'a>>(body: Document<'a>) -> Result<T, Reason> {
    let malformed = |error| malformed(format!("is not one of Rekor's: {error}"));
    body.read().map_err(malformed)
}

fn spec<'a, T: Deserialize<'a>>(body: Document<'a>) -> Result<T, Reason> {
    read(body).map(|wire: BodyWire<T>| wire.spec)
}

fn unsupported(what: &str) -> Reason {
    Reason::new(Code::FormUnsupported, format!("a log entry {what}"))
}

fn malformed(why: impl std::fmt::Display) -> Reason {
    Reason::new(Code::LogEntryMalformed, format!("a log entry {why}"))
}

fn mismatch(what: &str) -> Reason {
    Reason::new(
        Code::LogEntryMismatch,
        format!(
            "expected a log entry for this signature, its payload and its key, found one for {what}"
        ),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct BodyWire<T> {
    api_version: String,
    kind: String,
    spec: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RekordWire {
    data: RekordDataWire,
    signature: RekordSignatureWire,
}

#[derive(Deserialize)]
struct RekordDataWire {
    hash: HashWire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RekordSignatureWire {
    content: Bytes,
    format: Option<String>,
    public_key: ContentWire,
}

#[derive(Deserialize)]
struct ContentWire {
    content: Bytes,
}

#[derive(Deserialize)]
struct HashWire {
    algorithm: String,
    value: String,
}

impl HashWire {
    fn read(&self) -> Result<(Hash, Vec<u8>), Reason> {
        let hash = Hash::from_name(&self.algorithm)
            .ok_or_else(|| malformed(format!("has a hash of {:?}", self.algorithm)))?;
        let digest =
            hex::decode(&self.value).map_err(|_| malformed("has a hash that is not hex"))?;
        Ok((hash, digest))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RekordV2Wire {
    #[serde(rename = "hashedRekordV002")]
    hashed_rekord_v002: HashedRekordV2Wire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HashedRekordV2Wire {
    data: DataV2Wire,
    signature: SignatureV2Wire,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataV2Wire {
    algorithm: String,
    digest: Bytes,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureV2Wire {
    content: Bytes,
    verifier: VerifierV2Wire,
}

/// The certificate or key in it is compared as part of the leaf.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifierV2Wire {
    key_details: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DsseWire {
    payload_hash: HashWire,
    signatures: Vec<DsseSignatureWire>,
}

#[derive(Deserialize)]
struct DsseSignatureWire {
    signature: Bytes,
    verifier: Bytes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoWire<T> {
    content: T,
    public_key: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoV1Wire {
    hash: HashWire,
    payload_hash: Option<HashWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoV2Wire {
    envelope: IntotoEnvelopeWire,
    payload_hash: HashWire,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoEnvelopeWire {
    payload_type: String,
    signatures: Vec<IntotoSignatureWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IntotoSignatureWire {
    sig: Bytes,
    public_key: Bytes,
}
