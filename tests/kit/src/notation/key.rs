//! Private keys of every kind that the Notary Project signs with.

use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaKeyPair};

use super::certificate::pem;
use super::der;

/// The kinds of keys, each with the one algorithm it signs envelopes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ES256.
    P256,
    /// ES384.
    P384,
    /// ES512.
    P521,
    /// PS256.
    Rsa2048,
    /// PS384.
    Rsa3072,
    /// PS512.
    Rsa4096,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// The algorithm's name in JWS.
    pub fn jws(self) -> &'static str {
        match self {
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::P521 => "ES512",
            Self::Rsa2048 => "PS256",
            Self::Rsa3072 => "PS384",
            Self::Rsa4096 => "PS512",
        }
    }

    /// The algorithm's number in COSE.
    pub fn cose(self) -> i64 {
        match self {
            Self::P256 => -7,
            Self::P384 => -35,
            Self::P521 => -36,
            Self::Rsa2048 => -37,
            Self::Rsa3072 => -38,
            Self::Rsa4096 => -39,
        }
    }
}

/// A private key.
#[derive(Debug)]
pub struct Key {
    kind: Kind,
    pair: Pair,
    spki: Vec<u8>,
}

#[derive(Debug)]
enum Pair {
    /// The same key twice: for signatures in DER and of fixed length.
    Ecdsa(Box<[EcdsaKeyPair; 2]>),
    Rsa(Box<RsaKeyPair>),
}

impl Key {
    /// A new key.
    ///
    /// # Panics
    /// If the random generator of the machine fails.
    #[expect(
        clippy::expect_used,
        reason = "a test key without randomness is no key"
    )]
    pub fn generate(kind: Kind) -> Self {
        let rsa = |size| Pair::Rsa(Box::new(RsaKeyPair::generate(size).expect("an RSA key")));
        let pair = match kind {
            Kind::P256 => ecdsa(
                &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
                &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            ),
            Kind::P384 => ecdsa(
                &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
                &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            ),
            Kind::P521 => ecdsa(
                &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
                &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
            ),
            Kind::Rsa2048 => rsa(KeySize::Rsa2048),
            Kind::Rsa3072 => rsa(KeySize::Rsa3072),
            Kind::Rsa4096 => rsa(KeySize::Rsa4096),
        };
        let spki = match &pair {
            Pair::Ecdsa(pairs) => pairs[0]
                .public_key()
                .as_der()
                .map(|der| der.as_ref().to_vec()),
            Pair::Rsa(pair) => pair.public_key().as_der().map(|der| der.as_ref().to_vec()),
        };
        Self {
            kind,
            spki: spki.expect("a public key"),
            pair,
        }
    }

    /// A P-256 key that all tests of a process share; most do not care.
    pub fn shared() -> &'static Self {
        static KEY: LazyLock<Key> = LazyLock::new(|| Key::generate(Kind::P256));
        &KEY
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The private key in PEM (PKCS #8), for real signers.
    ///
    /// # Panics
    /// If the key cannot be encoded.
    #[expect(clippy::expect_used, reason = "a test key can be encoded")]
    pub fn private_pem(&self) -> String {
        let der = match &self.pair {
            Pair::Ecdsa(pairs) => {
                let encoded = pairs[0].to_pkcs8v1().expect("an encoded key");
                encoded.as_ref().to_vec()
            }
            Pair::Rsa(pair) => {
                let encoded =
                    AsDer::<Pkcs8V1Der<'_>>::as_der(pair.as_ref()).expect("an encoded key");
                encoded.as_ref().to_vec()
            }
        };
        pem("PRIVATE KEY", &der)
    }

    /// Signs as envelopes do: RSASSA-PSS, or ECDSA of fixed length.
    pub fn sign_envelope(&self, message: &[u8]) -> Vec<u8> {
        match (&self.pair, self.kind) {
            (Pair::Ecdsa(pairs), _) => ecdsa_sign(&pairs[1], message),
            (Pair::Rsa(pair), Kind::Rsa3072) => rsa_sign(pair, &signature::RSA_PSS_SHA384, message),
            (Pair::Rsa(pair), Kind::Rsa4096) => rsa_sign(pair, &signature::RSA_PSS_SHA512, message),
            (Pair::Rsa(pair), _) => rsa_sign(pair, &signature::RSA_PSS_SHA256, message),
        }
    }

    /// Signs as certificates, lists and tokens do: PKCS #1 v1.5 with SHA-256, or ECDSA in DER.
    pub fn sign_x509(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pairs) => ecdsa_sign(&pairs[0], message),
            Pair::Rsa(pair) => rsa_sign(pair, &signature::RSA_PKCS1_SHA256, message),
        }
    }

    /// The algorithm identifier of [`sign_x509`](Self::sign_x509).
    pub fn x509_algorithm(&self) -> Vec<u8> {
        match self.kind {
            Kind::P256 => der::sequence(&[der::oid("1.2.840.10045.4.3.2")]),
            Kind::P384 => der::sequence(&[der::oid("1.2.840.10045.4.3.3")]),
            Kind::P521 => der::sequence(&[der::oid("1.2.840.10045.4.3.4")]),
            _ => der::sequence(&[der::oid("1.2.840.113549.1.1.11"), der::null()]),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "a test key without randomness is no key"
)]
fn ecdsa(der: &'static EcdsaSigningAlgorithm, fixed: &'static EcdsaSigningAlgorithm) -> Pair {
    let pair = EcdsaKeyPair::generate(der).expect("an ECDSA key");
    let encoded = pair.to_pkcs8v1().expect("an encoded key");
    let twin = EcdsaKeyPair::from_pkcs8(fixed, encoded.as_ref()).expect("the same key");
    Pair::Ecdsa(Box::new([pair, twin]))
}

#[expect(
    clippy::expect_used,
    reason = "a test without a signature tests nothing"
)]
fn ecdsa_sign(pair: &EcdsaKeyPair, message: &[u8]) -> Vec<u8> {
    let signature = pair
        .sign(&SystemRandom::new(), message)
        .expect("a signature");
    signature.as_ref().to_vec()
}

#[expect(
    clippy::expect_used,
    reason = "a test without a signature tests nothing"
)]
fn rsa_sign(
    pair: &RsaKeyPair,
    padding: &'static dyn signature::RsaEncoding,
    message: &[u8],
) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(padding, &SystemRandom::new(), message, &mut signature)
        .expect("a signature");
    signature
}
