//! Authorities that look at no signature: what passes by them is unproven, and they are no signers.

use sealgate_core::policy::file::{self, only_inline_keys};
use sealgate_core::verdict::{CheckResult, Passed};

use super::*;

const PASS: &str = "  - {name: all, static: {action: pass}}\n";
const FAIL: &str =
    "  - {name: closed, static: {action: fail, message: moved to another registry}}\n";

fn outcomes(verdict: &Verdict) -> Vec<Passed> {
    let authorities = verdict.policies[0].authorities.iter();
    authorities.map(|authority| authority.outcome).collect()
}

#[test]
fn what_passes_by_a_static_pass_alone_is_unproven_and_has_no_signer() {
    let image = Pack::image(IMAGE, "a");
    let key = SigningKey::generate(Kind::P256);
    let signed = image.clone().with_cosign(&[signed_layer(&key, &image)]);
    for pack in [&image, &signed] {
        let verdict = judge(pack, &read(format!("{HEAD}{PASS}")));
        assert!(verdict.verified);
        assert_eq!(verdict.outcome, Outcome::Unproven);
        assert_eq!(verdict.policies[0].outcome, Passed::Unproven);
        assert_eq!(outcomes(&verdict), [Passed::Unproven]);
        assert!(verdict.signers.is_empty());
        let [check] = &verdict.checks[..] else {
            panic!("{:?}", verdict.checks);
        };
        assert_eq!(check.name, "prod/all: static");
        assert_eq!(check.result, CheckResult::Skipped);
    }
}

#[test]
fn a_signature_beside_a_static_pass_is_a_proof() {
    let image = Pack::image(IMAGE, "a");
    let key = SigningKey::generate(Kind::P256);
    let signed = image.clone().with_cosign(&[signed_layer(&key, &image)]);
    let any = policies(&[("a", &key)], PASS);
    let verdict = judge(&signed, &any);
    assert_eq!(verdict.outcome, Outcome::Verified);
    assert_eq!(verdict.signers.len(), 1);
    let verdict = judge(&image, &any);
    assert_eq!(verdict.outcome, Outcome::Unproven);
    assert_eq!(outcomes(&verdict), [Passed::Failed, Passed::Unproven]);
}

#[test]
fn a_static_pass_does_not_let_a_forged_image_in() {
    let other = Pack::image(IMAGE, "b").digest();
    let asked = format!("registry.example.com/prod/app@{other}");
    let pack = Pack::image(&asked, "a");
    refused(
        &pack,
        &read(format!("{HEAD}{PASS}")),
        Outcome::Invalid,
        "image_digest_mismatch",
    );
}

#[test]
fn a_static_fail_refuses_whoever_signed() {
    let image = Pack::image(IMAGE, "a");
    let key = SigningKey::generate(Kind::P256);
    let signed = image.clone().with_cosign(&[signed_layer(&key, &image)]);
    for pack in [&image, &signed] {
        let verdict = judge(pack, &read(format!("{HEAD}{FAIL}")));
        assert!(!verdict.verified);
        assert_eq!(verdict.outcome, Outcome::Untrusted);
        let told: Vec<_> = verdict.reasons.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "static_fail: the authority \"closed\" refuses every image: moved to another registry"
            ]
        );
        assert!(verdict.policies[0].demands[0].missing.is_empty());
    }
}

/// One authority suffices: the other one's refusal decides nothing, and is no reason.
#[test]
fn a_static_fail_beside_a_signer_decides_nothing() {
    let image = Pack::image(IMAGE, "a");
    let key = SigningKey::generate(Kind::P256);
    let signed = image.clone().with_cosign(&[signed_layer(&key, &image)]);
    let any = policies(&[("a", &key)], FAIL);
    assert_eq!(judge(&signed, &any).outcome, Outcome::Verified);
    refused(&image, &any, Outcome::Unsigned, "no_signatures");
}

/// Where all are needed, nothing is let in: whoever writes that means it.
#[test]
fn a_static_fail_that_is_needed_refuses_what_the_others_signed() {
    let image = Pack::image(IMAGE, "a");
    let key = SigningKey::generate(Kind::P256);
    let signed = image.clone().with_cosign(&[signed_layer(&key, &image)]);
    for require in [
        "{allOf: [a, closed]}",
        "{allOf: [closed, {anyOf: [a]}]}",
        "{atLeast: {count: 2, of: [a, closed]}}",
    ] {
        let both = policies(&[("a", &key)], &format!("{FAIL}  require: {require}\n"));
        refused(&signed, &both, Outcome::Untrusted, "static_fail");
        let verdict = judge(&image, &both);
        assert_eq!(verdict.outcome, Outcome::Unsigned, "{:?}", verdict.reasons);
    }
}

fn problems(text: String) -> Vec<String> {
    let file = PolicyFile {
        name: "policy.yaml".to_owned(),
        text,
    };
    let read = file::load(&[file], NoMatch::Deny, &only_inline_keys);
    let problems = read.err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_static_pass_is_never_counted_as_a_signer() {
    let key = SigningKey::generate(Kind::P256);
    let pem = serde_json::to_string(&key.public_pem()).unwrap();
    let with = |require: &str| {
        format!("{HEAD}  - name: a\n    key: {{data: {pem}}}\n{PASS}  require: {require}\n")
    };
    for require in [
        "{atLeast: {count: 2, of: [a, all]}}",
        "{allOf: [a, all]}",
        "{allOf: [all, {anyOf: [a]}]}",
        "{allOf: [a, {anyOf: [all]}]}",
        "{anyOf: [a, {allOf: [a, all]}]}",
    ] {
        let told = problems(with(require)).concat();
        assert!(told.contains("which is no signer"), "{require}: {told}");
        assert!(told.contains("spec.require"), "{require}: {told}");
    }
    for require in ["{anyOf: [a, all]}", "{anyOf: [all, {anyOf: [a]}]}"] {
        assert_eq!(problems(with(require)), [""; 0], "{require}");
    }
}

#[test]
fn what_a_static_authority_cannot_have_is_an_error() {
    for (authority, told) in [
        ("static: {}", "expected a field \"action\""),
        ("static: {action: allow}", "pass or fail"),
        ("static: {action: pass, message: x}", "pass refuses nothing"),
        (
            "static: {action: fail}, maxAge: 1d",
            "looks at no signature",
        ),
        (
            "static: {action: pass}, annotations: {a: b}",
            "looks at no signature",
        ),
        (
            "static: {action: pass}, keyless: {}",
            "expected exactly one of",
        ),
        (
            "static: {action: pass}, trustRoot: a",
            "unknown field \"trustRoot\"",
        ),
    ] {
        let found = problems(format!("{HEAD}  - {{name: a, {authority}}}\n")).concat();
        assert!(found.contains(told), "{authority}: {found}");
    }
    let attested = format!(
        "{HEAD}{PASS}  attestations: [{{name: a, predicateType: \"https://a.example/b\"}}]\n"
    );
    let found = problems(attested).concat();
    assert!(
        found.contains("nobody can make this attestation"),
        "{found}"
    );
}
