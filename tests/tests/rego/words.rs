//! Gatekeeper says of an image that is not let in what every other door says: the tables of the Rego
//! library and of the provider are the same.

use std::collections::BTreeSet;

use sealgate::KeyError;
use sealgate::words::{self, Refusal};
use sealgate_core::{Code, Verdict};
use sealgate_testkit::rego::Review;
use serde_json::{Value, json};

use crate::harness::{GOOD, answer, item, pod, review};

/// What Gatekeeper says when this is the answer about an image, after the place.
fn said(image: &str, item: impl Fn(&str) -> Value + Clone + Send + Sync + 'static) -> String {
    let asked = Review::create(pod(image));
    let violations = review(&asked, move |keys| answer(200, &[item(&keys[0])], ""));
    let [violation] = &violations[..] else {
        panic!("expected one violation, found {violations:?}");
    };
    let said = violation.message.strip_prefix("container \"app\": ");
    said.unwrap().to_owned()
}

/// With reasons that are short enough to be shown whole by all.
fn with_short_reasons(verdict: &Value) -> Value {
    let mut verdict = verdict.clone();
    let mut number = 0;
    let mut shorten = |reasons: &mut Value| {
        for reason in reasons.as_array_mut().unwrap() {
            number += 1;
            let digest = "0123456789abcdef".repeat(4);
            reason["message"] = format!("why {number},\u{1b}\n sha256:{digest}.").into();
        }
    };
    shorten(&mut verdict["reasons"]);
    for policy in verdict["policies"].as_array_mut().unwrap() {
        shorten(&mut policy["reasons"]);
    }
    verdict
}

#[track_caller]
fn assert_same_words(verdict: &Value) {
    let read: Verdict = serde_json::from_value(verdict.clone()).unwrap();
    let sentence = Refusal::of(&read).unwrap().sentence();
    let sent = verdict.clone();
    let said = said(&read.image.requested, move |key| item(key, sent.clone()));
    assert_eq!(said, sentence);
}

/// Verdicts of core's that refuse, one for each outcome and each reason that leads.
fn refusals() -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for vector in sealgate_tests::verdicts::all().unwrap() {
        let response: Value = serde_json::from_slice(&vector.response().unwrap()).unwrap();
        let verdict = response["verdict"].clone();
        if verdict["verified"] != json!(false) {
            continue;
        }
        let read: Verdict = serde_json::from_value(verdict.clone()).unwrap();
        let leads = Refusal::of(&read).unwrap().reason.map(|reason| reason.code);
        let by = read.policies.iter().map(|policy| policy.mode.as_str());
        if seen.insert((read.outcome.as_str(), leads, by.collect::<Vec<_>>())) {
            found.push(with_short_reasons(&verdict));
        }
    }
    found
}

#[test]
fn a_refusal_has_the_same_words_at_every_door() {
    let refusals = refusals();
    assert!(refusals.len() > 40, "only {}", refusals.len());
    for verdict in &refusals {
        assert_same_words(verdict);
    }
    // Every code, whether or not there is such a verdict.
    let mut verdict = refusals
        .iter()
        .find(|one| one["outcome"] == "untrusted" && one["policies"][0]["mode"] == "enforce")
        .unwrap()
        .clone();
    verdict["policies"][0]["demands"] = json!([]);
    for code in Code::ALL {
        verdict["outcome"] = json!(code.class().as_str());
        verdict["reasons"] = json!([{"code": code.as_str(), "message": "why"}]);
        assert_same_words(&verdict);
    }
}

#[test]
fn what_is_undecided_has_the_same_words_at_every_door() {
    for code in ["registry_throttled", "digest_mismatch"] {
        let said = review(&Review::create(pod(GOOD)), move |keys| {
            let error = format!(
                "1 of 1 images could not be decided: {:?}: {code}: why",
                keys[0]
            );
            answer(200, &[], &error)
        });
        let words = words::of_causes([code]);
        assert_eq!(
            said[0].message,
            format!(
                "container \"app\": image {GOOD:?} {} ({code}: why). {}.",
                words.what, words.todo
            )
        );
    }
}

#[test]
fn what_cannot_be_asked_about_has_the_same_words_at_every_door() {
    for error in [
        KeyError::ImageNotFound(GOOD.to_owned()),
        KeyError::UnknownPolicy("release".to_owned()),
    ] {
        let told = words::wrong_key(GOOD, error.code(), &error.to_string());
        let error = format!("{}: {error}", error.code());
        let said = said(GOOD, move |key| json!({"key": key, "error": error}));
        assert_eq!(said, told);
    }
}
