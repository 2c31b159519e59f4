//! Vulnerabilities that do not count: by a VEX document, and by an exception.

use sealgate_core::policy::file::PolicyFile;
use sealgate_core::verdict::{ExcusedBy, Outcome, Passed};
use sealgate_testkit::pack::Pack;
use sealgate_testkit::sign::{self, Kind, SigningKey};
use sealgate_tests::parity::PolicyTexts;
use serde_json::{Value, json};

use crate::{HEAD, IMAGE, NOW, judge, policies, refused};

const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const VEX: &str = "https://openvex.dev/ns/v0.2.0";
const CLEAN: &str = "facts.vulnerabilities.critical == 0";

struct World {
    ci: SigningKey,
    security: SigningKey,
    /// An image with a scan that found CVE-1, critical, in one package.
    scanned: Pack,
}

impl World {
    fn new() -> Self {
        let ci = SigningKey::generate(Kind::P256);
        let security = SigningKey::generate(Kind::P256);
        let image = Pack::image(IMAGE, "a");
        let scan = scan(&[("CVE-1", "pkg:apk/wolfi/git@2.39.0")]);
        let scanned = attested(&image, &ci, SCAN, &scan);
        Self {
            ci,
            security,
            scanned,
        }
    }

    /// With a rule for scans, and what else the policy has.
    fn policies(&self, rule: &Value, more: &Value) -> PolicyTexts {
        let mut scan =
            json!({"name": "scan", "predicateType": SCAN, "from": ["ci"], "conditions": [CLEAN]});
        for (name, value) in rule.as_object().unwrap() {
            scan[name] = value.clone();
        }
        let exceptions = match more {
            Value::Null => String::new(),
            more => format!("  exceptions: {more}\n"),
        };
        policies(
            &[("ci", &self.ci), ("security", &self.security)],
            &format!("  require: attestationsOnly\n  attestations: [{scan}]\n{exceptions}"),
        )
    }

    fn with_vex(&self) -> PolicyTexts {
        self.policies(&json!({"vex": {"from": ["security"]}}), &Value::Null)
    }

    fn says(&self, statements: &Value) -> Pack {
        let document = json!({"timestamp": "2027-01-10T00:00:00Z", "statements": statements});
        attested(&self.scanned, &self.security, VEX, &document)
    }
}

fn scan(found: &[(&str, &str)]) -> Value {
    let found = found.iter().map(|(id, purl)| {
        json!({"VulnerabilityID": id, "Severity": "CRITICAL", "PkgIdentifier": {"PURL": purl}})
    });
    let found: Vec<_> = found.collect();
    json!({
        "scanner": {"result": {"SchemaVersion": 2, "Results": [{"Target": "os", "Vulnerabilities": found}]}},
        "metadata": {"scanFinishedOn": "2027-01-15T07:00:00Z"},
    })
}

fn attested(pack: &Pack, key: &SigningKey, kind: &str, predicate: &Value) -> Pack {
    let statement = sign::statement(&pack.digest(), kind, predicate);
    pack.clone().with_bundle(&sign::bundle(key, &statement))
}

fn cleared(id: &str) -> Value {
    json!({
        "vulnerability": {"name": id}, "status": "not_affected",
        "justification": "vulnerable_code_not_in_execute_path",
    })
}

