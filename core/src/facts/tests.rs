use serde_json::{Value, json};

use super::{About, Digest};

const SLSA_V1: &str = "https://slsa.dev/provenance/v1";
const SLSA_V0_2: &str = "https://slsa.dev/provenance/v0.2";
const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const SPDX: &str = "https://spdx.dev/Document/v2.3";
const CYCLONEDX: &str = "https://cyclonedx.org/bom";

#[track_caller]
fn facts(predicate_type: &str, predicate: &Value) -> Value {
    let raw = serde_json::value::to_raw_value(predicate).unwrap();
    let image = Digest::sha256(b"manifest");
    super::of(predicate_type, &raw, &About::alone(&image)).unwrap()
}

/// What GitHub's action writes.
#[test]
fn provenance_v1_names_builder_source_and_workflow() {
    let workflow = json!({
        "ref": "refs/heads/main", "repository": "https://github.com/acme/app",
        "path": ".github/workflows/release.yml",
    });
    let source = json!({
        "uri": "git+https://github.com/acme/app@refs/heads/main", "digest": {"gitCommit": "abc"},
    });
    let other =
        json!({"uri": "git+https://github.com/acme/tools@v1", "digest": {"gitCommit": "def"}});
    let predicate = |dependencies: Value| {
        json!({
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": workflow},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {"builder": {"id": "https://github.com/actions/runner"}},
        })
    };
    let expected = json!({
        "builder": "https://github.com/actions/runner",
        "buildType": "https://actions.github.io/buildtypes/workflow/v1",
        "source": {"repository": "https://github.com/acme/app", "ref": "refs/heads/main", "commit": "abc"},
        "parameters": {"workflow": workflow},
        "workflow": workflow,
    });
    for dependencies in [
        json!([source]),
        json!([other, source, {"uri": "pkg:npm/x"}]),
    ] {
        assert_eq!(facts(SLSA_V1, &predicate(dependencies)), expected);
    }
    // Two commits of it, another repository alone, or what is no list: there is no source.
    let mut second = source.clone();
    second["digest"]["gitCommit"] = json!("fed");
    for dependencies in [
        json!([source, second]),
        json!([other]),
        json!({}),
        json!(null),
    ] {
        let found = facts(SLSA_V1, &predicate(dependencies));
        assert_eq!(found.get("source"), None, "{found}");
        assert_eq!(found["builder"], expected["builder"]);
    }
    // Without a workflow: the only repository, or the parameter that is called so.
    let mut predicate = predicate(json!([source]));
    predicate["buildDefinition"]["externalParameters"] = json!({});
    assert_eq!(facts(SLSA_V1, &predicate)["source"], expected["source"]);
    predicate["buildDefinition"]["resolvedDependencies"] = json!([source, other]);
    assert_eq!(facts(SLSA_V1, &predicate).get("source"), None);
    predicate["buildDefinition"]["externalParameters"] = json!({"source": other});
    assert_eq!(
        facts(SLSA_V1, &predicate)["source"],
        json!({"repository": "https://github.com/acme/tools", "ref": "v1", "commit": "def"})
    );
    predicate["buildDefinition"]["externalParameters"] = json!({"source": 7});
    assert_eq!(facts(SLSA_V1, &predicate).get("source"), None);
    predicate["runDetails"]["builder"]["id"] = json!(["x"]);
    assert_eq!(facts(SLSA_V1, &predicate).get("builder"), None);
}

#[test]
fn provenance_v0_2_names_builder_source_and_workflow() {
    let predicate = json!({
        "builder": {"id": "https://example.com/builder@v1"}, "buildType": "https://example.com/t",
        "invocation": {"configSource": {
            "uri": "git+https://git@example.com/acme/app@refs/tags/v1", "digest": {"sha1": "abc"},
            "entryPoint": "ci.yml",
        }, "parameters": {"release": true}},
    });
    assert_eq!(
        facts(SLSA_V0_2, &predicate),
        json!({
            "builder": "https://example.com/builder@v1", "buildType": "https://example.com/t",
            "parameters": {"release": true},
            "source": {"repository": "https://git@example.com/acme/app", "ref": "refs/tags/v1", "commit": "abc"},
            "workflow": {"repository": "https://git@example.com/acme/app", "ref": "refs/tags/v1", "path": "ci.yml"},
        })
    );
    assert_eq!(facts(SLSA_V0_2, &json!([])), json!({}));
}

fn scan(result: &Value) -> Value {
    let predicate = json!({
        "scanner": {"uri": "pkg:x", "result": result},
        "metadata": {"scanStartedOn": "2026-11-30T11:00:00Z", "scanFinishedOn": "2026-11-30T12:00:00.5+01:00"},
    });
    facts(VULN, &predicate)
}

