//! Signing authorities and timestamp countersignatures.

use std::sync::Arc;

use sealgate_core::Verdict;
use sealgate_core::evidence::RevocationKind;
use sealgate_testkit::certificate::{purpose, usage};
use sealgate_testkit::der;
use sealgate_testkit::notation::revocation::{Crl, Entry, Ocsp, Status, answer};
use sealgate_testkit::notation::token;
use sealgate_testkit::notation::{Certificate, Envelope, Format, Key, Kind, NOW, Profile, YEAR};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::timestamp::{Token, response};
use sealgate_tests::parity::{PolicyTexts, TrustDocuments};
use serde_json::json;

use crate::scene::{
    SIGNER, Signer, accepted, image, judge, judge_at, logged, payload_for, policy, refused, trust,
    with_envelope,
};

/// A signer and a timestamp authority.
struct Stamped {
    signer: Signer,
    tsa_root: Certificate,
    tsa: Certificate,
}

impl Stamped {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(tsa: impl FnOnce(&mut Profile)) -> Self {
        let tsa_root = Certificate::self_signed(&Profile::authority("C=US, O=time, CN=root"));
        let tsa = tsa_root.issue(&Profile::timestamper("C=US, O=time, CN=tsa").with(tsa));
        Self {
            signer: Signer::new(),
            tsa_root,
            tsa,
        }
    }

    fn token(&self) -> Token {
        token(&[&self.tsa])
    }

    fn trust(&self) -> TrustDocuments {
        trust(&[
            ("ca:acme", &[&self.signer.root]),
            ("tsa:time", &[&self.tsa_root]),
        ])
    }

    /// A signature countersigned by this token.
    fn signed(&self, format: Format, token: &Token) -> Pack {
        self.stamped(format, |signature| token.sign(&self.tsa, signature))
    }

    fn stamped(&self, format: Format, stamp: impl FnOnce(&[u8]) -> Vec<u8>) -> Pack {
        let pack = image();
        let envelope = self.signer.envelope(format, &pack);
        let envelope = envelope.sign_and_stamp(&self.signer.leaf.key, stamp);
        with_envelope(pack, format, &envelope)
    }

    fn judge(&self, token: &Token) -> Verdict {
        judge(&self.signed(Format::Jws, token), &always(), &self.trust())
    }
}

fn always() -> PolicyTexts {
    timestamped("always")
}

fn timestamped(when: &str) -> PolicyTexts {
    policy(&[
        ("trustStores", json!(["ca:acme", "tsa:time"])),
        (
            "signatureVerification",
            json!({"level": "strict", "verifyTimestamp": when}),
        ),
    ])
}

#[test]
fn a_countersignature_vouches_for_the_time() {
    let stamped = Stamped::new();
    for format in Format::ALL {
        let verdict = judge(
            &stamped.signed(format, &stamped.token()),
            &always(),
            &stamped.trust(),
        );
        accepted(&verdict);
        let time = &verdict.signers[0].times[0];
        assert_eq!(time.time.seconds(), NOW - 1800);
        assert_eq!(time.source.as_str(), "timestamp_authority");
        assert_eq!(time.name, "CN=tsa,O=time,C=US");
    }
}

#[test]
fn a_countersignature_from_the_future_is_refused_rt_23() {
    let stamped = Stamped::new();
    let later = stamped.token().at(NOW + 30 * 24 * 3600);
    refused(&stamped.judge(&later), "timestamp_invalid");
    refused(
        &stamped.judge(&stamped.token().at(NOW + 1)),
        "timestamp_invalid",
    );
    accepted(&stamped.judge(&stamped.token().at(NOW)));
}

#[test]
fn a_countersignature_outlives_the_certificates() {
    let stamped = Stamped::new();
    let pack = stamped.signed(Format::Cose, &stamped.token());
    let later = NOW + 2 * YEAR;
    for when in ["always", "afterCertExpiry"] {
        accepted(&judge_at(
            &pack,
            &timestamped(when),
            &stamped.trust(),
            later,
        ));
    }
    let plain = stamped.signer.signed(Format::Cose);
    for when in ["always", "afterCertExpiry"] {
        let verdict = judge_at(&plain, &timestamped(when), &stamped.trust(), later);
        refused(&verdict, "no_verified_time");
    }
}

