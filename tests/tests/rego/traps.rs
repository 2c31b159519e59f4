//! The emulation springs the traps of the real client: templates that fall into them
//! admit what ours refuses.

use sealgate_testkit::rego::{ExternalData, ProviderAnswer, Review};
use serde_json::json;

use crate::harness::{
    BAD, GOOD, answer, honest, item, pod, pod_with, review, review_with, verified,
};

/// A template as people write it first; `body` is that of its rule.
fn naive(body: &str) -> String {
    format!(
        r#"
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {{name: naive}}
spec:
  crd: {{spec: {{names: {{kind: Naive}}}}}}
  targets:
    - target: admission.k8s.gatekeeper.sh
      rego: |
        package naive
        violation[{{"msg": msg}}] {{
          {body}
          msg := "refused"
        }}
"#
    )
}

const KEYS: &str = "[c.image | c := input.review.object.spec.containers[_]]";

fn by_errors(keys: &str) -> String {
    naive(&format!(
        r#"answer := external_data({{"provider": "sealgate", "keys": {keys}}}); count(answer.errors) > 0"#
    ))
}

fn by_system_error(keys: &str) -> String {
    naive(&format!(
        r#"answer := external_data({{"provider": "sealgate", "keys": {keys}}}); answer.system_error != """#
    ))
}

fn admits(template: &str, review_: &Review, client: &ExternalData) -> bool {
    review_with(template, review_, client).is_empty()
}

fn down() -> ExternalData {
    ExternalData::new().provider("sealgate", |_| {
        ProviderAnswer::Unreachable("refused".into())
    })
}

#[test]
fn looking_for_errors_admits_when_the_provider_is_down() {
    assert!(admits(&by_errors(KEYS), &Review::create(pod(BAD)), &down()));
    assert!(!admits(
        &by_system_error(KEYS),
        &Review::create(pod(BAD)),
        &down()
    ));
}

#[test]
fn looking_for_a_system_error_admits_under_frameworks_705() {
    let client = down().with_undefined_failures();
    assert!(admits(
        &by_system_error(KEYS),
        &Review::create(pod(BAD)),
        &client
    ));
}

#[test]
fn a_set_of_keys_never_reaches_the_provider() {
    let set = "{c.image | c := input.review.object.spec.containers[_]}";
    assert!(admits(
        &by_system_error(set),
        &Review::create(pod(BAD)),
        &down()
    ));
}

#[test]
fn a_control_character_or_a_number_undoes_the_call() {
    for image in [json!("x\u{7}"), json!("x\u{7f}"), json!(7)] {
        let spec = json!({"containers": [
            {"name": "a", "image": image},
            {"name": "b", "image": BAD},
        ]});
        let review_ = Review::create(pod_with(spec));
        assert!(admits(&by_system_error(KEYS), &review_, &down()));
        assert_eq!(review(&review_, honest).len(), 2);
    }
}

#[test]
fn demanding_status_200_refuses_cached_answers() {
    let template = naive(&format!(
        r#"answer := external_data({{"provider": "sealgate", "keys": {KEYS}}}); answer.status_code != 200"#
    ));
    let client = ExternalData::new().provider("sealgate", |keys| {
        answer(200, &[item(&keys[0], verified(GOOD))], "")
    });
    assert!(admits(&template, &Review::create(pod(GOOD)), &client));
    assert!(!admits(&template, &Review::create(pod(GOOD)), &client));
}

/// Which is why verdicts have long numbers as strings.
#[test]
fn numbers_lose_what_a_float64_cannot_hold() {
    let template = naive(&format!(
        r#"answer := external_data({{"provider": "sealgate", "keys": {KEYS}}}); answer.responses[0][1] == 9007199254740992"#
    ));
    let client = ExternalData::new().provider("sealgate", |keys| {
        answer(200, &[item(&keys[0], json!(9_007_199_254_740_993_u64))], "")
    });
    assert!(!admits(&template, &Review::create(pod(GOOD)), &client));
}
