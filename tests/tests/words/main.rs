//! What core says: only what was proved, and of the question that was asked. Natively and in
//! wasm, which must give the same bytes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod ages;
mod demands;
mod lints;
mod platforms;
mod strangers;

use sealgate_core::evidence::Request;
use sealgate_core::policy::NoMatch;
use sealgate_core::policy::file::PolicyFile;
use sealgate_core::verdict::Outcome;
use sealgate_core::{Evidence, Policies, TrustMaterial, UnixTime, Verdict};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, Layer, SigningKey};
use sealgate_testkit::sigstore::{ISSUER, SUBJECT, Sigstore};
use sealgate_tests::parity::{self, PolicyTexts, TrustDocuments};
use serde_json::{Value, json};

const IMAGE: &str = "registry.example.com/prod/app:1.0";
const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

fn document(name: &str, spec: &Value) -> String {
    json!({
        "apiVersion": "sealgate.dev/v1alpha1", "kind": "TrustPolicy",
        "metadata": {"name": name}, "spec": spec,
    })
    .to_string()
}

/// A policy for these images by these keys.
fn by_keys(name: &str, glob: &str, keys: &[(&str, &SigningKey)], more: Value) -> String {
    let authority = |(name, key): &(&str, &SigningKey)| json!({"name": name, "key": {"data": key.public_pem(), "name": name}});
    let authorities: Vec<_> = keys.iter().map(authority).collect();
    let mut spec = json!({"images": [{"glob": glob}], "authorities": authorities});
    if let Value::Object(more) = more {
        spec.as_object_mut().unwrap().extend(more);
    }
    document(name, &spec)
}

