//! Levels: every check under every level, and overrides.

use sealgate_core::policy::Action;
use sealgate_core::policy::file::PolicyFile;
use sealgate_core::verdict::{CheckResult, Outcome, Passed};
use sealgate_core::{Code, Verdict, limits};
use sealgate_testkit::notation::{Certificate, Envelope, Format, NOW, Profile, YEAR};
use sealgate_testkit::pack::Pack;
use sealgate_tests::parity::{PolicyTexts, TrustDocuments};
use serde_json::{Value, json};

use crate::scene::{
    SIGNER, Signer, accepted, check, image, judge, judge_at, load_text, logged, payload_with,
    policy, refused, trust, unproven, with_envelope,
};

fn at_level(level: &str) -> PolicyTexts {
    policy(&[("signatureVerification", json!({"level": level}))])
}

fn overriding(level: &str, check: &str, action: &str) -> PolicyTexts {
    policy(&[(
        "signatureVerification",
        json!({"level": level, "override": {check: action}}),
    )])
}

/// Something that fails one check and no other.
struct Fault {
    check: &'static str,
    code: &'static str,
    pack: Pack,
    trust: TrustDocuments,
}

fn faults() -> Vec<Fault> {
    let signer = Signer::new();
    let stranger = Signer::new();
    let late = Signer::with(|_| {}, |_| {}, |p| p.validity = (NOW - YEAR, NOW - 1));
    let revocable = Signer::with(
        |_| {},
        |_| {},
        |p| p.ocsp = vec!["http://ocsp.example.com".to_owned()],
    );
    vec![
        Fault {
            check: "authenticity",
            code: "certificate_untrusted",
            pack: signer.signed(Format::Jws),
            trust: stranger.trust(),
        },
        Fault {
            check: "authenticTimestamp",
            code: "certificate_outside_validity",
            pack: late.signed(Format::Cose),
            trust: late.trust(),
        },
        Fault {
            check: "expiry",
            code: "signature_expired",
            pack: signer.signed_with(Format::Jws, |e| e.expiring(NOW - 60)),
            trust: signer.trust(),
        },
        Fault {
            check: "revocation",
            code: "revocation_unknown",
            pack: revocable.signed(Format::Cose),
            trust: revocable.trust(),
        },
    ]
}

/// What the specification's table says.
fn action(level: &str, check: &str) -> Action {
    match (level, check) {
        ("strict", _) | ("permissive", "authenticity") => Action::Enforce,
        _ => Action::Log,
    }
}

#[track_caller]
fn follows(fault: &Fault, verdict: &Verdict, action: Action) {
    match action {
        Action::Enforce => refused(verdict, fault.code),
        Action::Log => {
            match fault.check {
                "authenticity" => unproven(verdict),
                _ => accepted(verdict),
            }
            logged(verdict, fault.check, fault.code);
        }
        Action::Skip => {
            accepted(verdict);
            assert_eq!(check(verdict, fault.check).result, CheckResult::Skipped);
        }
    }
}

#[test]
fn every_failure_at_every_level_does_what_the_table_says() {
    for fault in faults() {
        for level in ["strict", "permissive", "audit"] {
            let verdict = judge(&fault.pack, &at_level(level), &fault.trust);
            follows(&fault, &verdict, action(level, fault.check));
            for kind in [
                "integrity",
                "authenticity",
                "authenticTimestamp",
                "expiry",
                "revocation",
            ] {
                let check = check(&verdict, kind);
                let failed = kind == fault.check;
                assert_eq!(
                    check.result == CheckResult::Failed,
                    failed,
                    "{level} {kind}"
                );
            }
        }
    }
}

#[test]
fn an_override_changes_its_check_at_every_level() {
    for fault in faults() {
        for level in ["strict", "permissive", "audit"] {
            for (name, action) in [("enforce", Action::Enforce), ("log", Action::Log)] {
                let policies = overriding(level, fault.check, name);
                follows(&fault, &judge(&fault.pack, &policies, &fault.trust), action);
            }
        }
        if fault.check == "revocation" {
            let policies = overriding("strict", "revocation", "skip");
            follows(
                &fault,
                &judge(&fault.pack, &policies, &fault.trust),
                Action::Skip,
            );
        }
    }
}

