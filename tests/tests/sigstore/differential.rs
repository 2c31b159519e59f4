//! The same questions to `sigstore-verify`, which the Sigstore project maintains: wherever
//! the answers differ, the table says why.
//!
//! It reads the clock; nothing here is signed in the future. It verifies with the
//! cryptography of the core, whose own tests are elsewhere.

use sealgate_core::crypto::install_sigstore_provider;
use sealgate_tests::vectors::{ConformanceCase, sigstore_conformance};
use sigstore_verify::trust_root::TrustedRoot;
use sigstore_verify::types::{Bundle, DerPublicKey};
use sigstore_verify::{PublicKeyVerificationPolicy, VerificationPolicy, Verifier};

use crate::mutations;
use crate::prelude::*;

/// What is judged differently: the bundle, whether sealgate accepts it, and why.
const DIVERGENCES: &[(&str, bool, &str)] = &[
    (
        "v1: no media type",
        false,
        "without one the version, and so what an entry needs, is anybody's guess",
    ),
    ("v1: unknown field", false, STRICT),
    ("v1: unknown field in the material", false, STRICT),
    ("v1: unknown field in an entry", false, STRICT),
    (
        "v1: certificate and key",
        false,
        "a oneof has one value; of two, two readers may take different ones",
    ),
    (
        "v2: checkpoint signed in another name",
        false,
        "C2SP signed-note: a signature counts for its name and its key together",
    ),
];

const STRICT: &str =
    "the JSON mapping of Protocol Buffers refuses unknown fields, as sigstore-go does";

/// Whether the other verifier accepts a bundle.
fn oracle(bundle: &str, root: &str, artifact: &[u8], policy: Policy<'_>) -> bool {
    install_sigstore_provider();
    let judge = || {
        let root = TrustedRoot::from_json(root).ok()?;
        let bundle = Bundle::from_json(bundle).ok()?;
        let verifier = Verifier::new(&root).ok()?;
        match policy {
            Policy::Identity(subject, issuer) => {
                let policy = VerificationPolicy::new(subject, issuer);
                verifier.verify(artifact, &bundle, &policy).ok()
            }
            Policy::Key(der) => {
                let policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(der));
                verifier.verify(artifact, &bundle, &policy).ok()
            }
        }
    };
    judge().is_some()
}

enum Policy<'a> {
    Identity(&'a str, &'a str),
    Key(Vec<u8>),
}

fn oracle_on_vector(case: &ConformanceCase) -> bool {
    let bundle = String::from_utf8_lossy(&case.bundle);
    let root = match &case.trusted_root {
        Some(root) => String::from_utf8_lossy(root).into_owned(),
        None => sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT.to_owned(),
    };
    let policy = match &case.key {
        Some(pem) => match sealgate_core::crypto::PublicKey::from_pem(pem.as_bytes()) {
            Ok(key) => Policy::Key(key.spki_der().to_vec()),
            Err(_) => return false,
        },
        None => Policy::Identity(&case.identity, &case.issuer),
    };
    oracle(&bundle, &root, &case.artifact, policy)
}

#[test]
fn answers_differ_only_where_the_table_says_so() {
    let bench = Bench::new();
    let root = bench.root.to_string();
    let mut differing = Vec::new();
    for (name, bundle) in mutations::all(&bench) {
        let ours = bench.judge(&bundle).is_ok();
        let policy = Policy::Identity(SUBJECT, ISSUER);
        if oracle(&bundle.to_string(), &root, ARTIFACT, policy) != ours {
            differing.push((name, ours));
        }
    }
    for case in sigstore_conformance() {
        let ours = case.must_pass();
        if oracle_on_vector(&case) != ours {
            differing.push((case.name, ours));
        }
    }
    let expected: Vec<_> = DIVERGENCES
        .iter()
        .map(|(name, ours, _)| ((*name).to_owned(), *ours))
        .collect();
    assert_eq!(differing, expected);
}