#[test]
fn a_missing_countersignature_fails_only_where_it_is_needed() {
    let stamped = Stamped::new();
    let plain = stamped.signer.signed(Format::Jws);
    refused(
        &judge(&plain, &always(), &stamped.trust()),
        "no_verified_time",
    );
    accepted(&judge(
        &plain,
        &timestamped("afterCertExpiry"),
        &stamped.trust(),
    ));
    let without_store = policy(&[]);
    accepted(&judge(&plain, &without_store, &stamped.trust()));
    let permissive = policy(&[
        ("trustStores", json!(["ca:acme", "tsa:time"])),
        ("signatureVerification", json!({"level": "permissive"})),
    ]);
    let verdict = judge(&plain, &permissive, &stamped.trust());
    accepted(&verdict);
    logged(&verdict, "authenticTimestamp", "no_verified_time");
}

#[test]
fn without_a_tsa_store_a_countersignature_is_not_looked_at() {
    let stamped = Stamped::new();
    let pack = stamped.stamped(Format::Jws, |_| b"garbage".to_vec());
    accepted(&judge(&pack, &policy(&[]), &stamped.trust()));
}

#[test]
fn a_countersignature_over_another_signature_is_refused() {
    let stamped = Stamped::new();
    let pack = stamped.stamped(Format::Cose, |_| {
        stamped.token().sign(&stamped.tsa, b"another signature")
    });
    refused(
        &judge(&pack, &always(), &stamped.trust()),
        "timestamp_mismatch",
    );
}

#[test]
fn an_unknown_timestamp_authority_is_refused() {
    let stamped = Stamped::new();
    let other = Stamped::new();
    let trust = trust(&[
        ("ca:acme", &[&stamped.signer.root]),
        ("tsa:time", &[&other.tsa_root]),
    ]);
    let pack = stamped.signed(Format::Jws, &stamped.token());
    refused(&judge(&pack, &always(), &trust), "timestamp_untrusted");
}

#[test]
fn broken_tokens_are_refused() {
    let stamped = Stamped::new();
    let token = stamped.token();
    for broken in [
        token
            .clone()
            .with(|t| t.content_type = "1.2.840.113549.1.7.1"),
        token.clone().with(|t| t.version = 2),
        token.clone().with(|t| t.certificates.clear()),
        token.clone().with(|t| t.identified = None),
        token
            .clone()
            .with(|t| t.identified = Some(stamped.tsa_root.der.clone())),
        token.clone().with(|t| t.wrong_digest = true),
        token.clone().with(|t| t.forged = true),
        token.clone().with(|t| t.identified_serial = Some(0)),
        token.clone().with(|t| t.cms_version = 4),
        token.clone().with(|t| t.signer_version = 3),
        token.clone().with(|t| t.extensions.push(("1.2.3.4", true))),
        token.clone().with(|t| t.signers = 0),
        token.clone().with(|t| t.time = "20270115080000".to_owned()),
        token
            .clone()
            .with(|t| t.time = "20270115080000.Z".to_owned()),
        token
            .clone()
            .with(|t| t.time = "20271315080000Z".to_owned()),
    ] {
        refused(&stamped.judge(&broken), "timestamp_invalid");
    }
    let sha1 = token.clone().with(|t| t.hash = "1.3.14.3.2.26");
    refused(&stamped.judge(&sha1), "algorithm_unsupported");
    let harmless = token
        .clone()
        .with(|t| t.extensions.push(("1.2.3.4", false)));
    accepted(&stamped.judge(&harmless));
    // The answer that carried the token is not the token.
    let answer = stamped.stamped(Format::Jws, |signature| {
        response(&token.sign(&stamped.tsa, signature))
    });
    refused(
        &judge(&answer, &always(), &stamped.trust()),
        "timestamp_invalid",
    );
    for bytes in [&b""[..], b"garbage", &[0x30, 0x80, 0, 0]] {
        let pack = stamped.stamped(Format::Cose, |_| bytes.to_vec());
        refused(
            &judge(&pack, &always(), &stamped.trust()),
            "timestamp_invalid",
        );
    }
}