#[test]
fn a_verified_vex_document_clears_what_it_says_is_not_affected_and_the_verdict_shows_it() {
    let world = World::new();
    refused(
        &world.scanned,
        &world.with_vex(),
        Outcome::Untrusted,
        "condition_failed",
    );
    let digest = world.scanned.digest();
    let (hex, image) = (
        digest.hex(),
        format!("registry.example.com/prod/app@{digest}"),
    );
    let mut alias = cleared("GHSA-1");
    alias["vulnerability"]["aliases"] = json!(["CVE-1"]);
    let of = |products: Value| {
        let mut statement = cleared("CVE-1");
        statement["products"] = products;
        statement
    };
    for statement in [
        cleared("CVE-1"),
        alias,
        json!({"vulnerability": {"name": "CVE-1"}, "status": "fixed"}),
        json!({"vulnerability": "CVE-1", "status": "not_affected", "impact_statement": "never called"}),
        of(json!([{"@id": image}])),
        of(json!([image])),
        of(
            json!([{"@id": format!("pkg:oci/app@sha256%3A{hex}?repository_url=registry.example.com/prod")}]),
        ),
        of(json!([{"@id": "x"}, {"identifiers": {"purl": format!("pkg:oci/app@sha256:{hex}")}}])),
        of(json!([{"@id": "pkg:oci/app", "hashes": {"sha-256": hex}}])),
        of(json!([{"@id": image, "subcomponents": [{"@id": "pkg:apk/wolfi/git@2.39.0"}]}])),
    ] {
        let verdict = judge(&world.says(&json!([statement])), &world.with_vex());
        assert!(verdict.verified, "{statement}: {:?}", verdict.reasons);
        assert_eq!(verdict.outcome, Outcome::Verified);
        let [excused] = verdict.policies[0].demands[0].excused.as_slice() else {
            panic!("{:?}", verdict.policies[0].demands);
        };
        assert_eq!(
            (excused.by, excused.vulnerability.as_str()),
            (ExcusedBy::Vex, "CVE-1")
        );
        assert!(excused.statement_digest.is_some() && excused.until.is_none());
        assert_eq!(verdict.policies[0].authorities[1].outcome, Passed::Passed);
    }
}

/// What does not clear: each alone, and beside what would.
#[test]
fn statements_that_say_less_clear_nothing() {
    let world = World::new();
    let with = |change: Value| {
        let mut statement = cleared("CVE-1");
        for (name, value) in change.as_object().unwrap() {
            statement[name] = value.clone();
        }
        statement
    };
    let other = Pack::image(IMAGE, "b").digest();
    for statement in [
        cleared("CVE-2"),
        cleared("cve-1"),
        with(json!({"status": "affected"})),
        with(json!({"status": "under_investigation"})),
        with(json!({"status": "whatever"})),
        with(json!({"justification": "we_like_it"})),
        with(json!({"justification": ""})),
        with(json!({"products": []})),
        with(json!({"products": [{"@id": "pkg:oci/app?tag=1.0"}]})),
        with(json!({"products": [{"@id": IMAGE}]})),
        with(json!({"products": [{"@id": format!("pkg:oci/app@{other}")}]})),
        with(json!({"products": [{"@id": "pkg:oci/app", "hashes": {"sha-256": other.hex()}}]})),
        with(
            json!({"products": [{"@id": "pkg:oci/app", "hashes": {"sha-1": world.scanned.digest().hex()}}]}),
        ),
        // About another package of the image.
        with(json!({"subcomponents": ["pkg:apk/wolfi/curl@8.0.0"]})),
        with(json!({"products": [{
            "@id": format!("pkg:oci/app@{}", world.scanned.digest()),
            "subcomponents": [{"@id": "pkg:apk/wolfi/git"}],
        }]})),
        // Malformed: of what it says nothing counts.
        with(json!({"timestamp": "yesterday"})),
        with(json!({"products": "all"})),
        with(json!({"vulnerability": {"name": "CVE-1", "aliases": [7]}})),
    ] {
        let pack = world.says(&json!([statement]));
        refused(
            &pack,
            &world.with_vex(),
            Outcome::Untrusted,
            "condition_failed",
        );
    }
    let both = world.says(&json!([cleared("CVE-1"), {"status": "fixed"}]));
    refused(
        &both,
        &world.with_vex(),
        Outcome::Untrusted,
        "condition_failed",
    );
}

/// Whoever is not listed, another image's document and an unsigned one say nothing.
#[test]
fn vex_counts_only_by_whom_the_rule_lists_and_about_the_image() {
    let world = World::new();
    let document = json!({"timestamp": "2027-01-10T00:00:00Z", "statements": [cleared("CVE-1")]});
    let stranger = SigningKey::generate(Kind::P256);
    for key in [&stranger, &world.ci] {
        let pack = attested(&world.scanned, key, VEX, &document);
        let verdict = judge(&pack, &world.with_vex());
        assert!(!verdict.verified);
        let codes: Vec<_> = verdict
            .reasons
            .iter()
            .map(|one| one.code.as_str())
            .collect();
        assert!(codes.contains(&"condition_failed"), "{codes:?}");
    }
    let moved = sign::statement(&Pack::image(IMAGE, "b").digest(), VEX, &document);
    let moved = world
        .scanned
        .clone()
        .with_bundle(&sign::bundle(&world.security, &moved));
    let verdict = judge(&moved, &world.with_vex());
    assert!(!verdict.verified && verdict.policies[0].demands[0].excused.is_empty());
    // Listed, and of a type that is no VEX.
    let named = attested(
        &world.scanned,
        &world.security,
        "https://example.com/vex",
        &document,
    );
    refused(
        &named,
        &world.with_vex(),
        Outcome::Untrusted,
        "condition_failed",
    );
    // A rule without `vex` reads none.
    let good = world.says(&json!([cleared("CVE-1")]));
    let without = world.policies(&json!({}), &Value::Null);
    refused(&good, &without, Outcome::Untrusted, "condition_failed");
}

