//! What a verdict shows of a statement, and what a policy demands of it.

use sealgate_core::Verdict;
use sealgate_core::policy::file::PolicyFile;
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, COSIGN_SIGN, SigningKey};
use sealgate_tests::parity::PolicyTexts;
use serde_json::{Value, json};

use crate::scene::{IMAGE, TYPE, accepted, attested, judge, key, policies};

fn attested_as(key: &SigningKey, predicate: &Value) -> Verdict {
    let pack = Pack::image(IMAGE, "a");
    let statement = sign::statement(&pack.digest(), TYPE, predicate);
    let pack = pack.with_bundle(&sign::bundle(key, &statement));
    accepted(&pack, &policies(key, &attested("predicate.ok == true")))
}

/// Beyond 2^53 readers disagree, and up to it they do not.
#[test]
fn numbers_that_readers_round_are_shown_as_text() {
    const EXACT: i64 = 1 << 53;
    let key = key();
    let numbers = json!([EXACT, -EXACT, EXACT + 1, -EXACT - 1, u64::MAX, 0, 1.5]);
    let verdict = attested_as(&key, &json!({"ok": true, "n": numbers}));
    let shown = &verdict.attestations[0].predicate.as_ref().unwrap()["n"];
    assert_eq!(
        *shown,
        json!([
            EXACT,
            -EXACT,
            "9007199254740993",
            "-9007199254740993",
            "18446744073709551615",
            0,
            1.5
        ])
    );
}

#[test]
fn a_predicate_is_shown_or_said_to_be_left_out() {
    let key = key();
    let small = attested_as(&key, &json!({"ok": true}));
    assert_eq!(small.attestations[0].predicate, Some(json!({"ok": true})));
    assert_eq!(small.attestations[0].predicate_omitted, None);
    let large = attested_as(&key, &json!({"ok": true, "x": "x".repeat(1 << 20)}));
    assert_eq!(large.attestations[0].predicate, None);
    let said = large.attestations[0].predicate_omitted.as_ref().unwrap();
    assert!(said.contains("bytes"), "{said}");
}

/// A policy with a key that demands annotations.
fn demanding(key: &SigningKey) -> PolicyTexts {
    let pem = serde_json::to_string(&key.public_pem()).unwrap();
    let text = format!(
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: prod}}\nspec:\n  \
         images: [{{glob: \"registry.example.com/**\"}}]\n  authorities:\n  - name: release\n    \
         key: {{data: {pem}}}\n    annotations: {{env: prod, build: \"7\"}}\n"
    );
    let file = PolicyFile {
        name: "policy.yaml".to_owned(),
        text,
    };
    PolicyTexts::read(&[file]).unwrap()
}

#[test]
fn annotations_are_those_of_the_subject_that_is_the_image_adv_44() {
    let (key, pack) = (key(), Pack::image(IMAGE, "a"));
    let other = Pack::image(IMAGE, "b").digest();
    let subject = |digest: &sealgate_core::Digest, annotations: Value| json!({"digest": {"sha256": digest.hex()}, "annotations": annotations});
    let judged = |subjects: Value| {
        let statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects,
            "predicateType": COSIGN_SIGN,
            "predicate": {},
        });
        let bundle = sign::bundle(&key, statement.to_string().as_bytes());
        judge(&pack.clone().with_bundle(&bundle), &demanding(&key))
    };
    let good = json!({"env": "prod", "build": 7, "more": "x"});
    let verdict = judged(json!([subject(&pack.digest(), good.clone())]));
    assert!(verdict.verified, "{:?}", verdict.reasons);
    for annotations in [
        json!({}),
        Value::Null,
        json!({"env": "prod"}),
        json!({"env": "dev", "build": 7}),
        json!({"env": "prod", "build": 8}),
        json!({"": "", "xyzzy": "xyzzy"}),
    ] {
        let verdict = judged(json!([
            subject(&pack.digest(), annotations.clone()),
            subject(&other, good.clone()),
        ]));
        assert!(!verdict.verified, "{annotations}");
        assert_eq!(verdict.reasons[0].code.as_str(), "annotation_mismatch");
    }
}
