//! What is counted before it is parsed, and how much of it is too much.
//!
//! An attacker may push anything beside an image. These bounds keep the cost of
//! looking at it independent of what was pushed. Each is generous beside what
//! cosign, notation and GitHub write.

/// Bytes of one manifest: the OCI distribution specification asks registries to
/// accept 4 MiB, and notation-go stops there.
pub const MANIFEST_BYTES: usize = 4 << 20;

/// Bytes of one blob of evidence (a payload, bundle or envelope): notation-go's
/// 32 MiB, which fits the largest SBOM attestations seen (17 to 22 MB).
pub const BLOB_BYTES: usize = 32 << 20;

/// Bytes of one Notary Project envelope: it holds a descriptor, certificates and a timestamp,
/// real ones have 4 to 20 KiB.
pub(crate) const ENVELOPE_BYTES: usize = 1 << 20;

/// Bytes of what a log took: hashes, signature and certificate; `intoto` 0.0.2 may repeat an
/// envelope's payload.
pub(crate) const LOG_BODY_BYTES: usize = 4 << 20;

/// Bytes of a whole evidence pack, decoded.
pub const PACK_BYTES: usize = 256 << 20;

/// Artifacts of one image that are looked at.
pub const ARTIFACTS: usize = 256;

/// Platforms of one image index that are judged, each by itself. Docker's official images have up to
/// fourteen.
pub const PLATFORMS: usize = 24;

/// Layers of one artifact; cosign stops at 1000 (CVE-2024-29903), one `.sig` tag
/// of a much-signed image has tens.
pub(crate) const LAYERS: usize = 256;

/// Signatures (candidates) of one image over all artifacts.
pub(crate) const CANDIDATES: usize = 1024;

/// Checks of signatures in one verdict, in checks of ECDSA P-256 (P-384 is 4 of them, P-521 is 8):
/// about two seconds of one processor. A keyless signature takes about 20.
pub(crate) const SIGNATURE_CHECKS: u64 = 32_768;

/// Authorities that the groups of one `require` may name, as often as they name them: who vouches
/// for whom is found by trying.
pub(crate) const GROUP_AUTHORITIES: usize = 16;

/// Groups within groups of one `require`.
pub(crate) const GROUP_DEPTH: usize = 4;

/// Checks for one signature of an image, counted in the same way.
pub(crate) const SIGNATURE_CHECKS_EACH: u64 = 1_024;

/// Bytes hashed in one verdict: about a second of one processor.
pub(crate) const HASHED_BYTES: u64 = 1 << 30;

/// Bytes hashed for one signature: a blob by every hash, and some more.
pub(crate) const HASHED_BYTES_EACH: u64 = 256 << 20;

/// Bytes of evidence that one verdict reads into signatures; each blob is read once.
pub(crate) const DECODED_BYTES: u64 = 512 << 20;

/// Bytes of evidence read for one signature: a blob, and lists of revoked certificates.
pub(crate) const DECODED_BYTES_EACH: u64 = 160 << 20;

/// Certificates tried as the issuer of another one, in one verdict.
pub(crate) const PATH_STEPS: u64 = 16_384;

/// Certificates tried as the issuer of another one, for one signature.
pub(crate) const PATH_STEPS_EACH: u64 = 512;

/// Issuers tried for one certificate. Where authorities are cross-signed there are two.
pub(crate) const ISSUERS: usize = 2;

/// Bytes of signatures, keys and messages remembered in one verdict, so that what was checked
/// is not checked again.
pub(crate) const REMEMBERED_BYTES: usize = 4 << 20;

/// Transparency log entries of one bundle (CVE-2024-45395).
pub(crate) const LOG_ENTRIES: usize = 32;

/// Signed timestamps of one bundle (CVE-2024-45395).
pub(crate) const TIMESTAMPS: usize = 32;

/// Subject alternative names of a certificate that names no OIDC issuer.
pub(crate) const SUBJECT_NAMES: usize = 16;

/// Hashes of one inclusion proof: the depth of a tree of 2^64 entries.
pub(crate) const PROOF_HASHES: usize = 64;

/// Subjects of one in-toto statement (CVE-2024-45395).
pub(crate) const SUBJECTS: usize = 1024;

/// Digests of one in-toto subject.
pub(crate) const SUBJECT_DIGESTS: usize = 32;

/// Certificates of one chain, leaf and root included.
pub(crate) const CHAIN_CERTIFICATES: usize = 10;

/// Bytes of one certificate; a leaf of Fulcio's with every claim has two thousand.
pub(crate) const CERTIFICATE_BYTES: usize = 32 << 10;

/// Bytes of one timestamp token; real ones with their certificates have 2 to 10 KiB.
pub(crate) const TIMESTAMP_BYTES: usize = 64 << 10;

/// Questions about revocation that one image may raise.
pub(crate) const REVOCATION_REQUESTS: usize = 64;

/// Depth of nested JSON objects and arrays.
pub const JSON_DEPTH: usize = 128;