/// An older document that clears does not hold against a newer one, by whichever name, in whichever
/// order they lie there.
#[test]
fn the_latest_statement_of_a_vulnerability_wins() {
    let world = World::new();
    let at = |time: &str, mut statement: Value| {
        statement["timestamp"] = json!(time);
        let document = json!({"timestamp": "2027-01-01T00:00:00Z", "statements": [statement]});
        sign::bundle(
            &world.security,
            &sign::statement(&world.scanned.digest(), VEX, &document),
        )
    };
    let mut alias = cleared("CVE-1");
    alias["vulnerability"]["aliases"] = json!(["GHSA-1"]);
    let open = |id: &str| json!({"vulnerability": {"name": id}, "status": "affected"});
    for (first, second, passes) in [
        (
            at("2027-01-02T00:00:00Z", cleared("CVE-1")),
            at("2027-01-03T00:00:00Z", open("CVE-1")),
            false,
        ),
        (
            at("2027-01-02T00:00:00Z", alias.clone()),
            at("2027-01-03T00:00:00Z", open("GHSA-1")),
            false,
        ),
        (
            at("2027-01-03T00:00:00Z", cleared("CVE-1")),
            at("2027-01-03T00:00:00Z", open("CVE-1")),
            false,
        ),
        (
            at("2027-01-04T00:00:00Z", cleared("CVE-1")),
            at("2027-01-03T00:00:00Z", open("CVE-1")),
            true,
        ),
        (
            at("2027-01-04T00:00:00Z", cleared("CVE-1")),
            at("2027-01-05T00:00:00Z", open("CVE-2")),
            true,
        ),
    ] {
        for (one, other) in [(&first, &second), (&second, &first)] {
            let pack = world.scanned.clone().with_bundle(one).with_bundle(other);
            let verdict = judge(&pack, &world.with_vex());
            assert_eq!(verdict.verified, passes, "{:?}", verdict.reasons);
        }
    }
}

/// Cleared in one package, it still counts in another.
#[test]
fn a_vulnerability_counts_where_it_is_not_cleared() {
    let world = World::new();
    let two = scan(&[
        ("CVE-1", "pkg:apk/wolfi/git@2.39.0"),
        ("CVE-1", "pkg:apk/wolfi/curl@8.0.0"),
    ]);
    let both = attested(&Pack::image(IMAGE, "a"), &world.ci, SCAN, &two);
    let mut statement = cleared("CVE-1");
    statement["subcomponents"] = json!(["pkg:apk/wolfi/git@2.39.0"]);
    let vex = |statement: &Value| {
        let document = json!({"timestamp": "2027-01-10T00:00:00Z", "statements": [statement]});
        attested(&both, &world.security, VEX, &document)
    };
    let partly = vex(&statement);
    refused(
        &partly,
        &world.with_vex(),
        Outcome::Untrusted,
        "condition_failed",
    );
    statement["subcomponents"] = json!(["pkg:apk/wolfi/git@2.39.0", "pkg:apk/wolfi/curl@8.0.0"]);
    assert!(judge(&vex(&statement), &world.with_vex()).verified);
}

