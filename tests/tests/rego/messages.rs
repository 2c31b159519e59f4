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
    const BY: &str = r#"policy "production", sha256:2c26b46b68ff…"#;
    let expect = |got: String, rest: &str| assert_eq!(got, format!("{IMAGE} {rest}"));
    expect(
        message_for(
            Code::NoSignatures,
            "no signature of sha256:2c26… was found in registry.example.com/prod/app.",
        ),
        &format!(
            "is not signed as the policy demands ({BY}: no signature of sha256:2c26… was found in registry.example.com/prod/app) [no_signatures]. Sign it where it is built, and deploy again in a few minutes."
        ),
    );
    expect(
        message_for(
            Code::IdentityMismatch,
            "signed by eve@example.com, expected release@example.com",
        ),
        &format!(
            "is not signed by anyone whom the policy trusts ({BY}: signed by eve@example.com, expected release@example.com) [identity_mismatch]. Deploy one from a trusted pipeline, or ask the platform team."
        ),
    );
    expect(
        message_for(Code::SubjectMismatch, "the signature is for sha256:aa…"),
        &format!(
            "carries a broken or forged signature ({BY}: the signature is for sha256:aa…) [subject_mismatch]. Do not run it; tell the security team."
        ),
    );
    expect(
        message_for(Code::NoPolicy, "no policy covers it"),
        &format!(
            "is covered by no trust policy ({BY}: no policy covers it) [no_policy]. Deploy an image that one covers, or ask the platform team for a policy."
        ),
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

/// One image is throttled; of the others nothing is said, though the answer has none of them.
#[test]
fn what_is_undecided_is_said_once_and_of_its_image_alone() {
    let spec = json!({
        "containers": [{"name": "app", "image": GOOD}, {"name": "side", "image": BAD}],
        "initContainers": [{"name": "init", "image": "a b"}],
    });
    let throttled = |keys: &[String]| {
        // As the provider words it.
        let key = keys.iter().find(|key| key.contains(BAD)).unwrap();
        let error =
            format!("1 of 2 images could not be decided: {key:?}: registry_throttled: slow down");
        answer(200, &[], &error)
    };
    let violations = review(&Review::create(pod_with(spec.clone())), throttled);
    let undecided: Vec<_> = violations
        .iter()
        .filter(|one| one.details["situation"] == "undecided")
        .collect();
    assert_eq!(undecided.len(), 1, "{violations:?}");
    assert_eq!(violations.len(), 2, "and the name that is none");
    assert_eq!(
        undecided[0].message,
        r#"container "side": image "registry.example.com/prod/unsigned:v1" could not be decided on, which says nothing against the image (registry_throttled: slow down). Retry in a moment; if it stays so, tell the platform team."#
    );
    // Where no image is named it is about all of them.
    let violations = review(&Review::create(pod_with(spec)), |_| {
        ProviderAnswer::Unreachable("connection refused".into())
    });
    assert_eq!(violations.len(), 2);
    let undecided = violations
        .iter()
        .find(|one| one.details["situation"] == "undecided");
    let images = &undecided.unwrap().details["images"];
    assert_eq!(images, &json!([GOOD, BAD]));
}

#[test]
fn a_message_ends_with_the_help_of_its_constraint() {
    let parameters = json!({"help": "Ask #platform, https://wiki.example.com/images"});
    for source in [
        |keys: &[String]| {
            answer(
                200,
                &[item(&keys[0], denied(GOOD, Code::NoSignatures, "none"))],
                "",
            )
        },
        |_: &[String]| answer(200, &[], "down"),
    ] {
        let asked = Review::create(pod(GOOD)).parameters(parameters.clone());
        let violations = review(&asked, source);
        assert!(
            violations[0]
                .message
                .ends_with(". Ask #platform, https://wiki.example.com/images"),
            "{}",
            violations[0].message
        );
    }
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
