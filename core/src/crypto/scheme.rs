//! Kinds of keys and the signature schemes accepted for each.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Hash;

/// The kind of a [`PublicKey`](super::PublicKey).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// ECDSA on NIST P-256 (secp256r1).
    EcdsaP256,
    /// ECDSA on NIST P-384 (secp384r1).
    EcdsaP384,
    /// ECDSA on NIST P-521 (secp521r1).
    EcdsaP521,
    /// RSA with a modulus of 2048 to 4096 bits.
    Rsa,
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    /// The stable spelling: `ecdsa-p256`, `ecdsa-p384`, `ecdsa-p521`, `rsa`, `ed25519`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::EcdsaP521 => "ecdsa-p521",
            Self::Rsa => "rsa",
            Self::Ed25519 => "ed25519",
        }
    }

    /// Bytes of one coordinate, or of `r` or `s`, on this key's curve; `None` without ECDSA.
    pub const fn ecdsa_field_len(self) -> Option<usize> {
        match self {
            Self::EcdsaP256 => Some(32),
            Self::EcdsaP384 => Some(48),
            Self::EcdsaP521 => Some(66),
            Self::Rsa | Self::Ed25519 => None,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A signature scheme: what kind of key signs, over which hash, with which padding.
///
/// This is the whole list of what sealgate can verify. Whether a scheme is acceptable in a given
/// place is decided by the caller: [`accepted_for`](Self::accepted_for) where nothing else says,
/// the header of a JOSE or COSE envelope, the algorithm identifier of a certificate, or a policy.
/// They are ordered as their names are, which orders signers in verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// ECDSA P-256 over SHA-256 (ES256).
    EcdsaP256Sha256,
    /// ECDSA P-256 over SHA-384.
    EcdsaP256Sha384,
    /// ECDSA P-256 over SHA-512.
    EcdsaP256Sha512,
    /// ECDSA P-384 over SHA-256, what cosign up to v2 signs with.
    EcdsaP384Sha256,
    /// ECDSA P-384 over SHA-384 (ES384).
    EcdsaP384Sha384,
    /// ECDSA P-384 over SHA-512.
    EcdsaP384Sha512,
    /// ECDSA P-521 over SHA-256, what cosign up to v2 signs with.
    EcdsaP521Sha256,
    /// ECDSA P-521 over SHA-384.
    EcdsaP521Sha384,
    /// ECDSA P-521 over SHA-512 (ES512).
    EcdsaP521Sha512,
    /// Ed25519 of RFC 8032, over the message itself.
    Ed25519,
    /// Ed25519ph of RFC 8032, over SHA-512 of the message, with an empty context.
    Ed25519ph,
    /// RSASSA-PKCS1-v1_5 over SHA-256 (RS256).
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 over SHA-384 (RS384).
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 over SHA-512 (RS512).
    RsaPkcs1Sha512,
    /// RSASSA-PSS over SHA-256, MGF1 with SHA-256, salt of 32 bytes (PS256).
    RsaPssSha256,
    /// RSASSA-PSS over SHA-384, MGF1 with SHA-384, salt of 48 bytes (PS384).
    RsaPssSha384,
    /// RSASSA-PSS over SHA-512, MGF1 with SHA-512, salt of 64 bytes (PS512).
    RsaPssSha512,
}

impl Scheme {
    /// Every scheme, in the order of the enum.
    pub const ALL: [Self; 17] = [
        Self::EcdsaP256Sha256,
        Self::EcdsaP256Sha384,
        Self::EcdsaP256Sha512,
        Self::EcdsaP384Sha256,
        Self::EcdsaP384Sha384,
        Self::EcdsaP384Sha512,
        Self::EcdsaP521Sha256,
        Self::EcdsaP521Sha384,
        Self::EcdsaP521Sha512,
        Self::Ed25519,
        Self::Ed25519ph,
        Self::RsaPkcs1Sha256,
        Self::RsaPkcs1Sha384,
        Self::RsaPkcs1Sha512,
        Self::RsaPssSha256,
        Self::RsaPssSha384,
        Self::RsaPssSha512,
    ];

    /// The schemes to try, in this order, for a signature that does not name its own: all that
    /// cosign and Sigstore clients sign with, given a key of that kind.
    ///
    /// cosign v3 picks the hash by the curve and Ed25519ph; older clients, and cosign's own
    /// `verify`, take SHA-256 for every curve and pure Ed25519. Trying both is sound: the hash is
    /// at least as strong as SHA-256, and Ed25519ph is separated from Ed25519 by its prefix.
    pub const fn accepted_for(kind: KeyKind) -> &'static [Self] {
        match kind {
            KeyKind::EcdsaP256 => &[Self::EcdsaP256Sha256],
            KeyKind::EcdsaP384 => &[Self::EcdsaP384Sha384, Self::EcdsaP384Sha256],
            KeyKind::EcdsaP521 => &[Self::EcdsaP521Sha512, Self::EcdsaP521Sha256],
            KeyKind::Rsa => &[
                Self::RsaPkcs1Sha256,
                Self::RsaPssSha256,
                Self::RsaPkcs1Sha384,
                Self::RsaPkcs1Sha512,
                Self::RsaPssSha384,
                Self::RsaPssSha512,
            ],
            KeyKind::Ed25519 => &[Self::Ed25519, Self::Ed25519ph],
        }
    }

    /// The schemes for keys of that kind over that hash, for policies that name the hash.
    ///
    /// Pure Ed25519 hashes inside, so it is never among them.
    pub fn with_hash(kind: KeyKind, hash: Hash) -> Vec<Self> {
        Self::ALL
            .into_iter()
            .filter(|scheme| scheme.kind() == kind && scheme.hash() == Some(hash))
            .collect()
    }

    /// The stable spelling, as it appears in verdicts: `ecdsa-p256-sha256`, `rsa-pss-sha256`, `ed25519ph`…
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP256Sha384 => "ecdsa-p256-sha384",
            Self::EcdsaP256Sha512 => "ecdsa-p256-sha512",
            Self::EcdsaP384Sha256 => "ecdsa-p384-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::EcdsaP384Sha512 => "ecdsa-p384-sha512",
            Self::EcdsaP521Sha256 => "ecdsa-p521-sha256",
            Self::EcdsaP521Sha384 => "ecdsa-p521-sha384",
            Self::EcdsaP521Sha512 => "ecdsa-p521-sha512",
            Self::RsaPkcs1Sha256 => "rsa-pkcs1-sha256",
            Self::RsaPkcs1Sha384 => "rsa-pkcs1-sha384",
            Self::RsaPkcs1Sha512 => "rsa-pkcs1-sha512",
            Self::RsaPssSha256 => "rsa-pss-sha256",
            Self::RsaPssSha384 => "rsa-pss-sha384",
            Self::RsaPssSha512 => "rsa-pss-sha512",
            Self::Ed25519 => "ed25519",
            Self::Ed25519ph => "ed25519ph",
        }
    }

    /// What a check costs, in checks of ECDSA P-256: measured with AWS-LC, rounded up.
    pub(super) const fn cost(self) -> u64 {
        match self.kind() {
            KeyKind::EcdsaP256 | KeyKind::Ed25519 | KeyKind::Rsa => 1,
            KeyKind::EcdsaP384 => 4,
            KeyKind::EcdsaP521 => 8,
        }
    }

    /// The kind of key that signs with this scheme.
    pub const fn kind(self) -> KeyKind {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP256Sha384 | Self::EcdsaP256Sha512 => {
                KeyKind::EcdsaP256
            }
            Self::EcdsaP384Sha256 | Self::EcdsaP384Sha384 | Self::EcdsaP384Sha512 => {
                KeyKind::EcdsaP384
            }
            Self::EcdsaP521Sha256 | Self::EcdsaP521Sha384 | Self::EcdsaP521Sha512 => {
                KeyKind::EcdsaP521
            }
            Self::RsaPkcs1Sha256
            | Self::RsaPkcs1Sha384
            | Self::RsaPkcs1Sha512
            | Self::RsaPssSha256
            | Self::RsaPssSha384
            | Self::RsaPssSha512 => KeyKind::Rsa,
            Self::Ed25519 | Self::Ed25519ph => KeyKind::Ed25519,
        }
    }

    /// The hash of the message that is signed, or `None` for pure Ed25519, which takes the message
    /// itself and so cannot be verified from a digest.
    pub const fn hash(self) -> Option<Hash> {
        match self {
            Self::EcdsaP256Sha256
            | Self::EcdsaP384Sha256
            | Self::EcdsaP521Sha256
            | Self::RsaPkcs1Sha256
            | Self::RsaPssSha256 => Some(Hash::Sha256),
            Self::EcdsaP256Sha384
            | Self::EcdsaP384Sha384
            | Self::EcdsaP521Sha384
            | Self::RsaPkcs1Sha384
            | Self::RsaPssSha384 => Some(Hash::Sha384),
            Self::EcdsaP256Sha512
            | Self::EcdsaP384Sha512
            | Self::EcdsaP521Sha512
            | Self::RsaPkcs1Sha512
            | Self::RsaPssSha512
            | Self::Ed25519ph => Some(Hash::Sha512),
            Self::Ed25519 => None,
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Scheme {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Scheme {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let named = Self::ALL.into_iter().find(|scheme| scheme.as_str() == name);
        named.ok_or_else(|| de::Error::custom("expected the name of a signature scheme"))
    }
}

/// How the bytes of an ECDSA signature are laid out; RSA and Ed25519 have one layout only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SignatureEncoding {
    /// `SEQUENCE { r, s }` in strict DER: X.509, CMS, Sigstore, cosign.
    #[default]
    Der,
    /// `r || s`, each padded to the length of the curve's order (IEEE P1363): JOSE and COSE.
    Fixed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for scheme in Scheme::ALL {
            assert!(scheme.as_str().starts_with(scheme.kind().as_str()));
        }
        assert!(Scheme::ALL.is_sorted() && Scheme::ALL.map(Scheme::as_str).is_sorted());
    }

    #[test]
    fn accepted_schemes_belong_to_the_kind() {
        for kind in Scheme::ALL.map(Scheme::kind) {
            assert!(!Scheme::accepted_for(kind).is_empty());
            assert!(Scheme::accepted_for(kind).iter().all(|s| s.kind() == kind));
        }
    }

    #[test]
    fn a_named_hash_excludes_pure_ed25519() {
        assert_eq!(
            Scheme::with_hash(KeyKind::Ed25519, Hash::Sha512),
            [Scheme::Ed25519ph]
        );
        assert!(Scheme::with_hash(KeyKind::Ed25519, Hash::Sha256).is_empty());
        assert_eq!(
            Scheme::with_hash(KeyKind::Rsa, Hash::Sha384),
            [Scheme::RsaPkcs1Sha384, Scheme::RsaPssSha384]
        );
    }
}
