//! The same cryptography as rustls-webpki sees it.

use rustls_pki_types::{AlgorithmIdentifier, SignatureVerificationAlgorithm, alg_id};
use sealgate_core::internals::crypto::{Scheme, webpki_algorithms};

use crate::backends::{Sample, samples};

#[test]
fn webpki_verifies_each_scheme_under_its_identifiers_only() {
    let mut verified = 0;
    for sample in der_samples() {
        for algorithm in webpki_algorithms() {
            let found =
                algorithm.verify_signature(sample.key.raw(), &sample.message, &sample.signature);
            let expected = identifiers(sample.scheme)
                .contains(&(algorithm.public_key_alg_id(), algorithm.signature_alg_id()));
            assert_eq!(
                found.is_ok(),
                expected,
                "{} by {algorithm:?}",
                sample.scheme
            );
            verified += usize::from(expected);
        }
    }
    // Nine schemes with one pair of identifiers, three with two.
    assert_eq!(verified, 15);
}

#[test]
fn webpki_has_each_pair_of_identifiers_once() {
    let mut seen = Vec::new();
    for algorithm in webpki_algorithms() {
        let pair = (algorithm.public_key_alg_id(), algorithm.signature_alg_id());
        assert!(!seen.contains(&pair), "{algorithm:?}");
        seen.push(pair);
    }
    assert_eq!(seen.len(), 19);
}

#[test]
fn webpki_refuses_keys_that_public_keys_refuse() {
    let rsa = find(alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256);
    let key = [
        &[0x30_u8, 0x81, 0x89, 0x02, 0x81, 0x81, 0x00] as &[u8],
        &[0xff; 128],
        &[0x02, 0x03, 0x01, 0x00, 0x01],
    ]
    .concat();
    assert!(rsa.verify_signature(&key, b"", &[0; 128]).is_err());
    // The identity point signs everything: R = S * B - h * A = 0 * B - h * 0.
    let ed25519 = find(alg_id::ED25519, alg_id::ED25519);
    let identity = [&[1_u8] as &[u8], &[0; 31]].concat();
    let forged = [identity.as_slice(), &[0; 32]].concat();
    assert!(ed25519.verify_signature(&identity, b"x", &forged).is_err());
}

fn der_samples() -> impl Iterator<Item = &'static Sample> {
    samples().iter().filter(|sample| sample.is_der())
}

fn find(
    public_key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
) -> &'static dyn SignatureVerificationAlgorithm {
    *webpki_algorithms()
        .iter()
        .find(|a| a.public_key_alg_id() == public_key && a.signature_alg_id() == signature)
        .unwrap()
}

/// RFC 5758, RFC 4055 and RFC 8410 for the schemes among the samples.
fn identifiers(scheme: Scheme) -> Vec<(AlgorithmIdentifier, AlgorithmIdentifier)> {
    let rsa_without_null = |last: &'static [u8]| {
        (
            alg_id::RSA_ENCRYPTION,
            AlgorithmIdentifier::from_slice(last),
        )
    };
    match scheme {
        Scheme::EcdsaP256Sha256 => vec![(alg_id::ECDSA_P256, alg_id::ECDSA_SHA256)],
        Scheme::EcdsaP256Sha512 => vec![(alg_id::ECDSA_P256, alg_id::ECDSA_SHA512)],
        Scheme::EcdsaP384Sha256 => vec![(alg_id::ECDSA_P384, alg_id::ECDSA_SHA256)],
        Scheme::EcdsaP384Sha384 => vec![(alg_id::ECDSA_P384, alg_id::ECDSA_SHA384)],
        Scheme::EcdsaP521Sha512 => vec![(alg_id::ECDSA_P521, alg_id::ECDSA_SHA512)],
        Scheme::RsaPkcs1Sha256 => vec![
            (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA256),
            rsa_without_null(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b"),
        ],
        Scheme::RsaPkcs1Sha384 => vec![
            (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA384),
            rsa_without_null(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c"),
        ],
        Scheme::RsaPkcs1Sha512 => vec![
            (alg_id::RSA_ENCRYPTION, alg_id::RSA_PKCS1_SHA512),
            rsa_without_null(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d"),
        ],
        Scheme::RsaPssSha256 => vec![(alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA256)],
        Scheme::RsaPssSha384 => vec![(alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA384)],
        Scheme::RsaPssSha512 => vec![(alg_id::RSA_ENCRYPTION, alg_id::RSA_PSS_SHA512)],
        Scheme::Ed25519 => vec![(alg_id::ED25519, alg_id::ED25519)],
        other => panic!("no sample has {other}"),
    }
}
