//! Published weaknesses of other verifiers, each tried here.

use std::time::{Duration, Instant};

use sealgate_core::UnixTime;
use sealgate_core::verdict::CheckResult;
use sealgate_testkit::notation::envelope::artifact;
use sealgate_testkit::notation::{Certificate, Envelope, Format, NOW, Profile};
use sealgate_testkit::pack::Pack;
use serde_json::json;

use crate::scene::{
    IMAGE, Signer, accepted, check, image, judge, logged, payload_for, policy, refused, strict,
    trust, unproven, with_envelope,
};

/// A registry hands out the signature of another artifact, which is genuine.
#[test]
fn a_transplanted_envelope_is_refused_cve_2023_33959() {
    let signer = Signer::new();
    for format in Format::ALL {
        let other = Pack::image(IMAGE, "another");
        let envelope = signer.envelope(format, &other).sign(&signer.leaf.key);
        let pack = with_envelope(image(), format, &envelope);
        refused(
            &judge(&pack, &strict(), &signer.trust()),
            "subject_mismatch",
        );
        // Even where nothing but integrity is enforced.
        let audit = policy(&[("signatureVerification", json!({"level": "audit"}))]);
        refused(&judge(&pack, &audit, &signer.trust()), "subject_mismatch");
    }
}

#[test]
fn a_referrer_of_another_image_is_refused_cve_2023_33959() {
    let signer = Signer::new();
    let pack = image();
    let envelope = signer.envelope(Format::Jws, &pack).sign(&signer.leaf.key);
    let other = Pack::image(IMAGE, "another").digest();
    let pack = pack.with(artifact(&other, Format::Jws, &envelope));
    refused(
        &judge(&pack, &strict(), &signer.trust()),
        "referrer_subject_mismatch",
    );
}

/// An old signature is replayed; a permissive policy only logs its expiry. The verdict shows it.
#[test]
fn an_expired_signature_is_visible_under_a_permissive_policy_cve_2024_23332() {
    let signer = Signer::new();
    let pack = signer.signed_with(Format::Jws, |e| e.expiring(NOW - 60));
    let permissive = policy(&[("signatureVerification", json!({"level": "permissive"}))]);
    let verdict = judge(&pack, &permissive, &signer.trust());
    accepted(&verdict);
    logged(&verdict, "expiry", "signature_expired");
    refused(
        &judge(&pack, &strict(), &signer.trust()),
        "signature_expired",
    );
}

/// Under `audit` a stranger's signature passes, but never as somebody who was authenticated.
#[test]
fn a_stranger_is_visible_under_audit_cve_2024_23332() {
    let stranger = Signer::new();
    let audit = policy(&[("signatureVerification", json!({"level": "audit"}))]);
    let verdict = judge(
        &stranger.signed(Format::Cose),
        &audit,
        &Signer::new().trust(),
    );
    unproven(&verdict);
    assert_eq!(check(&verdict, "authenticity").result, CheckResult::Failed);
    // And without any signature even audit refuses.
    refused(
        &judge(&image(), &audit, &Signer::new().trust()),
        "no_signatures",
    );
}

#[test]
fn ten_thousand_signatures_cost_little_cve_2023_33957() {
    let signer = Signer::new();
    let mut pack = image();
    let digest = pack.digest();
    for i in 0..10_000_u32 {
        let garbage = format!("{{\"payload\":\"{i}\"}}");
        pack = pack.with(artifact(&digest, Format::Jws, garbage.as_bytes()));
    }
    let start = Instant::now();
    // More than a pack may hold.
    let now = UnixTime::from_seconds(NOW);
    let verdict = sealgate_core::verify(pack.evidence(), &strict(), &signer.trust(), now).unwrap();
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(!verdict.verified);
    assert!(
        verdict
            .reasons
            .iter()
            .any(|reason| reason.code.as_str() == "limit_exceeded")
    );
}

