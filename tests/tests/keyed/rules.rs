//! Rules whose conditions read the attestations that met other rules.

use sealgate_core::policy::file::PolicyFile;
use sealgate_core::verdict::{Outcome, Passed};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_tests::parity::PolicyTexts;
use serde_json::{Value, json};

use crate::{HEAD, IMAGE, judge, policies, refused};

const BUILD: &str = "https://slsa.dev/provenance/v1";
const REVIEW: &str = "https://example.com/review";

/// A policy with these rules: name, predicate type, conditions.
fn rules(rules: &[(&str, &str, &[&str])]) -> String {
    let rules = rules.iter().map(|(name, kind, conditions)| {
        let mut rule = json!({"name": name, "predicateType": kind});
        if !conditions.is_empty() {
            rule["conditions"] = json!(conditions);
        }
        rule
    });
    let rules: Vec<_> = rules.collect();
    format!(
        "  require: attestationsOnly\n  attestations: {}\n",
        json!(rules)
    )
}

fn attested(pack: &Pack, key: &SigningKey, kind: &str, predicate: &Value) -> Pack {
    let statement = sign::statement(&pack.digest(), kind, predicate);
    pack.clone().with_bundle(&sign::bundle(key, &statement))
}

fn build() -> Value {
    json!({
        "buildDefinition": {
            "buildType": "https://example.com/t",
            "resolvedDependencies": [{
                "uri": "git+https://github.com/acme/app@refs/heads/main", "digest": {"gitCommit": "abc"},
            }],
        },
        "runDetails": {"builder": {"id": "https://example.com/builder"}},
    })
}

/// What was reviewed is what was built: neither of them says so alone.
const SAME_COMMIT: &str = "predicate.commit == attestations.build.facts.source.commit && \
                           attestations['build'].predicateType == 'https://slsa.dev/provenance/v1' && \
                           attestations.build.signer.key == 'ci' && signer.key == 'security'";

fn keys() -> [SigningKey; 2] {
    [
        SigningKey::generate(Kind::P256),
        SigningKey::generate(Kind::P256),
    ]
}

#[test]
fn a_rule_reads_what_another_rule_accepted_wherever_that_stands() {
    let [ci, security] = keys();
    let image = Pack::image(IMAGE, "a");
    let review = |commit: &str| {
        let built = attested(&image, &ci, BUILD, &build());
        attested(&built, &security, REVIEW, &json!({"commit": commit}))
    };
    let first = rules(&[("build", BUILD, &[]), ("review", REVIEW, &[SAME_COMMIT])]);
    let last = rules(&[("review", REVIEW, &[SAME_COMMIT]), ("build", BUILD, &[])]);
    for (order, names) in [(first, ["build", "review"]), (last, ["review", "build"])] {
        let policies = policies(&[("ci", &ci), ("security", &security)], &order);
        let verdict = judge(&review("abc"), &policies);
        assert!(verdict.verified, "{:?}", verdict.reasons);
        let demands = verdict.policies[0].demands.iter();
        let shown: Vec<_> = demands.map(|one| one.rule.as_deref().unwrap()).collect();
        assert_eq!(shown, names);
        let other = review("fed");
        refused(&other, &policies, Outcome::Untrusted, "condition_failed");
        let told = judge(&other, &policies).reasons.remove(0).message;
        let found = r#"predicate.commit is "fed", attestations.build.facts.source.commit is "abc""#;
        assert!(told.ends_with(found), "{told}");
    }
}

/// No rule passes because the attestation that it reads is not there: whoever can take one away
/// could choose what is read.
#[test]
fn what_is_absent_excuses_no_rule_that_reads_it() {
    let [ci, security] = keys();
    let image = Pack::image(IMAGE, "a");
    let reviewed = attested(&image, &security, REVIEW, &json!({"commit": "abc"}));
    for condition in [
        SAME_COMMIT,
        "!has(attestations.build)",
        "true || attestations.build.predicate.x",
        "!has(attestations.build.facts) || true",
    ] {
        let rules = rules(&[("build", BUILD, &[]), ("review", REVIEW, &[condition])]);
        let policies = policies(&[("ci", &ci), ("security", &security)], &rules);
        let verdict = judge(&reviewed, &policies);
        refused(
            &reviewed,
            &policies,
            Outcome::Unsigned,
            "no_matching_attestation",
        );
        let [build, review] = verdict.policies[0].demands.as_slice() else {
            panic!("{:?}", verdict.policies[0].demands);
        };
        assert_eq!(
            (build.outcome, review.outcome),
            (Passed::Failed, Passed::Failed)
        );
        let reason = &verdict.reasons[1];
        assert_eq!(reason.code.as_str(), "rule_not_met");
        assert_eq!(
            reason.message,
            "the rule \"review\" reads the attestation of the rule \"build\", which is not met"
        );
        assert!(verdict.attestations.is_empty());
    }
}

