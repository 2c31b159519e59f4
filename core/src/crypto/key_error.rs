//! Why some bytes are no key that is accepted.

use super::{KeyKind, pem};

/// Why bytes are not an acceptable public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// More bytes than any accepted key has; nothing was parsed.
    #[error("a public key has at most {limit} bytes, found {found}")]
    TooLong {
        /// Bytes found.
        found: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// There is no PEM block.
    #[error("expected a PEM block that begins with -----BEGIN PUBLIC KEY-----, found none")]
    NotPem,
    /// There is a PEM block, but a broken one.
    #[error("the PEM block is malformed: {0}")]
    MalformedPem(&'static str),
    /// There are several PEM blocks, and it is unclear which is meant.
    #[error("expected one PEM block, found several: give each key on its own")]
    SeveralPemBlocks,
    /// A PEM block of something else; the label it has.
    #[error("expected a PEM block PUBLIC KEY or RSA PUBLIC KEY, found {0}{hint}", hint = hint(.0))]
    WrongPem(String),
    /// Not the DER it should be.
    #[error("expected the DER of {what}: {detail}")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What the parser says.
        detail: String,
    },
    /// A key of an algorithm that no scheme uses.
    #[error(
        "expected a key of ECDSA (P-256, P-384, P-521), RSA (2048 to 4096 bits) or Ed25519, \
         found {0}"
    )]
    UnsupportedAlgorithm(String),
    /// An elliptic curve that no scheme uses.
    #[error("expected the named curve P-256, P-384 or P-521, found {0}")]
    UnsupportedCurve(String),
    /// A modulus that is too weak or too expensive.
    #[error("expected an RSA modulus of 2048 to 4096 bits, found {0} bits")]
    RsaModulusSize(u32),
    /// A modulus that is no product of two large primes.
    #[error("expected an odd RSA modulus, found an even one")]
    RsaModulusEven,
    /// An exponent that is useless or too expensive.
    #[error("expected an odd RSA exponent from 3 to 2^32 - 1, found {0}")]
    RsaExponent(String),
    /// A point in another encoding or of another length.
    #[error("expected an {kind} key of {expected}, found {found}")]
    Encoding {
        /// The kind of key.
        kind: KeyKind,
        /// The encoding expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// Coordinates that are no point of the curve.
    #[error("the {0} key is not a point on its curve, or not in its only valid encoding")]
    NotOnCurve(KeyKind),
    /// A point for which anybody can make signatures.
    #[error("the ed25519 key is a point of small order: anybody can sign for it")]
    SmallOrder,
}

impl From<pem::Malformed> for KeyError {
    fn from(pem::Malformed(why): pem::Malformed) -> Self {
        Self::MalformedPem(why)
    }
}

/// What to do about a PEM block that is something else.
fn hint(label: &str) -> &'static str {
    if label.contains("PRIVATE KEY") {
        ": give the public half, and keep this one secret"
    } else if label == "CERTIFICATE" {
        ": take its key with openssl x509 -pubkey -noout, or trust the certificate's authority"
    } else {
        ""
    }
}