#[test]
fn a_scan_counts_each_vulnerability_once_by_its_worst_severity() {
    let trivy = json!({"SchemaVersion": 2, "Results": [
        {"Target": "os", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "Severity": "LOW"},
            {"VulnerabilityID": "CVE-2", "Severity": "CRITICAL"},
        ]},
        {"Target": "app", "Vulnerabilities": [
            {"VulnerabilityID": "CVE-1", "Severity": "HIGH"},
            {"VulnerabilityID": "CVE-3", "Severity": "whatever"},
        ]},
        {"Target": "clean"},
    ]});
    let grype = json!({"descriptor": {"name": "grype"}, "matches": [
        {"vulnerability": {"id": "CVE-1", "severity": "High"}},
        {"vulnerability": {"id": "CVE-2", "severity": "Critical"}},
        {"vulnerability": {"id": "CVE-3", "severity": "Unknown"}},
    ]});
    for result in [trivy, grype] {
        assert_eq!(
            scan(&result),
            json!({"vulnerabilities": {
                "critical": 1, "high": 1, "medium": 0, "low": 0, "unknown": 1,
                "ids": ["CVE-1", "CVE-2", "CVE-3"], "scannedAt": "2026-11-30T11:00:00Z",
            }})
        );
    }
    let nothing = scan(&json!({"SchemaVersion": 2, "Results": [{"Target": "os"}]}));
    assert_eq!(nothing["vulnerabilities"]["critical"], 0);
}

/// A report that cannot be read does not say that there is nothing.
#[test]
fn a_malformed_scan_has_no_count() {
    let found = |entry: Value| json!({"SchemaVersion": 2, "Results": [{"Target": "os", "Vulnerabilities": [entry]}]});
    for result in [
        json!({}),
        json!(null),
        json!([]),
        json!("nothing"),
        json!({"SchemaVersion": 2}),
        json!({"SchemaVersion": 2, "Results": null}),
        json!({"SchemaVersion": 3, "Results": []}),
        json!({"Results": []}),
        json!({"SchemaVersion": 2, "Results": [{}]}),
        json!({"SchemaVersion": 2, "Results": [7]}),
        json!({"SchemaVersion": 2, "Results": [{"Target": "os", "Vulnerabilities": null}]}),
        json!({"SchemaVersion": 2, "Results": [{"Target": "os", "Vulnerabilities": {}}]}),
        found(json!({"VulnerabilityID": "CVE-1"})),
        found(json!({"Severity": "LOW"})),
        found(json!({"VulnerabilityID": "CVE-1", "Severity": 7})),
        found(json!({"VulnerabilityID": "", "Severity": "LOW"})),
        found(json!(null)),
        json!({"matches": []}),
        json!({"descriptor": {"name": "another"}, "matches": []}),
        json!({"descriptor": {"name": "grype"}}),
        json!({"descriptor": {"name": "grype"}, "matches": [{}]}),
        json!({"descriptor": {"name": "grype"}, "matches": [{"vulnerability": {"id": "CVE-1"}}]}),
    ] {
        assert_eq!(scan(&result), json!({}), "{result}");
    }
    // A time that is none is absent; the counts stay.
    let predicate = json!({
        "scanner": {"result": {"SchemaVersion": 2, "Results": []}},
        "metadata": {"scanFinishedOn": "yesterday", "scanStartedOn": "2026-11-30T12:00:00Z"},
    });
    let found = facts(VULN, &predicate);
    assert_eq!(found["vulnerabilities"].get("scannedAt"), None, "{found}");
    assert_eq!(found["vulnerabilities"]["critical"], 0);
}

#[test]
fn bills_of_materials_count_packages_and_name_licenses() {
    let spdx = json!({"spdxVersion": "SPDX-2.3", "packages": [
        {"name": "a", "licenseConcluded": "MIT", "licenseDeclared": "NOASSERTION"},
        {"name": "b", "licenseDeclared": "GPL-3.0-only"},
        {"name": "c"},
    ]});
    let expected = json!({"packages": 3, "licenses": ["GPL-3.0-only", "MIT"]});
    assert_eq!(facts(SPDX, &spdx), expected);
    let cyclonedx = json!({"bomFormat": "CycloneDX", "components": [
        {"name": "a", "licenses": [{"license": {"id": "MIT"}}], "components": [{"name": "c"}]},
        {"name": "b", "licenses": [{"expression": "GPL-3.0-only"}]},
    ]});
    assert_eq!(facts(CYCLONEDX, &cyclonedx), expected);
    for (predicate_type, predicate) in [
        (SPDX, json!({"packages": []})),
        (SPDX, json!({"spdxVersion": "SPDX-2.3"})),
        (SPDX, json!({"spdxVersion": "SPDX-2.3", "packages": [7]})),
        (
            SPDX,
            json!({"spdxVersion": "SPDX-2.3", "packages": [{"licenseDeclared": 7}]}),
        ),
        (CYCLONEDX, json!({"components": []})),
        (CYCLONEDX, json!({"bomFormat": "CycloneDX"})),
        (
            CYCLONEDX,
            json!({"bomFormat": "CycloneDX", "components": [{"licenses": [{}]}]}),
        ),
        (
            CYCLONEDX,
            json!({"bomFormat": "CycloneDX", "components": [{"components": 7}]}),
        ),
        (CYCLONEDX, json!("text")),
    ] {
        assert_eq!(facts(predicate_type, &predicate), json!({}), "{predicate}");
    }
}