#[test]
fn hexadecimal_names_in_certificates_cost_nothing_cve_2023_25656() {
    let signer = Signer::with(
        |_| {},
        |_| {},
        |p| {
            p.subject = format!("C=US, ST=WA, O=acme, CN=#{}", "0c01".repeat(5000));
        },
    );
    let identity = json!(["x509.subject: C=US, ST=WA, O=acme"]);
    let named = policy(&[("trustedIdentities", identity)]);
    accepted(&judge(&signer.signed(Format::Jws), &named, &signer.trust()));
    let other = policy(&[(
        "trustedIdentities",
        json!(["x509.subject: C=US, ST=WA, O=acme, CN=a"]),
    )]);
    let verdict = judge(&signer.signed(Format::Jws), &other, &signer.trust());
    refused(&verdict, "trusted_identity_mismatch");
    assert!(verdict.reasons[0].message.len() < 2048);
}

/// Hostile sizes and shapes are refused before they cost anything.
#[test]
fn hostile_envelopes_are_bounded_cve_2023_42813() {
    let signer = Signer::new();
    let deep = format!(
        "{{\"payload\":{}1{}}}",
        "[".repeat(200_000),
        "]".repeat(200_000)
    );
    let nested = vec![0x81; 200_000];
    let endless = [&[0xd2, 0x84, 0x5b][..], &[0xff; 8]].concat();
    for (format, bytes) in [
        (Format::Jws, deep.as_bytes()),
        (Format::Jws, &vec![b'{'; 1 << 20]),
        (Format::Cose, nested.as_slice()),
        (Format::Cose, endless.as_slice()),
    ] {
        let pack = with_envelope(image(), format, bytes);
        refused(
            &judge(&pack, &strict(), &signer.trust()),
            "envelope_malformed",
        );
    }
}

/// Expired intermediates were accepted where only the leaf was looked at.
#[test]
fn an_expired_intermediate_is_refused_cve_2026_24122() {
    let signer = Signer::with(|_| {}, |p| p.validity = (NOW - 100, NOW - 1), |_| {});
    refused(
        &judge(&signer.signed(Format::Jws), &strict(), &signer.trust()),
        "certificate_outside_validity",
    );
}

/// An empty list of certificates ended a process with success.
#[test]
fn an_empty_chain_is_a_denial_cve_2026_44310() {
    let signer = Signer::new();
    for format in Format::ALL {
        let pack = signer.signed_with(format, |e| e.with(|e| e.chain.clear()));
        refused(
            &judge(&pack, &strict(), &signer.trust()),
            "certificate_chain_invalid",
        );
    }
}

/// A critical attribute that nobody understands was let pass.
#[test]
fn an_unknown_critical_attribute_is_refused_at_every_level() {
    let signer = Signer::new();
    let pack = signer.signed_with(Format::Jws, |e| {
        let text = sealgate_testkit::notation::Header::Text("x".to_owned());
        e.and("io.cncf.notary.future", text, true)
    });
    for level in ["strict", "permissive", "audit"] {
        let policies = policy(&[("signatureVerification", json!({"level": level}))]);
        refused(
            &judge(&pack, &policies, &signer.trust()),
            "critical_attribute_unknown",
        );
    }
}

/// The trusted certificate beside the chain, not in it, proves nothing.
#[test]
fn a_trusted_root_appended_to_a_foreign_chain_is_refused() {
    let signer = Signer::new();
    let evil = Certificate::self_signed(&Profile::signer("C=US, ST=WA, O=acme, CN=release"));
    let envelope = Envelope::x509(Format::Jws, &[&evil, &signer.root], payload_for(&image()));
    let pack = with_envelope(image(), Format::Jws, &envelope.sign(&evil.key));
    let verdict = judge(&pack, &strict(), &trust(&[("ca:acme", &[&signer.root])]));
    refused(&verdict, "certificate_chain_invalid");
}