/// RFC 5652 section 5.3: by issuer and serial number in version 1, by a key identifier in version 3.
#[test]
fn a_token_may_name_its_signer_by_a_key_identifier() {
    let id = b"the key of the authority";
    let stamped = Stamped::with(|tsa| {
        let extension = ("2.5.29.14".into(), false, der::octets(id));
        tsa.extensions.push(extension);
    });
    let named = |id: &[u8], version| {
        stamped.token().with(|token| {
            token.key_id = Some(id.to_vec());
            token.signer_version = version;
        })
    };
    accepted(&stamped.judge(&named(id, 3)));
    refused(&stamped.judge(&named(id, 1)), "timestamp_invalid");
    refused(&stamped.judge(&named(b"another", 3)), "timestamp_invalid");
    let nameless = Stamped::new();
    refused(&nameless.judge(&named(id, 3)), "timestamp_invalid");
}

#[test]
fn a_token_signed_by_another_key_is_refused() {
    let stamped = Stamped::new();
    let pack = stamped.stamped(Format::Jws, |signature| {
        stamped
            .token()
            .sign_by(&stamped.tsa, Key::shared(), signature)
    });
    refused(
        &judge(&pack, &always(), &stamped.trust()),
        "timestamp_invalid",
    );
}

#[test]
fn too_large_a_token_is_refused() {
    let stamped = Stamped::new();
    let pack = stamped.stamped(Format::Cose, |_| vec![0x30; 1 << 20]);
    refused(&judge(&pack, &always(), &stamped.trust()), "limit_exceeded");
    let crowded = stamped.token().with(|t| {
        for i in 0..12 {
            let name = format!("C=US, O=crowd, CN={i}");
            t.certificates
                .push(Certificate::self_signed(&Profile::authority(&name)).der);
        }
    });
    refused(&stamped.judge(&crowded), "limit_exceeded");
}

#[test]
fn timestamp_certificates_keep_their_rules() {
    let changes: [fn(&mut Profile); 8] = [
        |p| p.purposes = None,
        |p| p.purposes = Some((false, vec![purpose::TIME_STAMPING])),
        |p| p.purposes = Some((true, vec![purpose::CODE_SIGNING])),
        |p| p.purposes = Some((true, vec![purpose::TIME_STAMPING, "1.2.3.4"])),
        |p| p.key_usage = None,
        |p| p.key_usage = Some((true, vec![1])),
        |p| p.basic_constraints = Some((true, true, None)),
        |p| p.extensions.push(("1.2.3.4.5".into(), true, der::null())),
    ];
    for change in changes {
        let stamped = Stamped::with(change);
        refused(&stamped.judge(&stamped.token()), "certificate_profile");
    }
    let uncritical = Stamped::with(|p| p.purposes = Some((false, vec![purpose::TIME_STAMPING])));
    let verdict = uncritical.judge(&uncritical.token());
    let message = &verdict.reasons[0].message;
    assert!(
        message.contains("the extended key usage is not critical"),
        "{message}"
    );
    let lenient = Stamped::with(|p| p.key_usage = Some((false, vec![usage::DIGITAL_SIGNATURE])));
    accepted(&lenient.judge(&lenient.token()));
}

#[test]
fn a_timestamp_authority_may_have_intermediates_and_rsa_keys() {
    let tsa_root = Certificate::self_signed(&Profile::authority("C=US, O=time, CN=root"));
    let between = tsa_root.issue(&Profile::authority("C=US, O=time, CN=between"));
    let key = Arc::new(Key::generate(Kind::Rsa2048));
    let tsa = between.issue_for(&Profile::timestamper("C=US, O=time, CN=tsa"), key);
    let stamped = Stamped {
        signer: Signer::new(),
        tsa_root,
        tsa,
    };
    let brought = token(&[&stamped.tsa, &between]);
    accepted(&stamped.judge(&brought));
    accepted(&stamped.judge(&brought.with(|t| t.bare_rsa = true)));
    let with_root = token(&[&stamped.tsa, &between, &stamped.tsa_root]);
    accepted(&stamped.judge(&with_root));
    refused(
        &stamped.judge(&token(&[&stamped.tsa])),
        "timestamp_untrusted",
    );
    // An authority whose purposes are limited needs this one, or any, among them.
    let mut stamped = stamped;
    for purposes in [
        vec![purpose::TIME_STAMPING],
        vec![purpose::ANY],
        vec![purpose::CODE_SIGNING, purpose::TIME_STAMPING],
    ] {
        let fitting = Profile::authority("C=US, O=time, CN=fitting")
            .with(|p| p.purposes = Some((false, purposes)));
        let fitting = stamped.tsa_root.issue(&fitting);
        stamped.tsa = fitting.issue(&Profile::timestamper("C=US, O=time, CN=tsa"));
        accepted(&stamped.judge(&token(&[&stamped.tsa, &fitting])));
    }
    let narrow = Profile::authority("C=US, O=time, CN=narrow")
        .with(|p| p.purposes = Some((false, vec![purpose::CODE_SIGNING])));
    let narrow = stamped.tsa_root.issue(&narrow);
    let tsa = narrow.issue(&Profile::timestamper("C=US, O=time, CN=tsa"));
    let stamped = Stamped { tsa, ..stamped };
    refused(
        &stamped.judge(&token(&[&stamped.tsa, &narrow])),
        "certificate_profile",
    );
}

