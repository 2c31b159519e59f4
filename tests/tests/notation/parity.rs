//! The wasm module decides as the native build does, byte for byte.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealgate_core::UnixTime;
use sealgate_core::evidence::RevocationKind;
use sealgate_testkit::notation::revocation::{Crl, Entry, Ocsp, Status, answer};
use sealgate_testkit::notation::token;
use sealgate_testkit::notation::{Certificate, Format, Key, Kind, NOW, Profile};
use sealgate_testkit::pack::Pack;
use sealgate_tests::parity::Question;
use serde_json::{Value, json};

use crate::scene::{SIGNER, Signer, image, payload_for, statement_with, with_envelope};

const OCSP: &str = "http://ocsp.example.com/";
const CRL: &str = "http://crl.example.com/acme.crl";

#[track_caller]
fn decides(pack: &Pack, statement: &Value, stores: &[(&str, &Certificate)], expected: &str) {
    let document = json!({"version": "1.0", "trustPolicies": [statement]});
    let question = Question {
        evidence: pack.evidence().clone(),
        policies: vec![document.to_string()],
        trust_roots: BTreeMap::new(),
        trust_stores: stores
            .iter()
            .map(|(name, certificate)| ((*name).to_owned(), vec![certificate.pem()]))
            .collect(),
        now: UnixTime::from_seconds(NOW),
    };
    let response = question.judge();
    let verdict = &response["verdict"];
    match expected {
        "verified" => assert_eq!(verdict["outcome"], "verified", "{response}"),
        code => assert_eq!(verdict["reasons"][0]["code"], code, "{response}"),
    }
}

#[test]
fn every_algorithm_and_format_is_decided_alike() {
    let root = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=acme, CN=root"));
    let stranger = Signer::new().root;
    for kind in Kind::NOTARY {
        let leaf = root.issue_for(&Profile::signer(SIGNER), Arc::new(Key::generate(kind)));
        for format in Format::ALL {
            let chain = [&leaf, &root];
            let envelope =
                sealgate_testkit::notation::Envelope::x509(format, &chain, payload_for(&image()));
            let pack = with_envelope(image(), format, &envelope.sign(&leaf.key));
            decides(
                &pack,
                &statement_with(&[]),
                &[("ca:acme", &root)],
                "verified",
            );
            let refused = "certificate_untrusted";
            decides(
                &pack,
                &statement_with(&[]),
                &[("ca:acme", &stranger)],
                refused,
            );
        }
    }
}

#[test]
fn timestamps_are_decided_alike() {
    let signer = Signer::new();
    let tsa_root = Certificate::self_signed(&Profile::authority("C=US, O=time, CN=root"));
    for kind in [Kind::P256, Kind::P384, Kind::Rsa2048] {
        let profile = Profile::timestamper("C=US, O=time, CN=tsa");
        let tsa = tsa_root.issue_for(&profile, Arc::new(Key::generate(kind)));
        let statement = statement_with(&[("trustStores", json!(["ca:acme", "tsa:time"]))]);
        let stores = [("ca:acme", &signer.root), ("tsa:time", &tsa_root)];
        let stamped = |content: Option<&[u8]>| {
            let envelope = signer.envelope(Format::Cose, &image());
            let envelope = envelope.sign_and_stamp(&signer.leaf.key, |signature| {
                token(&[&tsa]).sign(&tsa, content.unwrap_or(signature))
            });
            with_envelope(image(), Format::Cose, &envelope)
        };
        decides(&stamped(None), &statement, &stores, "verified");
        decides(
            &stamped(Some(b"another")),
            &statement,
            &stores,
            "timestamp_mismatch",
        );
    }
}

#[test]
fn revocation_is_decided_alike_with_and_without_answers() {
    let signer = Signer::with(
        |_| {},
        |_| {},
        |p| {
            p.ocsp = vec![OCSP.to_owned()];
            p.crl = vec![CRL.to_owned()];
        },
    );
    let (leaf, issuer) = (&signer.leaf, &signer.intermediate);
    let ocsp = |status| {
        answer(
            RevocationKind::Ocsp,
            OCSP,
            leaf,
            Ocsp::new(status).sign(leaf, issuer, issuer),
        )
    };
    let crl = |entries| {
        answer(
            RevocationKind::Crl,
            CRL,
            issuer,
            Crl::new(entries).sign(issuer),
        )
    };
    for (answers, expected) in [
        (vec![], "revocation_unknown"),
        (vec![ocsp(Status::Good)], "verified"),
        (vec![ocsp(Status::Revoked)], "certificate_revoked"),
        (vec![ocsp(Status::Unknown), crl(vec![])], "verified"),
        (
            vec![ocsp(Status::Unknown), crl(vec![Entry::new(leaf, Some(1))])],
            "certificate_revoked",
        ),
        (vec![crl(vec![])], "revocation_unknown"),
    ] {
        let mut pack = signer.signed(Format::Jws);
        pack.evidence_mut().revocation = answers;
        decides(
            &pack,
            &statement_with(&[]),
            &[("ca:acme", &signer.root)],
            expected,
        );
    }
    // Without answers the level decides.
    let permissive = statement_with(&[("signatureVerification", json!({"level": "permissive"}))]);
    decides(
        &signer.signed(Format::Jws),
        &permissive,
        &[("ca:acme", &signer.root)],
        "verified",
    );
}