#[test]
fn integrity_is_enforced_at_every_level() {
    let signer = Signer::new();
    let envelope = signer.envelope(Format::Jws, &image());
    let forged = envelope.encode(&signer.leaf.key, &[7; 64]);
    let pack = with_envelope(image(), Format::Jws, &forged);
    for level in ["strict", "permissive", "audit"] {
        refused(
            &judge(&pack, &at_level(level), &signer.trust()),
            "envelope_signature_invalid",
        );
    }
}

#[test]
fn the_level_skip_lets_in_unverified_and_says_so() {
    let policies = policy(&[
        ("registryScopes", json!(["registry.example.com/prod/app"])),
        ("signatureVerification", json!({"level": "skip"})),
        ("trustStores", Value::Null),
        ("trustedIdentities", Value::Null),
    ]);
    for pack in [image(), Signer::new().signed(Format::Jws)] {
        let verdict = judge(&pack, &policies, &trust(&[]));
        unproven(&verdict);
        assert_eq!(verdict.policies[0].outcome, Passed::Unproven);
        assert_eq!(verdict.checks.len(), 5);
        for check in &verdict.checks {
            assert_eq!(
                (check.action, check.result),
                (Action::Skip, CheckResult::Skipped)
            );
        }
    }
}

#[test]
fn a_signature_counts_until_its_expiry_and_not_at_it() {
    let signer = Signer::new();
    for format in Format::ALL {
        let pack = signer.signed_with(format, |e| e.expiring(NOW + 60));
        let before = judge_at(&pack, &at_level("strict"), &signer.trust(), NOW + 59);
        accepted(&before);
        assert_eq!(before.valid_until.unwrap().seconds(), NOW + 59);
        let at = judge_at(&pack, &at_level("strict"), &signer.trust(), NOW + 60);
        refused(&at, "signature_expired");
    }
}

#[test]
fn several_failures_are_all_reported() {
    let signer = Signer::with(|_| {}, |_| {}, |p| p.validity = (NOW - YEAR, NOW - 1));
    let stranger = Signer::new();
    let pack = signer.signed_with(Format::Jws, |e| e.expiring(NOW - 60));
    let verdict = judge(&pack, &at_level("strict"), &stranger.trust());
    let codes: Vec<_> = verdict
        .reasons
        .iter()
        .map(|reason| reason.code.as_str())
        .collect();
    for code in [
        "certificate_untrusted",
        "signature_expired",
        "certificate_outside_validity",
    ] {
        assert!(codes.contains(&code), "{codes:?}");
    }
}

#[test]
fn equal_inputs_give_equal_bytes() {
    for fault in faults() {
        let policies = at_level("audit");
        let once = judge(&fault.pack, &policies, &fault.trust).to_json();
        assert_eq!(once, judge(&fault.pack, &policies, &fault.trust).to_json());
    }
}

/// Somebody who calls himself like the trusted signer.
fn stranger(metadata: &Value) -> Pack {
    let evil = Certificate::self_signed(&Profile::signer(SIGNER));
    let pack = image();
    let body = payload_with(&pack, metadata);
    let envelope = Envelope::x509(Format::Jws, &[&evil], body).sign(&evil.key);
    with_envelope(pack, Format::Jws, &envelope)
}

#[test]
fn what_is_demanded_to_be_signed_is_demanded_by_audit_too() {
    let policy = |demanded: &str| {
        let text = format!(
            "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: p}}\nspec:\n  \
             images: [{{glob: '**'}}]\n  authorities:\n  - name: notary\n    notation: \
             {{trustStores: ['ca:acme'], trustedIdentities: ['*'], level: audit}}\n    \
             annotations: {demanded}\n"
        );
        load_text(text).unwrap()
    };
    let trust = Signer::new().trust();
    let pack = stranger(&json!({"build": "7", "xyzzy": "plugh"}));
    for demanded in ["{build: \"7\"}", "{build: \"7\", xyzzy: plugh}"] {
        unproven(&judge(&pack, &policy(demanded), &trust));
    }
    for demanded in ["{build: \"8\"}", "{c: d}", "{xyzzy: xyzzy}"] {
        let verdict = judge(&pack, &policy(demanded), &trust);
        refused(&verdict, "annotation_mismatch");
    }
}

