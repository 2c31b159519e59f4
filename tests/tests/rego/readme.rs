//! The recipe in `rego/README.md` does what it says.

use sealgate_testkit::rego::{
    Dialect, ExternalData, ProviderAnswer, Review, Template, VERIFIED_IMAGES, VERIFIED_IMAGES_V1,
};
use serde_json::{Value, json};

use crate::harness::{BAD, GOOD, answer, image_of, item, judge, pod, review_with};

const README: &str = include_str!("../../../rego/README.md");

const HEAD: &str = "\
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: builtbyacme}
spec:
  crd: {spec: {names: {kind: BuiltByAcme}}}
  targets:";

#[test]
fn recipe_denies_unless_proven_in_both_dialects() {
    let github = "https://token.actions.githubusercontent.com";
    let acme = json!({"signs": "image", "issuer": github, "subject": "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1"});
    let other =
        json!({"signs": "image", "issuer": github, "subject": "https://github.com/acme-evil/app"});
    // Acme attested something of an image that another signed.
    let mut attested = acme.clone();
    attested["signs"] = json!("attestation");
    for template in recipes("<!-- More than verified. -->") {
        let violations =
            |image: &str, source: fn(&[String], &Value) -> ProviderAnswer, signer: &Value| {
                let signer = signer.clone();
                let client =
                    ExternalData::new().provider("sealgate", move |keys| source(keys, &signer));
                review_with(&template, &Review::create(pod(image)), &client).len()
            };
        assert_eq!(violations(GOOD, signed_by, &acme), 0);
        assert_eq!(violations(GOOD, signed_by, &other), 1);
        assert_eq!(violations(GOOD, signed_by, &attested), 1);
        assert_eq!(violations(GOOD, signed_by, &json!({})), 1);
        assert_eq!(violations(BAD, signed_by, &acme), 2, "by either rule");
        assert_eq!(violations(GOOD, |_, _| answer(200, &[], "down"), &acme), 2);
        let missing = ExternalData::new().with_undefined_failures();
        assert_eq!(
            review_with(&template, &Review::create(pod(GOOD)), &missing).len(),
            2
        );
        assert_eq!(
            review_with(&template, &Review::delete(pod(BAD)), &missing).len(),
            0
        );
    }
}

fn signed_by(keys: &[String], signer: &Value) -> ProviderAnswer {
    let items: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut verdict = judge(&image_of(key));
            verdict["signers"] = json!([signer]);
            item(key, verdict)
        })
        .collect();
    answer(200, &items, "")
}

/// The recipe that follows this mark, for both dialects.
pub(crate) fn recipes(mark: &str) -> [String; 2] {
    let rego = README.split(mark).nth(1).unwrap();
    let rego = rego.split("```rego\n").nth(1).unwrap();
    let rego = rego.split("```").next().unwrap();
    [
        (Dialect::V0, VERIFIED_IMAGES),
        (Dialect::V1, VERIFIED_IMAGES_V1),
    ]
    .map(|(dialect, ours)| {
        let libs = Template::parse(ours).unwrap().libs;
        let libs: Vec<_> = libs.iter().map(String::as_str).collect();
        Template::render(HEAD, dialect, rego, &libs)
    })
}
