//! Public keys: parsed and checked once, then only used.

use std::fmt;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1, SECP_521_R_1,
};
use const_oid::db::rfc8410::ID_ED_25519;
use der::Encode as _;
use der::asn1::{AnyRef, BitStringRef};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::rsa::RsaPublicKeyDer;
use super::{KeyError, KeyKind, backend, pem, sha256};
use crate::limits;
use crate::strict_der;

/// NIST SP 800-131A: less than 2048 bits is too weak, more than 4096 only burns CPU.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=4096;

/// The curve of blockchains, likely to be met, and missing in the database of OIDs.
const SECP_256_K_1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.10");

/// A public key of an accepted kind and size, on its curve.
///
/// Nothing is said about who holds the private key, nor since or until when.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PublicKey {
    kind: KeyKind,
    raw: Vec<u8>,
    spki: Vec<u8>,
    fingerprint: [u8; 32],
}

impl PublicKey {
    /// Reads a key from text with one PEM block: `PUBLIC KEY` (SPKI, RFC 5280) or `RSA PUBLIC KEY`
    /// (PKCS#1).
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        check_len(text, limits::KEY_FILE_BYTES)?;
        let text = std::str::from_utf8(text).map_err(|_| KeyError::NotPem)?;
        let mut blocks = pem::blocks(text);
        let block = blocks.next().ok_or(KeyError::NotPem)??;
        let der = block.decode()?;
        // Nobody could tell which key is meant.
        if blocks.next().is_some() {
            return Err(KeyError::SeveralPemBlocks);
        }
        check_len(&der, limits::KEY_BYTES)?;
        match block.label {
            "PUBLIC KEY" => Self::from_spki(&der),
            "RSA PUBLIC KEY" => Self::from_pkcs1(&der),
            label => Err(KeyError::WrongPem(shortened(label))),
        }
    }

    /// Reads a key from DER: a `SubjectPublicKeyInfo` (RFC 5280), or a bare `RSAPublicKey` (PKCS#1)
    /// as some Sigstore trusted roots have it.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        check_len(der, limits::KEY_BYTES)?;
        if strict_der::read::<RsaPublicKeyDer<'_>>(der).is_ok() {
            return Self::from_pkcs1(der);
        }
        Self::from_spki(der)
    }

    /// The kind of key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Size of the key in bits: of the modulus for RSA, of the field for elliptic curves.
    pub fn bits(&self) -> u32 {
        match self.kind {
            KeyKind::EcdsaP256 => 256,
            KeyKind::EcdsaP384 => 384,
            KeyKind::EcdsaP521 => 521,
            KeyKind::Rsa => {
                strict_der::read::<RsaPublicKeyDer<'_>>(&self.raw).map_or(0, |key| key.bits())
            }
            KeyKind::Ed25519 => 255,
        }
    }

    /// The key as canonical DER of a `SubjectPublicKeyInfo`.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// The content of `subjectPublicKey`: an uncompressed SEC 1 point, the DER of a PKCS#1
    /// `RSAPublicKey`, or the 32 bytes of Ed25519.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// Lower-case hex of the SHA-256 over [`spki_der`](Self::spki_der), what verdicts and logs call
    /// this key, and what Rekor and CT logs call their own key.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.fingerprint)
    }

    /// The bytes of [`fingerprint`](Self::fingerprint).
    pub fn fingerprint_bytes(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    fn from_spki(der: &[u8]) -> Result<Self, KeyError> {
        let spki: SubjectPublicKeyInfoRef<'_> =
            strict_der::read(der).map_err(malformed("a public key"))?;
        let kind = kind_of(&spki.algorithm)?;
        let raw = spki
            .subject_public_key
            .as_bytes()
            .ok_or(KeyError::Malformed {
                what: "a public key",
                detail: "its bit string has unused bits".to_owned(),
            })?;
        Self::from_raw(kind, raw)
    }

    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyError> {
        Self::from_raw(KeyKind::Rsa, der)
    }

    fn from_raw(kind: KeyKind, raw: &[u8]) -> Result<Self, KeyError> {
        check_raw(kind, raw)?;
        if !backend::active().is_valid_key(kind, raw) {
            return Err(KeyError::NotOnCurve(kind));
        }
        let spki = encode_spki(kind, raw)?;
        Ok(Self {
            kind,
            raw: raw.to_vec(),
            fingerprint: sha256(&spki),
            spki,
        })
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// The kind and the fingerprint: `ecdsa-p256 sha256:2f0e…`.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sha256:{}", self.kind, self.fingerprint())
    }
}

/// Checks the encoding and the size of a key: all that makes it safe to hand to a backend.
///
/// Not checked: that an ECDSA key is a point on its curve, which backends do.
pub(super) fn check_raw(kind: KeyKind, raw: &[u8]) -> Result<(), KeyError> {
    match kind {
        KeyKind::EcdsaP256 => check_point(kind, "an uncompressed point of 65 bytes", 65, raw),
        KeyKind::EcdsaP384 => check_point(kind, "an uncompressed point of 97 bytes", 97, raw),
        KeyKind::EcdsaP521 => check_point(kind, "an uncompressed point of 133 bytes", 133, raw),
        KeyKind::Rsa => check_rsa(raw),
        KeyKind::Ed25519 => check_ed25519(raw),
    }
}

fn check_point(
    kind: KeyKind,
    expected: &'static str,
    len: usize,
    raw: &[u8],
) -> Result<(), KeyError> {
    let found = match raw.first() {
        Some(4) if raw.len() == len => return Ok(()),
        Some(2 | 3) => format!("a compressed point of {} bytes", raw.len()),
        Some(first) => format!("{} bytes that begin with {first:#04x}", raw.len()),
        None => "nothing".to_owned(),
    };
    Err(KeyError::Encoding {
        kind,
        expected,
        found,
    })
}