#[test]
fn audit_shows_nothing_of_a_stranger_and_says_that_nothing_is_proved_rt_10_adv_37() {
    let signer = Signer::new();
    let huge = json!({"note": "x".repeat(512 << 10)});
    let verdict = judge(&stranger(&huge), &at_level("audit"), &signer.trust());
    unproven(&verdict);
    logged(&verdict, "authenticity", "certificate_untrusted");
    assert_eq!(verdict.policies[0].authorities[0].outcome, Passed::Unproven);
    assert!(
        verdict.to_json().len() < 8192,
        "{}",
        verdict.to_json().len()
    );
    // The trusted signer's own signature is proof, at this level, too; and a stranger's beside
    // it is noise.
    let own = signer.signed(Format::Cose);
    accepted(&judge(&own, &at_level("audit"), &signer.trust()));
    let mut both = stranger(&Value::Null);
    both.evidence_mut()
        .artifacts
        .extend(own.evidence().artifacts.clone());
    let verdict = judge(&both, &at_level("audit"), &signer.trust());
    accepted(&verdict);
    assert_eq!(verdict.signers.len(), 1);
    let artifact = own.evidence().artifacts[0].manifest.digest();
    assert!(
        verdict
            .checks
            .iter()
            .all(|check| check.artifact == Some(artifact))
    );
    // Without the signature that the level asks for nothing is let in.
    refused(
        &judge(&image(), &at_level("audit"), &signer.trust()),
        "no_signatures",
    );
}

#[test]
fn noise_makes_no_checks_beside_a_good_signature_rt_13_adv_48() {
    let signer = Signer::new();
    let mut pack = signer.signed(Format::Jws);
    let clean = judge(&pack, &at_level("strict"), &signer.trust());
    accepted(&clean);
    let good = pack.evidence().artifacts[0].manifest.digest();
    let mut noise = image();
    for i in 0..100 {
        let evil = Certificate::self_signed(
            &Profile::signer(&format!("C=US, ST=WA, O=acme, CN=n{i}"))
                .with(|p| p.validity = (NOW - YEAR, NOW - 1 - i)),
        );
        let body = payload_with(&noise, &Value::Null);
        let envelope = Envelope::x509(Format::Jws, &[&evil], body)
            .expiring(NOW - 60 - i)
            .sign(&evil.key);
        noise = with_envelope(noise, Format::Jws, &envelope);
    }
    pack.evidence_mut()
        .artifacts
        .extend(noise.evidence().artifacts.clone());
    let noisy = judge(&pack, &at_level("strict"), &signer.trust());
    accepted(&noisy);
    assert_eq!(noisy.checks, clean.checks);
    assert!(
        noisy
            .checks
            .iter()
            .all(|check| check.artifact == Some(good))
    );
    // Refused, the noise is shown: so much, the failed first, each with its artifact.
    let refusal = judge(&noise, &at_level("strict"), &signer.trust());
    assert_eq!(refusal.checks.len(), limits::CHECKS);
    assert!(
        refusal
            .checks
            .iter()
            .all(|check| check.result == CheckResult::Failed)
    );
    assert!(
        refusal
            .checks
            .iter()
            .all(|check| check.artifact.is_some_and(|a| a != good))
    );
}

/// What failed for one authority is no check of a verdict that another one carries.
#[test]
fn a_good_signature_of_one_authority_makes_no_failed_checks_of_another() {
    let (signer, other) = (Signer::new(), Signer::new());
    let text = "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {name: prod}\n\
                spec:\n  images: [{glob: \"registry.example.com/**\"}]\n  authorities:\n  \
                - name: acme\n    notation: {trustStores: [\"ca:acme\"], trustedIdentities: [\"*\"]}\n  \
                - name: other\n    notation: {trustStores: [\"ca:other\"], trustedIdentities: [\"*\"]}\n";
    let file = PolicyFile {
        name: "policy.yaml".to_owned(),
        text: text.to_owned(),
    };
    let policies = PolicyTexts::read(&[file]).unwrap();
    let trust = trust(&[("ca:acme", &[&signer.root]), ("ca:other", &[&other.root])]);
    let verdict = judge(&signer.signed(Format::Jws), &policies, &trust);
    accepted(&verdict);
    assert!(!verdict.checks.is_empty());
    for check in &verdict.checks {
        assert_ne!(check.result, CheckResult::Failed, "{check:?}");
    }
}

#[test]
fn a_verdict_is_never_valid_until_the_past_rt_16() {
    let signer = Signer::new();
    for expired in [NOW, NOW - 60] {
        let pack = signer.signed_with(Format::Jws, |e| e.expiring(expired));
        let verdict = judge(&pack, &at_level("permissive"), &signer.trust());
        accepted(&verdict);
        logged(&verdict, "expiry", "signature_expired");
        assert!(
            verdict
                .valid_until
                .is_none_or(|until| until.seconds() >= NOW)
        );
    }
    let pack = signer.signed_with(Format::Jws, |e| e.expiring(NOW + 60));
    let verdict = judge(&pack, &at_level("permissive"), &signer.trust());
    assert_eq!(verdict.valid_until.unwrap().seconds(), NOW + 59);
}