#[test]
fn broken_envelopes_are_decided_alike() {
    let signer = Signer::new();
    for format in Format::ALL {
        let good = signer.envelope(format, &image());
        let key = &signer.leaf.key;
        for (envelope, expected) in [
            (b"garbage".to_vec(), "envelope_malformed"),
            (good.encode(key, &[7; 64]), "envelope_signature_invalid"),
            (
                good.clone().with(|e| e.chain.clear()).sign(key),
                "certificate_chain_invalid",
            ),
            (
                good.clone().with(|e| e.payload = b"{}".to_vec()).sign(key),
                "payload_malformed",
            ),
            (
                good.clone().expiring(NOW - 60).sign(key),
                "signature_expired",
            ),
        ] {
            let pack = with_envelope(image(), format, &envelope);
            decides(
                &pack,
                &statement_with(&[]),
                &[("ca:acme", &signer.root)],
                expected,
            );
        }
    }
}

/// A length beyond what wasm can address: what the decoder says of it differs.
#[test]
fn what_a_decoder_says_is_in_no_verdict_rt_22() {
    let root = Certificate::self_signed(&Profile::authority("C=US, ST=WA, O=acme, CN=root"));
    for envelope in [
        &[0xd2, 0x84, 0x5b, 0, 0, 0, 9, 0, 0, 0, 0][..],
        &[0xd2, 0x84, 0x40, 0xbb, 0, 0, 0, 9, 0, 0, 0, 0],
        &[0xd2, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0xd2],
        &[],
    ] {
        let pack = with_envelope(image(), Format::Cose, envelope);
        decides(
            &pack,
            &statement_with(&[]),
            &[("ca:acme", &root)],
            "envelope_malformed",
        );
    }
}

/// From the statement's canonical JSON and what is taken out of its scope, and from nothing that
/// another compiler would print in another way. (`printf %s '{"except":…}' | sha256sum`)
#[test]
fn the_revision_of_a_statement_is_the_same_in_every_build() {
    let signer = Signer::new();
    let rest = r#"{"trustStores": ["ca:acme"], "trustedIdentities": ["x509.subject: C=US, ST=WA, O=acme"],
        "registryScopes": ["*"], "name": "rest",
        "signatureVerification": {"override": {"expiry": "log"}, "level": "permissive"}}"#;
    let other = |scope: &str| {
        json!({
            "name": "other",
            "registryScopes": [scope],
            "signatureVerification": {"level": "strict"},
            "trustStores": ["ca:acme"],
            "trustedIdentities": ["*"],
        })
    };
    let revision = |scope: &str, rest: &str| {
        let question = Question {
            evidence: signer.signed(Format::Jws).evidence().clone(),
            policies: vec![format!(
                r#"{{"version": "1.0", "trustPolicies": [{}, {rest}]}}"#,
                other(scope)
            )],
            trust_roots: BTreeMap::new(),
            trust_stores: BTreeMap::from([("ca:acme".to_owned(), vec![signer.root.pem()])]),
            now: UnixTime::from_seconds(NOW),
        };
        let response = question.judge();
        assert_eq!(response["verdict"]["outcome"], "verified", "{response}");
        response["verdict"]["policies"][0]["revision"].clone()
    };
    let golden = "sha256:1acf869abfc27e2c6a2a36c80e0295980a3c7b989f3a3a4353fa3ef05d166a67";
    let scope = "registry.example.com/other/app";
    assert_eq!(revision(scope, rest), golden);
    // Layout and order do not matter; every value does, and what other statements take out.
    let compact = serde_json::from_str::<Value>(rest).unwrap().to_string();
    assert_eq!(revision(scope, &compact), golden);
    assert_ne!(revision("registry.example.com/other", rest), golden);
    assert_ne!(revision(scope, &rest.replace("log", "enforce")), golden);
}