#[test]
fn summaries_and_tests_have_results() {
    let summary = json!({
        "verifier": {"id": "https://example.com/v"}, "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
    });
    let found = facts("https://slsa.dev/verification_summary/v1", &summary);
    let expected = json!({
        "verifier": "https://example.com/v", "result": "PASSED", "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
    });
    assert_eq!(found, expected);
    let wrong = json!({"verifier": "x", "verificationResult": true, "verifiedLevels": ["a", 7]});
    let found = facts("https://slsa.dev/verification_summary/v1", &wrong);
    assert_eq!(found, json!({}));
    let test = json!({"result": "FAILED"});
    assert_eq!(
        facts("https://in-toto.io/attestation/test-result/v0.1", &test),
        test
    );
}

/// The names that a policy is checked by are those that there are, and other types have none.
#[test]
fn types_are_known_letter_by_letter() {
    for other in [
        "https://slsa.dev/provenance/v1/",
        "https://slsa.dev/provenance/v1.1",
        "https://example.com/https://slsa.dev/provenance/v1",
        "https://spdx.dev/Document/v3.0",
        "",
    ] {
        assert_eq!(super::names(other), None, "{other}");
    }
    assert_eq!(super::names(VULN), Some(&["vulnerabilities"][..]));
    assert_eq!(
        super::names(SPDX),
        super::names("https://spdx.dev/Document")
    );
}

/// What a verdict shows is bounded, and no fact that is left out turns into an empty one.
#[test]
fn a_verdict_shows_no_fact_that_is_too_long() {
    let scan = |count: usize| {
        let found: Vec<_> = (0..count)
            .map(|n| json!({"VulnerabilityID": format!("CVE-2026-{n:05}"), "Severity": "LOW"}))
            .collect();
        let report =
            json!({"SchemaVersion": 2, "Results": [{"Target": "app", "Vulnerabilities": found}]});
        json!({"scanner": {"result": report}, "metadata": {"scanFinishedOn": "2026-11-30T00:00:00Z"}})
    };
    let shown = |predicate_type: &str, predicate: &Value| {
        let raw = serde_json::value::to_raw_value(predicate).unwrap();
        let image = Digest::sha256(b"manifest");
        super::shown(predicate_type, &raw, &About::alone(&image))
    };
    // A list of 240 identifiers has 4081 bytes, one of 241 has 4098.
    let few = shown(VULN, &scan(240)).unwrap();
    assert_eq!(few["vulnerabilities"]["ids"].as_array().unwrap().len(), 240);
    let many = shown(VULN, &scan(241)).unwrap();
    assert_eq!(many["vulnerabilities"].get("ids"), None);
    assert_eq!(many["vulnerabilities"]["low"], 241);
    let builder = |length: usize| json!({"runDetails": {"builder": {"id": "x".repeat(length)}}});
    assert_eq!(
        shown(SLSA_V1, &builder(4094)).unwrap()["builder"],
        "x".repeat(4094)
    );
    assert_eq!(shown(SLSA_V1, &builder(4095)), None);
    let source = json!({"buildDefinition": {"externalParameters": {"source": format!("git+https://e.example/{}", "x".repeat(4096))}}});
    assert_eq!(shown(SLSA_V1, &source), None);
    // An object of many short ones is left out as a whole.
    let parameters = |count: usize| {
        let fields: serde_json::Map<_, _> =
            (0..count).map(|n| (format!("{n:06}"), json!(1))).collect();
        json!({"buildDefinition": {"buildType": "t", "externalParameters": fields}})
    };
    let few = shown(SLSA_V1, &parameters(2978)).unwrap();
    assert_eq!(few["parameters"].as_object().unwrap().len(), 2978);
    let many = shown(SLSA_V1, &parameters(2979)).unwrap();
    assert_eq!(many, json!({"buildType": "t"}));
    assert_eq!(shown("https://example.com/other", &json!({})), None);
}
