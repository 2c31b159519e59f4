//! Levels: every check under every level, and overrides.

use sealgate_core::policy::Action;
use sealgate_core::verdict::CheckResult;
use sealgate_core::{Policies, TrustMaterial, Verdict};
use sealgate_tests::notation::{Format, NOW, YEAR};
use sealgate_tests::pack::Pack;
use serde_json::{Value, json};

use crate::scene::{
    Signer, accepted, check, image, judge, judge_at, logged, policy, refused, trust, with_envelope,
};

fn at_level(level: &str) -> Policies {
    policy(&[("signatureVerification", json!({"level": level}))])
}

fn overriding(level: &str, check: &str, action: &str) -> Policies {
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
    trust: TrustMaterial,
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
            accepted(verdict);
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
        accepted(&verdict);
        assert!(verdict.signers.is_empty());
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
