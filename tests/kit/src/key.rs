//! Private keys of every kind that signs something here.

use std::sync::LazyLock;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;

use crate::der;

/// The kinds of keys, with the scheme each signs by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ECDSA on P-256 over SHA-256 (ES256).
    P256,
    /// ECDSA on P-384 over SHA-384 (ES384).
    P384,
    /// ECDSA on P-521 over SHA-512 (ES512).
    P521,
    /// Ed25519, not prehashed.
    Ed25519,
    /// RSA with 2048 bits over SHA-256 (PS256 in envelopes).
    Rsa2048,
    /// RSA with 3072 bits (PS384 in envelopes).
    Rsa3072,
    /// RSA with 4096 bits (PS512 in envelopes).
    Rsa4096,
}

impl Kind {
    /// Every kind that cosign signs with.
    pub const COSIGN: [Self; 5] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Ed25519,
        Self::Rsa2048,
    ];

    /// Every kind that the Notary Project signs with.
    pub const NOTARY: [Self; 6] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// Whether it is RSA, of any size.
    pub fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }

    /// The algorithm's name in JWS.
    pub fn jws(self) -> &'static str {
        match self {
            Self::P256 => "ES256",
            Self::P384 => "ES384",
            Self::P521 => "ES512",
            Self::Ed25519 => "EdDSA",
            Self::Rsa2048 => "PS256",
            Self::Rsa3072 => "PS384",
            Self::Rsa4096 => "PS512",
        }
    }

    /// The algorithm's number in COSE.
    pub fn cose(self) -> i64 {
        match self {
            Self::P256 => -7,
            Self::Ed25519 => -8,
            Self::P384 => -35,
            Self::P521 => -36,
            Self::Rsa2048 => -37,
            Self::Rsa3072 => -38,
            Self::Rsa4096 => -39,
        }
    }

    /// What protobuf-specs calls such a public key.
    pub fn details(self) -> &'static str {
        match self {
            Self::P256 => "PKIX_ECDSA_P256_SHA_256",
            Self::P384 => "PKIX_ECDSA_P384_SHA_384",
            Self::P521 => "PKIX_ECDSA_P521_SHA_512",
            Self::Ed25519 => "PKIX_ED25519",
            Self::Rsa2048 => "PKIX_RSA_PKCS1V15_2048_SHA256",
            Self::Rsa3072 => "PKIX_RSA_PKCS1V15_3072_SHA256",
            Self::Rsa4096 => "PKIX_RSA_PKCS1V15_4096_SHA256",
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
    /// The same key twice: for signatures in DER and of fixed length. Every signature is another.
    Ecdsa(Box<[EcdsaKeyPair; 2]>),
    Rsa(Box<RsaKeyPair>),
    // These sign the same bytes alike in every run.
    Ed25519(Box<ed25519_dalek::SigningKey>),
    #[cfg(feature = "pki")]
    P256(p256::ecdsa::SigningKey),
    #[cfg(feature = "pki")]
    P384(p384::ecdsa::SigningKey),
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
            Kind::Ed25519 => {
                let mut seed = [0; 32];
                aws_lc_rs::rand::fill(&mut seed).expect("randomness");
                Pair::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed)))
            }
            Kind::Rsa2048 => rsa(KeySize::Rsa2048),
            Kind::Rsa3072 => rsa(KeySize::Rsa3072),
            Kind::Rsa4096 => rsa(KeySize::Rsa4096),
        };
        Self::of(kind, pair)
    }

    /// The key of this kind and name: the same in every run, as are its signatures. Of P-521 and
    /// RSA it is a new one.
    ///
    /// # Panics
    /// If the name's hash is no private key, which does not happen.
    #[cfg(feature = "pki")]
    #[expect(clippy::expect_used, reason = "2^-128")]
    pub fn new(kind: Kind, name: &str) -> Self {
        let seed = digest::digest(&digest::SHA384, name.as_bytes());
        let seed = seed.as_ref();
        let pair = match kind {
            Kind::P256 => {
                Pair::P256(p256::ecdsa::SigningKey::from_slice(&seed[..32]).expect("a scalar"))
            }
            Kind::P384 => Pair::P384(p384::ecdsa::SigningKey::from_slice(seed).expect("a scalar")),
            Kind::Ed25519 => {
                let seed = seed.first_chunk().expect("32 bytes");
                Pair::Ed25519(Box::new(ed25519_dalek::SigningKey::from_bytes(seed)))
            }
            _ => return Self::generate(kind),
        };
        Self::of(kind, pair)
    }

    /// A P-256 key that all tests of a process share; most do not care.
    pub fn shared() -> &'static Self {
        static KEY: LazyLock<Key> = LazyLock::new(|| Key::generate(Kind::P256));
        &KEY
    }

    fn of(kind: Kind, pair: Pair) -> Self {
        let spki = pair.spki();
        Self { kind, pair, spki }
    }

    /// The kind.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The public key's SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The public key in PEM.
    pub fn public_pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki)
    }

    /// The private key in PEM (PKCS #8), for real signers.
    ///
    /// # Panics
    /// If the key cannot be encoded, as those that follow from a name.
    #[expect(
        clippy::expect_used,
        clippy::panic,
        reason = "a test without its key tests nothing"
    )]
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
            _ => panic!("a key of {:?} that is not for real signers", self.kind),
        };
        pem("PRIVATE KEY", &der)
    }

    /// The hint that cosign puts into a bundle: the SHA-256 of the public key, base64.
    pub fn hint(&self) -> String {
        STANDARD.encode(digest::digest(&digest::SHA256, &self.spki))
    }

    /// The 32 bytes of an Ed25519 key; nothing of others.
    pub fn ed25519(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            _ => Vec::new(),
        }
    }

    /// Signs as cosign, certificates, lists and tokens do: ECDSA in DER, PKCS #1 v1.5 with
    /// SHA-256, or Ed25519.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ecdsa(pairs) => ecdsa_sign(&pairs[0], message),
            Pair::Rsa(pair) => rsa_sign(pair, &signature::RSA_PKCS1_SHA256, message),
            Pair::Ed25519(key) => key.sign(message).to_vec(),
            #[cfg(feature = "pki")]
            Pair::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            #[cfg(feature = "pki")]
            Pair::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
        }
    }

    /// Signs as envelopes of the Notary Project do: RSASSA-PSS, or ECDSA of fixed length.
    pub fn sign_envelope(&self, message: &[u8]) -> Vec<u8> {
        match (&self.pair, self.kind) {
            (Pair::Ecdsa(pairs), _) => ecdsa_sign(&pairs[1], message),
            (Pair::Rsa(pair), Kind::Rsa3072) => rsa_sign(pair, &signature::RSA_PSS_SHA384, message),
            (Pair::Rsa(pair), Kind::Rsa4096) => rsa_sign(pair, &signature::RSA_PSS_SHA512, message),
            (Pair::Rsa(pair), _) => rsa_sign(pair, &signature::RSA_PSS_SHA256, message),
            (Pair::Ed25519(key), _) => key.sign(message).to_vec(),
            #[cfg(feature = "pki")]
            (Pair::P256(key), _) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            #[cfg(feature = "pki")]
            (Pair::P384(key), _) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
        }
    }

    /// The `AlgorithmIdentifier` of [`sign`](Self::sign).
    pub fn algorithm(&self) -> Vec<u8> {
        let oid = |oid| der::sequence(&[der::oid(oid)]);
        match self.kind {
            Kind::P256 => oid("1.2.840.10045.4.3.2"),
            Kind::P384 => oid("1.2.840.10045.4.3.3"),
            Kind::P521 => oid("1.2.840.10045.4.3.4"),
            Kind::Ed25519 => oid("1.3.101.112"),
            Kind::Rsa2048 | Kind::Rsa3072 | Kind::Rsa4096 => {
                der::sequence(&[der::oid("1.2.840.113549.1.1.11"), der::null()])
            }
        }
    }
}