/// Keys of a JSON object and those around it, which must be remembered to find one that is
/// there twice.
pub(crate) const JSON_KEYS: usize = 1 << 18;

/// Bytes of a payload of "simple signing"; real ones have a few hundred.
pub(crate) const SIMPLE_SIGNING_BYTES: usize = 64 << 10;

/// Bytes of one message in a verdict, so that hostile text stays short.
pub(crate) const MESSAGE_BYTES: usize = 1024;

/// Bytes of one text that a signature claims, where people ask what there is.
pub(crate) const CLAIM_BYTES: usize = 1024;

/// Digests and names of one signature, where people ask what there is.
pub(crate) const CLAIMED_NAMES: usize = 16;

/// Steps that the conditions on all attestations of one image may take: elements gone through,
/// values compared, sixteen bytes of text looked at. A step takes up to a microsecond.
pub(crate) const CONDITION_STEPS: u64 = 8_000_000;

/// Steps that the conditions of one rule on one attestation may take. The largest SBOMs have some
/// ten thousand packages.
pub(crate) const CONDITION_STEPS_EACH: u64 = 2_000_000;

/// Bytes that one verdict may hold in memory beside the evidence and the one signature that is
/// being read: verified statements, and the one of them that conditions look at, as they see it.
pub const HELD_BYTES: u64 = 160 << 20;

/// Bytes of memory for each element of a list in a JSON document that conditions look at.
pub(crate) const JSON_ELEMENT_BYTES: u64 = 80;

/// Bytes of memory for each key of such a document, with what it has.
pub(crate) const JSON_KEY_BYTES: u64 = 144;

/// Bytes of memory for each list and object of such a document.
pub(crate) const JSON_CONTAINER_BYTES: u64 = 64;

/// Checks (of signatures) listed in one verdict.
pub const CHECKS: usize = 64;

/// Reasons listed for one authority, and for the verdict.
pub(crate) const REASONS: usize = 16;

/// Bytes of a verified predicate that a verdict still shows whole.
pub(crate) const PREDICATE_BYTES: usize = 256 << 10;

/// Bytes of one fact of a predicate that a verdict shows: a text, or a list.
pub(crate) const FACT_BYTES: usize = 4096;

/// Bytes of one condition.
pub(crate) const CONDITION_BYTES: usize = 4096;

/// How deep a condition may nest.
pub(crate) const CONDITION_DEPTH: usize = 100;

/// Bytes of a compiled pattern of a policy.
pub(crate) const PATTERN_BYTES: usize = 1 << 20;

/// Bytes of a pattern that a predicate brings along.
pub(crate) const FOUND_PATTERN_BYTES: usize = 256;

/// Steps that compiling such a pattern costs.
pub(crate) const FOUND_PATTERN_STEPS: usize = 4096;

/// Bytes of one distinguished name; real ones have a few hundred (CVE-2023-25656).
pub(crate) const NAME_BYTES: usize = 4096;

/// Attributes of one distinguished name.
pub(crate) const NAME_ATTRIBUTES: usize = 64;

/// Bytes of one file of policies.
pub(crate) const POLICY_FILE_BYTES: usize = 4 << 20;

/// How deep a file of policies may nest.
pub(crate) const POLICY_FILE_DEPTH: usize = 64;

/// Bytes of one OCSP response.
pub(crate) const OCSP_BYTES: usize = 20_480;

/// Certificates of one OCSP response that are looked at.
pub(crate) const OCSP_CERTIFICATES: usize = 4;

/// Bytes of a checkpoint; ten witnesses make 2 KiB.
pub(crate) const CHECKPOINT_BYTES: usize = 64 << 10;

/// Signatures of one checkpoint, of the log and its witnesses.
pub(crate) const CHECKPOINT_SIGNATURES: usize = 64;

/// Signed certificate timestamps of one certificate.
pub(crate) const CERTIFICATE_TIMESTAMPS: usize = 32;

/// Bytes of one key: more than twice the DER of the largest accepted, RSA of 4096 bits.
pub(crate) const KEY_BYTES: usize = 2 << 10;

/// Bytes of a key in PEM, which may carry comments.
pub(crate) const KEY_FILE_BYTES: usize = 16 << 10;

/// Bytes of a signature; RSA with 4096 bits has the longest.
pub(crate) const SIGNATURE_BYTES: usize = 512;

/// Bytes of a trust root; GitHub's, the largest, has 32 KiB.
pub(crate) const TRUST_ROOT_BYTES: usize = 4 << 20;

/// Bytes of a reference to an image: a repository, a tag and a digest.
pub(crate) const REFERENCE_BYTES: usize = 255 + 1 + 128 + 1 + 135;

/// The largest public exponent of an RSA key: a larger one only burns CPU, and nearly all keys have
/// 65537.
pub(crate) const RSA_EXPONENT: u64 = u32::MAX as u64;

/// Bytes of all predicates that one verdict shows: the later ones are left out, and it says so.
pub(crate) const PREDICATES_BYTES: usize = 1 << 20;
