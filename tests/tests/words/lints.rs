//! What is said when a policy is read: what can never pass is an error, what is suspicious a warning.

use sealgate_core::policy::file::{self, Checked, PolicyFile, Problem};
use sealgate_core::policy::{AuthorityKind, NoMatch, Policies};
use sealgate_core::{TrustMaterial, trust::SigstoreRoot};
use sealgate_testkit::sign::{Kind, SigningKey};
use sealgate_testkit::sigstore::Sigstore;
use serde_json::{Value, json};

use super::document;

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main";
const FINE: &str = r"https://github\.com/acme/.+";

fn check(spec: &Value) -> Result<Checked, Vec<Problem>> {
    let file = PolicyFile {
        name: "p.yaml".to_owned(),
        text: document("p", spec),
    };
    file::check(&[file], NoMatch::Deny, &file::only_inline_keys)
}

fn of_identity(identity: &Value) -> Value {
    json!({"images": [{"glob": "**"}], "authorities": [
        {"name": "ci", "keyless": {"identities": [identity]}},
    ]})
}

fn texts(problems: &[Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn refused(spec: &Value, field: &str, expected: &str) {
    let problems = check(spec).expect_err(&spec.to_string());
    let here = problems.iter().find(|problem| problem.field == field);
    let here = here.unwrap_or_else(|| panic!("{field}: {:?}", texts(&problems)));
    assert!(here.message.contains(expected), "{here}");
}

#[track_caller]
fn warned(spec: &Value) -> Vec<String> {
    let checked = check(spec).unwrap_or_else(|problems| panic!("{:?}", texts(&problems)));
    texts(&checked.warnings)
}

#[test]
fn identities_that_no_certificate_has_are_errors() {
    let first = "spec.authorities[0].keyless.identities[0]";
    for (identity, field, expected) in [
        (
            json!({"issuer": "token.actions.githubusercontent.com", "subject": WORKFLOW}),
            "issuer",
            "is \"https://token.actions.githubusercontent.com\" meant?",
        ),
        (
            json!({"issuer": "https://", "subject": WORKFLOW}),
            "issuer",
            "expected the URL of an issuer",
        ),
        (
            json!({"withoutIssuer": true, "subject": "release@acme.example"}),
            "withoutIssuer",
            "those of this trust root always name an OIDC issuer",
        ),
        (
            json!({"withoutIssuer": false, "subject": "release@acme.example"}),
            "withoutIssuer",
            "always name an OIDC issuer",
        ),
        (
            json!({"withoutIssuer": true, "issuer": GITHUB, "subject": WORKFLOW}),
            "issuer",
            "expected either an issuer or withoutIssuer",
        ),
        (
            json!({"issuerRegExp": r"token\.actions\.githubusercontent\.com", "subject": WORKFLOW}),
            "issuerRegExp",
            "begins with https://",
        ),
        (
            json!({"issuerRegExp": "(gitlab|github)", "subject": WORKFLOW}),
            "issuerRegExp",
            "no issuer can match",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": r"https://github\.com/acme/$x.+"}),
            "subjectRegExp",
            "no text can match",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": FINE, "claimsRegExp": {"sourceRepositoryURI": r"[^\s\S]"}}),
            "claimsRegExp.sourceRepositoryURI",
            "no text can match",
        ),
    ] {
        refused(
            &of_identity(&identity),
            &format!("{first}.{field}"),
            expected,
        );
    }
}

#[test]
fn identities_that_are_not_what_was_meant_are_warned_of() {
    for (identity, field, expected) in [
        (
            json!({"issuer": "http://issuer.example.com", "subject": "me@example.com"}),
            "issuer",
            "begin with https://",
        ),
        (
            json!({"issuer": format!("{GITHUB}/"), "subject": WORKFLOW}),
            "issuer",
            "no slash at its end",
        ),
        (
            json!({"issuer": "https://*.example.com", "subject": WORKFLOW}),
            "issuer",
            "`*` has no meaning",
        ),
        (
            json!({"issuerRegExp": ".*", "subject": "me@example.com"}),
            "issuerRegExp",
            "every issuer matches",
        ),
        (
            json!({"issuerRegExp": "https://issuer.example.com", "subject": "me@example.com"}),
            "issuerRegExp",
            r#"in "issuer.example.com" the dot stands for any character; for a dot write "https://issuer\\.example\\.com""#,
        ),
        (
            json!({"issuer": GITHUB, "subject": "https://github.com/acme/*"}),
            "subject",
            "`*` has no meaning",
        ),
        (
            json!({"issuer": GITHUB, "subject": "https://github.com/acme/app"}),
            "subject",
            "sourceRepositoryURI",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": "acme"}),
            "subjectRegExp",
            "must match the whole subject",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": r"github\.com/acme/.+"}),
            "subjectRegExp",
            "must match the whole subject",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": ".*"}),
            "subjectRegExp",
            "anybody with an account",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": r"https://github\.com/.+/release\.yml@refs/tags/.+"}),
            "subjectRegExp",
            "anybody with an account",
        ),
        (
            json!({"issuer": "https://accounts.google.com", "subjectRegExp": ".+@gmail[.]com"}),
            "subjectRegExp",
            "some.stranger@gmail.com",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": ".*", "claims": {"runnerEnvironment": "github-hosted"}}),
            "subjectRegExp",
            "anybody with an account",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": ".*", "claimsRegExp": {"sourceRepositoryURI": ".*"}}),
            "subjectRegExp",
            "anybody with an account",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": r"https://github\.com/acme.*"}),
            "subjectRegExp",
            "https://github.com/acme-stranger/some-repository",
        ),
        (
            json!({"issuer": GITHUB, "subjectRegExp": "https://github.com/acme/.*"}),
            "subjectRegExp",
            "in \"github.com\" the dot",
        ),
    ] {
        let warnings = warned(&of_identity(&identity));
        let place = format!("p.yaml:1: spec.authorities[0].keyless.identities[0].{field}: ");
        let found = warnings
            .iter()
            .any(|one| one.starts_with(&place) && one.contains(expected));
        assert!(found, "{identity}: {warnings:#?}");
    }
}

#[test]
fn identities_that_say_who_is_meant_are_not_warned_of() {
    for identity in [
        json!({"issuer": GITHUB, "subject": WORKFLOW}),
        json!({"issuer": GITHUB, "subjectRegExp": FINE}),
        json!({"issuer": GITHUB, "subjectRegExp": r"^https://github\.com/(acme|corp)/[^/]+/\.github/workflows/[^/]+@refs/tags/v[0-9.]+$"}),
        json!({"issuer": GITHUB, "subjectRegExp": ".*", "claims": {"sourceRepositoryOwnerURI": "https://github.com/acme"}}),
        json!({"issuer": GITHUB, "subjectRegExp": ".*", "claimsRegExp": {"sourceRepositoryURI": r"https://github\.com/acme/.+"}}),
        json!({"issuer": "https://issuer.example.com", "subjectRegExp": ".*"}),
        json!({"issuer": "https://issuer.example.com", "subjectRegExp": "bob|eve", "subjectType": "other_name"}),
        json!({"issuer": "https://accounts.google.com", "subjectRegExp": r".+@acme\.example"}),
        json!({"issuerRegExp": r"https://.+\.example\.com", "subjectRegExp": r"spiffe://acme/.+"}),
    ] {
        assert_eq!(
            warned(&of_identity(&identity)),
            Vec::<String>::new(),
            "{identity}"
        );
    }
}

#[test]
fn parts_that_decide_nothing_are_warned_of_and_rules_that_nobody_can_meet_are_errors() {
    let key = || json!({"data": SigningKey::generate(Kind::P256).public_pem()});
    let notary = json!({"name": "notary", "notation": {"trustStores": ["ca:acme"], "trustedIdentities": ["*"]}});
    let spec = |more: Value| {
        let mut spec = json!({"images": [{"glob": "**"}], "authorities": [
            {"name": "a", "key": key(), "annotations": {"stage": "release"}}, {"name": "b", "key": key()}, notary.clone(),
        ]});
        spec.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        spec
    };
    assert_eq!(warned(&spec(json!({}))), Vec::<String>::new());
    let rule =
        |from: Value, kind: &str| json!([{"name": "r", "predicateType": kind, "from": from}]);
    for (more, expected) in [
        (
            json!({"mode": "warn"}),
            "spec.mode: this policy refuses nothing",
        ),
        (
            json!({"require": {"atLeast": {"count": 1, "of": ["a", "b"]}}}),
            "the authority \"notary\" decides nothing",
        ),
        (
            json!({"require": "attestationsOnly", "attestations": rule(json!(["a", "b"]), "https://x.example/p")}),
            "the annotations of the authority \"a\" are not looked at",
        ),
        (
            json!({"attestations": rule(json!(["a", "notary"]), "https://x.example/p")}),
            "the authority \"notary\" can make no attestation",
        ),
        (
            json!({"attestations": rule(json!(["a"]), "https://slsa.dev/provenance/v1/")}),
            "is \"https://slsa.dev/provenance/v1\" meant?",
        ),
    ] {
        let warnings = warned(&spec(more.clone()));
        assert!(
            warnings.iter().any(|one| one.contains(expected)),
            "{more}: {warnings:#?}"
        );
    }
    let by_notary = spec(json!({"attestations": rule(json!(["notary"]), "https://x.example/p")}));
    refused(
        &by_notary,
        "spec.attestations[0]",
        "the Notary Project has no attestations",
    );
}

fn lacking(spec: &Value, trust: TrustMaterial) -> Vec<String> {
    let policies = check(spec).unwrap().policies;
    let mut trust = trust;
    policies.complete(&mut trust);
    let found = policies.out_of_reach(&trust, |name| name == "awaited");
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn githubs_own_instance_is_trusted_by_its_timestamps_unless_the_policy_says_otherwise() {
    let with = |more: Value| {
        let mut keyless = json!({"trustRoot": "github", "identities": [{"issuer": GITHUB, "subjectRegExp": FINE}]});
        keyless
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"images": [{"glob": "**"}], "authorities": [{"name": "ci", "keyless": keyless}]})
    };
    let thresholds = |policies: &Policies| match &policies.policies[0].authorities()[0].trust {
        AuthorityKind::Keyless(k) => [
            k.transparency_log,
            k.signed_timestamp,
            k.certificate_transparency,
        ],
        other => panic!("{other:?}"),
    };
    let plain = with(json!({}));
    assert_eq!(thresholds(&check(&plain).unwrap().policies), [0, 1, 0]);
    assert_eq!(lacking(&plain, TrustMaterial::new()), Vec::<String>::new());
    let logged =
        with(json!({"transparencyLog": {"threshold": 1}, "signedTimestamp": {"threshold": 0}}));
    assert_eq!(thresholds(&check(&logged).unwrap().policies), [1, 0, 0]);
    assert_eq!(
        lacking(&logged, TrustMaterial::new()),
        [
            "policy \"p\", authority \"ci\": transparencyLog asks for 1, and the trust root \"github\" has \
          transparency logs of 0 operator(s): set its threshold to 0 at most, and signedTimestamp to 1 \
          in its place"
        ]
    );
}

/// What gives up the times of signatures says so, and is for nobody's certificate authority but
/// one's own.
#[test]
fn to_go_without_verified_times_takes_a_root_of_ones_own_and_is_warned_of() {
    let with = |root: &str, more: Value| {
        let mut keyless = json!({"trustRoot": root, "insecureWithoutVerifiedTime": true,
            "identities": [{"issuer": GITHUB, "subjectRegExp": FINE}]});
        let fields = keyless.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        json!({"images": [{"glob": "**"}], "authorities": [{"name": "ca", "keyless": keyless}]})
    };
    let of = |field: &str| format!("spec.authorities[0].keyless.{field}");
    let own = with("own", json!({"certificateTransparency": {"threshold": 0}}));
    let [warning] = &warned(&own)[..] else {
        panic!("{:?}", warned(&own))
    };
    assert!(warning.contains("nobody tells when a signature was made"));
    for root in SigstoreRoot::BUILT_IN {
        refused(
            &with(root, json!({})),
            &of("insecureWithoutVerifiedTime"),
            "for a certificate authority of one's own",
        );
    }
    for field in ["transparencyLog", "signedTimestamp"] {
        let asked = with("own", json!({field: {"threshold": 1}}));
        refused(&asked, &of(field), "nobody is asked for a time");
        warned(&with("own", json!({field: {"threshold": 0}})));
    }
    for word in [json!(false), json!("yes")] {
        let said = with("own", json!({"insecureWithoutVerifiedTime": word}));
        refused(&said, &of("insecureWithoutVerifiedTime"), "expected true");
    }
    // A root without anybody who tells a time is enough for it, and for nothing else.
    let mut bare = Sigstore::new("bare").trusted_root();
    for list in ["tlogs", "timestampAuthorities", "ctlogs"] {
        bare[list] = json!([]);
    }
    let trust = || {
        let mut trust = TrustMaterial::new();
        let root = SigstoreRoot::from_json(bare.to_string().as_bytes()).unwrap();
        trust.insert_root("own", root);
        trust
    };
    assert_eq!(lacking(&own, trust()), Vec::<String>::new());
    let promised = lacking(&with("own", json!({})), trust());
    assert!(promised[0].contains("certificateTransparency asks for 1"));
}

#[test]
fn what_trust_material_lacks_is_out_of_reach() {
    let keyless = |root: &str, more: Value| {
        let mut keyless =
            json!({"trustRoot": root, "identities": [{"issuer": GITHUB, "subject": WORKFLOW}]});
        keyless
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        json!({"images": [{"glob": "**"}], "authorities": [{"name": "ci", "keyless": keyless}]})
    };
    let built_in = TrustMaterial::new;
    let none: [String; 0] = [];
    assert_eq!(
        lacking(&keyless("public-good", json!({})), built_in()),
        none
    );
    assert_eq!(lacking(&keyless("awaited", json!({})), built_in()), none);
    for (spec, expected) in [
        (
            keyless("publicgood", json!({})),
            "there is no trust root \"publicgood\"; public-good, staging, github are built in",
        ),
        (
            keyless("public-good", json!({"signedTimestamp": {"threshold": 9}})),
            "signedTimestamp asks for 9",
        ),
        (
            keyless(
                "public-good",
                json!({"certificateTransparency": {"threshold": 9}}),
            ),
            "certificateTransparency asks for 9",
        ),
        (
            json!({"images": [{"glob": "**"}], "authorities": [{"name": "n", "notation": {
                "trustStores": ["ca:acme"], "trustedIdentities": ["*"],
            }}]}),
            "there is no trust store ca:acme",
        ),
        (
            json!({"images": [{"glob": "**"}], "authorities": [{
                "name": "k", "key": {"data": SigningKey::generate(Kind::P256).public_pem()},
                "trustRoot": "github", "transparencyLog": {"threshold": 1},
            }]}),
            "transparencyLog asks for 1, and the trust root \"github\"",
        ),
    ] {
        let found = lacking(&spec, built_in());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
    // A root with nobody who tells a time.
    let mut trust = TrustMaterial::new();
    let empty = br#"{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}"#;
    trust.insert_root("empty", SigstoreRoot::from_json(empty).unwrap());
    let zero =
        json!({"transparencyLog": {"threshold": 0}, "certificateTransparency": {"threshold": 0}});
    let found = lacking(&keyless("empty", zero), trust);
    assert!(found[0].contains("nobody can tell when"), "{found:?}");
}