impl Pair {
    #[expect(clippy::expect_used, reason = "a key that was made can be encoded")]
    fn spki(&self) -> Vec<u8> {
        #[cfg(feature = "pki")]
        let curve = |oid, point: &[u8]| {
            let algorithm = der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid(oid)]);
            der::sequence(&[algorithm, der::bits(point)])
        };
        match self {
            Self::Ecdsa(pairs) => {
                let der = pairs[0].public_key().as_der().expect("a public key");
                der.as_ref().to_vec()
            }
            Self::Rsa(pair) => {
                let der = pair.public_key().as_der().expect("a public key");
                der.as_ref().to_vec()
            }
            Self::Ed25519(key) => der::sequence(&[
                der::sequence(&[der::oid("1.3.101.112")]),
                der::bits(key.verifying_key().as_bytes()),
            ]),
            #[cfg(feature = "pki")]
            Self::P256(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                curve("1.2.840.10045.3.1.7", point.as_bytes())
            }
            #[cfg(feature = "pki")]
            Self::P384(key) => {
                let point = key.verifying_key().to_sec1_point(false);
                curve("1.3.132.0.34", point.as_bytes())
            }
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

/// A PEM block.
pub fn pem(label: &str, der: &[u8]) -> String {
    let body = STANDARD.encode(der);
    let lines: Vec<_> = body
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