/// A stranger's build, one of another image and one that does not meet its own rule are none.
#[test]
fn rules_read_nothing_that_did_not_meet_its_own_rule() {
    let [ci, security] = keys();
    let stranger = SigningKey::generate(Kind::P256);
    let image = Pack::image(IMAGE, "a");
    let reviewed = attested(&image, &security, REVIEW, &json!({"commit": "abc"}));
    let rules = rules(&[
        (
            "build",
            BUILD,
            &["facts.builder == 'https://example.com/builder'"],
        ),
        (
            "review",
            REVIEW,
            &["attestations.build.facts.source.commit == predicate.commit"],
        ),
    ]);
    let policies = policies(&[("ci", &ci), ("security", &security)], &rules);
    assert!(judge(&attested(&reviewed, &ci, BUILD, &build()), &policies).verified);
    let mut elsewhere = build();
    elsewhere["runDetails"]["builder"]["id"] = json!("https://example.com/laptop");
    let moved = sign::statement(&Pack::image(IMAGE, "b").digest(), BUILD, &build());
    for (pack, outcome, code) in [
        (
            attested(&reviewed, &stranger, BUILD, &build()),
            Outcome::Untrusted,
            "signature_invalid",
        ),
        (
            reviewed.clone().with_bundle(&sign::bundle(&ci, &moved)),
            Outcome::Invalid,
            "subject_mismatch",
        ),
        (
            attested(&reviewed, &ci, BUILD, &elsewhere),
            Outcome::Untrusted,
            "condition_failed",
        ),
    ] {
        refused(&pack, &policies, outcome, code);
        let reasons = judge(&pack, &policies).policies.remove(0).reasons;
        assert!(
            reasons
                .iter()
                .any(|one| one.code.as_str() == "rule_not_met"),
            "{reasons:?}"
        );
    }
    // A better one beside it counts.
    let both = attested(&reviewed, &ci, BUILD, &elsewhere);
    assert!(judge(&attested(&both, &ci, BUILD, &build()), &policies).verified);
}

fn problems(more: &str) -> Vec<String> {
    let key = SigningKey::generate(Kind::P256).public_pem();
    let pem = serde_json::to_string(&key).unwrap();
    let file = PolicyFile {
        name: "p.yaml".to_owned(),
        text: format!("{HEAD}  - name: ci\n    key: {{data: {pem}, name: ci}}\n{more}"),
    };
    let Err(problems) = PolicyTexts::read(&[file]) else {
        return Vec::new();
    };
    problems.into_iter().map(|one| one.to_string()).collect()
}

/// What a rule can never read is said when the policy is read, with line and field.
#[test]
fn what_no_rule_has_is_a_load_error() {
    let build: (&str, &str, &[&str]) = ("build", BUILD, &[]);
    for (condition, expected) in [
        (
            "attestations.scan.predicate.x == 1",
            "expected the name of another rule of this policy after attestations (build), found \"scan\"",
        ),
        (
            "attestations.review.predicate.x == 1",
            "the rule \"review\" cannot read its own attestation so: that is `predicate`",
        ),
        (
            "attestations.build.facts.vulnerabilities.critical == 0",
            "there is no facts.vulnerabilities of predicates of type https://slsa.dev/provenance/v1; ",
        ),
        (
            "attestations.build.predicat.x == 1",
            "there is no predicat of attestations[\"build\"]; there are facts, predicate, predicateType, \
             signer",
        ),
        (
            "attestations.build.signer.issuerr == ''",
            "there is no signer.issuerr; ",
        ),
        (
            "attestations.size() == 1",
            "expected the name of a rule after attestations, as attestations.NAME or \
             attestations['NAME']",
        ),
        (
            "attestations[predicate.x].predicate.y == 1",
            "expected the name of a rule after attestations",
        ),
        (
            "attestations.all(name, true)",
            "expected the name of a rule after attestations",
        ),
    ] {
        let found = problems(&rules(&[build, ("review", REVIEW, &[condition])]));
        let [problem] = found.as_slice() else {
            panic!("{condition}: {found:?}");
        };
        let place = "p.yaml:10: spec.attestations[1].conditions[0]: ";
        let said = problem
            .strip_prefix(place)
            .unwrap_or_else(|| panic!("{problem}"));
        assert!(said.starts_with(expected), "{said}");
    }
    assert!(
        problems(&rules(&[
            build,
            (
                "review",
                REVIEW,
                &["attestations.build.facts.builder == ''"]
            )
        ]))
        .is_empty()
    );
}

#[test]
fn rules_that_wait_for_one_another_are_a_load_error() {
    let found = problems(&rules(&[
        ("free", BUILD, &[]),
        ("leads", REVIEW, &["attestations.a.predicate.x == 1"]),
        ("a", REVIEW, &["true", "attestations.b.predicate.x == 1"]),
        (
            "b",
            REVIEW,
            &["attestations.free.predicate.x == 1 && attestations.a.predicate.x == 1"],
        ),
    ]));
    assert_eq!(
        found,
        [
            "p.yaml:10: spec.attestations[2].conditions[1]: rules read one another in a circle, so that \
             none can be judged first: \"a\" reads \"b\" reads \"a\""
        ]
    );
    // A diamond is no circle.
    let diamond = problems(&rules(&[
        (
            "a",
            REVIEW,
            &["attestations.b.predicate.x == attestations.c.predicate.x"],
        ),
        ("b", REVIEW, &["attestations.free.predicate.x == 1"]),
        ("c", REVIEW, &["attestations.free.predicate.x == 1"]),
        ("free", BUILD, &[]),
    ]));
    assert!(diamond.is_empty(), "{diamond:?}");
}
