//! Private keys that follow from a name, so that every signature is the same in every run.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::Signer as _;

use super::der;
use crate::sign;

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256 over SHA-256.
    P256,
    /// ECDSA on P-384 over SHA-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with 2048 bits, PKCS #1 v1.5 over SHA-256. Random, the others are not.
    Rsa,
}

/// A private key.
#[derive(Debug)]
pub struct Key {
    pair: Pair,
    spki: Vec<u8>,
}

#[derive(Debug)]
enum Pair {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    Rsa(Box<sign::SigningKey>),
}

impl Key {
    /// The key of this kind and name.
    ///
    /// # Panics
    /// If the name's hash is no private key, which does not happen.
    #[expect(clippy::expect_used, reason = "2^-128")]
    pub fn new(kind: KeyKind, name: &str) -> Self {
        let seed = digest::digest(&digest::SHA384, name.as_bytes());
        let seed = seed.as_ref();
        let (pair, prefix, raw) = match kind {
            KeyKind::P256 => {
                let key = p256::ecdsa::SigningKey::from_slice(&seed[..32]).expect("a scalar");
                let raw = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                (
                    Pair::P256(key),
                    "3059301306072a8648ce3d020106082a8648ce3d030107034200",
                    raw,
                )
            }
            KeyKind::P384 => {
                let key = p384::ecdsa::SigningKey::from_slice(seed).expect("a scalar");
                let raw = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
                (
                    Pair::P384(key),
                    "3076301006072a8648ce3d020106052b81040022036200",
                    raw,
                )
            }
            KeyKind::Ed25519 => {
                let seed = seed.first_chunk().expect("32 bytes");
                let key = ed25519_dalek::SigningKey::from_bytes(seed);
                let raw = key.verifying_key().to_bytes().to_vec();
                (
                    Pair::Ed25519(Box::new(key)),
                    "302a300506032b6570032100",
                    raw,
                )
            }
            KeyKind::Rsa => {
                let key = sign::SigningKey::generate(sign::Kind::Rsa2048);
                let spki = key.spki().to_vec();
                (Pair::Rsa(Box::new(key)), "", spki)
            }
        };
        let mut spki = hex::decode(prefix).expect("hex");
        spki.extend(raw);
        Self { pair, spki }
    }

    /// Signs a message by the one scheme of this kind of key.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::P256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Pair::P384(key) => {
                let signature: p384::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Pair::Ed25519(key) => key.sign(message).to_vec(),
            Pair::Rsa(key) => key.sign(message),
        }
    }

    /// The public key's SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The public key in PEM.
    pub fn pem(&self) -> String {
        pem("PUBLIC KEY", &self.spki)
    }

    /// The 32 bytes of an Ed25519 key; nothing of others.
    pub fn ed25519(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(key) => key.verifying_key().to_bytes().to_vec(),
            _ => Vec::new(),
        }
    }

    /// The `AlgorithmIdentifier` of its signatures.
    pub fn algorithm(&self) -> Vec<u8> {
        match &self.pair {
            Pair::P256(_) => der::sequence(&[der::oid("1.2.840.10045.4.3.2")]),
            Pair::P384(_) => der::sequence(&[der::oid("1.2.840.10045.4.3.3")]),
            Pair::Ed25519(_) => der::sequence(&[der::oid("1.3.101.112")]),
            Pair::Rsa(_) => der::sequence(&[der::oid("1.2.840.113549.1.1.11"), der::null()]),
        }
    }

    /// What protobuf-specs calls its public key.
    pub fn details(&self) -> &'static str {
        match &self.pair {
            Pair::P256(_) => "PKIX_ECDSA_P256_SHA_256",
            Pair::P384(_) => "PKIX_ECDSA_P384_SHA_384",
            Pair::Ed25519(_) => "PKIX_ED25519",
            Pair::Rsa(_) => "PKIX_RSA_PKCS1V15_2048_SHA256",
        }
    }
}

/// PEM of these bytes.
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