fn check_rsa(raw: &[u8]) -> Result<(), KeyError> {
    check_len(raw, limits::KEY_BYTES)?;
    let key: RsaPublicKeyDer<'_> =
        strict_der::read(raw).map_err(malformed("an RSA public key (PKCS#1)"))?;
    let bits = key.bits();
    if !RSA_BITS.contains(&bits) {
        return Err(KeyError::RsaModulusSize(bits));
    }
    if key
        .modulus
        .as_bytes()
        .last()
        .is_none_or(|last| last % 2 == 0)
    {
        return Err(KeyError::RsaModulusEven);
    }
    let exponent = key.public_exponent.as_bytes();
    let value = exponent
        .iter()
        .try_fold(0_u64, |value, byte| {
            value.checked_mul(256)?.checked_add(u64::from(*byte))
        })
        .ok_or_else(|| KeyError::RsaExponent(format!("{} bytes", exponent.len())))?;
    if !(3..=limits::RSA_EXPONENT).contains(&value) || value % 2 == 0 {
        return Err(KeyError::RsaExponent(value.to_string()));
    }
    Ok(())
}

/// Implementations disagree about points in non-canonical encodings, and accept for points of small
/// order signatures that nobody made. No honest key is either.
fn check_ed25519(raw: &[u8]) -> Result<(), KeyError> {
    let bytes: &[u8; 32] = raw.try_into().map_err(|_| KeyError::Encoding {
        kind: KeyKind::Ed25519,
        expected: "32 bytes",
        found: format!("{} bytes", raw.len()),
    })?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(bytes)
        .map_err(|_| KeyError::NotOnCurve(KeyKind::Ed25519))?;
    if key.is_weak() {
        return Err(KeyError::SmallOrder);
    }
    if key.to_edwards().compress().as_bytes() != bytes {
        return Err(KeyError::NotOnCurve(KeyKind::Ed25519));
    }
    Ok(())
}

fn kind_of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<KeyKind, KeyError> {
    let parameters = algorithm.parameters;
    match algorithm.oid {
        ID_EC_PUBLIC_KEY => curve_of(parameters),
        RSA_ENCRYPTION if parameters.is_none_or(|p| p.is_null()) => Ok(KeyKind::Rsa),
        ID_ED_25519 if parameters.is_none() => Ok(KeyKind::Ed25519),
        oid @ (RSA_ENCRYPTION | ID_ED_25519) => Err(KeyError::UnsupportedAlgorithm(format!(
            "{} with parameters",
            oid_name(&oid)
        ))),
        oid => Err(KeyError::UnsupportedAlgorithm(oid_name(&oid))),
    }
}

fn curve_of(parameters: Option<AnyRef<'_>>) -> Result<KeyKind, KeyError> {
    let parameters = parameters.ok_or_else(|| KeyError::UnsupportedCurve("no curve".to_owned()))?;
    let curve: ObjectIdentifier = parameters
        .decode_as()
        .map_err(|_| KeyError::UnsupportedCurve("explicit curve parameters".to_owned()))?;
    match curve {
        SECP_256_R_1 => Ok(KeyKind::EcdsaP256),
        SECP_384_R_1 => Ok(KeyKind::EcdsaP384),
        SECP_521_R_1 => Ok(KeyKind::EcdsaP521),
        curve => Err(KeyError::UnsupportedCurve(oid_name(&curve))),
    }
}

fn encode_spki(kind: KeyKind, raw: &[u8]) -> Result<Vec<u8>, KeyError> {
    let (oid, parameters) = match kind {
        KeyKind::EcdsaP256 => (ID_EC_PUBLIC_KEY, Some(AnyRef::from(&SECP_256_R_1))),
        KeyKind::EcdsaP384 => (ID_EC_PUBLIC_KEY, Some(AnyRef::from(&SECP_384_R_1))),
        KeyKind::EcdsaP521 => (ID_EC_PUBLIC_KEY, Some(AnyRef::from(&SECP_521_R_1))),
        KeyKind::Rsa => (RSA_ENCRYPTION, Some(AnyRef::NULL)),
        KeyKind::Ed25519 => (ID_ED_25519, None),
    };
    let encode = || {
        SubjectPublicKeyInfoRef {
            algorithm: AlgorithmIdentifierRef { oid, parameters },
            subject_public_key: BitStringRef::from_bytes(raw)?,
        }
        .to_der()
    };
    encode().map_err(malformed("a public key"))
}

fn check_len(bytes: &[u8], limit: usize) -> Result<(), KeyError> {
    if bytes.len() > limit {
        return Err(KeyError::TooLong {
            found: bytes.len(),
            limit,
        });
    }
    Ok(())
}

fn malformed(what: &'static str) -> impl Fn(der::Error) -> KeyError {
    move |error| KeyError::Malformed {
        what,
        detail: error.to_string(),
    }
}

/// The name of an algorithm or curve that people know, and its OID.
fn oid_name(oid: &ObjectIdentifier) -> String {
    let known = const_oid::db::DB.by_oid(oid);
    match known.or((*oid == SECP_256_K_1).then_some("secp256k1")) {
        Some(name) => format!("{name} ({oid})"),
        None => format!("the OID {oid}"),
    }
}

/// A label of foreign origin, short enough for a message.
fn shortened(label: &str) -> String {
    label.chars().filter(|c| !c.is_control()).take(40).collect()
}
