//! What the person who deploys gets to read.

use sealgate::KeyError;
use sealgate_core::Code;
use sealgate_testkit::rego::{ExternalData, ProviderAnswer, Review, VERIFIED_IMAGES};
use serde_json::json;

use crate::harness::{BAD, GOOD, answer, denied, honest, item, pod, pod_with, review, review_with};

fn message(source: impl Fn(&[String]) -> ProviderAnswer + Clone + Send + Sync + 'static) -> String {
    let [violation] = &review(&Review::create(pod(GOOD)), source)[..] else {
        panic!("expected one violation");
    };
    violation.message.clone()
}

fn message_for(code: Code, text: &'static str) -> String {
    message(move |keys| answer(200, &[item(&keys[0], denied(GOOD, code, text))], ""))
}

#[test]
fn each_situation_says_what_is_wrong_and_what_to_do() {
    const IMAGE: &str = r#"container "app": image "registry.example.com/prod/app:v1""#;
    let expect = |got: String, rest: &str| assert_eq!(got, format!("{IMAGE} {rest}"));
    expect(
        message_for(
            Code::NoSignatures,
            "no signature of sha256:2c26… was found in registry.example.com/prod/app.",
        ),
        "is not signed as the policy demands (no signature of sha256:2c26… was found in registry.example.com/prod/app). Sign it where it is built and deploy again; an earlier answer may be remembered for a few minutes.",
    );
    expect(
        message_for(
            Code::IdentityMismatch,
            "signed by eve@example.com, expected release@example.com",
        ),
        "is not signed by anyone whom the policy trusts (signed by eve@example.com, expected release@example.com). Deploy an image from a trusted pipeline, or ask the platform team to trust its signer.",
    );
    expect(
        message_for(Code::SubjectMismatch, "the signature is for sha256:aa…"),
        "carries a broken or forged signature (the signature is for sha256:aa…). Do not run it; find out where it comes from and tell the security team.",
    );
    expect(
        message_for(Code::NoPolicy, "no policy covers it"),
        "is covered by no trust policy (no policy covers it). Deploy an image that one covers, or ask the platform team for a policy.",
    );
    expect(
        message(|_| answer(200, &[], "registry.example.com: HTTP 503")),
        "could not be decided on, which says nothing against the image (registry.example.com: HTTP 503). Retry in a moment; if it stays so, tell the platform team.",
    );
    expect(
        message(|_| ProviderAnswer::Unreachable("connection refused".into())),
        "could not be decided on, which says nothing against the image (failed to send external data request: connection refused). Retry in a moment; if it stays so, tell the platform team.",
    );
    expect(
        message(|keys| {
            answer(
                200,
                &[
                    json!({"key": keys[0], "error": "policy_unknown: there is no policy named \"release\""}),
                ],
                "",
            )
        }),
        "cannot be asked about (policy_unknown: there is no policy named \"release\"). Correct the image name; if it is right, the platform team should look at the constraint's policy parameter.",
    );
    expect(
        message(|keys| {
            // As the provider words it.
            let error = KeyError::ImageNotFound(GOOD.to_owned());
            let error = format!("{}: {error}", error.code());
            answer(200, &[json!({"key": keys[0], "error": error})], "")
        }),
        "does not exist in its registry. Correct the name, or push it and deploy again; an earlier answer may be remembered for a few minutes.",
    );
}

#[test]
fn missing_provider_is_told_to_the_platform_team() {
    let client = ExternalData::new();
    let violations = review_with(VERIFIED_IMAGES, &Review::create(pod(GOOD)), &client);
    assert_eq!(
        violations[0].message,
        r#"container "app": image "registry.example.com/prod/app:v1" could not be decided on: Gatekeeper does not have, or does not accept, the Provider (sealgate). Tell the platform team: `kubectl get providers` must list it, with an https url and a caBundle."#
    );
}

#[test]
fn messages_are_sorted_and_one_for_each_image() {
    let spec = json!({
        "containers": [{"name": "z", "image": BAD}, {"name": "a", "image": BAD}],
        "initContainers": [{"name": "i", "image": "a b"}],
    });
    let violations = review(&Review::create(pod_with(spec)), honest);
    let starts: Vec<_> = violations
        .iter()
        .map(|v| v.message.split(" image ").next().unwrap())
        .collect();
    assert_eq!(
        starts,
        [r#"container "a", container "z":"#, r#"initContainer "i":"#]
    );
}

#[test]
fn hostile_text_is_bounded_and_printable() {
    let name = "n".repeat(9999);
    let spec = json!({"containers": [{"name": name, "image": "i".repeat(9999)}, {"name": "app", "image": GOOD}]});
    let violations = review(&Review::create(pod_with(spec)), |keys| {
        let long = "\u{1b}[31m\n".repeat(9999);
        answer(
            200,
            &[item(&keys[0], denied(GOOD, Code::NoSignatures, &long))],
            "",
        )
    });
    // The one word that bounds nothing is the reason's first hundred characters.
    assert_eq!(violations.len(), 2);
    for violation in violations {
        assert!(
            violation.message.chars().count() < 1300,
            "{}",
            violation.message.len()
        );
        assert!(!violation.message.chars().any(char::is_control));
    }
}