/// Of a vulnerability in two packages a document clears one, and the other needs the exception: it is
/// shown, and its end is the verdict's.
#[test]
fn an_exception_that_one_package_needs_ends_the_verdict() {
    let world = World::new();
    let (git, curl) = ("pkg:apk/wolfi/git@2.39.0", "pkg:apk/wolfi/curl@8.0.0");
    let mut statement = cleared("CVE-1");
    statement["subcomponents"] = json!([git]);
    let document = json!({"timestamp": "2027-01-10T00:00:00Z", "statements": [statement]});
    let vex = json!({"vex": {"from": ["security"]}});
    let policies = world.policies(&vex, &json!([exception("2027-01-20T00:00:00Z")]));
    for order in [[git, curl], [curl, git]] {
        let two = scan(&order.map(|purl| ("CVE-1", purl)));
        let image = attested(&Pack::image(IMAGE, "a"), &world.ci, SCAN, &two);
        let verdict = judge(
            &attested(&image, &world.security, VEX, &document),
            &policies,
        );
        assert!(verdict.verified, "{:?}", verdict.reasons);
        assert_eq!(
            verdict.policies[0].demands[0].excused[0].by,
            ExcusedBy::Exception
        );
        let last = "2027-01-19T23:59:59Z".parse().unwrap();
        assert_eq!(verdict.valid_until, Some(last));
    }
}

fn exception(until: &str) -> Value {
    json!({"rule": "scan", "vulnerabilities": ["CVE-0", "CVE-1"], "until": until, "reason": "fix due"})
}

#[test]
fn an_exception_passes_until_its_date_and_the_verdict_shows_it() {
    let world = World::new();
    let judge_with = |exceptions: Value| {
        let policies = world.policies(&json!({}), &exceptions);
        judge(&world.scanned, &policies)
    };
    let verdict = judge_with(json!([exception("2027-01-20T00:00:00Z")]));
    assert!(verdict.verified, "{:?}", verdict.reasons);
    let [excused] = verdict.policies[0].demands[0].excused.as_slice() else {
        panic!("{:?}", verdict.policies[0].demands);
    };
    let until = "2027-01-20T00:00:00Z".parse().unwrap();
    assert_eq!(excused.by, ExcusedBy::Exception);
    assert_eq!(excused.reason, "fix due");
    assert_eq!(excused.until, Some(until));
    assert_eq!(verdict.valid_until, Some(until.plus(-1)));
    // NOW is 08:00:00: over then, and not a second before.
    let last = judge_with(json!([exception("2027-01-15T08:00:01Z")]));
    assert_eq!((last.verified, last.valid_until), (true, Some(NOW)));
    let policies = world.policies(&json!({}), &json!([exception("2027-01-15T08:00:00Z")]));
    refused(
        &world.scanned,
        &policies,
        Outcome::Untrusted,
        "condition_failed",
    );
    // Of several the last one to end.
    let both = judge_with(json!([
        exception("2027-01-20T00:00:00Z"),
        exception("2027-01-16T00:00:00Z"),
    ]));
    assert_eq!(both.valid_until, Some(until.plus(-1)));
}

/// An exception that was not needed is not shown, and ends nothing.
#[test]
fn an_exception_that_excuses_nothing_changes_nothing() {
    let world = World::new();
    let mut other = exception("2027-01-20T00:00:00Z");
    other["vulnerabilities"] = json!(["CVE-2"]);
    let policies = world.policies(&json!({}), &json!([other]));
    refused(
        &world.scanned,
        &policies,
        Outcome::Untrusted,
        "condition_failed",
    );
    let vex = json!({"vex": {"from": ["security"]}});
    let policies = world.policies(&vex, &json!([exception("2027-01-20T00:00:00Z")]));
    let verdict = judge(&world.says(&json!([cleared("CVE-1")])), &policies);
    assert!(verdict.verified && verdict.valid_until.is_none());
    assert_eq!(verdict.policies[0].demands[0].excused[0].by, ExcusedBy::Vex);
}