/// Two authorities may have one name: the one that signed is found, wherever it stands.
#[test]
fn an_authority_of_the_same_name_that_signed_nothing_is_passed_over() {
    let tsa_root = Certificate::self_signed(&Profile::authority("C=US, O=time, CN=root"));
    let between = Profile::authority("C=US, O=time, CN=between");
    let (between, twin) = (tsa_root.issue(&between), tsa_root.issue(&between));
    let stamped = Stamped {
        signer: Signer::new(),
        tsa: between.issue(&Profile::timestamper("C=US, O=time, CN=tsa")),
        tsa_root,
    };
    for order in [[&between, &twin], [&twin, &between]] {
        let [first, second] = order;
        accepted(&stamped.judge(&token(&[&stamped.tsa, first, second])));
    }
    refused(
        &stamped.judge(&token(&[&stamped.tsa, &twin])),
        "timestamp_untrusted",
    );
}

#[test]
fn the_certificate_that_signed_is_judged_cve_2026_39984() {
    // The token carries a fine timestamp certificate, but another one signed.
    let stamped = Stamped::with(|p| p.purposes = Some((true, vec![purpose::CODE_SIGNING])));
    let fine = stamped
        .tsa_root
        .issue(&Profile::timestamper("C=US, O=time, CN=fine"));
    let token = token(&[&stamped.tsa, &fine]);
    refused(&stamped.judge(&token), "certificate_profile");
}

#[test]
fn the_timestamp_authority_must_be_valid_at_the_stated_time_not_now_adv_26() {
    let past = Stamped::with(|p| p.validity = (NOW - YEAR, NOW - 900));
    accepted(&past.judge(&past.token()));
    let future = Stamped::with(|p| p.validity = (NOW - 900, NOW + YEAR));
    refused(
        &future.judge(&future.token()),
        "certificate_outside_validity",
    );
}

#[test]
fn the_whole_interval_must_lie_within_the_signing_certificates() {
    let stamped = Stamped {
        signer: Signer::with(|_| {}, |_| {}, |p| p.validity = (NOW - 100, NOW + 100)),
        ..Stamped::new()
    };
    let at = |time, accuracy| {
        let token = stamped.token().at(time).with(|t| t.accuracy = accuracy);
        judge_at(
            &stamped.signed(Format::Jws, &token),
            &always(),
            &stamped.trust(),
            NOW + 200,
        )
    };
    for (time, accuracy, fits) in [
        (NOW - 100, None, true),
        (NOW - 101, None, false),
        (NOW + 100, None, true),
        (NOW + 101, None, false),
        (NOW - 90, Some(10), true),
        (NOW - 90, Some(11), false),
        (NOW + 90, Some(10), true),
        (NOW + 90, Some(11), false),
    ] {
        let verdict = at(time, accuracy);
        match fits {
            true => accepted(&verdict),
            false => refused(&verdict, "certificate_outside_validity"),
        }
    }
    // The baseline policy is accurate to a second where nothing else is said.
    let baseline = stamped
        .token()
        .at(NOW - 100)
        .with(|t| t.policy = "0.4.0.2023.1.1");
    let verdict = judge_at(
        &stamped.signed(Format::Jws, &baseline),
        &always(),
        &stamped.trust(),
        NOW + 200,
    );
    refused(&verdict, "certificate_outside_validity");
    // Fractions of a second count.
    let fraction = stamped.token().with(|t| {
        t.time = {
            let whole = sealgate_testkit::timestamp::der_time(NOW + 100);
            whole.replace('Z', ".5Z")
        }
    });
    let verdict = judge_at(
        &stamped.signed(Format::Jws, &fraction),
        &always(),
        &stamped.trust(),
        NOW + 200,
    );
    refused(&verdict, "certificate_outside_validity");
}