#[test]
fn a_signer_is_known_by_bytes_that_are_signed_rt_25() {
    let signer = Signer::new();
    let pack = image();
    let genuine = signer.envelope(Format::Jws, &pack);
    let mut prints = std::collections::BTreeSet::new();
    // The end of the certificate: its signature, and the count of unused bits.
    let der = &signer.leaf.der;
    for bit in (der.len() - 80) * 8..der.len() * 8 {
        let mut der = der.clone();
        der[bit / 8] ^= 1 << (bit % 8);
        let envelope = genuine
            .clone()
            .with(|e| e.chain[0] = der)
            .sign(&signer.leaf.key);
        let pack = with_envelope(image(), Format::Jws, &envelope);
        let verdict = judge(&pack, &at_level("strict"), &signer.trust());
        prints.extend(verdict.signers.iter().map(|s| s.fingerprint.clone()));
    }
    assert_eq!(prints.len(), 0, "{prints:?}");
    let verdict = judge(
        &signer.signed(Format::Jws),
        &at_level("strict"),
        &signer.trust(),
    );
    let key = sealgate_core::PublicKey::from_der(signer.leaf.key.spki()).unwrap();
    assert_eq!(verdict.signers[0].key_fingerprint, Some(key.fingerprint()));
}

/// Two authorities, of which two must vouch: one lets in at the level audit, the other is strict.
fn audited_and_strict() -> PolicyTexts {
    let authority = |name: &str, level: &str| {
        json!({"name": name, "notation": {
            "trustStores": [format!("ca:{name}")],
            "trustedIdentities": ["*"],
            "level": level,
        }})
    };
    let policy = json!({
        "apiVersion": "sealgate.dev/v1alpha1",
        "kind": "TrustPolicy",
        "metadata": {"name": "both"},
        "spec": {
            "images": [{"glob": "registry.example.com/**"}],
            "authorities": [authority("audited", "audit"), authority("strict", "strict")],
            "require": {"atLeast": {"count": 2}},
        },
    });
    load_text(policy.to_string()).unwrap()
}

fn outcomes(verdict: &Verdict) -> Vec<Passed> {
    let [policy] = verdict.policies.as_slice() else {
        panic!("expected one policy, found {:?}", verdict.policies);
    };
    policy.authorities.iter().map(|one| one.outcome).collect()
}

#[test]
fn a_proof_and_an_unproven_pass_together_meet_a_threshold_and_prove_nothing() {
    let (own, other) = (Signer::new(), Signer::new());
    let trust = trust(&[("ca:audited", &[&own.root]), ("ca:strict", &[&other.root])]);
    let policies = audited_and_strict();
    let proof = other.signed(Format::Cose).evidence().artifacts[0].clone();

    let together = stranger(&Value::Null).with(proof.clone());
    let verdict = judge(&together, &policies, &trust);
    assert!(verdict.verified, "{:#?}", verdict.reasons);
    assert_eq!(verdict.outcome, Outcome::Unproven);
    assert_eq!(verdict.policies[0].outcome, Passed::Unproven);
    assert_eq!(outcomes(&verdict), [Passed::Unproven, Passed::Passed]);
    let [signer] = verdict.signers.as_slice() else {
        panic!("expected one signer, found {:?}", verdict.signers);
    };
    assert_eq!(signer.authority, "both/strict");
    assert_eq!(signer.artifact, proof.manifest.digest());

    // Without the proof they are too few, and with a proof for each nothing is left unproven.
    let verdict = judge(&stranger(&Value::Null), &policies, &trust);
    assert!(!verdict.verified);
    assert_eq!(verdict.policies[0].reasons[0].code, Code::ThresholdNotMet);
    assert_eq!(outcomes(&verdict), [Passed::Unproven, Passed::Failed]);
    assert!(verdict.signers.is_empty());

    let verdict = judge(&own.signed(Format::Jws).with(proof), &policies, &trust);
    accepted(&verdict);
    assert_eq!(outcomes(&verdict), [Passed::Passed, Passed::Passed]);
    let signed: Vec<_> = verdict
        .signers
        .iter()
        .map(|s| s.authority.as_str())
        .collect();
    assert_eq!(signed, ["both/audited", "both/strict"]);
}