/// The predicate itself is what was signed, and another rule sees the same facts.
#[test]
fn what_is_excused_is_excused_in_facts_alone_and_for_every_rule() {
    let world = World::new();
    let statement = sign::statement(&world.scanned.digest(), "https://example.com/p", &json!({}));
    let pack = world.says(&json!([cleared("CVE-1")]));
    let pack = pack.with_bundle(&sign::bundle(&world.ci, &statement));
    let scan = json!({
        "name": "scan", "predicateType": SCAN, "vex": {"from": ["security"]},
        "conditions": ["predicate.scanner.result.Results[0].Vulnerabilities.size() == 1"],
    });
    for (condition, passes) in [
        (
            "attestations.scan.facts.vulnerabilities.critical == 0",
            true,
        ),
        (
            "attestations.scan.facts.vulnerabilities.ids.size() == 1",
            false,
        ),
    ] {
        let gate = json!({"name": "gate", "predicateType": "https://example.com/p", "conditions": [condition]});
        let more = format!("  require: attestationsOnly\n  attestations: [{gate}, {scan}]\n");
        let policies = policies(&[("ci", &world.ci), ("security", &world.security)], &more);
        assert_eq!(judge(&pack, &policies).verified, passes, "{condition}");
    }
}

#[test]
fn a_scan_and_its_vex_are_read_in_one_condition() {
    let world = World::new();
    let rules = json!([
        {"name": "vex", "predicateType": VEX, "from": ["security"]},
        {"name": "scan", "predicateType": SCAN, "from": ["ci"], "conditions": [
            "facts.vulnerabilities.ids.all(id, id in attestations.vex.facts.statements.notAffected)",
        ]},
    ]);
    let more = format!("  require: attestationsOnly\n  attestations: {rules}\n");
    let policies = policies(&[("ci", &world.ci), ("security", &world.security)], &more);
    let pack = world.says(&json!([cleared("CVE-1")]));
    let verdict = judge(&pack, &policies);
    assert!(verdict.verified, "{:?}", verdict.reasons);
    let other = world.says(&json!([cleared("CVE-2")]));
    refused(&other, &policies, Outcome::Untrusted, "condition_failed");
    refused(
        &world.scanned,
        &policies,
        Outcome::Unsigned,
        "no_matching_attestation",
    );
}

/// What an exception or `vex` cannot be about is said when the policy is read.
#[test]
fn exceptions_that_can_excuse_nothing_are_load_errors() {
    let key = SigningKey::generate(Kind::P256).public_pem();
    let pem = serde_json::to_string(&key).unwrap();
    let problems = |rule: &Value, exception: &Value| {
        let file = PolicyFile {
            name: "p.yaml".to_owned(),
            text: format!(
                "{HEAD}  - name: ci\n    key: {{data: {pem}, name: ci}}\n  attestations: [{rule}]\n  \
                 exceptions: [{exception}]\n"
            ),
        };
        let problems = PolicyTexts::read(&[file]).err().unwrap_or_default();
        let problems = problems.into_iter().map(|one| one.to_string());
        problems.collect::<Vec<_>>()
    };
    let scan = json!({"name": "scan", "predicateType": SCAN, "conditions": [CLEAN]});
    let good = exception("2027-01-20T00:00:00Z");
    assert_eq!(problems(&scan, &good), [""; 0]);
    for (field, value, expected) in [
        (
            "rule",
            json!("scam"),
            "rule: expected the name of an attestation rule (scan), found \"scam\"",
        ),
        (
            "vulnerabilities",
            json!([]),
            "vulnerabilities: expected at least one entry, found an empty list",
        ),
        (
            "vulnerabilities",
            json!([" "]),
            "vulnerabilities[0]: expected words, found \" \"",
        ),
        ("reason", json!(""), "reason: expected a text, found"),
        (
            "reason",
            json!("  "),
            "reason: expected words, found \"  \"",
        ),
        (
            "until",
            json!("soon"),
            "until: expected an RFC 3339 time such as",
        ),
    ] {
        let mut bad = good.clone();
        bad[field] = value;
        let found = problems(&scan, &bad);
        let expected = format!("p.yaml:10: spec.exceptions[0].{expected}");
        assert!(
            matches!(found.as_slice(), [one] if one.starts_with(&expected)),
            "{found:?}"
        );
    }
    let build = json!({"name": "scan", "predicateType": "https://slsa.dev/provenance/v1"});
    let found = problems(&build, &good);
    assert!(
        found[0].contains("spec.exceptions[0]: there is nothing to excuse"),
        "{found:?}"
    );
    let mut vex = build;
    vex["vex"] = json!({"from": ["ci"]});
    let found = problems(&vex, &good);
    assert!(
        found[0].contains("spec.attestations[0].vex: there is nothing to excuse"),
        "{found:?}"
    );
}
