//! Private keys of every kind that cosign can use.

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The kinds of keys, with the scheme each signs by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// ECDSA on P-256 over SHA-256.
    P256,
    /// ECDSA on P-384 over SHA-384.
    P384,
    /// ECDSA on P-521 over SHA-512.
    P521,
    /// Ed25519, not prehashed.
    Ed25519,
    /// RSA with 2048 bits, PKCS #1 v1.5 over SHA-256.
    Rsa2048,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Ed25519,
        Self::Rsa2048,
    ];
}

/// A private key.
#[derive(Debug)]
pub struct SigningKey {
    pair: Pair,
    spki: Vec<u8>,
}

#[derive(Debug)]
enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

impl SigningKey {
    /// A new key.
    ///
    /// # Panics
    /// If the random generator of the machine fails.
    #[expect(
        clippy::expect_used,
        reason = "a test key without randomness is no key"
    )]
    pub fn generate(kind: Kind) -> Self {
        let ecdsa =
            |algorithm| Pair::Ecdsa(EcdsaKeyPair::generate(algorithm).expect("an ECDSA key"));
        let pair = match kind {
            Kind::P256 => ecdsa(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
            Kind::P384 => ecdsa(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
            Kind::P521 => ecdsa(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
            Kind::Ed25519 => Pair::Ed25519(Ed25519KeyPair::generate().expect("an Ed25519 key")),
            Kind::Rsa2048 => Pair::Rsa(Box::new(
                RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key"),
            )),
        };
        let spki = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der().map(|der| der.as_ref().to_vec()),
            Pair::Ed25519(pair) => pair.public_key().as_der().map(|der| der.as_ref().to_vec()),
            Pair::Rsa(pair) => pair.public_key().as_der().map(|der| der.as_ref().to_vec()),
        };
        Self {
            spki: spki.expect("a public key"),
            pair,
        }
    }

    /// Signs a message.
    ///
    /// # Panics
    /// If the random generator of the machine fails.
    #[expect(
        clippy::expect_used,
        reason = "a test without a signature tests nothing"
    )]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).expect("a signature");
                signature.as_ref().to_vec()
            }
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &signature::RSA_PKCS1_SHA256,
                    &random,
                    message,
                    &mut signature,
                )
                .expect("a signature");
                signature
            }
        }
    }

    /// The public key's SubjectPublicKeyInfo.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The public key in PEM.
    pub fn public_pem(&self) -> String {
        let body = STANDARD.encode(&self.spki);
        let lines: Vec<_> = body
            .as_bytes()
            .chunks(64)
            .map(|line| String::from_utf8_lossy(line).into_owned())
            .collect();
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        )
    }

    /// The hint that cosign puts into a bundle: the SHA-256 of the public key, base64.
    pub fn hint(&self) -> String {
        STANDARD.encode(digest::digest(&digest::SHA256, &self.spki))
    }
}