fn load(texts: &[String]) -> Result<PolicyTexts, Vec<String>> {
    let file = |(i, text): (usize, &String)| PolicyFile {
        name: format!("p{i}.yaml"),
        text: text.clone(),
    };
    let files: Vec<_> = texts.iter().enumerate().map(file).collect();
    PolicyTexts::read(&files).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// Policies to be changed in ways that no text could.
fn changeable(texts: &[String]) -> Policies {
    Policies::clone(&load(texts).unwrap())
}

/// Judges natively and in wasm.
#[track_caller]
fn judge(pack: &Pack, texts: &[String], roots: &[(&str, Value)]) -> Verdict {
    let trust = TrustDocuments::default();
    let trust = roots
        .iter()
        .fold(trust, |trust, (name, root)| trust.with_root(name, root));
    parity::judge(pack.evidence(), &load(texts).unwrap(), &trust, NOW)
}

fn layer(key: &SigningKey, pack: &Pack) -> Layer {
    let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
    sign::cosign_layer(key, payload)
}

fn signed(image: &str, keys: &[&SigningKey]) -> Pack {
    let pack = Pack::image(image, "a");
    let layers: Vec<_> = keys.iter().map(|key| layer(key, &pack)).collect();
    pack.with_cosign(&layers)
}

#[track_caller]
fn refused(verdict: &Verdict, code: &str) {
    assert!(!verdict.verified, "let in, expected {code}");
    assert_eq!(
        verdict.reasons[0].code.as_str(),
        code,
        "{:?}",
        verdict.reasons
    );
}

fn at_least_two() -> Value {
    json!({"require": {"atLeast": {"count": 2}}})
}

// ------------------------------------------------------------------------ thresholds

#[test]
fn one_key_under_two_names_is_no_policy_rt_5_adv_51() {
    let (key, other) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let twice = [("alice", &key), ("bob", &key), ("carol", &other)];
    let of = |of: Value, count: u8| {
        load(&[by_keys(
            "prod",
            "**",
            &twice,
            json!({"require": {"atLeast": {"count": count, "of": of}}}),
        )])
    };
    let problems = of(json!(["alice", "bob"]), 2).unwrap_err();
    assert!(
        problems[0].starts_with("p0.yaml:1: spec.require.atLeast: "),
        "{problems:?}"
    );
    assert!(
        problems[0].contains("\"alice\" and \"bob\" both have the key"),
        "{problems:?}"
    );
    assert!(of(json!(["bob", "carol", "alice"]), 2).is_err());
    // One signer is enough here, and here nobody counts twice.
    assert!(of(json!(["alice", "bob"]), 1).is_ok());
    assert!(of(json!(["alice", "carol"]), 2).is_ok());
    // In YAML, the line is that of the threshold.
    let pem = serde_json::to_string(&key.public_pem()).unwrap();
    let text = format!(
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: prod}}\nspec:\n  \
         images: [{{glob: \"**\"}}]\n  authorities:\n  - {{name: a, key: {{data: {pem}}}}}\n  \
         - {{name: b, keys: [{{data: {pem}}}]}}\n  require:\n    atLeast: {{count: 2}}\n"
    );
    let problems = load(&[text]).unwrap_err();
    assert!(
        problems[0].starts_with("p0.yaml:10: spec.require.atLeast: "),
        "{problems:?}"
    );
}

#[test]
fn one_signer_counts_once_whatever_the_authorities_are_called_rt_5() {
    let sigstore = Sigstore::new("private");
    let keyless = |name: &str, identity: Value| json!({"name": name, "keyless": {"trustRoot": "private", "identities": [identity]}});
    let exact = json!({"issuer": ISSUER, "subject": SUBJECT});
    let pattern = json!({"issuer": ISSUER, "subjectRegExp": "https://github\\.com/acme/.*"});
    let policy = |authorities: Value| {
        document(
            "prod",
            &json!({
                "images": [{"glob": "registry.example.com/**"}],
                "authorities": authorities,
                "require": {"atLeast": {"count": 2}},
            }),
        )
    };
    let roots = [("private", sigstore.trusted_root())];
    let pack = Pack::image(IMAGE, "a");
    let payload = sign::simple_signing(&pack.repository(), &pack.digest(), &Value::Null);
    let signer = sigstore.signer();
    let one = sigstore.cosign_layer(&signer, &payload);
    // Another certificate, with a key of its own, for the same identity.
    let again = sigstore.cosign_layer(&sigstore.signer(), &payload);
    let overlapping = [
        policy(json!([
            keyless("build", exact.clone()),
            keyless("review", pattern.clone())
        ])),
        policy(json!([
            keyless("review", pattern),
            keyless("build", exact.clone())
        ])),
    ];
    for texts in &overlapping {
        for layers in [
            vec![one.clone()],
            vec![one.clone(), one.clone()],
            vec![one.clone(), again.clone()],
        ] {
            let verdict = judge(
                &pack.clone().with_cosign(&layers),
                std::slice::from_ref(texts),
                &roots,
            );
            refused(&verdict, "threshold_not_met");
            let message = &verdict.reasons[0].message;
            assert!(message.contains("at least 2 distinct signers"), "{message}");
            assert!(
                message.contains("found 1: what 2 of the authorities accept"),
                "{message}"
            );
        }
    }
    // Two signers are two: a key beside an identity.
    let key = SigningKey::generate(Kind::P256);
    let both = policy(json!([
        keyless("build", exact),
        {"name": "release", "key": {"data": key.public_pem()}},
    ]));
    let by_key = layer(&key, &pack);
    let verdict = judge(&pack.with_cosign(&[one, by_key]), &[both], &roots);
    assert_eq!(verdict.outcome, Outcome::Verified, "{:?}", verdict.reasons);
}

#[test]
fn authorities_that_share_signers_are_satisfied_if_each_can_have_its_own_rt_5() {
    let [a, b, c] = [0; 3].map(|_| SigningKey::generate(Kind::P256));
    // Distinct keys at load; at most three signers for three authorities.
    let texts = [by_keys(
        "prod",
        "**",
        &[("a", &a), ("b", &b), ("c", &c)],
        at_least_two(),
    )];
    for (keys, enough) in [
        (vec![&a], false),
        (vec![&a, &a, &a], false),
        (vec![&a, &b], true),
        (vec![&c, &a], true),
        (vec![&a, &b, &c], true),
    ] {
        for _ in 0..2 {
            let mut keys = keys.clone();
            keys.reverse();
            let verdict = judge(&signed(IMAGE, &keys), &texts, &[]);
            assert_eq!(verdict.verified, enough, "{:?}", verdict.reasons);
        }
    }
}

// ------------------------------------------------------------------------ the question

fn ask(evidence: &Evidence, question: &Value, policies: &[&String]) -> Value {
    let evidence: Value = serde_json::from_slice(&evidence.to_pack()).unwrap();
    let mut request = json!({"evidence": evidence, "policies": policies, "now": NOW});
    request
        .as_object_mut()
        .unwrap()
        .extend(question.as_object().unwrap().clone());
    serde_json::from_slice(&parity::ask(request.to_string().as_bytes())).unwrap()
}

#[test]
fn whoever_carries_evidence_does_not_choose_the_question_rt_6_atk_38() {
    let (prod, dev) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let strict = by_keys(
        "strict",
        "registry.example.com/prod/**",
        &[("prod", &prod)],
        json!({"namespaces": ["prod-*"]}),
    );
    let lax = by_keys(
        "lax",
        "registry.example.com/dev/**",
        &[("dev", &dev)],
        Value::Null,
    );
    let any = by_keys(
        "any",
        "registry.example.com/**",
        &[("dev", &dev)],
        Value::Null,
    );
    let mut pack = signed(IMAGE, &[&dev]);
    pack.evidence_mut().request.namespace = Some("prod-eu".to_owned());
    let question = json!({"image": IMAGE, "namespace": "prod-eu"});
    let honest = ask(pack.evidence(), &question, &[&strict, &lax]);
    assert_eq!(honest["verdict"]["reasons"][0]["code"], "signature_invalid");
    assert_eq!(
        honest["verdict"]["request"],
        json!({"namespace": "prod-eu"})
    );

    let forge = |change: fn(&mut Evidence)| {
        let mut forged = pack.evidence().clone();
        change(&mut forged);
        forged
    };
    for forged in [
        // Within the pack the image must be one.
        forge(|e| e.subject.reference = "registry.example.com/dev/app:1.0".parse().unwrap()),
        forge(|e| {
            e.subject.reference = "registry.example.com/dev/app:1.0".parse().unwrap();
            e.request.image = "registry.example.com/dev/app:1.0".to_owned();
        }),
        forge(|e| e.request.policy = Some("lax".to_owned())),
        forge(|e| e.request.beyond_scope = true),
        forge(|e| e.request.namespace = Some("default".to_owned())),
    ] {
        let reply = ask(&forged, &question, &[&strict, &lax, &any]);
        assert_eq!(reply["error"]["code"], "question_mismatch", "{reply}");
    }
    // What it does not say, it does not contradict; and leaving it out is no way out.
    let silent = forge(|e| e.request.namespace = None);
    let reply = ask(&silent, &question, &[&strict, &any]);
    assert_eq!(reply["verdict"]["reasons"][0]["code"], "signature_invalid");
    assert_eq!(reply["verdict"]["request"], json!({"namespace": "prod-eu"}));
    // The asker's own question is what is answered, in his own words.
    let odd = json!({"image": "registry.example.com:443/prod/app:1.0", "namespace": "prod-eu"});
    let reply = ask(pack.evidence(), &odd, &[&strict, &any]);
    assert_eq!(reply["verdict"]["verified"], false);
    assert_eq!(
        reply["verdict"]["image"]["requested"],
        "registry.example.com:443/prod/app:1.0"
    );
    for (question, code) in [
        (json!({}), "request_malformed"),
        (json!({"image": null}), "request_malformed"),
        (json!({"image": "UPPER"}), "image_unparsable"),
        (
            json!({"image": "registry.example.com/dev/app:1.0"}),
            "question_mismatch",
        ),
        (
            json!({"image": "registry.example.com/prod/app:1.1"}),
            "question_mismatch",
        ),
        (json!({"image": IMAGE}), "question_mismatch"),
        (
            json!({"image": IMAGE, "namespace": "prod-us"}),
            "question_mismatch",
        ),
        (
            json!({"image": IMAGE, "namespace": "prod-eu", "policy": "nobody's"}),
            "policy_unknown",
        ),
    ] {
        let reply = ask(pack.evidence(), &question, &[&strict, &lax]);
        assert_eq!(reply["error"]["code"], code, "{reply}");
    }
}

#[test]
fn a_named_policy_judges_no_image_outside_of_its_scope_rt_6() {
    let (prod, dev) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    let texts = [
        by_keys(
            "strict",
            "registry.example.com/prod/**",
            &[("prod", &prod)],
            Value::Null,
        ),
        by_keys(
            "lax",
            "registry.example.com/dev/**",
            &[("dev", &dev)],
            json!({"mode": "warn"}),
        ),
    ];
    let mut pack = signed(IMAGE, &[&dev]);
    pack.evidence_mut().request.policy = Some("lax".to_owned());
    let verdict = judge(&pack, &texts, &[]);
    refused(&verdict, "no_policy");
    assert_eq!(verdict.request.policy.as_deref(), Some("lax"));
    assert!(
        verdict.reasons[0]
            .message
            .contains("\"lax\", which was asked for")
    );
    // Nor is it a way into "no policy covers it".
    let mut policies = changeable(&texts);
    policies.no_match = NoMatch::DangerAllowUnverified;
    let trust = TrustMaterial::new();
    let verdict = sealgate_core::verify(pack.evidence(), &policies, &trust, NOW).unwrap();
    refused(&verdict, "no_policy");
    // A route may name it all the same.
    pack.evidence_mut().request.beyond_scope = true;
    let verdict = sealgate_core::verify(pack.evidence(), &policies, &trust, NOW).unwrap();
    assert_eq!(verdict.outcome, Outcome::Verified);
    // And what the route asked is replayed as it was.
    let replayed = Evidence::from_pack(&pack.evidence().to_pack())
        .unwrap()
        .as_it_says();
    assert_eq!(&replayed, pack.evidence());
    pack.evidence_mut().request = Request {
        image: IMAGE.to_owned(),
        policy: Some("strict".to_owned()),
        ..Request::default()
    };
    refused(&judge(&pack, &texts, &[]), "signature_invalid");
}

#[test]
fn the_namespace_is_shown_where_it_matters_rt_6() {
    let key = SigningKey::generate(Kind::P256);
    let mut pack = signed(IMAGE, &[&key]);
    pack.evidence_mut().request.namespace = Some("shop".to_owned());
    let everywhere = by_keys("prod", "**", &[("k", &key)], Value::Null);
    let some = by_keys(
        "prod",
        "**",
        &[("k", &key)],
        json!({"namespaces": ["shop"]}),
    );
    assert_eq!(judge(&pack, &[everywhere], &[]).request.namespace, None);
    let verdict = judge(&pack, &[some], &[]);
    assert_eq!(verdict.request.namespace.as_deref(), Some("shop"));
}

// ------------------------------------------------------------------------ spellings

#[test]
fn no_spelling_of_an_image_leaves_the_scope_of_a_policy_rt_7_atk_19() {
    let (strict, lax) = (
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    );
    for scope in [
        "registry.example.com/prod/**",
        "registry.example.com:443/prod/**",
    ] {
        let texts = [
            by_keys("strict", scope, &[("strict", &strict)], Value::Null),
            by_keys("hub", "docker.io/**", &[("strict", &strict)], Value::Null),
            by_keys("six", "[::1]:5000/**", &[("strict", &strict)], Value::Null),
            by_keys("baseline", "**", &[("lax", &lax)], Value::Null),
        ];
        for image in [
            "registry.example.com/prod/app:1.0",
            "registry.example.com:443/prod/app:1.0",
            "docker.io/library/nginx:1",
            "nginx:1",
            "registry-1.docker.io/library/nginx:1",
            "registry-1.docker.io:443/library/nginx:1",
            "index.docker.io:443/library/nginx:1",
            "registry.hub.docker.com/library/nginx:1",
            "[::1]:5000/app:1",
            "[0:0:0:0:0:0:0:1]:5000/app:1",
            "[0::0:1]:5000/app:1",
        ] {
            let verdict = judge(&signed(image, &[&lax]), &texts, &[]);
            refused(&verdict, "signature_invalid");
            assert_eq!(verdict.policies.len(), 2, "{image}");
            assert_eq!(verdict.image.requested, image);
        }
    }
}

#[test]
fn a_scope_that_matches_nothing_is_a_load_error_with_its_line_rt_21() {
    let key = SigningKey::generate(Kind::P256);
    for (glob, says) in [
        ("docker.io/nginx", "it is called docker.io/library/nginx"),
        ("docker.io/*", "no image can match"),
        ("Registry.example.com/**", "expected a registry host"),
        ("*.example.com:443/**", "no image can match"),
        ("index.docker.io", "index.docker.io/**"),
    ] {
        let problems = load(&[by_keys("p", glob, &[("k", &key)], Value::Null)]).unwrap_err();
        assert!(
            problems[0].starts_with("p0.yaml:1: spec.images[0].glob: "),
            "{problems:?}"
        );
        assert!(problems[0].contains(says), "{problems:?}");
    }
    let statement = |name: &str, scopes: Value, level: &str| {
        json!({"name": name, "registryScopes": scopes, "signatureVerification": {"level": level},
               "trustStores": ["ca:acme"], "trustedIdentities": ["*"]})
    };
    let document =
        |statements: Value| json!({"version": "1.0", "trustPolicies": statements}).to_string();
    for scope in [
        "Registry.example.com/acme/app",
        "registry.example.com:0443/acme/app",
        "docker.io/nginx",
    ] {
        let problems =
            load(&[document(json!([statement("a", json!([scope]), "strict")]))]).unwrap_err();
        assert!(
            problems[0].contains("trustPolicies[0].registryScopes[0]"),
            "{problems:?}"
        );
    }
    // Another spelling is the same scope.
    let one = statement("a", json!(["docker.io/acme/app"]), "strict");
    let two = statement("b", json!(["index.docker.io:443/acme/app"]), "audit");
    let problems = load(&[document(json!([one, two]))]).unwrap_err();
    assert!(
        problems[0].contains("occurs in another statement"),
        "{problems:?}"
    );
}

// ------------------------------------------------------------------------ loading

#[test]
fn an_emptied_field_is_no_absent_one_rt_18() {
    let key = SigningKey::generate(Kind::P256);
    let pem = serde_json::to_string(&key.public_pem()).unwrap();
    let head = format!(
        "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: prod}}\nspec:\n  \
         images: [{{glob: \"**\"}}]\n  authorities:\n  - {{name: a, key: {{data: {pem}}}}}\n"
    );
    assert!(load(std::slice::from_ref(&head)).is_ok());
    for field in ["attestations", "require", "namespaces", "mode"] {
        for empty in ["", " null", " ~"] {
            let problems =
                load(&[format!("{head}  {field}:{empty}\n#  - name: sbom\n")]).unwrap_err();
            assert_eq!(problems.len(), 1, "{problems:?}");
            let place = format!("p0.yaml:8: spec.{field}: expected a value, found nothing");
            assert!(problems[0].starts_with(&place), "{problems:?}");
        }
    }
    let spec = |authority: &str| {
        format!(
            "apiVersion: sealgate.dev/v1alpha1\nkind: TrustPolicy\nmetadata: {{name: prod}}\nspec:\n  \
             images: [{{glob: \"**\"}}]\n  authorities:\n  - {authority}\n"
        )
    };
    for (authority, field) in [
        (
            format!("{{name: a, key: {{data: {pem}, validFor: }}}}"),
            "key.validFor",
        ),
        (
            format!("{{name: a, key: {{data: {pem}}}, annotations: }}"),
            "annotations",
        ),
        (
            format!("{{name: a, key: {{data: {pem}, validFor: {{end: }}}}}}"),
            "key.validFor.end",
        ),
        (
            "{name: a, keyless: {identities: [{issuer: i, subject: s, claims: }]}}".to_owned(),
            "keyless.identities[0].claims",
        ),
        (
            "{name: a, keyless: {identities: [{issuer: i, subject: s}], transparencyLog: }}"
                .to_owned(),
            "keyless.transparencyLog",
        ),
        (
            "{name: a, notation: {trustStores: ['ca:x'], trustedIdentities: ['*'], level: }}"
                .to_owned(),
            "notation.level",
        ),
        ("{name: a, key: }".to_owned(), "key"),
    ] {
        let problems = load(&[spec(&authority)]).unwrap_err();
        let place =
            format!("p0.yaml:7: spec.authorities[0].{field}: expected a value, found nothing");
        assert!(
            problems.iter().any(|p| p.starts_with(&place)),
            "{problems:?}"
        );
    }
    // The documents of others, too.
    let notary = json!({"version": "1.0", "trustPolicies": [{
        "name": "a", "registryScopes": ["*"], "signatureVerification": {"level": "strict", "override": null},
        "trustStores": ["ca:acme"], "trustedIdentities": ["*"]}]});
    let problems = load(&[notary.to_string()]).unwrap_err();
    assert!(
        problems[0].contains("signatureVerification.override: expected a value"),
        "{problems:?}"
    );
}

// ------------------------------------------------------------------------ conditions

fn attested(key: &SigningKey, predicate: &Value) -> Pack {
    let pack = Pack::image(IMAGE, "a");
    let statement = sign::statement(&pack.digest(), "https://example.com/p", predicate);
    pack.with_bundle(&sign::bundle(key, &statement))
}

fn conditioned(key: &SigningKey, condition: &str) -> String {
    by_keys(
        "prod",
        "**",
        &[("release", key)],
        json!({
            "require": "attestationsOnly",
            "attestations": [{"name": "p", "predicateType": "https://example.com/p", "conditions": [condition]}],
        }),
    )
}

#[test]
fn conditions_over_maps_have_one_answer_natively_and_in_wasm_rt_8() {
    let key = SigningKey::generate(Kind::P256);
    let pack = attested(
        &key,
        &json!({"m": {"a": "good", "b": "bad", "c": "ugly", "d": "x"}, "n": 1}),
    );
    for (condition, expected) in [
        ("predicate.m.map(k, predicate.m[k])[0] == 'good'", None),
        ("predicate.m.map(k, k) == ['a','b','c','d']", None),
        ("predicate.m + 1 == 2", Some("condition_error")),
        (
            "predicate.m.exists(k, predicate.m[k] > 1)",
            Some("condition_error"),
        ),
        ("predicate.m < predicate.n", Some("condition_error")),
        ("predicate.m['zz'] == 1", Some("condition_error")),
        (
            "predicate.m.all(k, predicate.m[k] == predicate.n || predicate.m[k].size() > 99)",
            Some("condition_failed"),
        ),
    ] {
        let texts = [conditioned(&key, condition)];
        let first = judge(&pack, &texts, &[]).to_json();
        for _ in 0..5 {
            assert_eq!(judge(&pack, &texts, &[]).to_json(), first, "{condition}");
        }
        let verdict = judge(&pack, &texts, &[]);
        match expected {
            None => assert!(verdict.verified, "{condition}: {:?}", verdict.reasons),
            Some(code) => refused(&verdict, code),
        }
    }
}

#[test]
fn conditions_stop_at_the_same_step_everywhere_rt_14() {
    let key = SigningKey::generate(Kind::P256);
    let list: Vec<_> = (0..3_000)
        .map(|i| format!("pkg:npm/package-{i}@1.2.3"))
        .collect();
    let pack = attested(&key, &json!({"p": list}));
    let quick = "predicate.p.all(x, x.matches('^pkg:[a-z]+/[A-Za-z0-9._-]+@[0-9]+\\\\.[0-9]+\\\\.[0-9]+$'))";
    assert!(judge(&pack, &[conditioned(&key, quick)], &[]).verified);
    let quadratic = "predicate.p.all(x, !predicate.p.exists(y, x == y + 'z'))";
    refused(
        &judge(&pack, &[conditioned(&key, quadratic)], &[]),
        "limit_exceeded",
    );
    let large =
        "predicate.p.all(x, x.matches('^(pkg|purl):(npm|pypi)/[\\\\w.-]{1,200}@[\\\\w.-]{1,60}$'))";
    let problems = load(&[conditioned(&key, large)]).unwrap_err();
    assert!(
        problems[0].starts_with("p0.yaml:1: spec.attestations[0].conditions[0]: "),
        "{problems:?}"
    );
    assert!(problems[0].contains("cannot be used"), "{problems:?}");
    // As deep as an expression may be, the stack of neither ends.
    let deep = format!("predicate{} == 1", ".a".repeat(90));
    refused(
        &judge(&pack, &[conditioned(&key, &deep)], &[]),
        "condition_error",
    );
}