#[test]
fn a_revoked_timestamp_authority_is_refused_cve_2024_56138() {
    let url = "http://crl.example.com/tsa.crl";
    let stamped = Stamped::with(|p| p.crl = vec![url.to_owned()]);
    let mut pack = stamped.signed(Format::Jws, &stamped.token());
    refused(
        &judge(&pack, &always(), &stamped.trust()),
        "revocation_unknown",
    );
    let list = |entries| {
        let crl = Crl::new(entries).sign(&stamped.tsa_root);
        vec![answer(RevocationKind::Crl, url, &stamped.tsa_root, crl)]
    };
    pack.evidence_mut().revocation = list(Vec::new());
    let verdict = judge(&pack, &always(), &stamped.trust());
    accepted(&verdict);
    assert_eq!(verdict.valid_until.unwrap().seconds(), NOW + 24 * 3600);
    pack.evidence_mut().revocation = list(vec![Entry::new(&stamped.tsa, Some(1))]);
    refused(
        &judge(&pack, &always(), &stamped.trust()),
        "certificate_revoked",
    );
    // Even where the policy skips the revocation of signers.
    let skipping = policy(&[
        ("trustStores", json!(["ca:acme", "tsa:time"])),
        (
            "signatureVerification",
            json!({"level": "strict", "override": {"revocation": "skip"}}),
        ),
    ]);
    refused(
        &judge(&pack, &skipping, &stamped.trust()),
        "certificate_revoked",
    );
}

#[test]
fn a_revoked_timestamp_authority_is_refused_by_ocsp() {
    let url = "http://ocsp.example.com/tsa";
    let stamped = Stamped::with(|p| p.ocsp = vec![url.to_owned()]);
    for (status, code) in [
        (Status::Good, None),
        (Status::Revoked, Some("certificate_revoked")),
        (Status::Unknown, Some("revocation_unknown")),
    ] {
        let mut pack = stamped.signed(Format::Cose, &stamped.token());
        let response = Ocsp::new(status).sign(&stamped.tsa, &stamped.tsa_root, &stamped.tsa_root);
        let response = answer(RevocationKind::Ocsp, url, &stamped.tsa, response);
        pack.evidence_mut().revocation = vec![response];
        let verdict = judge(&pack, &always(), &stamped.trust());
        match code {
            None => accepted(&verdict),
            Some(code) => refused(&verdict, code),
        }
    }
}

fn by_authority(signer: &Signer, format: Format, time: i64) -> Pack {
    let pack = image();
    let envelope = Envelope::signing_authority(format, &signer.chain(), payload_for(&pack), time);
    with_envelope(pack, format, &envelope.sign(&signer.leaf.key))
}

fn authority_policy() -> PolicyTexts {
    policy(&[("trustStores", json!(["signingAuthority:acme", "tsa:time"]))])
}

#[test]
fn a_signing_authority_vouches_for_the_time() {
    let signer = Signer::with(|_| {}, |_| {}, |p| p.validity = (NOW - YEAR, NOW - 10));
    let trust = trust(&[("signingAuthority:acme", &[&signer.root])]);
    for format in Format::ALL {
        for (time, fits) in [
            (NOW - YEAR, true),
            (NOW - YEAR - 1, false),
            (NOW - 10, true),
            (NOW - 9, false),
        ] {
            let verdict = judge(
                &by_authority(&signer, format, time),
                &authority_policy(),
                &trust,
            );
            match fits {
                true => {
                    accepted(&verdict);
                    let verified = &verdict.signers[0].times[0];
                    assert_eq!(verified.source.as_str(), "signing_authority");
                    assert_eq!(verified.time.seconds(), time);
                }
                false => refused(&verdict, "certificate_outside_validity"),
            }
        }
    }
}

#[test]
fn a_signing_authority_needs_its_own_trust_store() {
    let signer = Signer::new();
    let pack = by_authority(&signer, Format::Jws, NOW - 60);
    let trust = trust(&[
        ("ca:acme", &[&signer.root]),
        ("signingAuthority:other", &[&Signer::new().root]),
    ]);
    let policies = policy(&[("trustStores", json!(["ca:acme", "signingAuthority:other"]))]);
    refused(&judge(&pack, &policies, &trust), "certificate_untrusted");
    assert!(SIGNER.contains("acme"));
}
