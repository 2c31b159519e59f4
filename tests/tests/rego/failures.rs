//! Every shape in which an answer can fail to be one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use sealgate_core::Code;
use sealgate_testkit::rego::{
    ExternalData, ProviderAnswer, Review, VERIFIED_IMAGES, VERIFIED_IMAGES_V1,
};
use serde_json::{Value, json};

use crate::harness::{
    BAD, DIGEST, GOOD, answer, denied, honest, image_of, item, pod, pod_with, recording, review,
    review_with, situations, verified,
};

/// The situations when the provider answers so about the one image of a Pod.
fn refused(
    source: impl Fn(&[String]) -> ProviderAnswer + Clone + Send + Sync + 'static,
) -> Vec<String> {
    let violations = review(&Review::create(pod(GOOD)), source);
    situations(&violations)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn refused_item(make: fn(&str) -> Value) -> Vec<String> {
    refused(move |keys| answer(200, &[make(&keys[0])], ""))
}

#[test]
fn unreachable_provider_is_undecided() {
    assert_eq!(
        refused(|_| ProviderAnswer::Unreachable("connection refused".into())),
        ["undecided"]
    );
}

#[test]
fn answers_that_are_no_provider_response_are_undecided() {
    for body in [
        "",
        "404 page not found",
        "[]",
        "{\"response\": 7}",
        "{\"response\":{\"items\":{}}}",
    ] {
        let source = move |_: &[String]| ProviderAnswer::Http {
            status: 200,
            body: body.into(),
        };
        assert_eq!(refused(source), ["undecided"], "{body}");
    }
}

#[test]
fn missing_provider_is_named() {
    for template in [VERIFIED_IMAGES, VERIFIED_IMAGES_V1] {
        let client = ExternalData::new().provider("another", honest);
        let violations = review_with(template, &Review::create(pod(GOOD)), &client);
        assert_eq!(situations(&violations), ["no_provider"]);
    }
}

#[test]
fn system_error_is_undecided() {
    assert_eq!(
        refused(|_| answer(200, &[], "registry.example.com: HTTP 503")),
        ["undecided"]
    );
}

#[test]
fn positive_item_beside_a_system_error_does_not_count() {
    let source = |keys: &[String]| answer(200, &[item(&keys[0], verified(GOOD))], "half done");
    assert_eq!(refused(source), ["undecided"]);
}

#[test]
fn positive_item_with_an_http_error_does_not_count() {
    let source = |keys: &[String]| answer(500, &[item(&keys[0], verified(GOOD))], "");
    assert_eq!(refused(source), ["undecided"]);
}

#[test]
fn empty_answers_prove_nothing() {
    for body in [
        "{}",
        "null",
        "{\"response\":null}",
        "{\"response\":{\"items\":null}}",
    ] {
        let source = move |_: &[String]| ProviderAnswer::Http {
            status: 200,
            body: body.into(),
        };
        let expected = if body == "null" {
            "undecided"
        } else {
            "no_verdict"
        };
        assert_eq!(refused(source), [expected], "{body}");
    }
}

#[test]
fn verdict_under_another_key_proves_nothing() {
    assert_eq!(refused_item(|_| item(GOOD, verified(GOOD))), ["no_verdict"]);
    assert_eq!(
        refused_item(|key| item(&key.to_uppercase(), verified(GOOD))),
        ["no_verdict"]
    );
}

#[test]
fn verdict_on_another_image_proves_nothing() {
    assert_eq!(refused_item(|key| item(key, verified(BAD))), ["no_proof"]);
}

#[test]
fn item_with_an_error_is_a_wrong_key_whatever_its_value() {
    assert_eq!(
        refused_item(|key| json!({"key": key, "error": "unknown policy"})),
        ["bad_key"]
    );
    assert_eq!(
        refused_item(|key| json!({"key": key, "error": "unknown policy", "value": verified(GOOD)})),
        ["bad_key"]
    );
}

#[test]
fn contradicting_items_are_refused_l32() {
    assert_eq!(
        refused(|keys| answer(
            200,
            &[
                item(&keys[0], verified(GOOD)),
                json!({"key": keys[0], "error": "no"})
            ],
            ""
        )),
        ["bad_key"]
    );
    let verdicts = |keys: &[String]| {
        let no = denied(GOOD, Code::SignatureInvalid, "no key verifies it");
        answer(
            200,
            &[item(&keys[0], verified(GOOD)), item(&keys[0], no)],
            "",
        )
    };
    assert_eq!(refused(verdicts), ["untrusted"]);
}

#[test]
fn values_that_are_no_verdicts_are_refused() {
    for value in [
        json!(null),
        json!(true),
        json!("verified"),
        json!([]),
        json!({}),
        json!({"verified": true}),
    ] {
        let source = move |keys: &[String]| answer(200, &[item(&keys[0], value.clone())], "");
        assert_eq!(refused(source), ["no_proof"]);
    }
}

#[test]
fn pinned_image_verified_as_another_digest_is_refused() {
    let pinned = format!("{GOOD}@sha256:{}", "0".repeat(64));
    let violations = review(&Review::create(pod(&pinned)), honest);
    assert_eq!(situations(&violations), ["no_proof"]);
    let violations = review(&Review::create(pod(&format!("{GOOD}@{DIGEST}"))), honest);
    assert_eq!(violations, []);
}

#[test]
fn policy_that_did_not_judge_proves_nothing() {
    let asking = |policy: &str| Review::create(pod(GOOD)).parameters(json!({"policy": policy}));
    assert_eq!(review(&asking("production"), honest), []);
    assert_eq!(
        situations(&review(&asking("release"), honest)),
        ["no_proof"]
    );
}

#[test]
fn all_images_are_refused_when_one_cannot_be_decided() {
    let spec = json!({"containers": [{"name": "a", "image": GOOD}, {"name": "b", "image": BAD}]});
    let violations = review(&Review::create(pod_with(spec)), |_| {
        answer(200, &[], "timeout")
    });
    assert_eq!(situations(&violations), ["undecided"]);
    assert_eq!(violations[0].details["images"], json!([GOOD, BAD]));
}

/// Removes each field of a verdict in turn, at every depth. A denial stays one, and a
/// proof that has lost a field it rests on is none.
#[test]
fn a_missing_field_never_admits_atk_35_l_30() {
    let no = denied(GOOD, Code::NoSignatures, "no signature was found");
    for pointer in pointers(&no) {
        let cut = without(&no, &pointer);
        let source = move |keys: &[String]| answer(200, &[item(&keys[0], cut.clone())], "");
        assert_eq!(refused(source).len(), 1, "denial without {pointer}");
    }
    let proof = [
        "/schemaVersion",
        "/image",
        "/image/requested",
        "/image/digest",
        "/verified",
    ];
    for pointer in pointers(&verified(GOOD)) {
        let cut = without(&verified(GOOD), &pointer);
        let source = move |keys: &[String]| answer(200, &[item(&keys[0], cut.clone())], "");
        let expected: &[&str] = if proof.contains(&pointer.as_str()) {
            &["no_proof"]
        } else {
            &[]
        };
        assert_eq!(refused(source), expected, "verified without {pointer}");
    }
}

/// Turns each field of a denial into every other type in turn.
#[test]
fn a_field_of_another_type_never_admits() {
    let no = denied(GOOD, Code::NoSignatures, "no signature was found");
    for pointer in pointers(&no) {
        for other in [
            json!(null),
            json!(1),
            json!("true"),
            json!([]),
            json!({}),
            json!([{}]),
        ] {
            let mut changed = no.clone();
            *changed.pointer_mut(&pointer).unwrap() = other;
            let source = move |keys: &[String]| answer(200, &[item(&keys[0], changed.clone())], "");
            assert_eq!(refused(source).len(), 1, "{pointer}");
        }
    }
}

/// Removes each item of an answer in turn.
#[test]
fn a_missing_item_never_admits_l_30() {
    let images = [GOOD, "registry.example.com/a", "registry.example.com/b"];
    let spec = json!({"containers": images.map(|image| json!({"name": "c", "image": image}))});
    for left_out in images {
        let source = move |keys: &[String]| {
            let items: Vec<_> = keys
                .iter()
                .filter(|key| image_of(key) != left_out)
                .map(|key| item(key, verified(&image_of(key))))
                .collect();
            answer(200, &items, "")
        };
        let violations = review(&Review::create(pod_with(spec.clone())), source);
        assert_eq!(situations(&violations), ["no_verdict"]);
        assert_eq!(violations[0].details["image"], left_out);
    }
}

#[test]
fn images_that_are_no_names_are_refused_and_not_sent() {
    for image in [
        json!(null),
        json!(7),
        json!({}),
        json!(""),
        json!(" "),
        json!("a b"),
        json!("a\u{7}"),
        json!("\u{e0001}"),
        json!("é"),
        json!("a".repeat(1025)),
    ] {
        let (calls, source) = recording();
        let spec = json!({"containers": [{"name": "app", "image": image}]});
        let violations = review(&Review::create(pod_with(spec)), source);
        assert_eq!(situations(&violations), ["not_an_image"], "{image}");
        assert_eq!(calls.lock().unwrap().len(), 0);
    }
    let absent = pod_with(json!({"containers": [{"name": "app"}]}));
    assert_eq!(
        situations(&review(&Review::create(absent), honest)),
        ["not_an_image"]
    );
}

#[test]
fn control_character_does_not_hide_the_other_images_adv_66() {
    let spec = json!({"containers": [
        {"name": "poison", "image": "x\u{1}"},
        {"name": "app", "image": BAD},
        {"name": "good", "image": GOOD},
    ]});
    let violations = review(&Review::create(pod_with(spec)), honest);
    assert_eq!(situations(&violations), ["not_an_image", "unsigned"]);
}

#[test]
fn parameters_of_a_wrong_type_refuse() {
    for parameters in [
        json!({"provider": 7}),
        json!({"provider": ["sealgate"]}),
        json!({"provider": "a\u{7}"}),
    ] {
        let review_ = Review::create(pod(GOOD)).parameters(parameters);
        assert_eq!(situations(&review(&review_, honest)), ["no_answer"]);
    }
    let exempting = Review::create(pod(BAD)).parameters(json!({"exemptImages": null}));
    assert_eq!(situations(&review(&exempting, honest)), ["unsigned"]);
}

/// frameworks#705 makes failed calls undefined.
#[test]
fn undefined_calls_are_refused_frameworks_705() {
    for template in [VERIFIED_IMAGES, VERIFIED_IMAGES_V1] {
        let review_ = Review::create(pod(GOOD));
        let down = ExternalData::new()
            .provider("sealgate", |_| {
                ProviderAnswer::Unreachable("timeout".into())
            })
            .with_undefined_failures();
        let violations = review_with(template, &review_, &down);
        assert_eq!(situations(&violations), ["no_answer"]);
        let missing = ExternalData::new().with_undefined_failures();
        let violations = review_with(template, &review_, &missing);
        assert_eq!(situations(&violations), ["no_answer"]);
    }
}

#[test]
fn cached_answers_have_status_zero_and_count() {
    for template in [VERIFIED_IMAGES, VERIFIED_IMAGES_V1] {
        let (calls, source) = recording();
        let client = ExternalData::new().provider("sealgate", source);
        for _ in 0..3 {
            assert_eq!(
                review_with(template, &Review::create(pod(GOOD)), &client),
                []
            );
            let denied = review_with(template, &Review::create(pod(BAD)), &client);
            assert_eq!(situations(&denied), ["unsigned"]);
        }
        assert_eq!(calls.lock().unwrap().len(), 2, "one call for each image");
    }
}

/// A cached denial outlives the signature that answers it, and an outage.
#[test]
fn cached_denials_stay_until_they_expire() {
    let signed = Arc::new(AtomicUsize::new(0));
    let now_signed = signed.clone();
    let client = ExternalData::new().provider("sealgate", move |keys| {
        let verdict = match signed.load(Ordering::SeqCst) {
            0 => denied(GOOD, Code::NoSignatures, "no signature was found"),
            _ => verified(GOOD),
        };
        answer(200, &[item(&keys[0], verdict)], "")
    });
    let look = || {
        let violations = review_with(VERIFIED_IMAGES, &Review::create(pod(GOOD)), &client);
        violations.len()
    };
    assert_eq!(look(), 1);
    now_signed.store(1, Ordering::SeqCst);
    assert_eq!(look(), 1, "Gatekeeper does not ask again");
    client.expire();
    assert_eq!(look(), 0);
}

/// Items that come with a system error are cached, and the next call shows them
/// without it: a denial stays a denial. (A positive one would pass, which is why the
/// provider sends no items with a system error, and why this is a test of it too.)
#[test]
fn items_cached_beside_a_system_error_are_judged_on_the_second_call() {
    let client = ExternalData::new().provider("sealgate", |keys| {
        let no = denied(BAD, Code::NoSignatures, "no signature was found");
        answer(200, &[item(&keys[0], no)], "half done")
    });
    let look = || {
        let violations = review_with(VERIFIED_IMAGES, &Review::create(pod(BAD)), &client);
        situations(&violations)[0].to_owned()
    };
    assert_eq!(look(), "undecided");
    assert_eq!(look(), "unsigned");
}

#[test]
fn undecided_is_asked_again_at_once() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = calls.clone();
    let client = ExternalData::new().provider("sealgate", move |keys| {
        match count.fetch_add(1, Ordering::SeqCst) {
            0 => answer(200, &[], "registry.example.com: HTTP 503"),
            _ => honest(keys),
        }
    });
    let look = || review_with(VERIFIED_IMAGES, &Review::create(pod(GOOD)), &client);
    assert_eq!(situations(&look()), ["undecided"]);
    assert_eq!(look(), []);
    assert_eq!(calls.load(Ordering::SeqCst), 2);
}

/// The pointers of all fields and elements of a document.
fn pointers(document: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match document {
        Value::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), v)).collect(),
        Value::Array(values) => values
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    children
        .into_iter()
        .flat_map(|(name, child)| {
            let own = format!("/{name}");
            let below = pointers(child)
                .into_iter()
                .map(|p| format!("{own}{p}"))
                .collect::<Vec<_>>();
            std::iter::once(own).chain(below)
        })
        .collect()
}

fn without(document: &Value, pointer: &str) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut cut = document.clone();
    match cut.pointer_mut(parent).unwrap() {
        Value::Object(fields) => {
            fields.remove(name).unwrap();
        }
        Value::Array(values) => {
            values.remove(name.parse().unwrap());
        }
        _ => unreachable!("a scalar has no children"),
    }
    cut
}
